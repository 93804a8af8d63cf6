"""Sentences about scenes and their things: the regular caption of each, and others in the manner of people.

Every sentence is true by `facts`; one that refers means exactly one thing of the whole scene, hidden ones included, so
that it holds for the picture and for the clouds alike.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from region_perception.simulation.facts import position_of, related
from region_perception.simulation.phrases import Phrase, attributes
from region_perception.simulation.picture import Picture
from region_perception.simulation.scene import Scene, Thing
from region_perception.simulation.words import (
    BEHIND,
    EXTREMES,
    IN_FRONT_OF,
    LEFT_OF,
    NUMBERS,
    OPPOSITE,
    RIGHT_OF,
    UPRIGHT,
    plural,
)

DIRECTIONS = (LEFT_OF, RIGHT_OF, IN_FRONT_OF, BEHIND)
_NEAR = 0.5  # metres: relations are told to what is within
_REFERENCES = 4
_LISTED = 4  # things that the caption of a whole scene names
# What a reference may tell besides the kind, roughly from short to long.
_TELLINGS: tuple[tuple[str, ...], ...] = (
    *((), ("color",), ("size",), ("pattern",), ("pose",), ("position",), ("relation",), ("extreme",)),
    *(("color", "position"), ("color", "relation"), ("size", "color"), ("color", "pattern"), ("color", "extreme")),
    *(("size", "position"), ("size", "relation"), ("color", "pose"), ("pattern", "position"), ("size", "pattern")),
    *(("size", "color", "position"), ("color", "pattern", "relation"), ("size", "color", "relation")),
)


def describe(picture: Picture, thing: Thing) -> Phrase:
    """All that the regular caption of a thing tells: its properties and its position.

    What it is beside, on or in, people ask or point with; a caption that told it would say as much about another thing.
    """
    return replace(attributes(thing, "color", "size", "pattern", "pose"), position=position_of(picture.scene, thing))


def best_relation(picture: Picture, thing: Thing) -> tuple[str, Phrase] | None:
    """What a thing rests on or in, else what rests on or in it, else its place beside the nearest thing that tells it.

    The other is shown in the picture and told by as few words as mean only it.
    """
    beneath = [other for other in picture.shown if thing.support and thing.support[1] == other.number]
    above = [other for other in picture.shown if other.support and other.support[1] == thing.number]
    for other in beneath + above:
        phrase = short_phrase(picture.scene, other)
        if phrase is not None:
            return thing.support[0] if thing.support else OPPOSITE[_support(other)], phrase
    return _relation_beside(picture, thing)


def _relation_beside(picture: Picture, thing: Thing) -> tuple[str, Phrase] | None:
    scene = picture.scene
    others = sorted(picture.shown, key=lambda other: _distance(thing, other))
    for other in others:
        if other == thing or _distance(thing, other) > _NEAR:
            continue
        words = [word for word in DIRECTIONS if related(scene, thing, word, other)]
        phrase = short_phrase(scene, other) if words else None
        if phrase is not None:
            return words[0], phrase
    return None


def _support(thing: Thing) -> str:
    return thing.support[0] if thing.support else ""


def _distance(thing: Thing, other: Thing) -> float:
    return float(np.hypot(thing.position[0] - other.position[0], thing.position[1] - other.position[1]))


def short_phrase(scene: Scene, thing: Thing) -> Phrase | None:
    """Colour and kind of a thing, with its size where that is needed to mean only it; None where it is not enough."""
    for names in (("color",), ("color", "size")):
        phrase = attributes(thing, *names)
        if phrase.meant(scene) == thing:
            return phrase
    return None


def references(picture: Picture, thing: Thing, random: np.random.Generator) -> list[Phrase]:
    """Up to four phrases that mean this thing and no other, differing in what they tell."""
    scene = picture.scene
    position, relation = position_of(scene, thing), _any_relation(picture, thing, random)
    word = EXTREMES[random.integers(len(EXTREMES))]
    told: dict[str, Any] = {"position": position, "relation": relation, "extreme": word}
    found: list[Phrase] = []
    for place in random.permutation(len(_TELLINGS)):
        names = _TELLINGS[place]
        phrase = attributes(thing, *(name for name in names if name not in told))
        extra = {name: told[name] for name in names if name in told}
        if any(value is None for value in extra.values()):
            continue
        phrase = replace(phrase, **extra)
        if phrase not in found and phrase.meant(scene) == thing:
            found.append(phrase)
            if len(found) == _REFERENCES:
                break
    return found


def _any_relation(picture: Picture, thing: Thing, random: np.random.Generator) -> tuple[str, Phrase] | None:
    """A relation to any shown thing."""
    if random.random() < 0.5:
        return best_relation(picture, thing)
    others = [other for other in picture.shown if other != thing]
    for place in random.permutation(len(others)):
        words = [word for word in DIRECTIONS if related(picture.scene, thing, word, others[place])]
        phrase = short_phrase(picture.scene, others[place]) if words else None
        if phrase is not None:
            return words[0], phrase
    return None


def wording(phrase: Phrase, random: np.random.Generator) -> str:
    """A reference as people may put it: "the red mug on the left", "red mug that is behind the blue box"."""
    article = "the " if random.random() < 0.5 or phrase.extreme else ""
    if phrase.relation is None:
        return article + phrase.text()
    link = ("", "that is ", ", ")[random.integers(3)]
    word, other = phrase.relation
    start = replace(phrase, relation=None).text()
    middle = f"{link}{word}" if link == ", " else f" {link}{word}"
    return f"{article}{start}{middle} the {other.text()}"


def remark(thing: Thing, random: np.random.Generator) -> str:
    """A sentence about a thing's own properties that need not single it out."""
    choices = [
        _with_article(attributes(thing, "color", "size").text()),
        f"this is {_with_article(attributes(thing, 'color').text())}",
        f"this {thing.kind} is {thing.color}",
        f"this {thing.size} {thing.kind} is {thing.color}",
        *_patterned(thing),
    ]
    if thing.pose != UPRIGHT:
        choices.append(f"this {thing.kind} is {thing.pose}")
    return choices[random.integers(len(choices))]


