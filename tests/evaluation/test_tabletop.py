"""The tabletop protocol: what is shown, what counts as right, and that who tells the truth gets full marks."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

pytest.importorskip("open3d")
pytest.importorskip("pycocoevalcap")

from region_perception.errors import InvalidInput
from region_perception.evaluation import TASKS, Decoding, TabletopSettings, judge_caption, scene_cases
from region_perception.evaluation.cases import ask_model
from region_perception.evaluation.predictions import ANSWER, CAPTION, CLASSIFY, FIND
from region_perception.evaluation.scoring import score_sections
from region_perception.evaluation.tabletop import TABLETOP, reopen_case
from region_perception.simulation import compose
from region_perception.simulation.splits import is_novel


def told(captioner, tasks=TASKS, number=0):
    return ask_model(captioner, captioner.cases_of(number), tasks, Decoding())[0]


def test_the_truth_is_right_in_everything(parrot) -> None:
    predictions = [each for number in (0, 1) for each in told(parrot(), number=number)]
    sections = {
        section.name: section.scores
        for section in score_sections(predictions, judge_caption, TABLETOP.whole, java=False)
    }
    assert list(sections) == ["image whole", "image_region by box", "cloud whole", "cloud thing", "cloud_region by box"]
    for scores in sections.values():
        assert scores[CAPTION]["properties"]["same words"]["value"] == 1
        for counts in scores[CAPTION]["properties"].values():
            assert counts["wrong"] == 0
            assert counts["right"] + counts["unclear"] + counts["silent"] == scores["cases"]
        assert scores[CAPTION]["scores"]["BLEU-4"]["value"] == pytest.approx(1)
        assert scores[ANSWER]["accuracy"]["value"] == 1
        assert scores[CAPTION]["confidence"]["ece"]["value"] == pytest.approx(0.1)
        assert scores["groups"] == 2
    region = sections["image_region by box"]
    assert region[FIND]["accuracy"]["value"] == region[CLASSIFY]["accuracy"]["value"] == 1
    assert 0 < region[FIND]["by_chance"] < 0.5
    assert set(region[ANSWER]["by_topic"]) >= {"kind", "color", "size", "pattern", "yes/no"}


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("box", "mug", {"kind", "kind and color"}),
        ("white", "red", {"color", "kind and color"}),
        ("large", "small", {"size"}),
        ("checkered", "striped", {"pattern"}),
        ("on the right", "on the left", {"position", "position and relation"}),
        ("under the red ball", "on top of the red ball", {"relation", "position and relation"}),
        ("under the red ball", "under the pink ball", {"relation", "position and relation"}),
        ("large white checkered box on the right, under the red ball", "", {"kind", "color", "kind and color"}),
    ],
)
def test_one_wrong_word_makes_one_property_wrong(parrot, old, new, wrong) -> None:
    truth = next(each for each in told(parrot(), tasks=(CAPTION,)) if each.case.endswith("image_region/1@box"))
    said = f"{truth.said}, under the red ball"
    assert old in said
    found = judge_caption(replace(truth, said=said.replace(old, new)))
    assert {name for name, verdict in found.items() if verdict == "wrong"} == wrong | {"all that is said", "same words"}


def test_silence_is_not_wrong_but_counted(parrot) -> None:
    truth = next(each for each in told(parrot(), tasks=(CAPTION,)) if each.case.endswith("image_region/1@box"))
    found = judge_caption(replace(truth, said="a white box"))
    assert (found["size"], found["position"], found["relation"]) == ("silent",) * 3
    assert (found["kind and color"], found["all that is said"], found["same words"]) == ("right", "right", "wrong")


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("a white box and a red ball", "right"),
        ("a white box and a red mug", "wrong"),
        ("things", "wrong"),
        ("", "wrong"),
    ],
)
def test_things_named_in_a_whole_scene_must_be_there(parrot, said, verdict) -> None:
    whole = next(each for each in told(parrot(), tasks=(CAPTION,)) if each.subject == "whole")
    assert judge_caption(replace(whole, said=said))["things named are there"] == verdict


def test_what_is_chosen_wrongly_is_counted(parrot) -> None:
    stubborn = parrot(likes=lambda case, text: float(case.name == "1"))
    predictions = told(stubborn, (FIND, CLASSIFY))
    finds = [each for each in predictions if each.task == FIND and each.modality == "image_region"]
    assert {each.said for each in finds} == {"1"}
    (section,) = (s.scores for s in score_sections(finds, java=False))
    assert section[FIND]["accuracy"]["value"] == pytest.approx(1 / len(finds))
    assert section[FIND]["by_chance"] == pytest.approx(1 / len(finds[0].options))


def test_all_ways_of_pointing_show_the_same_things() -> None:
    ways = ("box", "mask", "click", "scribble")
    cases = scene_cases(TabletopSettings(modalities=("image_region", "cloud_region"), pointing=ways, size=(96, 96)), 0)
    names = {
        (modality, way): [case.name for case in cases if (case.modality, case.pointing) == (modality, way)]
        for modality in ("image_region", "cloud_region")
        for way in ways
    }
    assert len({tuple(names["image_region", way]) for way in ways}) == 1
    assert names["cloud_region", "box"] == names["cloud_region", "mask"] == names["cloud_region", "click"]
    assert names["cloud_region", "scribble"] == []
    assert len({case.id for case in cases}) == len(cases)
    for case in cases:
        assert case.region.locate(case.observation) is not None
        assert case.candidates[case.name] is case.region


def test_masks_in_clouds_hold_the_points_of_the_thing() -> None:
    cases = scene_cases(TabletopSettings(modalities=("cloud_region",), pointing=("box", "mask"), size=(96, 96)), 0)
    box, mask = (next(case for case in cases if case.pointing == way) for way in ("box", "mask"))
    inside, own = (case.region.locate(case.observation).members for case in (box, mask))
    assert np.count_nonzero(inside & own) > 0.6 * np.count_nonzero(own)  # depth is not exact at edges


def test_in_novel_combinations_all_things_are_candidates() -> None:
    settings = TabletopSettings(split="novel-combinations", modalities=("image_region",), size=(96, 96))
    cases = [case for number in range(3) for case in scene_cases(settings, number)]
    assert cases
    for case in cases:
        scene = compose("novel-combinations", case.facts["scene"])
        thing = scene.thing(case.facts["thing"])
        assert is_novel(thing.color, thing.kind)
    assert any(len(case.candidates) > sum(other.group == case.group for other in cases) for case in cases)


def test_cases_can_be_opened_again(settings, parrot) -> None:
    shifted = replace(settings, start=1)
    prediction = told(parrot(cases_of=partial(scene_cases, shifted)), tasks=(CAPTION,))[0]
    case = reopen_case(shifted.to_dict() | {"tasks": []}, prediction)
    assert case.id == prediction.case
    assert case.group == "tabletop/test/000000001"
    assert TabletopSettings.from_dict(shifted.to_dict()) == shifted


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"split": "tset"}, "unknown split 'tset'"),
        ({"modalities": ("video",)}, "unknown modality 'video'"),
        ({"modalities": ()}, "no modality"),
        ({"pointing": ("finger",)}, "unknown way to point 'finger'"),
        ({"start": -1}, "expected an index"),
    ],
)
def test_settings_that_mean_nothing_are_refused(values, named) -> None:
    with pytest.raises(InvalidInput, match=named):
        TabletopSettings(**values)
