"""How the points of a cloud lie: voxels, spacing, noise and extent, from which lengths follow that fit any scale."""

from __future__ import annotations

import numpy as np

WORK_POINTS = 20_000  # points that planes and clusters are sought in
ASKED_POINTS = 2_000  # of those, whose nearest neighbour tells the spacing of all


def voxels(points: np.ndarray, most: int = WORK_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """One point (its row) for each occupied voxel, at most `most`, and for every point the number of its voxel."""
    if len(points) <= most:
        return np.arange(len(points)), np.arange(len(points))
    low, high = np.percentile(points, (1, 99), axis=0)  # a stray point far away must not make the voxels coarse
    side = max(float((high - low).max()) / most**0.5, 1e-6)
    for part in (points[:: max(len(points) // 500_000, 1)], points):  # most of the search for the side on a part
        while True:
            cells = np.clip((part - low) / side, -(2.0**20), 2.0**20 - 1).astype(np.int64) + 2**20
            keys = (cells[:, 0] << 42) + (cells[:, 1] << 21) + cells[:, 2]
            _, first, voxel_of = np.unique(keys, return_index=True, return_inverse=True)
            if len(first) <= most:
                break
            side *= max((len(first) / most) ** 0.5, 1.1)  # points lie on surfaces
    return first, voxel_of


def spacing(points: np.ndarray) -> float:
    """The usual distance of a point to its nearest neighbour, in metres; tiny where all points coincide."""
    from scipy.spatial import cKDTree

    some = points[:: max(len(points) // ASKED_POINTS, 1)]
    distances = cKDTree(points).query(some, k=2)[0][:, 1]
    apart = distances[np.isfinite(distances) & (distances > 0)]
    return float(np.median(apart)) if len(apart) else 1e-6


def roughness(points: np.ndarray) -> float:
    """The usual deviation of points from the plane through their neighbours, in metres: the noise of the sensor."""
    from scipy.spatial import cKDTree

    some = points[:: max(len(points) // 500, 1)]
    around = points[cKDTree(points).query(some, k=16)[1]]
    centred = around - around.mean(axis=1, keepdims=True)
    covariances = np.einsum("pki,pkj->pij", centred, centred) / (16 - 3)  # three numbers of each plane are fitted
    return float(np.sqrt(np.median(np.maximum(np.linalg.eigvalsh(covariances)[:, 0], 0))))


def extent(points: np.ndarray) -> float:
    """The diagonal of the box that holds the middle 98 % of the points along each axis."""
    return float(np.linalg.norm(np.diff(np.percentile(points, (1, 99), axis=0), axis=0)))
