"""What can be pointed at in a point cloud: Box3D, PointSet and Click3D."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from region_perception.errors import InvalidRegion, warn_about_input
from region_perception.observations import CloudObservation
from region_perception.observations.arrays import MAX_PIXELS
from region_perception.regions.base import CloudRegion
from region_perception.regions.checks import METRE_LIMIT, number, plain, shown, vector
from region_perception.regions.footprints import CloudFootprint

MAX_ROWS = MAX_PIXELS  # of a source: those made from depth images are the largest
MIN_SIDE = 1e-3  # metres: the least side of a box around points, so that a single point or a flat patch has a volume
_SIGNS = np.array([[1, 1, -1, -1, 1, 1, -1, -1], [1, -1, -1, 1, 1, -1, -1, 1], [1, 1, 1, 1, -1, -1, -1, -1]]).T


@dataclass(frozen=True)
class Box3D(CloudRegion):
    """A box that stands upright: centre (x, y, z) and size (length, width, height) in metres, yaw in radians.

    yaw turns the box about its vertical axis (z), from x towards y; at yaw 0 its length lies along x.
    """

    center: tuple[float, float, float]
    size: tuple[float, float, float]
    yaw: float = 0.0

    kind = "box3d"

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", vector(self.center, "Box3D", "center", "xyz", METRE_LIMIT))
        object.__setattr__(self, "size", vector(self.size, "Box3D", "size", "xyz", METRE_LIMIT))
        object.__setattr__(self, "yaw", number(self.yaw, "Box3D", "yaw", METRE_LIMIT))
        if min(self.size) <= 0:
            raise InvalidRegion(f"Box3D: size must be larger than 0 along x, y and z, got {self.size}")
        if abs(self.yaw) > 2 * math.pi:
            hint = f"if it is in degrees: math.radians({self.yaw:g})"
            raise InvalidRegion(f"Box3D: yaw must lie within ±2 pi radians, got {self.yaw:g}; {hint}")

    @classmethod
    def around(cls, points: np.ndarray) -> Box3D:
        """The smallest box at yaw 0 around points [N, 3] in metres, no side shorter than MIN_SIDE (1 mm)."""
        low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
        return cls(tuple((low + high) / 2), tuple(np.maximum(high - low, MIN_SIDE)))

    def corners(self) -> np.ndarray:
        """float32 [8, 3] metres, in the frame of `center`.

        In the frame of the box: x [+,+,-,-,+,+,-,-], y [+,-,-,+,+,-,-,+], z [+,+,+,+,-,-,-,-].
        """
        offsets = _SIGNS * np.array(self.size) / 2
        return (offsets @ self._rotation().T + self.center).astype(np.float32)

    def contains(self, points: np.ndarray) -> np.ndarray:
        """bool [N]: which of points [N, 3], metres in the frame of `center`, lie inside.

        The faces count as inside, widened by what float32 coordinates round (a millionth of their size).
        """
        half = np.array(self.size) / 2
        slack = 1e-6 * (np.abs(self.center).max() + half.max())
        reach = np.linalg.norm(half) + slack
        inside = (np.abs(points - np.array(self.center)) <= reach).all(axis=1)  # cheap, and few are left to rotate
        local = (points[inside] - np.array(self.center)) @ self._rotation()
        inside[inside] = (np.abs(local) <= half + slack).all(axis=1)
        return inside

    def locate(self, cloud: CloudObservation) -> CloudFootprint:
        """The points inside the box."""
        self._check_cloud(cloud)
        box = Box3D(tuple(np.array(self.center) - cloud.origin), self.size, self.yaw)
        members = box.contains(cloud.points)
        if not members.any():
            raise InvalidRegion(f"No point of the cloud lies inside {self}; {_bounds(cloud)}")
        return CloudFootprint(box, members)

    def _rotation(self) -> np.ndarray:
        """float64 [3, 3]: from the frame of the box to that of the cloud."""
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])


@dataclass(frozen=True, eq=False, init=False)
class PointSet(CloudRegion):
    """Any set of points: `PointSet(indices)` or `PointSet(mask=mask)`, counted in what the cloud was made from.

    indices: whole numbers, the rows of the source (before rows that are not finite were dropped). Kept sorted, int64.
    mask: bool [rows of the source].
    source_count: how many rows the source has; where known (from a mask, or given) the cloud must have as many.
    """

    indices: np.ndarray
    source_count: int | None = None

    kind = "point_set"

    def __init__(self, indices: Any = None, *, mask: Any = None, source_count: Any = None) -> None:
        if (indices is None) == (mask is None):
            raise InvalidRegion("PointSet: expected either indices or mask, got " + ("both", "neither")[mask is None])
        if mask is not None:
            if source_count is not None:
                raise InvalidRegion("PointSet: source_count goes with indices; a mask has its own length")
            chosen, source_count = _chosen_rows(mask)
        else:
            chosen, source_count = _row_numbers(indices), plain(source_count)
        if source_count is not None and (type(source_count) is not int or not chosen[-1] < source_count <= MAX_ROWS):
            expected = f"a whole number larger than its largest index {chosen[-1]}"
            raise InvalidRegion(f"PointSet: source_count must be {expected}, got {shown(source_count)}")
        chosen.flags.writeable = False
        object.__setattr__(self, "indices", chosen)
        object.__setattr__(self, "source_count", source_count)

    def locate(self, cloud: CloudObservation) -> CloudFootprint:
        """The points that come from the rows of the set, with the smallest box at yaw 0 around them."""
        self._check_cloud(cloud)
        if self.source_count not in (None, cloud.source_count):
            counts = f"{self.source_count:,} points, but the cloud was made from {cloud.source_count:,}"
            raise InvalidRegion(f"PointSet is made for {counts}")
        if self.indices[-1] >= cloud.source_count:
            expected = f"0 to {cloud.source_count - 1}, the rows that the cloud was made from"
            raise InvalidRegion(f"PointSet: indices must lie in {expected}, got {self.indices[-1]}")
        rows = np.zeros(cloud.source_count, dtype=bool)
        rows[self.indices] = True
        members = rows[cloud.source_index]
        if not members.any():
            raise InvalidRegion(f"{self}: none of its points is in the cloud; they were dropped for not being finite")
        if (dropped := len(self.indices) - np.count_nonzero(members)) > 0:
            warn_about_input(f"{self}: {dropped:,} of its points are not in the cloud, where they were not finite")
        return CloudFootprint(Box3D.around(cloud.points[members]), members)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PointSet):
            return NotImplemented
        return self.source_count == other.source_count and np.array_equal(self.indices, other.indices)

    def __hash__(self) -> int:
        return hash((self.source_count, self.indices.tobytes()))

    def __repr__(self) -> str:
        of = "" if self.source_count is None else f" of {self.source_count:,}"
        return f"PointSet({len(self.indices):,}{of} points)"

    def _written(self, name: str) -> Any:
        return plain(getattr(self, name))


@dataclass(frozen=True)
class Click3D(CloudRegion):
    """The thing at a point: (x, y, z) in metres, on or near its surface."""

    x: float
    y: float
    z: float

    kind = "click3d"

    def __post_init__(self) -> None:
        for name in "xyz":
            object.__setattr__(self, name, number(getattr(self, name), "Click3D", name, METRE_LIMIT))

    def locate(self, cloud: CloudObservation) -> CloudFootprint:
        """The thing that holds the point nearest to the click, apart from what it stands on; see `cloud_selection`."""
        from region_perception.regions.cloud_selection import select

        self._check_cloud(cloud)
        click = np.array((self.x, self.y, self.z)) - cloud.origin
        members = select(cloud.points, click, str(self), cloud.colors)
        return CloudFootprint(Box3D.around(cloud.points[members]), members)


def _bounds(cloud: CloudObservation) -> str:
    low, high = cloud.points.min(axis=0) + cloud.origin, cloud.points.max(axis=0) + cloud.origin
    corners = [", ".join(f"{value:.6g}" for value in corner) for corner in (low, high)]
    return f"the cloud spans ({corners[0]}) to ({corners[1]}) metres"


def _row_numbers(value: Any) -> np.ndarray:
    """int64, sorted, each once."""
    expected = "PointSet: indices must be whole numbers [M] from 0"
    rows = _flat(value, expected)
    if rows.dtype == bool:
        raise InvalidRegion(f"{expected}, got booleans; for a boolean mask: PointSet(mask=...)")
    if rows.dtype.kind not in "iu":
        raise InvalidRegion(f"{expected}, got {shown(value)}")
    if rows.min() < 0 or rows.max() >= MAX_ROWS:
        wrong = rows.min() if rows.min() < 0 else rows.max()
        raise InvalidRegion(f"{expected} to {MAX_ROWS:,}, got {wrong}")
    return np.unique(rows.astype(np.int64))


def _chosen_rows(value: Any) -> tuple[np.ndarray, int]:
    """The set rows of a mask, and its length."""
    expected = "PointSet: mask must be booleans [N]"
    mask = _flat(value, expected)
    if mask.dtype != bool:
        hint = "; for row numbers: PointSet(indices)" if mask.dtype.kind in "iu" else ""
        raise InvalidRegion(f"{expected}, got {mask.dtype}: {shown(value)}{hint}")
    if not mask.any():
        raise InvalidRegion(f"PointSet: none of the {len(mask):,} points of the mask is set, expected at least 1")
    return np.flatnonzero(mask), len(mask)


def _flat(value: Any, expected: str) -> np.ndarray:
    """A list or array of one dimension as an array, not empty."""
    try:
        array = np.asarray(value)
    except Exception as error:  # foreign objects raise what they like while numpy reads them
        raise InvalidRegion(f"{expected}, got {shown(value)} ({error})") from None
    if array.ndim != 1:
        raise InvalidRegion(f"{expected}, got the shape {list(array.shape)}: {shown(value)}")
    if array.size == 0:
        raise InvalidRegion(f"{expected}, at least one, got none")
    return array
