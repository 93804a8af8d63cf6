"""Which cases a report shows in pictures: the worst, the best, random ones, and wrong answers and finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from region_perception.errors import InvalidInput
from region_perception.evaluation.cases import Case
from region_perception.evaluation.judging import WRONG
from region_perception.evaluation.predictions import ANSWER, CLASSIFY, FIND, Prediction
from region_perception.evaluation.scoring import Judged, Section, is_right
from region_perception.evaluation.sheets import Card, draw_sheet

Reopen = Callable[[Prediction], Case]
"""(what was said) -> the case that it is about; KeyError where there is no such case"""

_SEED = 0  # of the random cases
_QUALITY = 88  # of JPEG: a tenth of the size of PNG


def draw_gallery(
    folder: Path, sections: Sequence[Section], properties: Sequence[str], reopen: Reopen, count: int
) -> dict[str, list[tuple[str, str]]]:
    """Draws up to `count` cases a sheet to folder/cases/; returns (title, path within folder) of each section's sheets.

    properties: those that a card shows as right or wrong. reopen: the case that a prediction is about.
    """
    (folder / "cases").mkdir(exist_ok=True)
    for old in (folder / "cases").glob("*.jpg"):
        old.unlink()
    drawn: dict[str, list[tuple[str, str]]] = {}
    for section in sections:
        for which, title, cards in _sheets(section, properties, reopen, count):
            path = f"cases/{section.name.replace(' ', '-')}-{which}.jpg"
            draw_sheet(f"{section.name}: {title}", cards).save(folder / path, quality=_QUALITY)
            drawn.setdefault(section.name, []).append((title, path))
    return drawn


def _sheets(
    section: Section, properties: Sequence[str], reopen: Reopen, count: int
) -> Iterator[tuple[str, str, list[Card]]]:
    """Short name, title and cards of each sheet of a section."""
    ranked = sorted(section.captions, key=lambda judged: judged.rank)
    random = np.random.default_rng(_SEED)
    if ranked:
        mistaken = [judged for judged in ranked if WRONG in judged.verdicts.values()]
        title = f"Worst captions ({len(mistaken):,} of {len(ranked):,} say something that is wrong)"
        yield "worst", title, [_caption_card(judged, properties, reopen) for judged in (mistaken or ranked)[:count]]
        best = ranked[::-1][:count]
        yield "best", "Best captions", [_caption_card(judged, properties, reopen) for judged in best]
        places = np.sort(random.choice(len(section.captions), min(count, len(ranked)), replace=False))
        yield (
            "random",
            "Random captions",
            [_caption_card(section.captions[place], properties, reopen) for place in places],
        )
    for task, title, make in _CHOSEN:
        told = [each for each in section.predictions if each.task == task]
        wrong = [each for each in told if not is_right(each)]
        if wrong:
            places = np.sort(random.choice(len(wrong), min(count, len(wrong)), replace=False))
            heading = f"Wrong {title} ({len(wrong):,} of {len(told):,} are wrong)"
            yield title, heading, [make(wrong[place], reopen) for place in places]


def _caption_card(judged: Judged, properties: Sequence[str], reopen: Reopen) -> Card:
    told = judged.prediction
    case = _case(told, reopen)
    return Card(
        observation=case.observation,
        regions=[(case.region, "")] if case.region is not None else [],
        lines=[told.said or "(nothing)", f"expected: {told.expected[0]}"],
        verdicts={name: judged.verdicts[name] for name in properties if name in judged.verdicts},
        foot=f"confidence {told.confidence:.2f}, {told.case}",
    )


def _case(told: Prediction, reopen: Reopen) -> Case:
    try:
        case = reopen(told)
        if not told.expected or (told.task == FIND and {told.said, *told.expected} - set(case.candidates)):
            raise KeyError(told.said)
    except (KeyError, TypeError, IndexError) as error:  # whatever stands in the facts of a line that was changed
        raise InvalidInput(f"{told.id} is about nothing that the data have; was predictions.jsonl changed?") from error
    return case


def _answer_card(told: Prediction, reopen: Reopen) -> Card:
    case = _case(told, reopen)
    return Card(
        observation=case.observation,
        regions=[(case.region, "")] if case.region is not None else [],
        lines=[f"{told.asked} {told.said or '(nothing)'}", f"expected: {' or '.join(told.expected)}"],
        verdicts={},
        foot=f"confidence {told.confidence:.2f}, {told.case}",
    )


def _class_card(told: Prediction, reopen: Reopen) -> Card:
    case = _case(told, reopen)
    return Card(
        observation=case.observation,
        regions=[(case.region, "")] if case.region is not None else [],
        lines=[told.said, f"expected: {told.expected[0]}"],
        verdicts={},
        foot=f"score {told.confidence:.2f}, {told.case}",
    )


def _find_card(told: Prediction, reopen: Reopen) -> Card:
    case = _case(told, reopen)
    return Card(
        observation=case.observation,
        regions=[(case.candidates[told.expected[0]], "meant"), (case.candidates[told.said], "found")],
        lines=[told.asked, f"among {len(told.options)} things"],
        verdicts={},
        foot=f"score {told.confidence:.2f}, {told.case}",
    )


_CHOSEN = ((ANSWER, "answers", _answer_card), (FIND, "finds", _find_card), (CLASSIFY, "classes", _class_card))
