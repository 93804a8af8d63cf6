"""What stands on the planes of a cloud: its things, one by one, without anybody having pointed at them.

Planes that reach across the cloud (table, floor, walls) are set aside, and what hangs under them with them: the rim and
the legs of a table. What is left falls into parts where there is a gap, and parts that stand over each other are one
thing, of which its own upper part hides the middle: the shade and the foot of a lamp, the legs and the seat of a stool.
Things that touch or that stand on or in each other stay together, too, unless their colours part them (see `carried`).

All lengths follow from the cloud, as in `cloud_selection`; large clouds are reduced to voxels, and every point shares
the fate of its voxel. The same cloud always gives the same things.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from region_perception.observations.planes import Plane, largest_plane
from region_perception.regions.carried import FOOT
from region_perception.regions.cloud_heaps import carried_points
from region_perception.regions.cloud_regions import MIN_SIDE, Box3D
from region_perception.regions.cloud_structure import WORK_POINTS, extent, spacing, voxels

MAX_PLANES = 6  # that are looked at
PLANE_SHARE = 0.12  # of all voxels (and pixels, of what a camera saw): fewer are a side of a thing
PLANE_EXTENT = 0.5  # of the extent of the cloud (of the picture): a support plane reaches beyond the things on it
GAP = 4.0  # times the spacing of the voxels: what lies further apart belongs to different things
MOST_THROUGH = 0.7  # of its own points: a plane through which the camera sees more is none, but lies across things
MOST_GRAIN = 3.0  # times the noise from pixel to pixel: what more a plane scatters is things; some noise is smooth
ROUNDS = (4.0, 2.0, 1.0, 1.0)  # of fitting a plane and measuring its scatter anew: times the most that it may be
DEVIATIONS = 4.5  # of the noise at its distance: what is nearer to a plane belongs to it
LEAST_TOLERANCE = 5e-4  # of the distance: the same, where depth has no noise
FLAT = 2.0  # times the tolerance of a support: the same of what is flat in a thing
LEAST_VOXELS = 24  # fewer are stray points
OVER = 0.6  # share of a part that lies within the outline of another, from which both are one
ASKED = 100  # points of a part that are asked for that
MOST_EXTENT = 0.5  # of the same: what is larger is a piece of furniture or of the room
LEVEL = 0.9  # vertical part of a support's normal, from which boxes reach down to it
ABOVE = 0.35  # vertical part of a plane's normal, from which it has a side that is up
WORK_PLANE = 2_000  # points of a plane whose outline is taken


@dataclass(frozen=True, eq=False)
class Support:
    """A plane that things stand on or hang before.

    plane: its normal points to the side where things are. two_sided: that side is not known. hull: the equations
    [F, 3] of its outline, in the coordinates along `axes` [2, 3] from its middle: a point is inside where all are <= 0.
    eye, noise: of what a camera saw, where that is, and the standard deviation of depth at one metre, in metres.
    """

    plane: Plane
    two_sided: bool
    axes: np.ndarray
    hull: np.ndarray
    eye: np.ndarray | None
    noise: float

    def height(self, points: np.ndarray) -> np.ndarray:
        """[N]: how far above the plane points [N, 3] lie."""
        return (points - self.plane.middle) @ self.plane.normal

    def covers(self, points: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """bool [N]: which of points [N, 3] lie within its outline when seen along its normal."""
        flat = (points - self.plane.middle) @ self.axes.T
        return (flat @ self.hull[:, :2].T + self.hull[:, 2] <= margin).all(axis=1)

    def clear(self, points: np.ndarray) -> np.ndarray:
        """bool [N]: which of points [N, 3] neither belong to the plane nor hang under it."""
        heights, tolerance = self.height(points), self.tolerance(points)
        if self.two_sided:
            return np.abs(heights) > tolerance
        left = heights > tolerance
        below = np.flatnonzero(heights < -tolerance)
        left[below] = ~self.covers(points[below], 4 * float(tolerance.mean()))
        return left

    def holds(self, points: np.ndarray) -> np.ndarray:
        """bool [N]: which of points [N, 3] belong to the plane."""
        return np.abs(self.height(points)) <= self.tolerance(points)

    def seen_through(self, points: np.ndarray) -> int:
        """How many of points [N, 3] the eye sees through the plane, as nothing is seen through a surface."""
        if self.eye is None:
            return 0
        behind = points[self.height(points) < -self.tolerance(points)]
        mine, theirs = float(self.height(self.eye[None])[0]), self.height(behind)
        crossings = self.eye + (behind - self.eye) * (mine / (mine - theirs))[:, None]
        return int(self.covers(crossings).sum())

    def tolerance(self, points: np.ndarray) -> np.ndarray:
        """[N]: how far from the plane points at the places of [N, 3] still belong to it."""
        if self.eye is None:
            return np.full(len(points), self.plane.tolerance)
        return _near(self.noise, *_levers(points, self.eye, self.plane.normal))


def things(
    points: np.ndarray, eye: np.ndarray | None = None, gap: float | None = None, colors: np.ndarray | None = None
) -> tuple[list[np.ndarray], list[Support]]:
    """The rows of each thing, ascending, the largest surface first; and the planes that they stand on.

    points: float32 [N, 3] metres. eye: of points that are the pixels of one camera, row by row, where it is: what it
    sees of a plane is the side where things are, and what is large is what looks large; else things are on the side
    that faces up (z), and what is large is large in metres. gap: metres that part two things. colors: float32 [N, 3],
    RGB in [0, 1], by which things that stand on others are told from them.
    """
    sample, grain = points[voxels(points)[0]], 0.0
    if eye is not None:  # a wall has many voxels and few pixels, a table that is near the other way round
        grain = MOST_GRAIN * _grain(points, eye)
        sample = np.concatenate((sample, points[:: -(-len(points) // WORK_POINTS)]))
    supports = _supports(sample, eye, grain)
    left = np.ones(len(points), bool)
    for support in supports:
        left &= support.clear(points)
    rows = np.flatnonzero(left)
    if len(rows) < LEAST_VOXELS:
        return [], supports
    kept, voxel_of = voxels(points[rows])
    parted = points[rows[kept]]
    labels = _joined(parted, _parts(parted, gap), _upright(parted, supports))
    counts, label_of = np.bincount(labels), labels[voxel_of]
    order = [label for label in np.argsort(-counts, kind="stable") if counts[label] >= LEAST_VOXELS]
    found = [rows[label_of == label] for label in order]
    most = MOST_EXTENT * _size(sample, eye)
    found = [part for part in found if _size(points[part], eye) < most]
    if colors is not None and supports:
        found = [thing for part in found for thing in _told_apart(part, points, colors, supports)]
        found.sort(key=lambda thing: -len(np.unique(voxel_of[np.searchsorted(rows, thing)])))
    return found, supports


def _told_apart(part: np.ndarray, points: np.ndarray, colors: np.ndarray, supports: list[Support]) -> list[np.ndarray]:
    """The rows of each thing among the rows `part`, which are connected."""
    mine = points[part]
    heights = [support.height(mine) for support in supports]
    nearest = int(np.argmin([abs(float(np.quantile(each, FOOT))) for each in heights]))
    support, above = supports[nearest], heights[nearest]
    side = 1.0 if np.median(above) > 0 else -1.0
    width = max(float(np.median(support.tolerance(mine))), FLAT * support.plane.tolerance)
    labels = carried_points(mine, colors[part], side * above, side * support.plane.normal, width)
    return [part[labels == label] for label in np.unique(labels)]


def box_around(points: np.ndarray, supports: list[Support]) -> Box3D:
    """The upright box of least ground about points [N, 3], down to the level plane that they stand on."""
    low, high = float(points[:, 2].min()), float(points[:, 2].max())
    for support in supports:
        if support.two_sided or support.plane.normal[2] < LEVEL or not support.covers(points).any():
            continue
        normal, middle = support.plane.normal, support.plane.middle
        ground = middle[2] - float((points[:, :2].mean(axis=0) - middle[:2]) @ normal[:2]) / normal[2]
        if low - (high - low) <= ground < low:
            low = ground
    (x, y), (length, width), yaw = _least_rectangle(points[:, :2].astype(np.float64))
    sides = (max(length, MIN_SIDE), max(width, MIN_SIDE), max(high - low, MIN_SIDE))
    return Box3D((x, y, (low + high) / 2), sides, yaw)


def _supports(sample: np.ndarray, eye: np.ndarray | None, grain: float) -> list[Support]:
    """The planes that reach across evenly spread points, the largest first."""
    found: list[Support] = []
    left, size = sample, _size(sample, eye)
    for _ in range(MAX_PLANES):
        plane = largest_plane(left) if len(left) >= LEAST_VOXELS else None
        if plane is None:
            break
        support = _support(plane, left, eye, grain)
        if support is None:
            break
        held = support.holds(left)
        large = held.sum() >= PLANE_SHARE * len(sample) and _size(left[held], eye) >= PLANE_EXTENT * size
        if large and support.seen_through(sample) <= MOST_THROUGH * held.sum():
            found.append(support)
            left = left[~held]
        else:
            left = left[~plane.holds(left)]
    return found


def _size(points: np.ndarray, eye: np.ndarray | None) -> float:
    """How large points are, or look: metres, or about radians."""
    if eye is None:
        return extent(points)
    rays = points - eye
    return extent(rays / np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-9))


def _support(plane: Plane, points: np.ndarray, eye: np.ndarray | None, grain: float) -> Support | None:
    """The plane with its sides told apart, and its outline from its points among [N, 3]; None where it has none."""
    noise, held = 0.0, plane.holds(points)
    if eye is not None:
        plane, noise, held = _refined(plane, points, eye, grain)
    inside = points[held]
    towards = plane.normal[2] if eye is None else float((eye - plane.middle) @ plane.normal)
    two_sided = eye is None and abs(plane.normal[2]) < ABOVE
    normal = -plane.normal if towards < 0 else plane.normal
    plane = Plane(plane.middle, normal, plane.tolerance, plane.share)
    axes = np.linalg.svd(normal[None])[2][1:]
    hull = _hull((inside[:: max(1, len(inside) // WORK_PLANE)] - plane.middle) @ axes.T)
    return None if hull is None else Support(plane, two_sided, axes, hull, eye, noise)


def _refined(plane: Plane, points: np.ndarray, eye: np.ndarray, grain: float) -> tuple[Plane, float, np.ndarray]:
    """The plane fitted to points that a camera saw, the noise of depth at one metre, and bool [N], which belong to it.

    Near the camera its points scatter less than further away: one tolerance for all would take in flat things. grain:
    the most that the noise can be: more is things.
    """
    held, noise = plane.holds(points), 0.0
    for wider in ROUNDS:
        inside = points[held]
        if len(inside) < LEAST_VOXELS:
            break
        lever, away = _levers(inside, eye, plane.normal)
        weights = 1 / np.maximum(lever, 1e-9) ** 2
        middle = (inside * weights[:, None]).sum(axis=0) / weights.sum()
        normal = np.linalg.eigh((inside - middle).T @ ((inside - middle) * weights[:, None]))[1][:, 0]
        # Of a normal distribution the median is 0.6745 deviations from the middle.
        noise = float(np.median(np.abs((inside - middle) @ normal) / np.maximum(lever, 1e-9))) / 0.6745
        noise = min(noise, wider * grain)
        plane = Plane(middle, normal, plane.tolerance, plane.share)
        lever, away = _levers(points, eye, normal)
        held = np.abs((points - middle) @ normal) <= _near(noise, lever, away)
    return plane, noise, held


def _grain(points: np.ndarray, eye: np.ndarray) -> float:
    """The standard deviation of depth at one metre, from the second difference of neighbouring pixels, row by row."""
    away = np.linalg.norm(points - eye, axis=1)
    if len(away) < 3:
        return 0.0
    ripple = np.abs(away[:-2] - 2 * away[1:-1] + away[2:]) / np.maximum(away[1:-1], 1e-9) ** 2
    return float(np.median(ripple)) / 0.6745 / 6**0.5


def _near(noise: float, lever: np.ndarray, away: np.ndarray) -> np.ndarray:
    """[N]: how far from a plane points belong to it, by what `_levers` says of them."""
    return np.maximum(DEVIATIONS * noise * lever, LEAST_TOLERANCE * away)


def _levers(points: np.ndarray, eye: np.ndarray, normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[N] twice: how much further from a plane points [N, 3] are, for each metre that depth is wrong at one metre, when
    its noise grows with the square of the distance, as that of depth cameras does; and their distance from the eye."""
    rays = points - eye
    away = np.linalg.norm(rays, axis=1)
    return np.abs(rays @ normal) * away, away


