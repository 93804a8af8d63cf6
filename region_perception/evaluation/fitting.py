"""Finds out, on scenes that no training has seen, what a model's confidences mean and how it finds things best."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from region_perception.confidence import CALIBRATED_TASKS, Calibration, ScoreMethod, Task
from region_perception.errors import InvalidInput
from region_perception.evaluation.calibration import calibration_error, error_after_fit, fit_calibration
from region_perception.evaluation.cases import Case, Decoding, ask_about, show
from region_perception.evaluation.estimates import Estimate, estimate_mean
from region_perception.evaluation.predictions import ANSWER, CAPTION, FIND, Prediction
from region_perception.evaluation.protocol import Protocol
from region_perception.evaluation.running import AT_ONCE
from region_perception.evaluation.scoring import is_right
from region_perception.modalities import MODALITIES

if TYPE_CHECKING:
    from region_perception.captioner import Captioner

FEWEST = 50  # cases from which a slope and a shift are worth fitting

_Judged = list[tuple[Prediction, bool]]


@dataclass(frozen=True)
class FittedTask:
    """What was found out about one task in one modality.

    right: the share that is. before, after: ECE without the fit, and with it, each half of the scenes under the fit of
    the other half. calibration: fitted to all scenes; None where there can be none, and `problem` says why.
    """

    task: Task
    modality: str
    right: Estimate
    before: Estimate
    after: Estimate | None
    calibration: Calibration | None
    problem: str = ""


@dataclass(frozen=True)
class FittedModel:
    """tasks: each with what was found out. found: share of right finds by each method. score_method: the best of them;
    None where nothing was sought."""

    tasks: tuple[FittedTask, ...]
    found: Mapping[ScoreMethod, Estimate]
    score_method: ScoreMethod | None

    @property
    def calibration(self) -> tuple[Calibration, ...]:
        return tuple(each.calibration for each in self.tasks if each.calibration is not None)


def fit_confidences(
    captioner: Captioner,
    cases_of: Callable[[int], list[Case]],
    groups: int,
    protocol: Protocol,
    progress: Callable[[int, int], None] | None = None,
) -> FittedModel:
    """Shows the groups 0 to `groups` (images, scenes) of a protocol to a model; fits its confidences to what is right.

    captioner: one whose confidences are not calibrated (`load(..., calibrated=False)`). cases_of: the cases of a group.
    progress: told how many groups are done, of how many. Sentences are greedy.
    """
    if groups < 1:
        raise InvalidInput(f"a calibration needs at least one scene or image, got {groups}")
    if captioner.calibration:
        raise InvalidInput(f"model {captioner.name!r} is calibrated; load it with calibrated=False to fit it anew")
    progress = progress or (lambda done, total: None)
    written: list[Prediction] = []
    sought: dict[ScoreMethod, list[Prediction]] = {method: [] for method in captioner.score_methods}
    progress(0, groups)
    for start in range(0, groups, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, groups))
        shown = show(captioner, [case for number in numbers for case in cases_of(number)])
        written += ask_about(captioner, shown, (CAPTION, ANSWER), Decoding())
        for method, told in sought.items():
            told += ask_about(captioner, shown, (FIND,), Decoding(by=method))
        progress(numbers[-1] + 1, groups)
    return fit_predictions(written, sought, protocol, captioner.score_method)


def fit_predictions(
    written: Sequence[Prediction],
    sought: Mapping[ScoreMethod, Sequence[Prediction]],
    protocol: Protocol,
    preferred: ScoreMethod,
) -> FittedModel:
    """Fits what was said, and what was found by each method. preferred: the method of several that are equally good."""
    found_by = {method: _judged(told, protocol) for method, told in sought.items() if told}
    found = {method: estimate_mean(_rights(judged), _groups(judged)) for method, judged in found_by.items()}
    best = max(found, key=lambda method: (found[method].value or 0.0, method == preferred), default=None)
    judged = [*_judged(written, protocol), *(found_by[best] if best else ())]
    tasks = []
    for task in CALIBRATED_TASKS:
        for modality in MODALITIES:
            mine = [(told, right) for told, right in judged if (told.task, told.modality) == (task, modality)]
            if mine:
                tasks.append(_fit(task, modality, mine))
    return FittedModel(tuple(tasks), found, best)


def _fit(task: Task, modality: str, judged: _Judged) -> FittedTask:
    right, groups = _rights(judged), _groups(judged)
    sure = [told.confidence for told, _ in judged]
    share, before = estimate_mean(right, groups), calibration_error(sure, right, groups)
    if problem := _problem(right):
        return FittedTask(task, modality, share, before, None, None, problem)
    fit = fit_calibration(sure, right)
    if fit.slope <= 0:
        problem = f"what has more confidence is not more often right (slope {fit.slope:.3g})"
        return FittedTask(task, modality, share, before, None, None, problem)
    after = error_after_fit(sure, right, groups)
    return FittedTask(task, modality, share, before, after, Calibration(task, modality, fit.slope, fit.shift))


def _judged(told: Sequence[Prediction], protocol: Protocol) -> _Judged:
    """Each prediction of which it can be told, with whether it is right."""
    judged = [(each, is_right(each, protocol.judge, protocol.whole)) for each in told]
    return [(each, right) for each, right in judged if right is not None]


def _rights(judged: _Judged) -> list[bool]:
    return [right for _, right in judged]


def _groups(judged: _Judged) -> list[str]:
    return [told.group for told, _ in judged]


def _problem(right: Sequence[bool]) -> str:
    """Why nothing can be fitted to this; empty where it can."""
    if len(right) < FEWEST:
        return f"{len(right)} cases are too few; {FEWEST} are needed"
    if not any(right):
        return f"none of {len(right):,} is right"
    if all(right):
        return f"all of {len(right):,} are right"
    return ""
