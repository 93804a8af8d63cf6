"""From what a model said to scores. No model is needed, and no picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from region_perception.evaluation.answers import answers_right
from region_perception.evaluation.calibration import (
    calibration_error,
    error_after_fit,
    fit_calibration,
    reliability,
)
from region_perception.evaluation.captions import CIDER, CaptionScores, score_captions
from region_perception.evaluation.estimates import estimate_mean
from region_perception.evaluation.judging import RIGHT, WRONG, count_verdicts
from region_perception.evaluation.predictions import ANSWER, CAPTION, CLASSIFY, FIND, Prediction, in_groups
from region_perception.evaluation.words import words

SELECTED = "selected"

_HIT = 0.5  # overlap from which what a click selected counts as the thing

Judge = Callable[[Prediction], Mapping[str, str]]


@dataclass(frozen=True)
class Judged:
    """One caption with what is right and wrong in it, and how much it is like its references."""

    prediction: Prediction
    verdicts: Mapping[str, str]
    cider: float

    @property
    def rank(self) -> tuple[int, int, float, float]:
        """Larger is better: few wrong statements, many right ones, words like the references', confidence; where
        something is wrong less confidence is better."""
        given = list(self.verdicts.values())
        wrong = given.count(WRONG)
        sure = self.prediction.confidence
        return -wrong, given.count(RIGHT), self.cider, -sure if wrong else sure


@dataclass(frozen=True)
class Section:
    """The scores of one modality and subject, pointed at in one way, as plain JSON values; with what was said in it."""

    scores: dict[str, Any]
    captions: list[Judged]
    predictions: Sequence[Prediction]

    @property
    def name(self) -> str:
        """As in "image_region by box", "cloud thing", "image whole"."""
        scores = self.scores
        return (
            f"{scores['modality']} by {scores['pointing']}"
            if scores["pointing"]
            else f"{scores['modality']} {scores['subject']}"
        )


def score_sections(
    predictions: Sequence[Prediction], judge: Judge | None = None, whole: str = "", *, java: bool = True
) -> list[Section]:
    """The scores of each section. judge: what is right in a caption; whole: the property that counts as "right" for
    the calibration of confidence, the first of a section's that is there of several separated by "|"."""
    return [_section(section, judge, whole.split("|"), java) for section in in_groups(predictions)]


def _section(section: Sequence[Prediction], judge: Judge | None, whole: Sequence[str], java: bool) -> Section:
    first = section[0]
    scores: dict[str, Any] = {
        "modality": first.modality,
        "subject": first.subject,
        "pointing": first.pointing,
        "groups": len({prediction.group for prediction in section}),
        "cases": len({prediction.case for prediction in section}),
    }
    by_task: dict[str, list[Prediction]] = {}
    for prediction in section:
        by_task.setdefault(prediction.task, []).append(prediction)
    judged: list[Judged] = []
    if CAPTION in by_task:
        scores[CAPTION], judged = _captions(by_task[CAPTION], judge, whole, java)
    if ANSWER in by_task:
        scores[ANSWER] = _answers(by_task[ANSWER])
    for task in (FIND, CLASSIFY):
        if task in by_task:
            scores[task] = _choices(by_task[task])
    if any("overlap" in prediction.facts for prediction in section):
        scores[SELECTED] = _selected(section)
    return Section(scores, judged, section)


