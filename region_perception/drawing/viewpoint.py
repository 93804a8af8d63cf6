"""What of a cloud is shown, and from which side."""

from collections.abc import Sequence

import numpy as np

from region_perception.drawing.camera import Camera
from region_perception.drawing.splats import splat

_MOST_POINTS = 400_000  # more make no better picture
_SURROUNDINGS = 3.0  # how much around the regions is shown, in lengths of what they span
_LEAST_ROOM = 0.05  # metres


def shown_rows(points: np.ndarray, members: Sequence[np.ndarray], corners: Sequence[np.ndarray]) -> np.ndarray:
    """int64 [n]: the points to draw: those around the regions, at most so many, and every member of a region."""
    low, high = _stage(points, corners)
    chosen = ((points >= low) & (points <= high)).all(axis=1)
    if (count := int(chosen.sum())) > _MOST_POINTS:
        chosen &= np.random.default_rng(0).random(len(points)) < _MOST_POINTS / count
    for mask in members:
        chosen |= mask
    return np.flatnonzero(chosen)


def _stage(points: np.ndarray, corners: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and highest coordinates [3] to show: the cloud without far strays, or what surrounds its regions."""
    low, high = np.percentile(points[:: 1 + len(points) // 100_000], [0.1, 99.9], axis=0)
    low, high = low - 0.1 * (high - low), high + 0.1 * (high - low)
    if len(corners):
        boxes = np.concatenate(corners)
        near, far = boxes.min(axis=0), boxes.max(axis=0)
        around = _SURROUNDINGS * (far - near).max()
        low, high = np.minimum(np.maximum(low, near - around), near), np.maximum(np.minimum(high, far + around), far)
    return low, high


def with_room(points: np.ndarray) -> np.ndarray:
    """The points, and two more so that at least _LEAST_ROOM is shown of a tiny cloud."""
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    return np.concatenate([points, [middle - _LEAST_ROOM / 2, middle + _LEAST_ROOM / 2]])


def good_azimuth(points: np.ndarray, important: np.ndarray, framed: np.ndarray, elevation: float) -> float:
    """The direction, of six, from which the important points (all, if none are) cover the most of a small picture.

    A cloud that lies to one side of the origin was seen by a sensor that stands there, so that side counts for more.
    """
    important = important if important.any() else np.ones(len(points), dtype=bool)
    thin = np.arange(0, len(points), 1 + len(points) // 15_000)
    thin = np.union1d(thin, np.flatnonzero(important)[:: 1 + int(important.sum()) // 5000])
    low, high = framed[:, :2].min(axis=0), framed[:, :2].max(axis=0)
    sensor = ((low > 0) | (high < 0)).any()
    towards = -(low + high) / 2 if sensor else np.array([-1.0, -1.0])
    preferred = float(np.degrees(np.arctan2(towards[1], towards[0]))) + 20  # never straight along an axis
    turns = np.arange(0, 360, 60)
    covered = np.zeros(len(turns))
    for i, turn in enumerate(turns):
        view = splat(points[thin], Camera.framing(framed, preferred + turn, elevation, (160, 120)))
        covered[i] = np.count_nonzero(important[thin][view.index[view.index >= 0]])
    bonus = (0.5 if sensor else 0.05) * np.cos(np.radians(turns))
    return preferred + float(turns[np.argmax(covered / max(1.0, covered.max()) + bonus)])
