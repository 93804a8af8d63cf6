"""Composes scenes: what there is, what it looks like, and where it lies, all from one seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from region_perception.simulation import palette, surroundings
from region_perception.simulation.kinds import CATALOGUE
from region_perception.simulation.scene import Camera, Scene, Table, Thing
from region_perception.simulation.splits import NOVEL_COMBINATIONS, is_novel, seed_of
from region_perception.simulation.words import COLORS, INSIDE, KINDS, LYING, ON, PATTERNS, STANDING, SUPPORTS, UPRIGHT

MOST_THINGS = 12
_COUNT_SHARES = np.array([6, 8, 11, 11, 11, 10, 10, 9, 8, 6, 5, 5]) / 100  # of scenes with 1 to 12 named things
_GAP = 0.012  # metres at least between the boxes of two things that stand on the table
_TRIES = 40
_SCALES = {"small": (0.66, 0.76), "large": (1.20, 1.34)}  # times the usual size, far enough apart to be told apart
_SUPPORTERS = {
    ON: tuple(name for name in KINDS if CATALOGUE[name].top),
    INSIDE: tuple(name for name in KINDS if CATALOGUE[name].hollow),
}
_FITTING = tuple(name for name in KINDS if CATALOGUE[name].fits)
# Kinds that also come in pairs, one upon the other, are drawn less often alone, so that all are about as frequent.
_RARER = {
    **dict.fromkeys((*_FITTING, *_SUPPORTERS[ON]), 0.8),
    **dict.fromkeys(_SUPPORTERS[INSIDE], 0.7),
    "box": 0.5,
}
_ALONE = np.array([_RARER.get(name, 1.15) for name in KINDS])
_ALONE_SHARES = _ALONE / _ALONE.sum()


@dataclass(frozen=True)
class _Wish:
    """What a thing should be; where it can be put is found out later."""

    kind: str
    color: str
    size: str
    beneath: bool = False  # something is meant to be put on it or into it


def scenes(split: str, start: int = 0, step: int = 1) -> Iterator[Scene]:
    """The scenes of a split from index `start` on, without end (as far as its seeds go).

    step: how far apart their indices are, for several processes that share the scenes among them.
    """
    for index in count(start, step):
        yield compose(split, index)


def compose(split: str, index: int) -> Scene:
    """The scene with this index in a split; the same each time."""
    seed = seed_of(split, index)
    random = np.random.default_rng((seed, 1))
    camera, distance = surroundings.camera(split, random)
    table = surroundings.table(split, distance, random)
    wishes = _wishes(split, random)
    things: list[Thing] = []
    for wish, under in wishes:
        thing = _thing(len(things) + 1, wish, random)
        placed = _upon(thing, things, random) if under else None
        placed = placed or _beside(thing, things, table, camera, distance, random)
        if placed:
            things.append(placed)
    for _ in range(int(random.integers(1, 4)) if random.random() < 0.35 else 0):
        thing = _nameless(len(things) + 1, random)
        placed = _beside(thing, things, table, camera, distance, random)
        if placed:
            things.append(placed)
    light = surroundings.light(split, distance, random)
    room, sensor = surroundings.room(distance, random), surroundings.sensor(random)
    return Scene(seed, split, tuple(things), table, room, light, camera, sensor)


def _wishes(split: str, random: np.random.Generator) -> list[tuple[_Wish, bool]]:
    """What should be in a scene, each with whether it should rest on or in another thing."""
    total = 1 + int(random.choice(MOST_THINGS, p=_COUNT_SHARES))
    # In half of the scenes things are alike, so that telling and counting them takes more than one word.
    few = random.choice(KINDS, random.integers(1, 4), replace=False, p=_ALONE_SHARES) if random.random() < 0.5 else None
    colors = random.choice(COLORS, 3, replace=False) if random.random() < 0.3 else np.array(COLORS)
    wishes: list[tuple[_Wish, bool]] = []
    while len(wishes) < total:
        if total - len(wishes) >= 2 and random.random() < 0.16:
            base = str(random.choice(_SUPPORTERS[SUPPORTS[random.integers(2)]]))
            wishes.append((_Wish(base, _color(split, base, colors, random), "large", True), False))
            upper = str(random.choice(_FITTING))
            wishes.append((_Wish(upper, _color(split, upper, colors, random), "small"), True))
        else:
            kind = str(random.choice(KINDS, p=_ALONE_SHARES) if few is None else random.choice(few))
            size = "large" if random.random() < 0.5 else "small"
            wishes.append((_Wish(kind, _color(split, kind, colors, random), size), False))
    return wishes


def _color(split: str, kind: str, colors: np.ndarray, random: np.random.Generator) -> str:
    """A colour that the split allows for the kind: held-out ones in three of five cases, or never."""
    novel = split == NOVEL_COMBINATIONS and random.random() < 0.6
    allowed = [str(color) for color in colors if is_novel(str(color), kind) == novel]
    return str(random.choice(allowed or [color for color in COLORS if is_novel(color, kind) == novel]))


def _thing(number: int, wish: _Wish, random: np.random.Generator) -> Thing:
    """A thing like the wish, not yet placed."""
    poses = CATALOGUE[wish.kind].poses
    tipped = poses and not wish.beneath and random.random() < 0.42
    scale = random.uniform(*_SCALES[wish.size])
    stretch = scale * random.uniform(0.95, 1.05, 3)
    pose = str(random.choice(poses)) if tipped else UPRIGHT
    return Thing(
        number=number,
        kind=wish.kind,
        color=wish.color,
        pattern=str(random.choice(PATTERNS, p=(0.4, 0.3, 0.3))),
        size=wish.size,
        pose=pose,
        stretch=(float(stretch[0]), float(stretch[1]), float(stretch[2])),
        yaw=_yaw(wish.kind, pose, random),
        position=(0.0, 0.0, 0.0),
        support=None,
        tone=palette.tone(wish.color, random),
        accent=palette.accent(wish.color),
        gloss=float(random.uniform(0, 0.5)),
    )


def _yaw(kind: str, pose: str, random: np.random.Generator) -> float:
    """Any direction from which a person could tell what it is: no cone seen from straight below, no cap from behind."""
    while True:
        yaw = float(random.uniform(-np.pi, np.pi))
        away = CATALOGUE[kind].mark and pose != LYING and np.cos(yaw) > 0.3
        end_on = pose in (LYING, STANDING) and abs(np.sin(yaw)) < 0.6
        if not (away or end_on):
            return yaw


def _nameless(number: int, random: np.random.Generator) -> Thing:
    """A thing of a shape without a name."""
    color = str(random.choice(COLORS))
    return Thing(
        number=number,
        kind=None,
        color=color,
        pattern=str(random.choice(PATTERNS)),
        size="small",
        pose=UPRIGHT,
        stretch=(1.0, 1.0, 1.0),
        yaw=float(random.uniform(-np.pi, np.pi)),
        position=(0.0, 0.0, 0.0),
        support=None,
        tone=palette.tone(color, random),
        accent=palette.accent(color),
        gloss=0.2,
        seed=int(random.integers(1 << 30)),
    )


def _upon(thing: Thing, things: list[Thing], random: np.random.Generator) -> Thing | None:
    """`thing` on or in the last thing, where it fits there."""
    base = things[-1] if things else None
    if base is None or base.kind is None or base.pose != UPRIGHT or base.support is not None:
        return None
    entry = CATALOGUE[base.kind]
    word, spot = (INSIDE, entry.hollow) if entry.hollow else (ON, entry.top)
    if spot is None:
        return None
    radius = spot[0] * base.posed.unit * min(base.stretch[:2])
    floor = base.position[2] + spot[1] * base.posed.unit * base.stretch[2]
    spare = radius * 1.08 - max(thing.sides[:2]) / 2
    if spare < 0:
        return None
    angle, reach = random.uniform(0, 2 * np.pi), random.uniform(0, 0.6) * spare
    middle = _spot_middle(base)
    placed = thing.moved_to(middle[0] + reach * np.cos(angle), middle[1] + reach * np.sin(angle), floor)
    return replace(placed, support=(word, base.number))


def _spot_middle(base: Thing) -> np.ndarray:
    """float64 [2]: where the axis of an upright thing's shape stands, which need not be the middle of its bounds."""
    x, y = base.posed.shift[:2] * np.array(base.stretch[:2])
    cos, sin = np.cos(base.yaw), np.sin(base.yaw)
    return np.array((base.position[0] + cos * x - sin * y, base.position[1] + sin * x + cos * y))


