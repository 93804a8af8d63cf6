"""Where one thing ends and the next begins, when both are connected and points on either are known.

Every pixel goes to the point from which the way to it, through the things, is shortest. Ways are long where they cross
a crease that is hollow, as where one thing stands on another or beside it, and where colour changes.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from region_perception.regions import colour
from region_perception.regions.depth_selection import Pixel, filled_disparity, neighbours

WORK_SIDE = 384  # pixels: larger parts are reduced
LEAST_CREASE = 0.00125  # of the disparity: how sharp a crease is taken for noise at least
CREASE = 5.0  # length of a crease as sharp as the noise, where crossing a pixel is 1 long; both of these count cubed
STEP = 0.2  # length of each unit of CIELAB distance


def apart(part: np.ndarray, pixels: np.ndarray, depth: np.ndarray, seed: Pixel, others: list[Pixel]) -> np.ndarray:
    """bool [H, W]: what of `part` belongs to `seed` rather than to one of the `others`, which are all in it.

    part: bool [H, W]. pixels: uint8 [H, W, 3] RGB. depth: float32 [H, W] metres, NaN where unknown.
    """
    (top, bottom), (left, right) = (
        (int(along[0]), int(along[-1]) + 1) for along in (np.flatnonzero(part.any(axis=axis)) for axis in (1, 0))
    )
    step = -(-max(bottom - top, right - left) // WORK_SIDE)
    window = np.s_[top:bottom:step, left:right:step]
    points = [((x - left) // step, (y - top) // step) for x, y in (seed, *others)]
    inside = part[window].copy()
    for x, y in points:
        inside[y, x] = True
    nearer = _nearest(inside, _lengths(pixels[window], depth[window]), points)
    selected = np.zeros(part.shape, dtype=bool)
    selected[top:bottom, left:right] = nearer.repeat(step, axis=0).repeat(step, axis=1)[: bottom - top, : right - left]
    return selected & part


def _lengths(pixels: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """float32 [h, w]: how long the way across each pixel is."""
    disparity = ndimage.median_filter(filled_disparity(depth)[0], 3)
    image = colour.lab(pixels)
    bends, steps = np.zeros((2, *depth.shape), np.float32), np.zeros(depth.shape, np.float32)
    for axis in range(2):
        bends[axis] = ndimage.correlate1d(disparity, [1, -2, 1], axis)
        step = ndimage.correlate1d(image, [-0.5, 0, 0.5], axis)
        steps = np.maximum(steps, np.linalg.norm(step, axis=2))
    usual = max(float(np.median(np.abs(bends[0]))), LEAST_CREASE * float(np.median(disparity)), 1e-9)
    return 1 + (CREASE * np.maximum(bends.max(axis=0), 0) / usual + STEP * steps) ** 3


def _nearest(inside: np.ndarray, lengths: np.ndarray, points: list[Pixel]) -> np.ndarray:
    """bool [h, w]: the pixels of `inside` to which the way from the first point is shorter than from all others."""
    start, end = neighbours(inside)
    ways = lengths.ravel()[start] + lengths.ravel()[end]
    graph = sparse.coo_array((ways, (start, end)), shape=(inside.size, inside.size)).tocsr()
    numbers = [y * inside.shape[1] + x for x, y in points]
    sources = csgraph.dijkstra(graph, directed=False, indices=numbers, return_predecessors=True, min_only=True)[2]
    return (sources == numbers[0]).reshape(inside.shape)
