"""Phrases: what a sentence says of one thing, apart from how it is worded."""

from __future__ import annotations

from dataclasses import dataclass

from region_perception.simulation.facts import at, extreme, related
from region_perception.simulation.scene import Scene, Thing
from region_perception.simulation.words import UPRIGHT

ATTRIBUTES = ("kind", "color", "size", "pattern", "pose")


@dataclass(frozen=True)
class Phrase:
    """A description of one thing; None leaves a property open. The words are those of `words`.

    relation: what it is to another thing, with that thing's description: ("behind", Phrase("box", "blue")).
    """

    kind: str | None = None
    color: str | None = None
    size: str | None = None
    pattern: str | None = None
    pose: str | None = None
    position: str | None = None
    extreme: str | None = None
    relation: tuple[str, Phrase] | None = None

    def fits(self, scene: Scene, thing: Thing) -> bool | None:
        """Whether the phrase is clearly true of a thing (True), clearly not (False), or neither (None).

        A relation is to one thing: it fits only where the description of the other means exactly one.
        """
        for name in ATTRIBUTES:
            value = getattr(self, name)
            if value is not None and value != getattr(thing, name):
                return False
        answers = []
        if self.position is not None:
            answers.append(at(scene, thing, self.position))
        if self.relation is not None:
            word, phrase = self.relation
            other = phrase.meant(scene)
            answers.append(related(scene, thing, word, other) if other not in (None, thing) else None)
        if self.extreme is not None:
            alike = [each for each in scene.named if self._same_but_extreme().fits(scene, each) is not False]
            first = extreme(scene, alike, self.extreme)
            answers.append(None if first is None else first == thing)
        return False if False in answers else None if None in answers else True

    def meant(self, scene: Scene) -> Thing | None:
        """The one named thing of the scene that the phrase means; None where it is none, several, or unclear."""
        fitting = [(thing, answer) for thing in scene.named if (answer := self.fits(scene, thing)) is not False]
        return fitting[0][0] if len(fitting) == 1 and fitting[0][1] else None

    def _same_but_extreme(self) -> Phrase:
        return Phrase(self.kind, self.color, self.size, self.pattern, self.pose, self.position, None, self.relation)

    def text(self) -> str:
        """The regular wording: "small red striped mug lying on the left, behind the blue box"."""
        pattern = None if self.pattern == "plain" else self.pattern
        pose = None if self.pose == UPRIGHT else self.pose
        words = (self.extreme, self.size, self.color, pattern, self.kind or "thing", pose, self.position)
        start = " ".join(word for word in words if word)
        if self.relation is None:
            return start
        return f"{start}, {self.relation[0]} the {self.relation[1].text()}"


def attributes(thing: Thing, *names: str) -> Phrase:
    """The phrase of some of a thing's own properties, those that go without saying left out; its kind always there."""
    told = {name: getattr(thing, name) for name in ("kind", *names)}
    if told.get("pattern") == "plain":
        del told["pattern"]
    if told.get("pose") == UPRIGHT:
        del told["pose"]
    return Phrase(**told)
