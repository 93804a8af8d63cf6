"""What a robot sees as points."""

from dataclasses import dataclass, field

import numpy as np

from region_perception.errors import InvalidObservation


@dataclass(frozen=True, eq=False)
class CloudObservation:
    """A point cloud, checked: every point is finite and there is at least one. Made by `observe_cloud`.

    Attributes:
        points: float32 [N, 3], metres, x forward, y left, z up (REP-103).
        colors: float32 [N, 3], RGB in [0, 1]; None for a cloud without colour.
        source_index: int64 [N], which row of what was handed over each point was. Rows that are not finite are dropped,
            so this is what gives indices counted in the source their meaning. For a cloud made from depth a row is
            a pixel: `v * width + u`.
        source_count: how many rows were handed over.
        origin: float64 [3], metres: source coordinates are `points + origin`. Zero unless the coordinates are so
            large (maps, UTM) that float32 would round them by centimetres. Regions are given in source coordinates.
    """

    points: np.ndarray
    colors: np.ndarray | None
    source_index: np.ndarray
    source_count: int
    origin: np.ndarray = field(default_factory=lambda: np.zeros(3))

    def __post_init__(self) -> None:
        count = len(self.points) if isinstance(self.points, np.ndarray) and self.points.ndim else 0
        _check_array("points", self.points, np.float32, (count, 3))
        if count == 0:
            raise InvalidObservation("cloud: it has no points, expected at least 1")
        if not np.isfinite(self.points).all():
            raise InvalidObservation("cloud: points must be finite; observe_cloud drops the rows that are not")
        if self.colors is not None:
            _check_array("colors", self.colors, np.float32, (count, 3))
            low, high = self.colors.min(), self.colors.max()
            if not (low >= 0 and high <= 1):
                raise InvalidObservation(f"cloud: colors must be in [0, 1], got {low:g} to {high:g}")
        _check_array("source_index", self.source_index, np.int64, (count,))
        low, high = self.source_index.min(), self.source_index.max()
        if low < 0 or high >= self.source_count:
            raise InvalidObservation(f"cloud: source_index spans {low} to {high}, outside {self.source_count} rows")
        _check_array("origin", self.origin, np.float64, (3,))

    def __len__(self) -> int:
        return len(self.points)


def _check_array(name: str, array: object, dtype: type, shape: tuple[int, ...]) -> None:
    if not isinstance(array, np.ndarray):
        raise InvalidObservation(f"cloud: {name} must be a numpy array, got {type(array).__name__}")
    if array.dtype != dtype or array.shape != shape:
        raise InvalidObservation(
            f"cloud: {name} must be {np.dtype(dtype)} {list(shape)}, got {array.dtype} {list(array.shape)}; "
            "observe_cloud converts other arrays"
        )
