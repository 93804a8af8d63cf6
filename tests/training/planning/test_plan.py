"""The plan of a run: steps, memory, disk, what to change where it does not fit."""

import json
from dataclasses import replace

import pytest

from region_perception.data.sets import DATA_SETS
from region_perception.errors import InvalidRecipe, ModelNotFound, TrainingError
from region_perception.network.specs import SPECS, named_spec
from region_perception.training.order import Schedule
from region_perception.training.planning.data_sizes import PUBLISHED, DataSize, data_sizes
from region_perception.training.planning.devices import DEVICES
from region_perception.training.planning.machine import device_memory
from region_perception.training.planning.network import planned_spec
from region_perception.training.planning.parameters import PartSize
from region_perception.training.planning.plan import make_plan, remedies
from region_perception.training.planning.words import GIB, brief, duration, size, tables, verdict
from region_perception.training.recipe import Augmentation, DataChoice, FeatureCache, Recipe, Share
from region_perception.training.recipes import named_recipe

RECIPE = named_recipe("regionblip-opt-2.7b")
SPEC = named_spec("regionblip-opt-2.7b")


def parts(recipe):
    """As large as the published network's, without building one."""
    half = 2 if recipe.dtype == "bfloat16" else 4
    return [PartSize("frozen", 3_850_000_000, 0, half * 3_850_000_000, 0, 0), PartSize("learning", 0, 9, 36, 36, 72)]


def plan_of(recipe, devices=8):
    return make_plan(recipe, SPEC, parts(recipe), data_sizes(recipe), devices)


def test_an_epoch_has_as_many_pairs_as_the_published_one():
    plan = plan_of(RECIPE)
    sentences = {"image_region": 113_000, "cloud": 639_577, "cloud_region": 2 * 36_665}
    for name, one in plan.modalities.items():
        assert one.steps * RECIPE.shares[name].observations == pytest.approx(sentences[name], rel=0.03)
    schedule = Schedule(RECIPE, {name: one.data.observations for name, one in plan.modalities.items()})
    assert (plan.steps, plan.steps_per_epoch) == (schedule.steps, schedule.steps_per_epoch)
    assert plan.steps == 30 * plan.steps_per_epoch
    assert plan.samples == plan.steps * 128
    each = [one.steps * 128 * (one.forward + one.backward) for one in plan.modalities.values()]
    assert plan.operations == pytest.approx(30 * sum(each))


def test_more_devices_need_less_each_but_for_gradients_that_travel():
    one, eight = plan_of(RECIPE, 1), plan_of(RECIPE, 8)
    assert one.activations > 4 * eight.activations
    assert eight.gradients == 2 * one.gradients
    assert eight.weights == one.weights
    assert eight.operations == pytest.approx(one.operations, rel=0.1), "what is remembered twice comes on top"


def test_parts_of_a_step_and_layers_that_run_again_need_less_memory():
    whole = plan_of(RECIPE)
    assert plan_of(replace(RECIPE, accumulate=4)).activations < whole.activations / 2
    again = plan_of(replace(RECIPE, recompute=True))
    assert again.activations < whole.activations / 2
    assert again.operations > whole.operations


def test_mixed_steps_hold_all_modalities_at_once():
    assert plan_of(replace(RECIPE, order="mixed")).activations > 2 * plan_of(RECIPE).activations


def test_features_take_their_bytes_where_they_can_be_kept():
    plan = plan_of(RECIPE)
    assert plan.modalities["cloud"].cache == 0, "clouds turn"
    assert plan.modalities["image_region"].cache == 19_213 * 257 * (1408 * 2 + 1)
    assert not plan.modalities["image_region"].cached
    still = plan_of(replace(RECIPE, augmentation=Augmentation(), cache=FeatureCache(folder="x", dtype="float32")))
    assert still.modalities["cloud_region"].cache == 562 * (513 * (384 * 4 + 1) + 512 * 12)
    assert still.modalities["image_region"].cached
    assert still.modalities["image_region"].forward < plan.modalities["image_region"].forward / 2


def test_what_does_not_fit_names_the_flags_with_which_it_would():
    plan = plan_of(RECIPE)
    assert plan.fits(80 * GIB)
    assert verdict(plan, 80 * GIB, []).startswith("fits: ")
    memory = 0.98 * plan.memory / 0.9
    assert not plan.fits(memory)
    flags = remedies(plan, memory, parts)
    assert flags == ["--recompute"]
    assert "would with --recompute" in verdict(plan, memory, flags)
    tight = 1.03 * plan.weights / 0.9
    assert remedies(plan, tight, parts)[-1].startswith("--accumulate")
    assert remedies(plan, plan.weights, parts) == []
    assert "no flag makes it small enough" in verdict(plan, plan.weights, [])
    full = plan_of(replace(RECIPE, precision="float32", dtype="float32"))
    assert remedies(full, 1.1 * plan.memory, parts)[:2] == ["--precision bfloat16", "--dtype bfloat16"]


