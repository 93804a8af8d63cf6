"""One point for each cell of a grid, whose size follows from how many points are wanted."""

import numpy as np

# 3 x 21 bits fill a signed 64-bit key: two million voxels along each axis, so that one stray point kilometres away
# does not merge the rest.
_LEVELS = 21

_BLOCK = 1 << 15  # points whose keys are computed at once: they stay in the processor's cache


def one_for_each_voxel(points: np.ndarray, wanted: int) -> np.ndarray:
    """The first point in each occupied voxel, for the largest voxels of which at least `wanted` are occupied.

    points: float32 [N, 3], finite. Returns int64 indices, those of neighbouring voxels near each other; fewer than
    `wanted` only where points coincide.
    """
    keys = _voxel_keys(points)
    order = np.argsort(keys)
    keys = keys[order]
    changed = keys[1:] ^ keys[:-1]  # the highest bit that differs tells from which level on two neighbours are apart
    for level in range(1, _LEVELS + 1):
        apart = changed >= 1 << 3 * (_LEVELS - level)
        if 1 + np.count_nonzero(apart) >= wanted:
            break
    starts = np.concatenate(([0], 1 + np.flatnonzero(apart)))
    return np.minimum.reduceat(order, starts)


def _voxel_keys(points: np.ndarray) -> np.ndarray:
    """int64 [N] Morton codes: the bits of the three cell numbers interleaved, each 3 of them one octree level."""
    low = points.min(axis=0)
    extent = float((points.max(axis=0) - low).max())
    scale = np.float32((2**_LEVELS - 1) / max(extent, 1e-30))
    keys = np.empty(len(points), np.int64)
    for start in range(0, len(points), _BLOCK):
        cells = _spread(((points[start : start + _BLOCK] - low) * scale).astype(np.int64))
        keys[start : start + _BLOCK] = cells[:, 0] | cells[:, 1] << 1 | cells[:, 2] << 2
    return keys


def _spread(cells: np.ndarray) -> np.ndarray:
    """Puts two zero bits between the 21 bits of each number."""
    cells = (cells | cells << 32) & 0x1F00000000FFFF
    cells = (cells | cells << 16) & 0x1F0000FF0000FF
    cells = (cells | cells << 8) & 0x100F00F00F00F00F
    cells = (cells | cells << 4) & 0x10C30C30C30C30C3
    return (cells | cells << 2) & 0x1249249249249249
