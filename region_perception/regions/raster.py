"""Polygons and lines as pixels."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

Points = tuple[tuple[float, float], ...]


def fill(points: Points, corner: tuple[int, int], shape: tuple[int, int]) -> np.ndarray:
    """bool [h, w]: the pixels whose centres lie inside the polygon, by the even-odd rule.

    corner: (x, y) of the first pixel of the window; shape: (h, w) of it.
    """
    height, width = shape
    ends = np.array(points) - corner
    toggles = np.zeros((height, width + 1), dtype=bool)  # where a row passes from outside to inside or back
    for (xa, ya), (xb, yb) in zip(ends, np.roll(ends, -1, axis=0), strict=True):
        first, last = (int(np.clip(np.ceil(y - 0.5), 0, height)) for y in sorted((ya, yb)))
        if first == last:
            continue
        rows = np.arange(first, last)
        crossings = xa + (rows + 0.5 - ya) * (xb - xa) / (yb - ya)
        toggles[rows, np.clip(np.ceil(crossings - 0.5), 0, width).astype(np.int64)] ^= True
    return np.logical_xor.accumulate(toggles[:, :width], axis=1)


def trace(points: Points, corner: tuple[int, int], shape: tuple[int, int], closed: bool = False) -> np.ndarray:
    """bool [h, w]: the pixels that the polyline passes through. corner, shape: as in `fill`."""
    ends = np.array(points + points[:1] if closed or len(points) == 1 else points) - corner
    passed = np.zeros(shape, dtype=bool)
    for start, end in pairwise(ends):
        columns, rows = _samples(start, end, shape).T
        passed[rows, columns] = True
    return passed


def grow(
    pixels: np.ndarray, radius: float, corner: tuple[int, int], image_size: tuple[int, int]
) -> tuple[np.ndarray, tuple[int, int]]:
    """The pixels of the image within `radius` of any that is set in a window, as a larger window and its corner."""
    from scipy import ndimage

    reach = int(np.ceil(radius))
    (x, y), (height, width) = corner, pixels.shape
    left, top = min(reach, x), min(reach, y)
    right, bottom = min(reach, image_size[0] - x - width), min(reach, image_size[1] - y - height)
    padded = np.pad(pixels, ((top, bottom), (left, right)))
    return ndimage.distance_transform_edt(~padded) <= radius, (x - left, y - top)


def window(points: Points, image_size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """The corner (x, y) and shape (h, w) of the smallest part of the image around `points`; None outside of it."""
    low = np.maximum(np.floor(np.min(points, axis=0)), 0).astype(int)
    high = np.minimum(np.floor(np.max(points, axis=0)) + 1, image_size).astype(int)
    if (high <= low).any():
        return None
    return (int(low[0]), int(low[1])), (int(high[1] - low[1]), int(high[0] - low[0]))


def _samples(start: np.ndarray, end: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """int64 [M, 2]: (x, y) of the pixels of one segment inside the window, sampled at less than half a pixel."""
    step, size = end - start, np.array(shape[::-1])
    near, far = 0.0, 1.0  # the part of the segment that lies in the window
    for axis in range(2):
        if step[axis] == 0:
            continue
        crossings = sorted(((0 - start[axis]) / step[axis], (size[axis] - start[axis]) / step[axis]))
        near, far = max(near, crossings[0]), min(far, crossings[1])
    if far < near:
        return np.empty((0, 2), np.int64)
    count = int(np.hypot(*step) * (far - near) * 2) + 2
    pixels = np.floor(start + np.linspace(near, far, count)[:, None] * step).astype(np.int64)
    return pixels[((pixels >= 0) & (pixels < size)).all(axis=1)]
