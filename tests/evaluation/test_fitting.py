"""Confidences are fitted task by task and modality by modality, where there is something to fit, and only there."""

import random

import pytest

pytest.importorskip("open3d")
pytest.importorskip("pycocoevalcap")

from region_perception.confidence import Calibration
from region_perception.errors import InvalidInput
from region_perception.evaluation import fitting
from region_perception.evaluation.calibration import fit_calibration
from region_perception.evaluation.fitting import fit_confidences, fit_predictions
from region_perception.evaluation.judging import RIGHT, WRONG
from region_perception.evaluation.predictions import Prediction
from region_perception.evaluation.protocol import Protocol
from region_perception.evaluation.tabletop import TABLETOP


def judge(prediction):
    return {"all": RIGHT if prediction.said in prediction.expected else WRONG}


PROTOCOL = Protocol(name="plain", judge=judge, whole="all", reopen=lambda settings, prediction: None)


def told(task, modality, confidences, right):
    """Predictions of two a scene."""
    return [
        Prediction(f"{modality}{i}#{task}", f"{i}", f"{i // 2}", task, modality, "region", "box", said, sure, ("mug",))
        for i, (sure, said) in enumerate(zip(confidences, ["mug" if each else "bowl" for each in right], strict=True))
    ]


def boastful(task, modality, share, count=400, seed=0):
    """Right in a share of what it is nearly sure of, and more often where it is surer."""
    source = random.Random(seed)
    sure = [source.uniform(0.9, 0.999) for _ in range(count)]
    return told(task, modality, sure, [source.random() < share + 2 * (each - 0.95) for each in sure])


def by_place(fitted):
    return {(each.task, each.modality): each for each in fitted.tasks}


def test_each_task_and_modality_has_its_own_fit() -> None:
    regions, scans = boastful("caption", "image_region", 0.5), boastful("caption", "cloud", 0.8, seed=1)
    answers = boastful("answer", "cloud", 0.3, seed=2)
    fitted = fit_predictions([*regions, *scans, *answers], {"match": []}, PROTOCOL, "match")
    found = by_place(fitted)
    assert list(found) == [("caption", "image_region"), ("caption", "cloud"), ("answer", "cloud")]
    for (task, modality), mine in zip(found, (regions, scans, answers), strict=True):
        fit = fit_calibration([each.confidence for each in mine], [each.said == "mug" for each in mine])
        assert found[task, modality].calibration == Calibration(task, modality, fit.slope, fit.shift)
        assert found[task, modality].after.value < 0.1 < found[task, modality].before.value
        assert found[task, modality].right.count == 400
    assert fitted.calibration == tuple(each.calibration for each in fitted.tasks)
    assert (fitted.found, fitted.score_method) == ({}, None)


@pytest.mark.parametrize(
    ("right", "problem"),
    [
        ([True, False] * 20, "40 cases are too few; 50 are needed"),
        ([False] * 60, "none of 60 is right"),
        ([True] * 60, "all of 60 are right"),
        ([True] * 30 + [False] * 30, "what has more confidence is not more often right"),
    ],
)
def test_where_nothing_can_be_fitted_it_says_why(right, problem) -> None:
    mine = told("answer", "image", [0.2 + 0.01 * i for i in range(len(right))], right)
    (only,) = fit_predictions(mine, {}, PROTOCOL, "match").tasks
    assert only.calibration is None
    assert only.after is None
    assert only.problem.startswith(problem)
    assert only.before.count == len(right)


def test_the_method_that_finds_best_is_chosen_and_fitted() -> None:
    sought = {
        "match": boastful("find", "image_region", 0.4),
        "contrast": boastful("find", "image_region", 0.7, seed=1),
        "likelihood": boastful("find", "image_region", 0.6, seed=2),
    }
    fitted = fit_predictions([], sought, PROTOCOL, "match")
    assert fitted.score_method == "contrast"
    assert {method: share.value for method, share in fitted.found.items()} == {
        method: sum(each.said == "mug" for each in mine) / 400 for method, mine in sought.items()
    }
    (only,) = fitted.calibration
    mine = sought["contrast"]
    fit = fit_calibration([each.confidence for each in mine], [each.said == "mug" for each in mine])
    assert only == Calibration("find", "image_region", fit.slope, fit.shift)


def test_of_equally_good_methods_the_one_in_use_stays() -> None:
    same = boastful("find", "cloud_region", 0.5)
    sought = {"match": same, "contrast": same, "likelihood": same}
    assert fit_predictions([], sought, PROTOCOL, "likelihood").score_method == "likelihood"


def test_a_model_is_shown_everything_once_and_asked_by_every_method(parrot, monkeypatch) -> None:
    monkeypatch.setattr(fitting, "FEWEST", 2)
    monkeypatch.setattr(fitting, "AT_ONCE", 1)
    captioner, done = parrot(), []
    likes = captioner.score
    captioner.score = lambda wanted, texts, by=None: likes(wanted, texts) * (1 if by == "likelihood" else 0)
    fitted = fit_confidences(
        captioner, captioner.cases_of, 2, TABLETOP, progress=lambda now, total: done.append((now, total))
    )
    assert done == [(0, 2), (1, 2), (2, 2)]
    assert captioner.looked == sum(
        len({id(case.observation) for case in captioner.cases_of(number)}) for number in range(2)
    )
    assert fitted.score_method == "likelihood"
    assert fitted.found["likelihood"].value == 1 > fitted.found["match"].value
    found = by_place(fitted)
    assert set(found) == {
        *((task, modality) for task in ("caption", "answer") for modality in captioner.trained),
        *(("find", modality) for modality in ("image_region", "cloud_region")),
    }
    told = found["caption", "image_region"]
    assert told.problem == f"all of {told.right.count} are right"


def test_confidences_are_not_fitted_twice(parrot) -> None:
    captioner = parrot()
    captioner.calibration = (Calibration("caption", "image", 2.0, 0.0),)
    with pytest.raises(InvalidInput, match="calibrated=False"):
        fit_confidences(captioner, captioner.cases_of, 1, TABLETOP)
    with pytest.raises(InvalidInput, match="at least one scene"):
        fit_confidences(parrot(), captioner.cases_of, 0, TABLETOP)