def _beside(
    thing: Thing, things: list[Thing], table: Table, camera: Camera, distance: float, random: np.random.Generator
) -> Thing | None:
    """`thing` on the table, in view and clear of all others; None where no room is found."""
    others = np.array([_outline(other) for other in things]).reshape(-1, 4, 2)
    shown = np.stack((random.uniform(-0.42, 0.42, _TRIES), random.uniform(-0.36, 0.40, _TRIES)), axis=1)
    for spot in _on_table(camera, shown):
        if abs(spot[0] - distance) > 0.45:
            continue
        placed = thing.moved_to(spot[0], spot[1], 0.0)
        outline = _outline(placed)
        if table.holds(outline, 0.01).all() and not _meet(outline, others):
            return placed
    return None


def _on_table(camera: Camera, shown: np.ndarray) -> np.ndarray:
    """float64 [N, 2]: the points of the table's plane that appear at bearings [N, 2]; infinite above the horizon."""
    slopes = -shown * 2 * np.tan(camera.field / 2)
    rays = np.insert(slopes, 0, 1, axis=1) @ camera.rotation.T
    with np.errstate(divide="ignore", invalid="ignore"):
        ahead = np.where(rays[:, 2] < 0, -camera.height / rays[:, 2], np.inf)
        return rays[:, :2] * ahead[:, None]


def _outline(thing: Thing) -> np.ndarray:
    """float64 [4, 2]: the corners of its box seen from above, counter-clockwise, half the gap wider."""
    half = thing.sides[:2] / 2 + _GAP / 2
    corners = half * np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)])
    cos, sin = np.cos(thing.yaw), np.sin(thing.yaw)
    return corners @ np.array([[cos, sin], [-sin, cos]]) + thing.position[:2]


def _meet(outline: np.ndarray, others: np.ndarray) -> bool:
    """Whether a rectangle [4, 2] overlaps any of others [M, 4, 2] (separating axes)."""
    if len(others) == 0:
        return False
    mine = np.broadcast_to(outline[:2] - outline[1:3], (len(others), 2, 2))
    axes = np.concatenate((mine, others[:, :2] - others[:, 1:3]), axis=1)  # [M, 4, 2]
    spans, theirs = axes @ outline.T, axes @ others.transpose(0, 2, 1)  # [M, 4 axes, 4 corners]
    apart = (spans.max(-1) <= theirs.min(-1)) | (theirs.max(-1) <= spans.min(-1))
    return bool((~apart.any(axis=1)).any())
