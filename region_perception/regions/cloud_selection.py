"""From a click in a point cloud to the thing that it points at.

The planes that things stand on or before (table, floor, wall) are found by RANSAC and set aside, what is left falls
into clusters by DBSCAN, and the cluster that holds the point nearest to the click is taken. A click on a support plane
takes the plane. A plane supports when it holds much of the cloud and reaches across it; so does the largest side of a
flat thing that is alone in its cloud, and a click there takes that side.

All lengths follow from the spacing of the points, so that clouds of any scale and density work alike. Large clouds are
reduced to voxels first, and every point then shares the fate of its voxel. The same cloud and click always give the
same points.
"""

from __future__ import annotations

import threading
from types import ModuleType
from typing import Any

import numpy as np

from region_perception.errors import InvalidRegion, MissingDependency
from region_perception.regions.carried import FOOT
from region_perception.regions.cloud_heaps import carried_points
from region_perception.regions.cloud_structure import extent, roughness, spacing, voxels

MAX_PLANES = 3
PLANE_SHARE = 0.2  # of all points: fewer are a side of a thing, not what it stands on
PLANE_EXTENT = 0.5  # of the extent of the cloud: a support plane reaches beyond the things on it
PLANE_WIDTH = 0.05  # of the extent of the cloud: a wider "plane" is a heap
PLANE_POINTS = 5_000  # planes are sought in so many
LEAST_POINTS = 32  # fewer have no planes to speak of
TRIALS = 500  # of RANSAC: finds a plane of a fifth of the points with a chance of 98 %
GAP = 4.0  # times the spacing of the points: what lies further apart belongs to different things
REACH = 0.05  # of the cloud's diagonal: how far from the nearest point a click may be

_random_state = threading.Lock()  # open3d has one random generator for the whole process


def select(points: np.ndarray, click: np.ndarray, name: str, colors: np.ndarray | None = None) -> np.ndarray:
    """bool [N]: the points of the thing nearest to `click`, at least one.

    points: float32 [N, 3] metres; click: float64 [3] metres in the same frame; name: of the click, for messages;
    colors: float32 [N, 3], RGB in [0, 1], by which things that touch are told apart.
    """
    o3d = _open3d()
    distances = np.linalg.norm(points - click, axis=1)
    nearest = int(np.argmin(distances))
    sample = points[voxels(points)[0]].astype(np.float64)
    apart, size = spacing(sample), extent(sample)
    reach = max(REACH * size, GAP * apart, 0.01)
    if distances[nearest] > reach:
        seen = f"{distances[nearest]:.3g} m from the nearest point of the cloud"
        raise InvalidRegion(f"{name} is {seen}, expected at most {reach:.3g} m")
    left = np.ones(len(points), dtype=bool)
    planes = _support_planes(o3d, sample, apart, size)
    for plane, width in planes:
        members = left & (np.abs(points @ plane[:3] + plane[3]) <= width)
        if members[nearest]:
            return _cluster(o3d, points, members, nearest)
        left &= ~members
    members = _cluster(o3d, points, left, nearest)
    if colors is None or not planes:
        return members
    rows = np.flatnonzero(members)
    members[rows] = _alone(points[rows], colors[rows], planes, int(np.searchsorted(rows, nearest)))
    return members


def _support_planes(o3d: ModuleType, sample: np.ndarray, apart: float, size: float) -> list[tuple[np.ndarray, float]]:
    """Every plane that things stand on or before, largest first: a, b, c, d of ax + by + cz + d = 0, and half width."""
    planes: list[tuple[np.ndarray, float]] = []
    if len(sample) < LEAST_POINTS:
        return planes
    width = 2.5 * roughness(sample) + apart / 4
    if width > PLANE_WIDTH * size:
        return planes
    sample = sample[:: -(-len(sample) // PLANE_POINTS)]
    least = PLANE_SHARE * len(sample)
    while len(sample) >= LEAST_POINTS and len(planes) < MAX_PLANES:
        with _random_state:
            o3d.utility.random.seed(0)
            plane, inside = _cloud(o3d, sample).segment_plane(width, 3, TRIALS, probability=1.0)
        if len(inside) < least or extent(sample[inside]) < PLANE_EXTENT * size:
            break
        planes.append((np.array(plane, np.float32), width))
        sample = np.delete(sample, inside, axis=0)
    return planes


def _cluster(o3d: ModuleType, points: np.ndarray, among: np.ndarray, nearest: int) -> np.ndarray:
    """bool [N]: the cluster, of the points `among`, that holds the point `nearest`, which is one of them."""
    rows = np.flatnonzero(among)
    kept, voxel_of = voxels(points[rows])
    sample = points[rows[kept]]
    clicked = voxel_of[np.searchsorted(rows, nearest)]
    reach = GAP * spacing(sample)
    labels = np.asarray(_cloud(o3d, sample).cluster_dbscan(reach, min_points=min(4, len(sample))))
    label = labels[clicked]
    if label < 0:  # a stray point: of the nearest cluster, or alone
        away = np.linalg.norm(sample - sample[clicked], axis=1)
        away[labels < 0] = np.inf
        label = labels[np.argmin(away)] if away.min() <= 2 * reach else -2
    chosen = labels == label
    chosen[clicked] = True
    members = np.zeros(len(points), dtype=bool)
    members[rows] = chosen[voxel_of]
    return members


def _alone(points: np.ndarray, colors: np.ndarray, planes: list[tuple[np.ndarray, float]], clicked: int) -> np.ndarray:
    """bool [n]: which points of a cluster are one thing with the point `clicked`; see `carried`."""
    supports = []
    for plane, width in planes:
        heights = points @ plane[:3] + plane[3]
        side = np.float32(1 if np.median(heights) > 0 else -1)
        supports.append((side * heights, side * plane[:3], width))
    heights, up, width = min(supports, key=lambda support: abs(float(np.quantile(support[0], FOOT))))
    labels = carried_points(points, colors, heights, up, width)
    return labels == labels[clicked]


def _cloud(o3d: ModuleType, points: np.ndarray) -> Any:
    return o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points.astype(np.float64)))


def _open3d() -> ModuleType:
    try:
        import open3d
    except ImportError as error:
        raise MissingDependency(
            f"Click3D needs open3d: pip install 'region_perception[cloud]' (import failed: {error})"
        ) from error
    return open3d
