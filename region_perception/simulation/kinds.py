"""What the world is made of: each kind's shape, usual size, ways to lie, and what can stand on it or in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from region_perception.simulation import tools, vessels
from region_perception.simulation.shapes import Mesh, floats, rotation
from region_perception.simulation.words import KINDS, LYING, STANDING, UPRIGHT, UPTURNED


@dataclass(frozen=True)
class Kind:
    """One kind of thing.

    Attributes:
        shape: makes its mesh, base at z = 0, in any unit.
        usual: its longest side in metres at the size that "small" and "large" are relative to.
        poses: the ways it may lie besides upright.
        stripes: the axis that its stripes are counted along.
        top: (radius, height) of the flat top that things can stand on, in the unit of the shape; None without.
        hollow: (radius, height) of the floor inside it; None where nothing fits in.
        fits: whether it is compact enough to be put onto or into other things.
        mark: whether what it is known by sits at its front (x), so that it must not be turned away from the camera.
    """

    shape: Callable[[], Mesh]
    usual: float
    poses: tuple[str, ...] = ()
    stripes: str = "z"
    top: tuple[float, float] | None = None
    hollow: tuple[float, float] | None = None
    fits: bool = False
    mark: bool = False


_CATALOGUE = {
    "mug": Kind(vessels.mug, 0.14, (LYING, UPTURNED), fits=True, mark=True),
    "bowl": Kind(vessels.bowl, 0.19, (UPTURNED,), hollow=(5.4, 2.4)),
    "bottle": Kind(vessels.bottle, 0.23, (LYING,)),
    "can": Kind(vessels.can, 0.14, (LYING,), fits=True),
    "box": Kind(tools.box, 0.15, top=(5.0, 9.6), fits=True),
    "ball": Kind(tools.ball, 0.13, fits=True),
    "plate": Kind(vessels.dish, 0.21, top=(6.0, 0.8), stripes="x"),
    "book": Kind(tools.book, 0.18, (STANDING,), top=(5.6, 3.4), stripes="x"),
    "lamp": Kind(vessels.lamp, 0.23, (LYING,)),
    "stool": Kind(tools.stool, 0.17, (LYING,), top=(5.6, 14.2)),
    "chair": Kind(tools.chair, 0.21, (LYING,)),
    "hammer": Kind(tools.hammer, 0.24, stripes="x"),
    "funnel": Kind(vessels.funnel, 0.16, (LYING, UPTURNED)),
    "ring": Kind(tools.ring, 0.15, (STANDING,), fits=True, stripes="x"),
    "cone": Kind(vessels.cone, 0.19, (LYING,), fits=True),
    "dumbbell": Kind(tools.dumbbell, 0.19, stripes="x"),
    "vase": Kind(vessels.vase, 0.21, (LYING,)),
    "pan": Kind(vessels.pan, 0.27, hollow=(7.6, 0.6), stripes="x"),
    "bucket": Kind(vessels.bucket, 0.19, (LYING,), hollow=(4.6, 2.5)),
    "candle": Kind(vessels.candle, 0.17, (LYING,), fits=True),
    "tray": Kind(vessels.tray, 0.29, top=(7.0, 0.8), stripes="x"),
    "key": Kind(tools.key, 0.18, stripes="x"),
    "spoon": Kind(tools.spoon, 0.21, stripes="x"),
    "cap": Kind(tools.cap, 0.18, fits=True, mark=True, stripes="x"),
    "pyramid": Kind(tools.pyramid, 0.14, fits=True),
    "teapot": Kind(vessels.teapot, 0.20),
    "bell": Kind(vessels.bell, 0.16, (LYING,), fits=True),
    "wheel": Kind(vessels.wheel, 0.17, (STANDING,), stripes="x"),
}
CATALOGUE: dict[str, Kind] = {name: _CATALOGUE[name] for name in KINDS}


@dataclass(frozen=True, eq=False)
class Posed:
    """A kind in one pose, at its usual size, in metres.

    Attributes:
        mesh: centred about the z axis (by its bounds), its lowest point at z = 0.
        turn: float32 [3, 3], takes posed coordinates back to those of the upright shape.
        shift: float32 [3], what to subtract from posed coordinates before `turn`.
        size: float32 [3], the sides of its bounds.
        unit: metres for each unit of the shape.
    """

    mesh: Mesh
    turn: np.ndarray
    shift: np.ndarray
    size: np.ndarray
    unit: float


@cache
def posed(kind: str, pose: str = UPRIGHT) -> Posed:
    """`kind` in `pose`."""
    entry = CATALOGUE[kind]
    shape = entry.shape()
    low, high = shape.bounds()
    unit = entry.usual / float((high - low).max())
    turn = _turn(kind, shape, pose)
    mesh = shape.scaled(unit).rotated(turn)
    low, high = mesh.bounds()
    shift = -floats(((low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]))
    return Posed(mesh.moved(*shift), turn.T.astype(np.float32), shift, high - low, unit)


def _turn(kind: str, shape: Mesh, pose: str) -> np.ndarray:
    """float64 [3, 3]: from upright to the pose, resting on a side rather than on an edge."""
    if pose == UPRIGHT:
        return np.eye(3)
    if pose == UPTURNED:
        return rotation("x", 180)
    if pose == STANDING:
        return rotation("x", 90)
    toppled = rotation("y", 90) @ rotation("z", 90)
    return rotation("y", _tilt_to_rest(shape.rotated(toppled).vertices)) @ toppled


def _tilt_to_rest(vertices: np.ndarray) -> float:
    """Degrees about y after which the side view (x, z) rests on the edge of its outline that lies under its middle."""
    from scipy.spatial import ConvexHull

    flat = vertices[:, [0, 2]].astype(np.float64)
    hull = ConvexHull(flat)
    middle = (flat.min(axis=0) + flat.max(axis=0)) / 2
    for (first, second), (_, down, _) in zip(hull.simplices, hull.equations, strict=True):
        start, end = sorted((flat[first], flat[second]), key=lambda point: point[0])
        if down < 0 and start[0] <= middle[0] <= end[0]:
            return float(np.degrees(np.arctan2(end[1] - start[1], end[0] - start[0])))
    return 0.0
