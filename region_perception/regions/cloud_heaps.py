"""The things of one cluster of a coloured cloud that stand on each other; see `carried`."""

from __future__ import annotations

import numpy as np

from region_perception.regions import colour
from region_perception.regions.carried import WORK_POINTS, Heap, carried
from region_perception.regions.cloud_structure import spacing, voxels

NEIGHBOURS = 6  # of each point
GAP = 4.0  # times the spacing: what lies further apart is not joined
FLAT_SPACING = 0.25  # of the spacing: how far from a plane points may be at least


def carried_points(
    points: np.ndarray, colors: np.ndarray, heights: np.ndarray, up: np.ndarray, tolerance: float
) -> np.ndarray:
    """int64 [N]: 1, 2, .. for the points of each thing that stands on another one, 0 for what carries them.

    points: float32 [N, 3] metres. colors: float32 [N, 3], RGB in [0, 1]. heights: [N], above the support, along `up`
    [3]. tolerance: how far from a plane points still belong to it.
    """
    from scipy.spatial import cKDTree

    kept, voxel_of = voxels(points, WORK_POINTS)
    some = points[kept].astype(np.float64)
    if len(some) <= NEIGHBOURS:
        return np.zeros(len(points), np.int64)
    apart = spacing(some)
    away, near = cKDTree(some).query(some, k=NEIGHBOURS + 1, distance_upper_bound=GAP * apart)
    start = np.repeat(np.arange(len(some)), NEIGHBOURS + 1)
    end = near.ravel()
    found = np.isfinite(away).ravel() & (start != end)
    pairs = np.unique(np.sort(np.stack((start[found], end[found]), axis=1), axis=1), axis=0)
    lab = colour.lab(np.round(colors[kept] * 255).astype(np.uint8))
    least = max(tolerance, FLAT_SPACING * apart)
    heap = Heap(some, lab, pairs[:, 0], pairs[:, 1], heights[kept].astype(np.float64), up.astype(np.float64), least)
    return carried(heap)[voxel_of]
