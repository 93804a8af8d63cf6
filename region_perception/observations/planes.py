"""The largest plane in a cloud: the table that things stand on, a floor, a wall."""

from dataclasses import dataclass

import numpy as np

from region_perception.observations.voxels import one_for_each_voxel

_READ = 1 << 15  # of larger clouds so many points, drawn at random, are looked at
_TESTED = 2048  # of these so many, evenly spread, vote: a dense part of the cloud has no more say than a sparse one
_TRIALS = 256  # planes through three points: one that holds a third of the votes is among them in all but 1 of 10,000
_BLOCK = 1 << 15  # points that are measured at once

# Distances from a plane, in sizes of the cloud, so that the unit does not matter. A point votes for a plane that is
# nearer than _NEAR: of a table of 1.5 m, 7 mm, more than depth cameras err by at that range. What belongs to the plane
# is then decided by how far its own points scatter, as flat things lie lower than that on a table: a plate, a tray.
_NEAR = 0.005
_EXACT = 1e-4  # float32 and the rounding of files
_DEVIATIONS = 4.0
_ROUNDS = 4  # of fitting the plane and measuring its scatter anew; both hardly change after the third


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane in the units of its cloud's points.

    Attributes:
        middle: float64 [3], a point of the plane.
        normal: float64 [3], of length 1, towards either side.
        tolerance: points that lie so near belong to the plane.
        share: of points spread evenly over the cloud, how many belong to it, 0 to 1.
    """

    middle: np.ndarray
    normal: np.ndarray
    tolerance: float
    share: float

    def holds(self, points: np.ndarray) -> np.ndarray:
        """bool [N]: which of the points [N, 3] belong to it."""
        held = np.empty(len(points), bool)
        for start in range(0, len(points), _BLOCK):
            heights = (points[start : start + _BLOCK] - self.middle) @ self.normal
            held[start : start + _BLOCK] = np.abs(heights) <= self.tolerance
        return held


def largest_plane(points: np.ndarray) -> Plane | None:
    """The plane that most of evenly spread points lie on; None where points have no extent, or lie on a line.

    points: finite float32 [N, 3], N >= 1. The same points always give the same plane, in a few milliseconds for any N.
    """
    random = np.random.default_rng(0)
    voters = _evenly_spread(points, random).astype(np.float64)
    low, middle, high = np.quantile(voters, (0.02, 0.5, 0.98), axis=0)  # stray points do not make a cloud large
    size = float(np.linalg.norm(high - low))
    if size == 0:
        return None
    voters = (voters - middle) / size
    found = _most_voted(voters, random)
    if found is None:
        return None
    centre, normal, tolerance, share = _refined(voters, *found)
    return Plane(middle + size * centre, normal, size * tolerance, share)


def _evenly_spread(points: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """[about _TESTED, 3], all points where there are fewer."""
    if len(points) > _READ:
        points = points[random.integers(0, len(points), _READ)]
    if len(points) <= _TESTED:
        return points
    kept = one_for_each_voxel(points, _TESTED)
    return points[kept[:: max(1, len(kept) // _TESTED)]]


def _most_voted(voters: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray] | None:
    """(float64 [3] a point, float64 [3] the normal) of the best of many planes through three of the voters."""
    first, second, third = voters[random.integers(0, len(voters), (3, _TRIALS))]
    normals = np.cross(second - first, third - first)
    lengths = np.linalg.norm(normals, axis=1)
    wide = lengths > 1e-6  # three points on a line, or at one place, make no plane
    if not wide.any():
        return None
    first, normals = first[wide], normals[wide] / lengths[wide, None]
    heights = voters.astype(np.float32) @ normals.T.astype(np.float32)  # [voters, trials]
    heights -= (first * normals).sum(axis=1).astype(np.float32)
    best = np.count_nonzero(np.abs(heights, out=heights) < _NEAR, axis=0).argmax()
    return first[best], normals[best]


def _refined(voters: np.ndarray, centre: np.ndarray, normal: np.ndarray) -> tuple[np.ndarray, np.ndarray, float, float]:
    """The plane fitted to what lies near it: its centre, its normal, its tolerance, its share of the voters."""
    tolerance = _NEAR
    near = voters[np.abs((voters - centre) @ normal) <= tolerance]
    for _ in range(_ROUNDS):
        centre = near.mean(axis=0)
        normal = np.linalg.eigh((near - centre).T @ (near - centre))[1][:, 0]  # the direction of least scatter
        heights = np.abs((voters - centre) @ normal)
        # Of a normal distribution the median is 0.6745 deviations from the middle.
        deviation = float(np.median(heights[heights <= tolerance])) / 0.6745
        tolerance = float(np.clip(_DEVIATIONS * deviation, _EXACT, _NEAR))
        near = voters[heights <= tolerance]
    return centre, normal, tolerance, len(near) / len(voters)
