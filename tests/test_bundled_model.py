"""The model that ships: it is small, says what it is, and knows the tabletop world well enough to be of use."""

from pathlib import Path

import pytest

import region_perception
from region_perception import load
from region_perception.evaluation.cases import Decoding, ask_model
from region_perception.evaluation.predictions import ANSWER, CAPTION, FIND
from region_perception.evaluation.scoring import is_right
from region_perception.evaluation.tabletop import KIND_AND_COLOR, TABLETOP, TabletopSettings, judge_caption, scene_cases
from region_perception.modalities import CLOUD_REGION, IMAGE_REGION, MODALITIES
from region_perception.weights.folder import read_config

NAME = "tabletop-mini"
FOLDER = Path(region_perception.__file__).parents[1] / "models" / NAME
TASKS = (CAPTION, ANSWER, FIND)
SCENES = 12  # of the test split: some sixty things


@pytest.fixture(scope="module")
def captioner():
    return load(NAME)


def test_it_is_small_and_whole():
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 60e6
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".md"}
    assert read_config(FOLDER).trained == MODALITIES


def test_its_card_says_how_good_it_is():
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [line for line in card.splitlines() if line.startswith("Scores:")]
    for word in ("Limits", "seed", "region-perception train", "Apache-2.0"):
        assert word in card


@pytest.mark.parametrize(("modality", "least"), [(IMAGE_REGION, 0.8), (CLOUD_REGION, 0.85)])
def test_it_names_kind_and_color_of_things_it_has_never_seen_and_knows_how_surely(captioner, modality, least):
    settings = TabletopSettings(modalities=(modality,))
    cases = [case for number in range(SCENES) for case in scene_cases(settings, number)]
    told, _ = ask_model(captioner, cases, [CAPTION, ANSWER, FIND], Decoding())
    right = {
        task: [is_right(item, judge_caption, KIND_AND_COLOR) for item in told if item.task == task] for task in TASKS
    }
    assert len(right[CAPTION]) > 40
    for task, enough in ((CAPTION, least), (ANSWER, 0.88), (FIND, 0.88)):
        assert sum(map(bool, right[task])) / len(right[task]) >= enough, task
        mine = [item for item in told if item.task == task]
        whole = [bool(is_right(item, TABLETOP.judge, TABLETOP.whole)) for item in mine]
        sure = [item.confidence for item in mine]
        # Uncalibrated finds are a third less sure than right.
        assert sum(sure) / len(sure) == pytest.approx(sum(whole) / len(whole), abs=0.12), task
