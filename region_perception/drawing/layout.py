"""Where labels go: beside what they name, inside the canvas, never on top of each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rect:
    """A rectangle in whole pixels, half open: x1 <= x < x2, y1 <= y < y2."""

    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def width(self) -> int:
        return self.x2 - self.x1

    @property
    def height(self) -> int:
        return self.y2 - self.y1

    @property
    def centre(self) -> tuple[float, float]:
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    def overlaps(self, other: "Rect") -> bool:
        return self.x1 < other.x2 and other.x1 < self.x2 and self.y1 < other.y2 and other.y1 < self.y2

    def inside(self, other: "Rect") -> bool:
        return self.x1 >= other.x1 and self.y1 >= other.y1 and self.x2 <= other.x2 and self.y2 <= other.y2

    def grown(self, by: int) -> "Rect":
        return Rect(self.x1 - by, self.y1 - by, self.x2 + by, self.y2 + by)

    def reduced(self, factor: int) -> "Rect":
        """The rectangle in a picture that is `factor` times smaller, not smaller than its exact place there."""
        return Rect(self.x1 // factor, self.y1 // factor, -(-self.x2 // factor), -(-self.y2 // factor))

    def nearest(self, x: float, y: float) -> tuple[float, float]:
        """The point of this rectangle that lies nearest to (x, y)."""
        return min(max(x, self.x1), self.x2), min(max(y, self.y1), self.y2)


def place_labels(
    sizes: Sequence[tuple[int, int]],
    anchors: Sequence[Rect],
    canvas: Rect,
    *,
    occupied: Sequence[Rect] = (),
    gap: int = 2,
) -> list[Rect | None]:
    """Finds a place for each label beside its anchor.

    `sizes` are (width, height) in pixels, `anchors` the rectangles that the labels name. The labels of small anchors
    choose first, as they have the least room. A label prefers the outside of its own anchor's top left corner, and
    pays for covering anchors and for distance. Returns one rectangle per label inside `canvas`, at least `gap` pixels
    from every other label and clear of `occupied`, or None where no free place is left.
    """
    places: list[Rect | None] = [None] * len(sizes)
    taken = list(occupied)
    for i in sorted(range(len(sizes)), key=lambda i: (anchors[i].width * anchors[i].height, i)):
        place = _place(sizes[i], i, anchors, taken, canvas)
        if place is not None:
            places[i] = place
            taken.append(place.grown(gap))
    return places


def _place(size: tuple[int, int], own: int, anchors: Sequence[Rect], taken: list[Rect], canvas: Rect) -> Rect | None:
    width, height = size
    if width > canvas.width or height > canvas.height:
        return None
    corners = _candidates(size, anchors[own], canvas)  # [C, 2]
    rects = np.concatenate([corners, corners + np.array(size)], axis=1)  # [C, 4]
    preference = np.arange(len(rects))
    if taken:
        free = (_overlap(rects, taken) == 0).all(axis=1)
        rects, preference = rects[free], preference[free]
    if not len(rects):
        return None
    covered = _overlap(rects, anchors) / (width * height)  # [C, A] share of the label that lies over each anchor
    area = max(1, anchors[own].width * anchors[own].height)
    shared = _overlap(np.array([_corners(anchors[own])]), anchors)[0] / area  # [A] how far this anchor lies in each
    weights = 1 - shared  # a label of a region within a larger one has to cover the larger one
    weights[own] = 0.5
    cost = covered @ weights
    cost += 4 * _distance(rects, anchors[own]) / max(canvas.width, canvas.height)
    best = rects[np.lexsort((preference, np.round(cost, 3)))[0]]
    return Rect(*(int(v) for v in best))


def _candidates(size: tuple[int, int], anchor: Rect, canvas: Rect) -> np.ndarray:
    """Top left corners [C, 2]: around and inside the anchor, best first, then a grid over the canvas."""
    width, height = size
    middle_x, middle_y = (anchor.x1 + anchor.x2 - width) // 2, (anchor.y1 + anchor.y2 - height) // 2
    around = [
        (anchor.x1, anchor.y1 - height),  # above, flush left
        (anchor.x1, anchor.y2),  # below, flush left
        (anchor.x1 - width, anchor.y1),  # left, flush with the top
        (anchor.x2, anchor.y1),  # right, flush with the top
        (anchor.x2 - width, anchor.y1 - height),
        (anchor.x2 - width, anchor.y2),
        (anchor.x1 - width, anchor.y2 - height),
        (anchor.x2, anchor.y2 - height),
        (middle_x, anchor.y1 - height),
        (middle_x, anchor.y2),
        (anchor.x1 - width, middle_y),
        (anchor.x2, middle_y),
        (anchor.x1, anchor.y1),  # inside, in the corners
        (anchor.x2 - width, anchor.y1),
        (anchor.x1, anchor.y2 - height),
        (anchor.x2 - width, anchor.y2 - height),
    ]
    step = max(1, min(width, height) // 2, max(canvas.width, canvas.height) // 64)
    xs = np.arange(canvas.x1, canvas.x2 - width + 1, step)
    ys = np.arange(canvas.y1, canvas.y2 - height + 1, step)
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    corners = np.concatenate([np.asarray(around, dtype=np.int64), grid])
    return np.clip(corners, [canvas.x1, canvas.y1], [canvas.x2 - width, canvas.y2 - height])


def _overlap(rects: np.ndarray, others: Sequence[Rect]) -> np.ndarray:
    """Area in pixels [C, O] that each of `rects` [C, 4] shares with each of `others`."""
    o = np.asarray([_corners(other) for other in others], dtype=np.int64)
    shared = np.minimum(rects[:, None, 2:], o[None, :, 2:]) - np.maximum(rects[:, None, :2], o[None, :, :2])
    return np.clip(shared, 0, None).prod(axis=-1)


def _distance(rects: np.ndarray, anchor: Rect) -> np.ndarray:
    """Pixels [C] between each of `rects` [C, 4] and the anchor; 0 where they touch or overlap."""
    dx = np.maximum(0, np.maximum(rects[:, 0] - anchor.x2, anchor.x1 - rects[:, 2]))
    dy = np.maximum(0, np.maximum(rects[:, 1] - anchor.y2, anchor.y1 - rects[:, 3]))
    return np.hypot(dx, dy)


def _corners(rect: Rect) -> tuple[int, int, int, int]:
    return rect.x1, rect.y1, rect.x2, rect.y2
