"""What is true of a scene: positions, relations and extremes, each clearly so, clearly not so, or unclear.

Three answers: True where a statement is clearly true, False where it is clearly not, and None between, where people
would differ. Sentences state only what is True, and mean one thing only where all others are False.

All directions are the camera's, for the picture as for the clouds: left is towards y in the base frame, behind is
farther from the camera along x. Distances are between the middles of boxes, seen from above.
"""

from __future__ import annotations

from collections.abc import Iterable

from region_perception.simulation.scene import Scene, Thing
from region_perception.simulation.words import (
    BEHIND,
    EXTREMES,
    FARTHEST,
    HOLDING,
    IN_FRONT_OF,
    INSIDE,
    LEFT,
    LEFTMOST,
    MIDDLE,
    ON,
    OPPOSITE,
    POSITIONS,
    RIGHT_OF,
    RIGHTMOST,
    UNDER,
)

# Positions: how far from the middle, as a share of the image's width and in metres beside the camera's line of sight.
SIDE_SHARE, SIDE_METRES = 0.12, 0.07  # beyond both: on that side
INNER_SHARE, INNER_METRES = 0.06, 0.06  # within both: in the middle
# Relations.
APART = 0.05  # metres that the middles must differ along the direction of the relation
NOT_APART = -0.02  # differing by less than this the relation clearly does not hold
STEEPNESS = 1.3  # how much more they must differ along that direction than across it
PICTURE_APART = 0.03  # and how much, left and right, in the picture: in image widths
LEAD = 0.05  # metres by which the leftmost (rightmost, nearest, farthest) must lead the next


def at(scene: Scene, thing: Thing, position: str) -> bool | None:
    """Whether a thing is at one of `words.POSITIONS` of the picture."""
    share, metres = float(scene.bearings[thing.number - 1]), -thing.position[1]
    if position == MIDDLE:
        if abs(share) < INNER_SHARE and abs(metres) < INNER_METRES:
            return True
        return False if abs(share) > SIDE_SHARE and abs(metres) > SIDE_METRES else None
    if position == LEFT:
        share, metres = -share, -metres
    if share > SIDE_SHARE and metres > SIDE_METRES:
        return True
    return False if share < INNER_SHARE and metres < INNER_METRES else None


def position_of(scene: Scene, thing: Thing) -> str | None:
    """The position that a thing is clearly at, None between two."""
    return next((position for position in POSITIONS if at(scene, thing, position)), None)


def related(scene: Scene, thing: Thing, relation: str, other: Thing) -> bool | None:
    """Whether `thing` stands in one of `words.RELATIONS` to `other`."""
    if relation in (UNDER, HOLDING):
        thing, relation, other = other, OPPOSITE[relation], thing
    if relation in (ON, INSIDE):
        return thing.support == (relation, other.number)
    if _touching(thing, other):
        return None
    if relation in (RIGHT_OF, IN_FRONT_OF):
        thing, relation, other = other, OPPOSITE[relation], thing
    ahead, aside = thing.position[0] - other.position[0], thing.position[1] - other.position[1]
    if relation == BEHIND:
        return _clearly(ahead, aside)
    clear = _clearly(aside, ahead)
    in_picture = scene.bearings[other.number - 1] - scene.bearings[thing.number - 1]
    return None if clear and in_picture < PICTURE_APART else clear


def _clearly(along: float, across: float) -> bool | None:
    if along > APART and abs(along) > STEEPNESS * abs(across):
        return True
    return False if along < NOT_APART else None


def _touching(thing: Thing, other: Thing) -> bool:
    """Whether one rests on or in the other: then neither is beside the other."""
    pairs = ((thing, other), (other, thing))
    return any(one.support is not None and one.support[1] == base.number for one, base in pairs)


def extreme(scene: Scene, things: Iterable[Thing], word: str) -> Thing | None:
    """Which of some things is clearly the leftmost (rightmost, nearest, farthest); None for none, or for one alone."""
    if word not in EXTREMES:
        raise ValueError(f"expected one of {', '.join(EXTREMES)}, got {word!r}")
    axis = 1 if word in (LEFTMOST, RIGHTMOST) else 0
    sign = 1 if word in (LEFTMOST, FARTHEST) else -1
    ranked = sorted(things, key=lambda thing: -sign * thing.position[axis])
    if len(ranked) < 2 or sign * (ranked[0].position[axis] - ranked[1].position[axis]) < LEAD:
        return None
    if axis == 1:
        turn = scene.bearings[ranked[0].number - 1] * -sign
        if any(scene.bearings[other.number - 1] * -sign > turn - PICTURE_APART for other in ranked[1:]):
            return None
    return ranked[0]