def _parts(sample: np.ndarray, gap: float | None) -> np.ndarray:
    """int [n]: which part each of points [n, 3] belongs to, where parts are further apart than the gap."""
    from scipy import sparse
    from scipy.sparse import csgraph
    from scipy.spatial import cKDTree

    apart = spacing(sample)
    reach = GAP * apart if gap is None else max(gap, apart)
    pairs = cKDTree(sample).query_pairs(reach, output_type="ndarray")
    links = np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])
    return csgraph.connected_components(sparse.coo_array(links, shape=(len(sample),) * 2), directed=False)[1]


def _upright(sample: np.ndarray, supports: list[Support]) -> np.ndarray:
    """float64 [2, 3]: two axes along the plane that points [n, 3] stand on: the nearest; level ones without any."""
    if not supports:
        return np.eye(3)[:2]
    heights = [float(np.median(np.abs(support.height(sample)))) for support in supports]
    return supports[int(np.argmin(heights))].axes


def _joined(sample: np.ndarray, labels: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """`labels` [n] of points [n, 3], those that stand over each other made one: seen along the normal of `axes`."""
    from scipy import sparse
    from scipy.sparse import csgraph

    flat = sample @ axes.T
    parts = {int(label): flat[labels == label] for label in np.flatnonzero(np.bincount(labels) >= LEAST_VOXELS // 4)}
    some = {label: part[:: max(1, len(part) // ASKED)] for label, part in parts.items()}
    links = []
    for outer, part in parts.items():
        hull = _hull(part)
        if hull is None:
            continue
        for inner, asked in some.items():
            if inner != outer and (asked @ hull[:, :2].T + hull[:, 2] <= 0).all(axis=1).mean() >= OVER:
                links.append((outer, inner))
    count = int(labels.max()) + 1
    pairs = np.array(links, np.int64).reshape(-1, 2).T
    graph = sparse.coo_array((np.ones(len(links), bool), tuple(pairs)), shape=(count, count))
    return csgraph.connected_components(graph, directed=False)[1][labels]


def _hull(flat: np.ndarray) -> np.ndarray | None:
    """[F, 3]: the outline of points [N, 2], as `Support.hull`; None where they are on a line."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        return ConvexHull(flat).equations
    except (QhullError, ValueError):
        return None


def _least_rectangle(points: np.ndarray) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Middle, sides and direction (radians, of the first side) of the rectangle of least area about points [N, 2]."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        outline = points[ConvexHull(points).vertices]
    except QhullError:  # on a line, or fewer than three
        outline = points
    edges = np.diff(outline, axis=0, append=outline[:1])
    angles = np.unique(np.append(np.arctan2(edges[:, 1], edges[:, 0]) % (math.pi / 2), 0.0))
    along = np.stack((np.cos(angles), np.sin(angles)), axis=1)  # [A, 2]; one side of the least rectangle is an edge
    across = np.stack((-np.sin(angles), np.cos(angles)), axis=1)
    spans = [np.array((shadow.min(axis=1), shadow.max(axis=1))) for shadow in (along @ outline.T, across @ outline.T)]
    sides = np.stack([high - low for low, high in spans], axis=1)
    best = int(np.argmin(sides[:, 0] * sides[:, 1]))
    middle = sum(span[:, best].mean() * axis[best] for span, axis in zip(spans, (along, across), strict=True))
    return (float(middle[0]), float(middle[1])), (float(sides[best, 0]), float(sides[best, 1])), float(angles[best])
