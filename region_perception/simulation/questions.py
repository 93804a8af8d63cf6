"""Questions and their answers about scenes and their things.

Answers cannot be guessed from the question alone: what a "yes" is asked about is drawn like what a "no" is, either
word of a choice is right as often as the other, and rare counts are asked for more often than common ones.
"""

from __future__ import annotations

import numpy as np

from region_perception.data.record import Question
from region_perception.simulation.describing import DIRECTIONS, best_relation, short_phrase
from region_perception.simulation.facts import position_of
from region_perception.simulation.kinds import CATALOGUE
from region_perception.simulation.phrases import attributes
from region_perception.simulation.picture import Picture
from region_perception.simulation.scene import Thing
from region_perception.simulation.splits import NOVEL_COMBINATIONS, is_novel
from region_perception.simulation.words import (
    BEHIND,
    COLORS,
    IN_FRONT_OF,
    KINDS,
    LEFT_OF,
    NUMBERS,
    OPPOSITE,
    RIGHT_OF,
    SIZES,
    UPRIGHT,
    plural,
)

_SIDES = {LEFT_OF: "left", RIGHT_OF: "right", IN_FRONT_OF: "in front", BEHIND: "behind"}
_CHOICES = {
    (LEFT_OF, RIGHT_OF): "left or right of",
    (IN_FRONT_OF, BEHIND): "in front of or behind",
}
_COMMON_COUNT = 1  # what most kinds have, where they are there at all


def ask_about(picture: Picture, thing: Thing, random: np.random.Generator) -> list[Question]:
    """Questions about one shown thing, which is pointed at and called "it"."""
    scene = picture.scene
    questions = [
        Question("what is it?", str(thing.kind), "kind"),
        Question("what color is it?", thing.color, "color"),
        Question("is it small or large?", thing.size, "size"),
        Question("is it plain, striped or checkered?", thing.pattern, "pattern"),
        _is_it(KINDS, str(thing.kind), "is it {article} {word}?", random),
        _is_it(COLORS, thing.color, "is it {word}?", random),
        _is_it(SIZES, thing.size, "is it {word}?", random),
    ]
    position = position_of(scene, thing)
    if position:
        questions.append(Question("where is it?", position, "position"))
    return questions + _pose_question(thing, "it", random) + _relation_questions(picture, thing, "it", random)


def ask_about_scene(picture: Picture, random: np.random.Generator) -> list[Question]:
    """Questions about a whole scene; what they ask about is shown, or is nowhere in the scene."""
    questions = [*_existence(picture, random), *_counts(picture, random)]
    shown = picture.shown
    for place in random.permutation(len(shown))[:3]:
        thing = shown[place]
        phrase = short_phrase(picture.scene, thing)
        kind = attributes(thing)
        if kind.meant(picture.scene) == thing:
            questions.append(Question(f"what color is the {kind.text()}?", thing.color, "color"))
        if phrase and phrase.size is None:
            questions.append(Question(f"is the {phrase.text()} small or large?", thing.size, "size"))
        if phrase:
            questions += _asked_by_name(picture, thing, f"the {phrase.text()}", random)
    return questions + _supports(picture)


def _asked_by_name(picture: Picture, thing: Thing, subject: str, random: np.random.Generator) -> list[Question]:
    """What colour and kind do not tell of a thing, so that answers about scenes use all words of those about things."""
    questions = [Question(f"is {subject} plain, striped or checkered?", thing.pattern, "pattern")]
    position = position_of(picture.scene, thing)
    if position:
        questions.append(Question(f"where is {subject}?", position, "position"))
    return [
        *questions,
        *_pose_question(thing, subject, random),
        *_relation_questions(picture, thing, subject, random),
    ]


def ask_about_alone(thing: Thing, random: np.random.Generator) -> list[Question]:
    """Questions about a thing by itself, of which only kind, colour and pattern can be told."""
    return [
        Question("what is it?", str(thing.kind), "kind"),
        Question("what color is it?", thing.color, "color"),
        Question("is it plain, striped or checkered?", thing.pattern, "pattern"),
        _is_it(KINDS, str(thing.kind), "is it {article} {word}?", random),
        _is_it(COLORS, thing.color, "is it {word}?", random),
    ]


