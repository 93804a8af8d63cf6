"""A witness: judges statements about a scene from its meshes and its camera, sharing no code with what made them."""

import math
import re
from dataclasses import dataclass

import numpy as np
import pytest

KIND = (
    "mug|bowl|bottle|can|box|ball|plate|book|lamp|stool|chair|hammer|funnel|ring|cone|dumbbell|vase|pan|bucket|candle|"
    "tray|key|spoon|cap|pyramid|teapot|bell|wheel"
)
COLOR = "red|green|blue|yellow|orange|purple|pink|brown|black|white|gray|cyan"
RELATION = "left of|right of|in front of|behind|on top of|inside|under|holding"
OTHER = rf"the (?:(?P<other_size>small|large) )?(?P<other_color>{COLOR}) (?P<other_kind>{KIND})"
STATEMENT = re.compile(
    rf"(?:an? |the |this is an? )?(?:(?P<extreme>leftmost|rightmost|nearest|farthest) )?(?:(?P<size>small|large) )?"
    rf"(?:(?P<color>{COLOR}) )?(?:(?P<pattern>striped|checkered) )?(?P<kind>{KIND})"
    rf"(?: (?P<pose>lying|standing|upturned))?(?: (?P<position>on the left|in the middle|on the right))?"
    rf"(?:(?:,| that is|) (?P<relation>{RELATION}) {OTHER})?"
)
REMARKS = (
    re.compile(rf"this (?:(?P<size>small|large) )?(?P<kind>{KIND}) is (?P<color>{COLOR})"),
    re.compile(rf"an? (?P<color>{COLOR}) (?P<kind>{KIND}) with (?P<pattern>stripes|checks)"),
    re.compile(rf"this (?P<kind>{KIND}) is (?P<pose>lying|standing|upturned)"),
)
NOUNS = {"stripes": "striped", "checks": "checkered"}


@dataclass(frozen=True)
class Body:
    """A named thing: its labels, and from its mesh the middle and the reach of its box (metres, base frame)."""

    number: int
    labels: dict
    x: float
    y: float
    bottom: float
    top: float
    half: tuple
    yaw: float
    column: float  # where its middle appears, 0 to 1 across the picture


