"""Sheets of pictures of a run whose predictions were changed since: refused with the name of the line."""

import numpy as np
import pytest

from region_perception.errors import InvalidInput
from region_perception.evaluation.cases import Case
from region_perception.evaluation.gallery import draw_gallery
from region_perception.evaluation.predictions import CAPTION, CLASSIFY, FIND, Prediction
from region_perception.evaluation.scoring import Judged, Section
from region_perception.observations import observe_image
from region_perception.regions import Box

THINGS = {"1": Box(1, 1, 20, 20), "2": Box(30, 30, 50, 50)}


def reopen(told):
    """The one case that there is."""
    return {"0": Case(
        id="0", group="0", modality="image_region", subject="region", pointing="box",
        observation=observe_image(np.zeros((60, 60, 3), np.uint8)), region=THINGS["1"], candidates=THINGS, name="1",
    )}[told.case]  # fmt: skip


def section(task, **changes):
    values = {"case": "0", "said": "2", "expected": ("1",), "options": tuple(THINGS)} | changes
    told = Prediction(
        id=f"0#{task}", group="0", task=task, modality="image_region", subject="region", pointing="box",
        confidence=0.5, **values,
    )  # fmt: skip
    captions = [Judged(told, {}, 0.0)] if task == CAPTION else []
    return Section({"modality": "image_region", "subject": "region", "pointing": "box"}, captions, [told])


def test_wrong_finds_are_drawn(tmp_path) -> None:
    drawn = draw_gallery(tmp_path, [section(FIND)], (), reopen, 1)
    ((title, path),) = drawn["image_region by box"]
    assert title == "Wrong finds (1 of 1 are wrong)"
    assert (tmp_path / path).exists()


@pytest.mark.parametrize(
    ("task", "changes"),
    [
        (FIND, {"case": "7"}),
        (FIND, {"said": "3"}),
        (FIND, {"expected": ("3",)}),
        (FIND, {"expected": ()}),
        (CLASSIFY, {"expected": ()}),
        (CAPTION, {"expected": ()}),
    ],
)
def test_what_is_about_nothing_is_named(tmp_path, task, changes) -> None:
    with pytest.raises(InvalidInput, match=f"0#{task} is about nothing that the data have"):
        draw_gallery(tmp_path, [section(task, **changes)], (), reopen, 1)
