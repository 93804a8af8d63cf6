"""From a connected part of an image with depth to the one thing in it that was clicked; see `carried`.

Pixels become points of a camera that sees as wide as most: how wide does not matter, since planes stay planes and what
is level stays level when all is stretched along the picture.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from region_perception.regions import colour
from region_perception.regions.carried import FOOT, WORK_POINTS, Heap, carried
from region_perception.regions.depth_selection import Pixel, Standing, filled_disparity, neighbours

TOLERANCE = 1.4  # times the noise of disparity: how far from a plane the middle ones of 3 x 3 pixels may be
LEAST_TOLERANCE = 0.003  # of the distance: the same, where depth has no noise


def alone(found: Standing, pixels: np.ndarray, depth: np.ndarray, seed: Pixel) -> np.ndarray:
    """bool [H, W]: what of `found.part` is one thing with `seed`: without what stands on it, or what it stands on.

    pixels: uint8 [H, W, 3] RGB. depth: float32 [H, W] metres, NaN where unknown.
    """
    part = found.part
    if not found.planes:
        return part
    (top, bottom), (left, right) = (
        (int(along[0]), int(along[-1]) + 1) for along in (np.flatnonzero(part.any(axis=axis)) for axis in (1, 0))
    )
    if not np.isfinite(depth[top:bottom, left:right]).any():
        return part  # a hole in the depth, filled from around it
    step = max(1, int(np.ceil((np.count_nonzero(part) / WORK_POINTS) ** 0.5)))
    window = np.s_[top:bottom:step, left:right:step]
    inside = part[window].copy()
    row, column = (seed[1] - top) // step, (seed[0] - left) // step
    inside[row, column] = True
    labels = np.full(inside.shape, -1)
    labels[inside] = carried(_heap(found, pixels, depth, inside, (top, left), step))
    chosen = labels == labels[row, column]
    selected = np.zeros(part.shape, bool)
    selected[top:bottom, left:right] = chosen.repeat(step, axis=0).repeat(step, axis=1)[: bottom - top, : right - left]
    selected[seed[1], seed[0]] = True
    return selected & part


def _heap(found: Standing, pixels: np.ndarray, depth: np.ndarray, inside: np.ndarray, corner: Pixel, step: int) -> Heap:
    """Every `step`-th pixel that is `inside` (bool [h, w], from the corner (top, left)) as a point in space."""
    height, width = depth.shape
    rows, columns = (side * step + first for side, first in zip(np.nonzero(inside), corner, strict=True))
    window = np.s_[corner[0] : corner[0] + inside.shape[0] * step, corner[1] : corner[1] + inside.shape[1] * step]
    disparity = ndimage.median_filter(filled_disparity(depth[window])[0], 3)
    away = 1 / disparity[rows - corner[0], columns - corner[1]].astype(np.float64)
    focal, middle = float(max(width, height)), ((width - 1) / 2, (height - 1) / 2)
    rays = np.stack(((columns - middle[0]) / focal, (rows - middle[1]) / focal, np.ones(len(rows))), axis=1)
    points = rays * away[:, None]
    supports = []
    for a, b, c in found.planes:  # ax + by + c = 1 / z, so that these points of the plane times this are 1
        slope = np.array((a * focal, b * focal, a * middle[0] + b * middle[1] + c))
        length = np.linalg.norm(slope)
        supports.append(((1 - points @ slope) / length, -slope / length))
    heights, up = min(supports, key=lambda support: abs(float(np.quantile(support[0], FOOT))))
    distance = float(np.median(away))
    tolerance = max(LEAST_TOLERANCE * distance, TOLERANCE * found.noise * distance**2)
    numbers = np.cumsum(inside.ravel()) - 1
    start, end = (numbers[each] for each in neighbours(inside))
    return Heap(points, colour.lab(pixels[rows, columns]), start, end, heights, up, tolerance)
