"""Where a point cloud is looked at from, and where its points then appear."""

from dataclasses import dataclass

import numpy as np

_HALF_ANGLE = np.radians(20)  # between the line of sight and the nearer border of the picture
_MARGIN = 0.9  # share of the picture that what is framed may fill


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera that stands upright.

    Attributes:
        eye: float64 [3], metres in the frame of the cloud.
        axes: float64 [3, 3], rows right, down and forward, as unit vectors in the frame of the cloud.
        distance: metres from the eye to the middle of what is framed.
        size: (width, height) of the picture in pixels.
    """

    eye: np.ndarray
    axes: np.ndarray
    distance: float
    size: tuple[int, int]

    @property
    def focal(self) -> float:
        """Pixels per metre at a depth of one metre."""
        return min(self.size) / 2 / np.tan(_HALF_ANGLE)

    @classmethod
    def framing(cls, points: np.ndarray, azimuth: float, elevation: float, size: tuple[int, int]) -> "Camera":
        """The camera that sees all `points` float [N, 3] (metres) as large as they fit.

        It stands in the direction `azimuth` (degrees about z, 0 at +x, 90 at +y) as seen from their middle, `elevation`
        degrees above the horizontal (-89 to 89), and looks at their middle.
        """
        points = np.asarray(points, dtype=np.float64)
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        a, e = np.radians(azimuth), np.radians(elevation)
        forward = -np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
        right = np.array([-np.sin(a), np.cos(a), 0.0])
        axes = np.stack([right, np.cross(forward, right), forward])
        reach = np.array(size) / min(size) * np.tan(_HALF_ANGLE) * _MARGIN  # how far to the side is seen per depth
        for _ in range(12):  # near things appear larger, so the middle of the points is not yet that of the picture
            local = (points - middle) @ axes.T
            seen = local[:, :2] / (local[:, 2:] + _distance(local, reach))
            nearest = local[:, 2].min() + _distance(local, reach)
            middle = middle + (seen.min(axis=0) + seen.max(axis=0)) / 2 * nearest @ axes[:2]
        distance = _distance((points - middle) @ axes.T, reach)
        return cls(middle - distance * forward, axes, distance, size)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where points float [N, 3] (metres) appear.

        Returns pixels float64 [N, 2], x right and y down, NaN for points that are not in front of the camera, and
        depths float64 [N], metres along the line of sight.
        """
        local = (np.asarray(points, dtype=np.float64) - self.eye) @ self.axes.T
        depth = local[:, 2]
        ahead = np.where(depth > 1e-3 * self.distance, depth, np.nan)
        return self.focal * local[:, :2] / ahead[:, None] + np.array(self.size) / 2, depth


def _distance(local: np.ndarray, reach: np.ndarray) -> float:
    """How far before the origin an eye sees all points [N, 3] (right, down, forward), given how far it sees aside.

    It stays away from the nearest point, since that would dwarf all others.
    """
    least = np.linalg.norm(np.ptp(local, axis=0)) / 4 - local[:, 2].min()
    return float(max((np.abs(local[:, :2]) / reach - local[:, 2:]).max(), least))