def _captions(
    told: Sequence[Prediction], judge: Judge | None, whole: Sequence[str], java: bool
) -> tuple[dict[str, Any], list[Judged]]:
    groups = [prediction.group for prediction in told]
    scored = [prediction for prediction in told if any(map(words, prediction.expected))]
    found = score_captions(
        {prediction.id: prediction.said for prediction in scored},
        {prediction.id: prediction.expected for prediction in scored},
        groups={prediction.id: prediction.group for prediction in scored},
        java=java,
    )
    notes = list(found.notes)
    if wordless := len(told) - len(scored):
        notes.append(f"captions that are not scored, as no reference of theirs has a word that counts: {wordless:,}")
    verdicts = [judge(prediction) if judge else {} for prediction in told]
    scores: dict[str, Any] = {"scores": _plain(found), "notes": notes}
    if judge:
        scores["properties"] = count_verdicts(verdicts, groups)
    right = [_right(each, whole) for each in verdicts]
    sure = [(i, was_right) for i, was_right in enumerate(right) if was_right is not None]
    if sure:
        chosen = [told[i] for i, _ in sure]
        scores["confidence"] = _confidence(chosen, [was_right for _, was_right in sure])
    cider = found.items.get(CIDER, {})
    judged = [Judged(p, each, cider.get(p.id, 0.0)) for p, each in zip(told, verdicts, strict=True)]
    return scores, judged


def _plain(found: CaptionScores) -> dict[str, Any]:
    return {name: estimate.to_dict() for name, estimate in found.scores.items()}


def is_right(prediction: Prediction, judge: Judge | None = None, whole: str = "") -> bool | None:
    """Whether what was said is right; None where nobody can tell. judge and whole: as for `score_sections`."""
    if prediction.task == CAPTION:
        return _right(judge(prediction) if judge else {}, whole.split("|"))
    if prediction.task == ANSWER:
        return answers_right(prediction.said, prediction.expected)
    return prediction.said in prediction.expected


def _right(verdicts: Mapping[str, str], whole: Sequence[str]) -> bool | None:
    name = next((name for name in whole if name in verdicts), None)
    return None if name is None else verdicts[name] == RIGHT


def _answers(told: Sequence[Prediction]) -> dict[str, Any]:
    right = [bool(is_right(prediction)) for prediction in told]
    groups = [prediction.group for prediction in told]
    topics: dict[str, list[int]] = {}
    for i, prediction in enumerate(told):
        topics.setdefault(prediction.topic, []).append(i)
    by_topic = {
        topic or "other": estimate_mean([right[i] for i in places], [groups[i] for i in places]).to_dict()
        for topic, places in sorted(topics.items())
    }
    return {
        "accuracy": estimate_mean(right, groups).to_dict(),
        "by_topic": by_topic,
        "confidence": _confidence(told, right),
    }


def _choices(told: Sequence[Prediction]) -> dict[str, Any]:
    right = [bool(is_right(prediction)) for prediction in told]
    scores: dict[str, Any] = {"accuracy": estimate_mean(right, [prediction.group for prediction in told]).to_dict()}
    if told[0].task == FIND:
        scores["confidence"] = _confidence(told, right)
    if all(prediction.options for prediction in told):
        scores["by_chance"] = sum(1 / len(prediction.options) for prediction in told) / len(told)
    return scores


def _selected(told: Sequence[Prediction]) -> dict[str, Any]:
    """How well what clicks selected covers what was meant."""
    cases = {each.case: (each.facts["overlap"], each.group) for each in told if "overlap" in each.facts}
    overlaps, groups = zip(*cases.values(), strict=True)
    hits = [value >= _HIT for value in overlaps]
    return {"overlap": estimate_mean(overlaps, groups).to_dict(), "accuracy": estimate_mean(hits, groups).to_dict()}


def _confidence(told: Sequence[Prediction], right: Iterable[bool]) -> dict[str, Any]:
    given, was_right = [prediction.confidence for prediction in told], list(right)
    groups = [prediction.group for prediction in told]
    fit = fit_calibration(given, was_right)
    return {
        "mean": sum(given) / len(given),
        "right": sum(was_right) / len(was_right),
        "ece": calibration_error(given, was_right, groups).to_dict(),
        "reliability": [asdict(each) for each in reliability(given, was_right)],
        "fit": {"slope": fit.slope, "shift": fit.shift},
        "ece_after_fit": error_after_fit(given, was_right, groups).to_dict(),
    }