def test_devices_that_cannot_share_a_step_are_refused():
    with pytest.raises(TrainingError, match="3 devices with accumulate=1 need a multiple of 3"):
        plan_of(RECIPE, 3)
    with pytest.raises(TrainingError, match="devices is 0; expected 1 or more"):
        plan_of(RECIPE, 0)


def test_processes_without_gpus_share_the_memory_of_their_machine():
    assert device_memory(4, cpu=True) == device_memory(1, cpu=True) // 4


def test_words_tell_the_same_numbers():
    plan = plan_of(RECIPE)
    told = {table.title: table.rows for table in tables(plan)}
    assert all(len(row) == len(table.columns) for table in tables(plan) for row in table.rows)
    assert any("as published" in cell for rows in told.values() for row in rows for cell in row)
    assert size(plan.memory) in brief(plan, 80 * GIB)
    assert "may be too much" in brief(plan, GIB)
    seconds = plan.operations / (8 * DEVICES[1].peak * DEVICES[1].share)
    assert f"{duration(seconds)} on A100" in brief(plan, 80 * GIB)
    assert [duration(value) for value in (0.5, 90, 7200, 864000)] == [
        "0.5 seconds", "1.5 minutes", "2.0 hours", "10.0 days",
    ]  # fmt: skip


def test_published_numbers_are_of_known_data():
    for name, modality in PUBLISHED:
        assert modality in DATA_SETS[name].modalities


def test_data_on_disk_are_counted(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "refcoco-rows"
    (folder / "images").mkdir(parents=True)
    rows = [{"image": f"{i}.png", "image_id": str(i), "bbox": [1, 1, 9, 9], "caption": "a cup"} for i in range(5)]
    (folder / "Refcoco_train.json").write_text(json.dumps(rows))
    choice = DataChoice(kind="refcoco-rows,objaverse,scanrefer", folder=str(tmp_path))
    found = data_sizes(replace(RECIPE, data=choice))
    assert found["image_region"] == DataSize(5, "refcoco-rows on disk")
    assert found["cloud"].known == f"objaverse as published, for want of {tmp_path / 'objaverse'}", "or it is misspelt"


def test_data_sets_of_which_there_is_nothing_do_not_stand_in_the_way_of_others(tmp_path, monkeypatch):
    """A run passes over those, too; it refuses a modality of which there is nothing at all, and so does a plan."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "coco-regions" / "images").mkdir(parents=True)
    regions = [{"id": 1, "image_id": 1, "bbox": [1, 1, 9, 9], "caption": "a cup"}]
    told = {"images": [{"id": 1, "file_name": "1.png"}], "annotations": regions}
    (tmp_path / "coco-regions" / "train.json").write_text(json.dumps(told))
    both = DataChoice(kind="coco-regions,coco-captions", folder=str(tmp_path))
    whole = Recipe(name="x", phase="base", image=Share(observations=8), data=both)
    assert data_sizes(whole)["image"].observations == PUBLISHED["coco-captions", "image"]
    alone = replace(whole, data=DataChoice(kind="coco-regions", folder=str(tmp_path / "coco-regions")))
    with pytest.raises(InvalidRecipe, match="there are no data of image"):
        data_sizes(alone)


def test_data_that_nobody_has_counted_are_refused():
    choice = DataChoice(kind="coco-regions,objaverse,scanrefer", folder="/nowhere")
    with pytest.raises(InvalidRecipe, match=r"no folder /nowhere/coco-regions, and published numbers are known of ref"):
        data_sizes(replace(RECIPE, data=choice))
    with pytest.raises(InvalidRecipe, match=r"no data of cloud: refcoco has image_region; leave it out \(--cloud\.obs"):
        data_sizes(replace(RECIPE, data=DataChoice(kind="refcoco")))


@pytest.mark.parametrize("name", SPECS)
def test_a_name_stands_for_its_whole_network(name):
    assert planned_spec(replace(RECIPE, start=name)) == named_spec(name)


def test_a_base_that_is_not_here_has_no_text_branch():
    spec = planned_spec(replace(RECIPE, base="Salesforce/blip2-opt-2.7b"))
    assert not spec.qformer.text_branch
    assert spec.language == SPEC.language


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"start": "regionblip"}, InvalidRecipe, "names none"),
        ({"start": "nobody/nothing"}, ModelNotFound, "a plan fetches nothing"),
        ({"start": "regionblip", "base": "nobody/nothing"}, ModelNotFound, "a plan fetches nothing"),
    ],
)
def test_networks_of_unknown_sizes_are_refused(changes, kind, message):
    with pytest.raises(kind, match=message):
        planned_spec(replace(RECIPE, **changes))