def _patterned(thing: Thing) -> list[str]:
    """Its pattern as a noun."""
    nouns = {"striped": "stripes", "checkered": "checks"}
    if thing.pattern not in nouns:
        return []
    return [_with_article(f"{thing.color} {thing.kind} with {nouns[thing.pattern]}")]


def describe_whole(picture: Picture) -> str | None:
    """The regular caption of a scene: its largest things from left to right; None where nothing is shown."""
    largest = sorted(picture.shown, key=lambda thing: -picture.areas[thing.number])[:_LISTED]
    listed = sorted(largest, key=lambda thing: picture.scene.bearings[thing.number - 1])
    if not listed:
        return None
    return _enumeration([_with_article(attributes(thing, "color").text()) for thing in listed])


def describe_scene(picture: Picture, random: np.random.Generator) -> list[str]:
    """Sentences about a whole scene, the regular one first; none where nothing is shown."""
    regular = describe_whole(picture)
    if regular is None:
        return []
    sentences = [regular, f"{regular} on a table"]
    shown = picture.shown
    thing = shown[random.integers(len(shown))]
    sentences.append(f"there is {_with_article(describe(picture, thing).text())}")
    phrase, relation = short_phrase(picture.scene, thing), best_relation(picture, thing)
    if phrase and relation:
        sentences.append(f"the {phrase.text()} is {relation[0]} the {relation[1].text()}")
    if len(shown) == len(picture.scene.named):
        kinds = sorted({str(each.kind) for each in shown})
        counts = [(kind, sum(each.kind == kind for each in shown)) for kind in kinds]
        if len(counts) <= _LISTED:
            sentences.append(_enumeration([_counted(kind, number) for kind, number in counts]))
    return sentences


def describe_alone(thing: Thing, random: np.random.Generator) -> list[str]:
    """Sentences about a thing by itself, whose size and place nobody could tell; the regular one first."""
    regular = _with_article(attributes(thing, "color", "pattern").text())
    others = [f"this {thing.kind} is {thing.color}", f"the {thing.kind} is {thing.color}", f"this is {regular}"]
    others += _patterned(thing)
    return [regular, *(others[place] for place in random.permutation(len(others))[:2])]


def _with_article(text: str) -> str:
    return ("an " if text[0] in "aeiou" else "a ") + text


def _counted(kind: str, number: int) -> str:
    return _with_article(kind) if number == 1 else f"{NUMBERS[number]} {plural(kind)}"


def _enumeration(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
