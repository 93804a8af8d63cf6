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


def trace(points: Points, image_size: tuple[int, int], closed: bool = False) -> np.ndarray:
    """int64 [M, 2]: (x, y) of the pixels that the polyline passes through, without its parts outside the image."""
    ends = np.array(points + points[:1] if closed else points)
    if len(ends) == 1:
        ends = np.repeat(ends, 2, axis=0)
    passed = [_samples(start, end, np.array(image_size)) for start, end in pairwise(ends)]
    return np.unique(np.concatenate(passed), axis=0)


def grow(pixels: np.ndarray, radius: float, image_size: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
    """The pixels within `radius` of any of `pixels` [M, 2], as a bool window and its corner (x, y) in the image."""
    from scipy import ndimage

    reach = int(np.ceil(radius))
    low = np.maximum(pixels.min(axis=0) - reach, 0)
    high = np.minimum(pixels.max(axis=0) + reach + 1, image_size)
    away = np.ones((high - low)[::-1], dtype=bool)
    away[tuple((pixels - low).T[::-1])] = False
    return ndimage.distance_transform_edt(away) <= radius, (int(low[0]), int(low[1]))


def _samples(start: np.ndarray, end: np.ndarray, image_size: np.ndarray) -> np.ndarray:
    """int64 [M, 2]: the pixels of one segment, sampled at less than half a pixel, inside the image."""
    step = end - start
    near, far = 0.0, 1.0  # the part of the segment that lies in the image
    for axis in range(2):
        if step[axis] == 0:
            continue
        crossings = sorted(((0 - start[axis]) / step[axis], (image_size[axis] - start[axis]) / step[axis]))
        near, far = max(near, crossings[0]), min(far, crossings[1])
    if far < near:
        return np.empty((0, 2), np.int64)
    count = int(np.hypot(*step) * (far - near) * 2) + 2
    pixels = np.floor(start + np.linspace(near, far, count)[:, None] * step).astype(np.int64)
    return pixels[((pixels >= 0) & (pixels < image_size)).all(axis=1)]
