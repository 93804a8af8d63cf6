"""Points and colours from arrays: every accepted dtype and shape to the one that a `CloudObservation` holds."""

import numpy as np

from region_perception.errors import InvalidObservation, warn_about_input
from region_perception.observations.arrays import numeric_array

MAX_POINTS = 20_000_000
"""Largest cloud that is read; voxel-sample larger ones first."""

FAR_FROM_ZERO = 10_000.0
"""Metres. Up to here float32 keeps about a millimetre; farther out coordinates are stored relative to an origin."""

LARGEST_COORDINATE = 1e8
"""Metres. Every map projection and Earth-centred coordinates stay below; farther out are sentinels and other units."""

_ROUNDING = 0.01  # floats meant as 0..1 may end a little above 1; as 0..255 these would be black


def cloud_arrays(source: object, colors: object = None) -> tuple[np.ndarray, np.ndarray | None]:
    """Coordinates [N, 3] in metres and colours (float32 [N, 3] in [0, 1], or None), not yet cleaned.

    `source` is [N, 3], or [N, 6] with RGB behind the coordinates, or an organised [H, W, 3 | 6], which is read row by
    row. `colors` has one RGB row for each point.
    """
    array = numeric_array(source, "cloud")
    _check_cloud_shape(array)
    rows = array.reshape(-1, array.shape[-1])
    check_point_count(len(rows))
    if array.shape[-1] == 6:
        if colors is not None:
            raise InvalidObservation("cloud: colours were given twice, in columns 4 to 6 and as colors=")
        colors = rows[:, 3:]
    if colors is None:
        return rows[:, :3], None
    return rows[:, :3], unit_colors(colors, len(rows))


def unit_colors(source: object, count: int) -> np.ndarray:
    """float32 [count, 3] RGB in [0, 1] (NaN stays), from floats in 0..1 or 0..255, or integers of 8 or 16 bits."""
    array = numeric_array(source, "colors")
    if array.ndim == 3 and array.shape[2] == 3:
        array = array.reshape(-1, 3)
    if array.shape != (count, 3):
        raise InvalidObservation(f"colors: expected shape [{count}, 3], one RGB row a point, got {list(array.shape)}")
    colors = array.astype(np.float32)
    low, high = (np.nanmin(colors), np.nanmax(colors)) if np.isfinite(colors).any() else (0.0, 0.0)
    full = 65535 if array.dtype == np.uint16 and high > 255 else 255
    if low < 0 or high > full:
        raise InvalidObservation(
            f"colors: expected 0..1 or 0..255, got {low:g} to {high:g}"
            + ("; are these normals? Pass coordinates only" if low < 0 else "")
        )
    if array.dtype.kind in "ui" or high > 1 + _ROUNDING:
        return colors / np.float32(full)
    return np.minimum(colors, 1)


def finite_rows(points: np.ndarray, colors: np.ndarray | None) -> np.ndarray:
    """int64 indices of the rows whose numbers are all finite; warns when some are not, refuses when none is."""
    finite = np.isfinite(points).all(axis=1)
    if colors is not None:
        finite &= np.isfinite(colors).all(axis=1)
    kept = np.flatnonzero(finite)
    dropped = len(points) - len(kept)
    if len(kept) == 0:
        reason = "it has no points" if dropped == 0 else f"all {dropped:,} points are NaN or infinite"
        raise InvalidObservation(f"cloud: {reason}; expected at least 1 finite point")
    if dropped:
        warn_about_input(f"cloud: dropped {dropped:,} of {len(points):,} points that are NaN or infinite")
    return kept


def near_zero(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Finite coordinates [N, 3] as float32 relative to a float64 origin [3], which is zero near zero."""
    low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
    if (farthest := float(np.maximum(abs(low), abs(high)).max())) > LARGEST_COORDINATE:
        raise InvalidObservation(
            f"cloud: a coordinate is {farthest:.3g} m from zero, at most {LARGEST_COORDINATE:g} m are read; "
            "expected metres, and NaN for points that are not known"
        )
    far = np.maximum(abs(low), abs(high)) > FAR_FROM_ZERO
    origin = np.where(far, np.round((low + high) / 2), 0.0)
    if not far.any():
        return np.array(points, np.float32, order="C"), origin
    return (points - origin).astype(np.float32), origin


def check_point_count(count: int, what: str = "cloud") -> None:
    """Refuses counts that would exhaust memory, before anything is read."""
    if count > MAX_POINTS:
        raise InvalidObservation(
            f"{what}: it has {count:,} points, at most {MAX_POINTS:,} are read; reduce it first, "
            "for example with open3d's voxel_down_sample"
        )


def _check_cloud_shape(array: np.ndarray) -> None:
    shape = array.shape
    if array.dtype == np.uint8 and len(shape) == 3:
        raise InvalidObservation(f"cloud: a uint8 array of shape {list(shape)} is an image; use observe_image")
    if len(shape) == 2 and shape[0] in (3, 6) and shape[1] not in (3, 6):
        raise InvalidObservation(f"cloud: shape {list(shape)} is transposed; expected [N, 3] or [N, 6]: pass array.T")
    if len(shape) not in (2, 3) or shape[-1] not in (3, 6):
        hint = "; for coordinates only pass array[:, :3]" if len(shape) == 2 and shape[1] > 3 else ""
        raise InvalidObservation(
            f"cloud: expected shape [N, 3] (x, y, z) or [N, 6] (and r, g, b), got {list(shape)}{hint}"
        )
