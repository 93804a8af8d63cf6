"""Points as small discs with a depth buffer, shaded so that their shape can be seen."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from region_perception.drawing.camera import Camera

_LARGEST = 0.012  # radius of the largest disc as a share of the picture's width
_SPARSE = 0.06  # radius of the discs of n points as a share of the width, times sqrt(n), if that is larger
_STRENGTH = 18.0  # of the shading
_STEEPEST = 0.015  # steps of depth above this share of it are drawn alike
_EMPTY = np.iinfo(np.int64).max
_AROUND = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))  # the eight neighbours (x, y)


@dataclass(frozen=True, eq=False)
class Splats:
    """What the camera sees of a cloud.

    Attributes:
        index: int64 [H, W], which point each pixel shows, -1 for none.
        depth: float64 [H, W], metres along the line of sight, inf where no point is.
    """

    index: np.ndarray
    depth: np.ndarray

    def shading(self, reach: int) -> np.ndarray:
        """float64 [H, W] in (0, 1]: dark where neighbours `reach` pixels away are nearer (eye-dome lighting).

        `reach` should be about the radius of the discs: depth is averaged that far, so that single discs do not show.
        """
        seen = np.isfinite(self.depth)
        weight = _box_mean(seen.astype(np.float64), reach)
        mean = _box_mean(np.where(seen, np.log(np.where(seen, self.depth, 1)), 0), reach) / np.maximum(weight, 1e-9)
        log_depth = np.where(seen, mean, np.inf)  # the background is behind everything
        steps = np.zeros(self.depth.shape)
        for neighbour in _neighbours(log_depth, 2 * reach, np.inf):
            steps[seen] += np.clip(log_depth[seen] - neighbour[seen], 0, _STEEPEST)
        return np.exp(-_STRENGTH * steps)


def _box_mean(values: np.ndarray, reach: int) -> np.ndarray:
    """The mean of float64 [H, W] over the square within `reach` pixels, with zeros beyond the border."""
    padded = np.pad(values, ((reach + 1, reach), (reach + 1, reach)))
    sums = padded.cumsum(axis=0).cumsum(axis=1)
    size = 2 * reach + 1
    return (sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]) / size**2


def splat(points: np.ndarray, camera: Camera) -> Splats:
    """Draws points float [N, 3] (metres) as discs that close the gaps between them; nearer discs hide farther ones."""
    width, height = camera.size
    pixels, depth = camera.project(points)
    seen = np.flatnonzero((pixels > -0.1 * width).all(axis=1) & (pixels < 1.1 * width).all(axis=1))
    radius = 1.2 * _spacing(points)[seen] * camera.focal / depth[seen]
    radius = np.clip(np.maximum(radius, _SPARSE * width / np.sqrt(len(points))), 1.0, max(1.0, _LARGEST * width))
    order = np.argsort(-radius, kind="stable")
    seen, radius = seen[order], radius[order]
    pixels, depth = np.floor(pixels[seen]).astype(np.int64), depth[seen]
    # One number for depth and point: positive floats order like the integers with the same bits.
    keys = depth.astype(np.float32).view(np.int32).astype(np.int64) << 32 | seen
    flat = np.full(width * height, _EMPTY)
    largest = int(radius.max(initial=0.0))
    for dx, dy in np.ndindex(2 * largest + 1, 2 * largest + 1):
        dx, dy = dx - largest, dy - largest
        count = np.searchsorted(-radius, -np.hypot(dx, dy), side="right")  # discs that reach this far
        x, y = pixels[:count, 0] + dx, pixels[:count, 1] + dy
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        np.minimum.at(flat, y[inside] * width + x[inside], keys[:count][inside])
    buffer = flat.reshape(height, width)
    for step in (max(2, width // 480), max(1, width // 960)):
        buffer = _without_holes(buffer, step)
    empty = buffer == _EMPTY
    depth = (buffer >> 32).astype(np.int32).view(np.float32).astype(np.float64)
    return Splats(np.where(empty, -1, buffer & 0xFFFFFFFF), np.where(empty, np.inf, depth))


def _without_holes(buffer: np.ndarray, step: int) -> np.ndarray:
    """Closes gaps between discs: a pixel of int64 [H, W] with nearer ones on most sides takes over the nearest."""
    nearest, votes = buffer, np.zeros(buffer.shape, dtype=np.int8)
    behind = 3 << 16  # in the bits of a float: one to two percent of the depth
    for neighbour in _neighbours(buffer, step, _EMPTY):
        votes += (neighbour >> 32) + behind < buffer >> 32
        nearest = np.minimum(nearest, neighbour)
    return np.where(votes >= 5, nearest, buffer)


def _neighbours(values: np.ndarray, step: int, beyond: float) -> Iterator[np.ndarray]:
    """For each of the eight directions, the values [H, W] that lie `step` pixels away, `beyond` outside the border."""
    padded = np.pad(values, step, constant_values=beyond)
    height, width = values.shape
    for dx, dy in _AROUND:
        top, left = step + dy * step, step + dx * step
        yield padded[top : top + height, left : left + width]


def _spacing(points: np.ndarray) -> np.ndarray:
    """float64 [N]: about how far apart the points are around each one, in metres, from counts in coarse grids.

    Where a cube of a grid holds n points of a surface, they are about cube / sqrt(n) apart. Of four shifted grids the
    fullest cube counts, since a surface may pass through a mere corner of one.
    """
    low = points.min(axis=0)
    cube = max(float((points.max(axis=0) - low).max()) / 40, 1e-9)
    counts = np.ones(len(points), dtype=np.int64)
    for shift in ((0, 0, 0), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)):
        cells = ((points - low) / cube + shift).astype(np.int64) @ np.array([1, 64, 64 * 64])
        counts = np.maximum(counts, np.bincount(cells)[cells])
    return cube / np.sqrt(counts)
