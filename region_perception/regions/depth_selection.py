"""From a click in an image with depth to the thing that stands out there, whatever its colours.

The planes that things stand on or before (table, floor, wall) are found by RANSAC and set aside; of what is left, the
connected part that holds the click is taken. Neighbouring pixels are connected unless depth jumps between them.

All of this is done with disparity, the inverse of depth: on any plane it is linear in the pixel coordinates, so no
intrinsics are needed, and the noise of most sensors is the same in it at all distances. The same depth and click
always give the same pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse import csgraph

Pixel = tuple[int, int]  # (x, y)

WORK_SIDE = 800  # pixels: larger images are reduced
HOLE = 3  # pixels: how far from a pixel of known depth others share it
SAMPLES = 2000  # pixels that planes are sought in
TRIALS = 400  # of RANSAC: finds a plane of a fifth of the pixels with a chance of 96 %
MAX_PLANES = 3
PLANE_SHARE = 0.15  # of the pixels: fewer are a side of a thing, not what it stands on
PLANE_REACH = 0.5  # of the width or height of the image: a support plane reaches beyond the things on it
LEAST_WIDTH = 0.004  # of the disparity: how far off a plane its pixels may be where depth has little noise
SAMPLE_WIDTH = 3.0  # times the noise: the same for pixels as measured
WIDTH = 1.5  # times the noise: the same once each pixel is the middle one of 3 x 3, which leaves less than half of it
JUMP = 0.04  # of the disparity: a larger step from pixel to pixel parts things


@dataclass(frozen=True, eq=False)
class Standing:
    """What is at a pixel.

    part: bool [H, W], its connected pixels. support: whether that is a support plane rather than a thing. planes: of
    the supports, the largest first: float64 [3], a, b, c of disparity = ax + by + c in pixels. noise: of disparity.
    """

    part: np.ndarray
    support: bool
    planes: list[np.ndarray]
    noise: float


def standing(depth: np.ndarray, seed: Pixel) -> Standing | None:
    """What `seed` is on; None where depth (float32 [H, W] metres, NaN where unknown) is unknown around it."""
    step = -(-max(depth.shape) // WORK_SIDE)
    small = depth[np.ix_(*(np.minimum(np.arange(0, side, step) + step // 2, side - 1) for side in depth.shape))]
    raw, known = filled_disparity(small)
    x, y = seed[0] // step, seed[1] // step
    if not known[y, x]:
        return None
    found = _part_at(raw, known, (x, y))
    part = found.part.repeat(step, axis=0).repeat(step, axis=1)[: depth.shape[0], : depth.shape[1]]
    planes = [np.array((a / step, b / step, c - (a + b) * (step // 2) / step)) for a, b, c in found.planes]
    return Standing(part, found.support, planes, found.noise)


def _part_at(raw: np.ndarray, left: np.ndarray, seed: Pixel) -> Standing:
    """As `standing`, of disparity `raw`, among the pixels `left` (bool), of which `seed` is one."""
    noise = _noise(raw)
    disparity = ndimage.median_filter(raw, 3)
    planes = _support_planes(raw, noise)
    for plane in planes:
        inside = left & (np.abs(disparity - _over(plane, raw.shape)) <= _width(disparity, WIDTH * noise))
        if inside[seed[1], seed[0]]:
            return Standing(_connected(disparity, inside, noise, seed), True, planes, noise)
        left = left & ~inside
    return Standing(_connected(disparity, left, noise, seed), False, planes, noise)


def filled_disparity(depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float32 [h, w], 1 / metres, holes filled from the nearest pixel; bool [h, w], where that is near enough."""
    unknown = ~np.isfinite(depth)
    if unknown.all():
        return np.zeros(depth.shape, np.float32), np.zeros(depth.shape, bool)
    away, nearest = ndimage.distance_transform_edt(unknown, return_indices=True)
    return 1 / np.maximum(depth[tuple(nearest)], 1e-3), away <= HOLE


