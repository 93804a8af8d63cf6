"""Whether a sentence is right about a thing of a scene, property by property."""

from __future__ import annotations

from dataclasses import dataclass, replace

from region_perception.simulation.facts import related
from region_perception.simulation.phrases import Phrase
from region_perception.simulation.scene import Scene, Thing


@dataclass(frozen=True)
class Verdict:
    """True where the sentence is right, False where it is wrong, None where it says nothing or that is unclear.

    Kind and colour are what every caption should tell, so there silence is wrong.
    """

    kind: bool
    color: bool
    size: bool | None
    pattern: bool | None
    pose: bool | None
    position: bool | None
    relation: bool | None


def judge(told: Phrase, scene: Scene, thing: Thing) -> Verdict:
    """What `parsing.parse` read out of a sentence, against the truth about `thing`.

    A relation is wrong also where the description of the other thing fits none. Where it fits several it is right if
    the relation holds to one of them.
    """

    def right(name: str) -> bool | None:
        value = getattr(told, name)
        return None if value is None else value == getattr(thing, name)

    return Verdict(
        kind=bool(right("kind")),
        color=bool(right("color")),
        size=right("size"),
        pattern=right("pattern"),
        pose=right("pose"),
        position=None if told.position is None else Phrase(position=told.position).fits(scene, thing),
        relation=_relation_right(told, scene, thing),
    )


def _relation_right(told: Phrase, scene: Scene, thing: Thing) -> bool | None:
    if told.relation is None:
        return None
    word, phrase = told.relation
    plain = replace(phrase, relation=None, extreme=None)
    others = [other for other in scene.named if other != thing and plain.fits(scene, other) is not False]
    answers = [related(scene, thing, word, other) for other in others]
    return True if True in answers else None if None in answers else False
