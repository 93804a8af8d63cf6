"""From any number of points to the number that a network can hold."""

import numpy as np

from region_perception.errors import InvalidInput
from region_perception.observations.cloud import CloudObservation
from region_perception.observations.planes import largest_plane
from region_perception.observations.voxels import one_for_each_voxel

CELLS_PER_SAMPLE = 8
"""Voxels kept for each point of the budget: more cost time, fewer cost coverage."""


def sample_cloud(cloud: CloudObservation | np.ndarray, budget: int, plane_share: float = 1.0) -> np.ndarray:
    """Which points to keep so that at most `budget` cover the cloud evenly: int64 indices, ascending.

    All points where they fit into the budget. Otherwise one point for each occupied voxel, of the largest size that
    leaves several for each point of the budget, and farthest-point sampling among those. Fewer than `budget` come back
    only where the remaining points coincide. The same points always give the same answer. Time grows as sorting does,
    whatever the shape of the cloud and however many points coincide.

    Of a table with things on it most evenly spread points lie on the table. With a `plane_share` below 1, the points of
    the largest plane and all others are sampled evenly by themselves, if the plane would get more than that share.

    Args:
        cloud: a cloud, or finite coordinates [N, 3].
        budget: how many points to keep at most, 1 or more.
        plane_share: at most this share of the budget, from 0 to 1, goes to the largest plane as long as there are other
            points that need the rest. 1 makes no difference between points.
    """
    if isinstance(budget, bool) or not isinstance(budget, (int, np.integer)) or budget < 1:
        raise InvalidInput(f"budget must be a whole number of points, 1 or more, got {budget!r}")
    if not (isinstance(plane_share, (int, float)) and 0 <= plane_share <= 1):
        raise InvalidInput(f"plane_share must be a number from 0 to 1, got {plane_share!r}")
    points = cloud.points if isinstance(cloud, CloudObservation) else np.asarray(cloud, np.float32)
    if points.ndim != 2 or points.shape[1] != 3:
        raise InvalidInput(f"points to sample must have shape [N, 3], got {list(points.shape)}")
    everywhere = np.arange(len(points))
    if len(points) <= budget:
        return everywhere
    plane = largest_plane(points) if plane_share < 1 else None
    if plane is None or plane.share <= plane_share:
        return np.sort(_spread_over(points, everywhere, int(budget)))
    return np.sort(_thinned(points, plane.holds(points), int(budget), int(plane_share * budget)))


def _thinned(points: np.ndarray, in_plane: np.ndarray, budget: int, for_plane: int) -> np.ndarray:
    """int64 indices, `for_plane` of the budget for what lies in the plane; what one part leaves over the other gets."""
    inside, outside = np.flatnonzero(in_plane), np.flatnonzero(~in_plane)
    others = _spread_over(points, outside, budget - for_plane)
    plane = _spread_over(points, inside, budget - len(others))
    if len(others) + len(plane) < budget:
        others = _spread_over(points, outside, budget - len(plane))
    return np.concatenate((others, plane))


def _spread_over(points: np.ndarray, rows: np.ndarray, budget: int) -> np.ndarray:
    """int64, at most `budget` of these rows, evenly spread over their points."""
    if len(rows) <= budget:
        return rows
    if budget == 0:
        return rows[:0]
    points = points[rows]
    kept = one_for_each_voxel(points, CELLS_PER_SAMPLE * budget)
    return rows[kept if len(kept) <= budget else kept[_farthest(points[kept], budget)]]


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