def _noise(disparity: np.ndarray) -> float:
    """The standard deviation of the noise, from the second difference along rows, which is zero on every plane."""
    return float(np.median(np.abs(ndimage.correlate1d(disparity, [1, -2, 1], 1)))) / 0.6745 / 6**0.5


def _width(disparity: np.ndarray, least: float) -> np.ndarray:
    """How far off a plane pixels of this disparity may be and still lie in it."""
    return np.maximum(LEAST_WIDTH * disparity, least)


def _support_planes(disparity: np.ndarray, noise: float) -> list[np.ndarray]:
    """The planes that things stand on or before, largest first: float64 [3], a, b, c of disparity = ax + by + c."""
    step = max(1, int((disparity.size / SAMPLES) ** 0.5))
    grid = np.mgrid[tuple(np.s_[step // 2 : side : step] for side in disparity.shape)]
    rows, columns = grid.reshape(2, -1)
    pixels = np.column_stack((columns, rows, np.ones(len(rows)))).astype(np.float64)
    values = disparity[rows, columns].astype(np.float64)
    widths = _width(values, SAMPLE_WIDTH * noise)
    least = max(PLANE_SHARE * len(values), 16)
    planes: list[np.ndarray] = []
    while len(values) >= least and len(planes) < MAX_PLANES:
        plane = _best_plane(pixels, values, widths)
        inside = np.abs(pixels @ plane - values) <= widths
        if np.count_nonzero(inside) < least:
            break
        if (np.ptp(pixels[inside, :2], axis=0) < PLANE_REACH * np.array(disparity.shape[::-1])).all():
            break
        planes.append(plane)
        pixels, values, widths = pixels[~inside], values[~inside], widths[~inside]
    return planes


def _best_plane(pixels: np.ndarray, values: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """float64 [3]: the plane that most of `values` [N] at `pixels` [N, 3] (x, y, 1) are within `widths` of."""
    triples = np.random.default_rng(0).integers(0, len(values), (TRIALS, 3))
    corners = pixels[triples]
    apart = np.abs(np.linalg.det(corners)) > 1  # three pixels on one line have no plane
    if not apart.any():
        return np.array((0, 0, np.median(values)))
    trials = np.linalg.solve(corners[apart], values[triples[apart], None])[..., 0]
    heights = trials.astype(np.float32) @ pixels.T.astype(np.float32) - values.astype(np.float32)
    inside = np.abs(heights, out=heights) <= widths.astype(np.float32)
    best = inside[np.argmax(np.count_nonzero(inside, axis=1))]
    return np.linalg.lstsq(pixels[best], values[best], rcond=None)[0]


def _over(plane: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """float32 [h, w]: the disparity of a plane at every pixel."""
    a, b, c = plane
    return (a * np.arange(shape[1]) + b * np.arange(shape[0])[:, None] + c).astype(np.float32)


def _connected(disparity: np.ndarray, among: np.ndarray, noise: float, seed: Pixel) -> np.ndarray:
    """bool [h, w]: the pixels of `among` that are connected with `seed` without a jump in depth."""
    start, end = neighbours(among)
    values = disparity.ravel()
    joined = np.abs(values[start] - values[end]) <= np.maximum(JUMP * values[start], 3 * noise)
    links = np.ones(np.count_nonzero(joined), bool), (start[joined], end[joined])
    graph = sparse.coo_array(links, shape=(among.size, among.size))
    labels = csgraph.connected_components(graph, directed=False)[1].reshape(among.shape)
    return labels == labels[seed[1], seed[0]]


def neighbours(among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int64 [M] twice: every two pixels, side by side, of `among` (bool [h, w]), by their number, row by row."""
    numbers = np.arange(among.size).reshape(among.shape)
    start, end = [], []
    for first, second in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        joined = among[first] & among[second]
        start.append(numbers[first][joined])
        end.append(numbers[second][joined])
    return np.concatenate(start), np.concatenate(end)