def _is_it(words: tuple[str, ...], right: str, text: str, random: np.random.Generator) -> Question:
    """Yes for the right word in half of the cases, no for any other in the other half."""
    yes = random.random() < 0.5
    word = right if yes else str(random.choice([word for word in words if word != right]))
    article = "an" if word[0] in "aeiou" else "a"
    return Question(text.format(word=word, article=article), "yes" if yes else "no", "yes/no")


def _pose_question(thing: Thing, subject: str, random: np.random.Generator) -> list[Question]:
    """How it lies. Most things that can lie stand upright, so half of those are not asked."""
    if CATALOGUE[str(thing.kind)].poses and (thing.pose != UPRIGHT or random.random() < 0.5):
        return [Question(f"how does {subject} lie?", thing.pose, "pose")]
    return []


def _relation_questions(picture: Picture, thing: Thing, subject: str, random: np.random.Generator) -> list[Question]:
    """A choice and a yes or no about where the thing stands, beside the thing that its caption would name."""
    best = best_relation(picture, thing)
    if best is None or best[0] not in DIRECTIONS:
        return []
    word, phrase = best
    other = f"the {phrase.text()}"
    choice = next(text for pair, text in _CHOICES.items() if word in pair)
    yes = random.random() < 0.5
    asked = word if yes else OPPOSITE[word]
    return [
        Question(f"is {subject} {choice} {other}?", _SIDES[word], "relation"),
        Question(f"is {subject} {asked} {other}?", "yes" if yes else "no", "yes/no"),
    ]


def _existence(picture: Picture, random: np.random.Generator) -> list[Question]:
    """Whether there is something of a colour and a kind; half of what is not there has the kind of what is."""
    if not picture.shown:
        return []
    thing = picture.shown[random.integers(len(picture.shown))]
    if random.random() < 0.5:
        return [Question(f"is there {_named(thing.color, str(thing.kind))}?", "yes", "yes/no")]
    scene = picture.scene
    there = {(each.color, each.kind) for each in scene.named}
    kind = str(thing.kind) if random.random() < 0.5 else str(random.choice(KINDS))
    novel = scene.split == NOVEL_COMBINATIONS and is_novel(thing.color, str(thing.kind))
    absent = [color for color in COLORS if (color, kind) not in there and is_novel(color, kind) == novel]
    if not absent:
        return []
    return [Question(f"is there {_named(str(random.choice(absent)), kind)}?", "no", "yes/no")]


def _named(color: str, kind: str) -> str:
    return f"{'an' if color[0] in 'aeiou' else 'a'} {color} {kind}"


def _counts(picture: Picture, random: np.random.Generator) -> list[Question]:
    """How many there are of one kind. All of them are shown, so the number is that of the picture and of the scene."""
    shown = [thing.kind for thing in picture.shown]
    totals: dict[str, int] = dict.fromkeys(KINDS, 0)
    for thing in picture.scene.named:
        totals[str(thing.kind)] += 1
    by_number: dict[int, list[str]] = {}
    for kind, total in totals.items():
        if shown.count(kind) == total:
            by_number.setdefault(total, []).append(kind)
    numbers = sorted(by_number)
    weights = np.array([1.0 if number in (0, _COMMON_COUNT) else 3.0 for number in numbers])
    number = numbers[random.choice(len(numbers), p=weights / weights.sum())]
    kind = str(random.choice(by_number[number]))
    return [Question(f"how many {plural(kind)} are there?", NUMBERS[number], "count")]


def _supports(picture: Picture) -> list[Question]:
    """What is on or in something that carries one shown thing."""
    questions = []
    for thing in picture.shown:
        if thing.support is None:
            continue
        word, number = thing.support
        base = picture.scene.thing(number)
        phrase = short_phrase(picture.scene, base)
        if base in picture.shown and phrase:
            questions.append(Question(f"what is {word} the {phrase.text()}?", f"{thing.color} {thing.kind}", "support"))
    return questions
