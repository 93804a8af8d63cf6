"""From any number of points to the number that a network can hold."""

import numpy as np

from region_perception.errors import InvalidInput
from region_perception.observations.cloud import CloudObservation

CELLS_PER_SAMPLE = 8
"""Voxels kept for each point of the budget: more cost time, fewer cost coverage."""

# 3 x 21 bits fill a signed 64-bit key: two million voxels along each axis, so that one stray point kilometres away
# does not merge the rest.
_LEVELS = 21

_BLOCK = 1 << 15  # points whose keys are computed at once: they stay in the processor's cache


def sample_cloud(cloud: CloudObservation | np.ndarray, budget: int) -> np.ndarray:
    """Which points to keep so that at most `budget` cover the cloud evenly: int64 indices, ascending.

    All points where they fit into the budget. Otherwise one point for each occupied voxel, of the largest size that
    leaves several for each point of the budget, and farthest-point sampling among those. Fewer than `budget` come back
    only where the remaining points coincide. The same points always give the same answer. Time grows as sorting does,
    whatever the shape of the cloud and however many points coincide.

    Args:
        cloud: a cloud, or finite coordinates [N, 3].
        budget: how many points to keep at most, 1 or more.
    """
    if isinstance(budget, bool) or not isinstance(budget, (int, np.integer)) or budget < 1:
        raise InvalidInput(f"budget must be a whole number of points, 1 or more, got {budget!r}")
    points = cloud.points if isinstance(cloud, CloudObservation) else np.asarray(cloud, np.float32)
    if points.ndim != 2 or points.shape[1] != 3:
        raise InvalidInput(f"points to sample must have shape [N, 3], got {list(points.shape)}")
    if len(points) <= budget:
        return np.arange(len(points))
    kept = _one_for_each_voxel(points, CELLS_PER_SAMPLE * int(budget))
    if len(kept) <= budget:
        return np.sort(kept)
    return np.sort(kept[_farthest(points[kept], int(budget))])


def _farthest(points: np.ndarray, budget: int) -> np.ndarray:
    """int64 [budget] indices by farthest-point sampling."""
    import fpsample

    # Of heights 3 to 11 the fastest between 10,000 and a million points; a tree cannot be higher than its points allow.
    tree_height = min(7, int(np.log2(len(points))))
    near_one = points - points.min(axis=0)  # squared distances of very small clouds would vanish in float32
    near_one /= near_one.max()
    # Without a start the library draws one by chance.
    chosen = fpsample.bucket_fps_kdline_sampling(near_one, budget, tree_height, start_idx=0)
    return np.unique(chosen.astype(np.int64))


def _one_for_each_voxel(points: np.ndarray, wanted: int) -> np.ndarray:
    """The first point in each occupied voxel, int64, for the largest voxels of which at least `wanted` are occupied."""
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