class Witness:
    def __init__(self, scene):
        self.scene = scene
        self.bodies = [self._body(thing) for thing in scene.things if thing.kind is not None]

    def _body(self, thing):
        turn = np.array([[math.cos(thing.yaw), -math.sin(thing.yaw)], [math.sin(thing.yaw), math.cos(thing.yaw)]])
        vertices = thing.mesh.vertices.astype(float)
        flat = vertices[:, :2] @ turn
        middle = turn @ (flat.min(0) + flat.max(0)) / 2
        bottom, top = vertices[:, 2].min(), vertices[:, 2].max()
        labels = {name: getattr(thing, name) for name in ("kind", "color", "size", "pattern", "pose")}
        column = self._column((middle[0], middle[1], (bottom + top) / 2))
        half = tuple((flat.max(0) - flat.min(0)) / 2)
        return Body(thing.number, labels, middle[0], middle[1], bottom, top, half, thing.yaw, column)

    def _column(self, point):
        """By hand: the camera looks along x, pitched down, then rolled about where it looks."""
        camera = self.scene.camera
        pitch, roll = camera.pitch, camera.roll
        ahead = np.array((math.cos(pitch), 0, -math.sin(pitch)))
        left = np.array((math.sin(pitch) * math.sin(roll), math.cos(roll), math.cos(pitch) * math.sin(roll)))
        offset = np.array(point) - (0, 0, camera.height)
        return 0.5 - (offset @ left) / (offset @ ahead) / (2 * math.tan(camera.field / 2))

    def body(self, number):
        return next(body for body in self.bodies if body.number == number)

    def at(self, body, position, possible=False):
        """Whether it is there; with `possible`, whether somebody could still say so."""
        aside = body.column - 0.5 if position == "on the right" else 0.5 - body.column
        if position == "in the middle":
            return abs(aside) < (0.1 if possible else 0.065)
        return aside > (0.07 if possible else 0.115)

    def related(self, body, relation, other, possible=False):
        if relation in ("under", "holding"):
            return self.related(other, {"under": "on top of", "holding": "inside"}[relation], body, possible)
        if relation in ("on top of", "inside"):
            return self._carried(body, relation, other)
        ahead, left = body.x - other.x, body.y - other.y
        along, across = {
            **{"left of": (left, ahead), "right of": (-left, ahead)},
            **{"behind": (ahead, left), "in front of": (-ahead, left)},
        }[relation]
        if possible:
            return along > 0
        if relation == "left of" and body.column > other.column - 0.025:
            return False
        if relation == "right of" and body.column < other.column + 0.025:
            return False
        return along > 0.045 and along > 1.25 * abs(across)

    def _carried(self, body, relation, base):
        """On: it starts at about the top of the base, above it. Inside: it starts between bottom and top."""
        cos, sin = math.cos(base.yaw), math.sin(base.yaw)
        x, y = body.x - base.x, body.y - base.y
        above = abs(cos * x + sin * y) < base.half[0] and abs(cos * y - sin * x) < base.half[1]
        if not above or body.bottom < base.bottom + 0.002:
            return False
        hollow = base.labels["kind"] in ("bowl", "pan", "bucket")
        if relation == "inside":
            return hollow and body.bottom < base.top
        # A tray's floor and a plate's lie a rim's height below their tops.
        return not hollow and base.top - 0.035 < body.bottom < base.top + 0.001

    def fitting(self, told, possible=False):
        """The bodies that a statement fits; `told` are the groups of STATEMENT."""
        found = [
            body
            for body in self.bodies
            if all(told.get(name) in (None, value) for name, value in body.labels.items())
            and (not told.get("position") or self.at(body, told["position"], possible))
        ]
        if told.get("relation"):
            others = self.fitting({name[6:]: value for name, value in told.items() if name.startswith("other_")})
            assert len(others) == 1, f"the other thing of {told} is not one thing"
            found = [b for b in found if b != others[0] and self.related(b, told["relation"], others[0], possible)]
        if told.get("extreme"):
            axis, sign = {"leftmost": ("y", 1), "rightmost": ("y", -1), "nearest": ("x", -1), "farthest": ("x", 1)}[
                told["extreme"]
            ]
            ranked = sorted(found, key=lambda body: -sign * getattr(body, axis))
            assert len(ranked) > 1, f"an extreme of one: {told}"
            assert sign * (getattr(ranked[0], axis) - getattr(ranked[1], axis)) > 0.045
            found = ranked[:1]
        return found

    def confirm(self, sentence, number):
        """That a sentence is true of a thing."""
        match = STATEMENT.fullmatch(sentence) or next((m for r in REMARKS if (m := r.fullmatch(sentence))), None)
        assert match, f"{sentence!r} is no sentence that can be judged"
        told = match.groupdict()
        told["pattern"] = NOUNS.get(told.get("pattern"), told.get("pattern"))
        assert self.body(number) in self.fitting(told), f"{sentence!r} is not true of thing {number}"

    def confirm_unique(self, sentence, number):
        """That a sentence means one thing, and nobody could take it for another."""
        told = STATEMENT.fullmatch(sentence).groupdict()
        assert [body.number for body in self.fitting(told, possible=not told["extreme"])] == [number], sentence


@pytest.fixture(scope="session")
def witness_of():
    return Witness


@pytest.fixture(scope="session")
def statement():
    return STATEMENT


@pytest.fixture(scope="session")
def pictures():
    """Small pictures of 240 scenes of all splits."""
    pytest.importorskip("open3d")
    from region_perception.simulation import SPLITS, compose, take_picture

    shares = dict.fromkeys(SPLITS, 30) | {"train": 120}
    return [take_picture(compose(split, i), 96, 96) for split, share in shares.items() for i in range(share)]
