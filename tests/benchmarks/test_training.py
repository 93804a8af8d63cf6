"""The benchmark of training takes steps of every phase, in every way that the phase knows."""

import json

import pytest

pytest.importorskip("accelerate")

import training

from region_perception.training.recipe import differences
from region_perception.training.recipes import named_recipe

pytestmark = pytest.mark.filterwarnings("ignore:model 'mini' has no trained weights")


def test_every_phase_and_modality_is_measured(tmp_path) -> None:
    found = training.contenders(training.Options(), tmp_path)
    assert list(found) == [
        *("encoders, image", "encoders, cloud", "base, image"),
        *("modalities, image_region", "modalities, cloud", "modalities, cloud_region"),
        *("whole, image", "whole, image_region", "whole, cloud", "whole, cloud_region"),
    ]
    for group, ways in found.items():
        assert ("cached" in ways) == (not group.startswith("encoders"))
        fresh, known = ways.pop("fresh"), named_recipe(f"tabletop-{group.partition(',')[0]}")
        assert fresh.losses == known.losses
        changed = {way: {line.partition(":")[0] for line in differences(fresh, recipe)} for way, recipe in ways.items()}
        assert changed["fresh, bfloat16"] == {"precision"}
        assert changed.get("cached", {"cache.folder"}) == {"cache.folder"}


@pytest.mark.parametrize("modality", ["image", "image_region", "cloud", "cloud_region"])
def test_noise_is_told_and_labelled_like_the_world(modality) -> None:
    source = training.Noise(modality, 2)
    seen = source.look(1)
    assert len(seen.records) == (training.THINGS if "region" in modality else 1)
    assert all(len(record.questions) == training.QUESTIONS for record in seen.records)
    shape = seen.classes["thing"].shape
    assert shape == ((training.SIDE,) * 2 if "image" in modality else (training.POINTS,))
    for name, words in source.attributes.items():
        assert seen.classes[name].shape == shape
        assert 0 < seen.classes[name].max() < len(words)
        assert ((seen.classes[name] > 0) == (seen.classes["thing"] > 0)).all()


def test_the_ways_of_a_phase_stand_side_by_side(tmp_path, monkeypatch) -> None:
    measure, contenders = training.measure, training.contenders
    few = ("fresh", "cached, bfloat16")
    monkeypatch.setattr(training, "measure", lambda steps, _: measure(steps, 1, least_seconds=0))
    monkeypatch.setattr(
        training,
        "contenders",
        lambda *given: {group: {way: ways[way] for way in few} for group, ways in contenders(*given).items()},
    )
    options = training.Options(phases=("base",), observations=2, threads=1, output=tmp_path / "x.json")
    training.main(options)
    results = json.loads(options.output.read_text())["results"]
    assert [(row["group"], row["way"]) for row in results] == [("base, image", way) for way in few]
    assert results[0]["times_the_first"] == 1
    assert all(row["observations_per_second"] == pytest.approx(2 / row["timing"]["median"]) for row in results)
