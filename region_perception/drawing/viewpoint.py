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


def good_azimuth(points: np.ndarray, owners: np.ndarray, framed: np.ndarray, elevation: float) -> float:
    """The direction, of six, from which most is seen of each region, or of everything where there are none.

    `owners` is int64 [n]: the region that each point belongs to, -1 for none. A cloud that lies to one side of the
    origin was seen by a sensor that stands there, so that side counts for more.
    """
    owners = owners if (owners >= 0).any() else np.zeros(len(points), dtype=np.int64)
    thin = np.arange(0, len(points), 1 + len(points) // 15_000)
    owned = np.flatnonzero(owners >= 0)
    thin = np.union1d(thin, owned[:: 1 + len(owned) // 5000])
    low, high = framed[:, :2].min(axis=0), framed[:, :2].max(axis=0)
    sensor = ((low > 0) | (high < 0)).any()
    towards = -(low + high) / 2 if sensor else np.array([-1.0, -1.0])
    preferred = float(np.degrees(np.arctan2(towards[1], towards[0]))) + 20  # never straight along an axis
    turns = np.arange(0, 360, 60)
    seen = np.zeros((len(turns), owners.max() + 1))  # pixels of each region in a small picture from each direction
    for i, turn in enumerate(turns):
        view = splat(points[thin], Camera.framing(framed, preferred + turn, elevation, (160, 120)))
        shown = owners[thin][view.index[view.index >= 0]]
        seen[i] = np.bincount(shown[shown >= 0], minlength=seen.shape[1])
    share = (seen / np.maximum(seen.max(axis=0), 1)).mean(axis=1)
    bonus = (0.5 if sensor else 0.05) * np.cos(np.radians(turns))
    return preferred + float(turns[np.argmax(share + bonus)])
