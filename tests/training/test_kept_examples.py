"""Examples that are kept on disk are those that were made, and are made once."""

import json
from dataclasses import replace

import pytest
import torch

from region_perception.errors import TrainingError
from region_perception.modalities import CLOUD_MODALITIES, MODALITIES
from region_perception.training.examples import PreparedExamples
from region_perception.training.kept_examples import KeptExamples
from region_perception.training.loop import train
from region_perception.training.recipe import FeatureCache, Share


def keep(folder, source, network):
    return KeptExamples(folder, source.modality, source, network.spec)


@pytest.mark.parametrize("modality", MODALITIES)
def test_what_is_kept_comes_back_bit_by_bit(tmp_path, world, network, modality):
    source = world(modality)
    first, fresh = keep(tmp_path, source, network), PreparedExamples(world(modality), network.spec)
    made = [fresh.example(index) for index in (0, 5)]
    for index in (0, 5):
        first.example(index)
    source.look = None  # not to be asked again
    for example, other in zip(made, map(keep(tmp_path, source, network).example, (0, 5)), strict=True):
        assert example.modality == other.modality
        assert torch.equal(example.seen, other.seen)
        assert example.classes.keys() == other.classes.keys() == {"color", "kind", "thing"}
        for name, labels in example.classes.items():
            assert torch.equal(labels, other.classes[name])
            assert labels.dtype == other.classes[name].dtype
        for row, again in zip(example.rows, other.rows, strict=True):
            assert (row.id, row.sentences, row.references, row.questions) == (
                *(again.id, again.sentences, again.references, again.questions),
            )
            assert (row.position is None) == (again.position is None)
            assert row.position is None or torch.equal(row.position, again.position)


def test_a_file_that_was_cut_off_is_made_again(tmp_path, world, network):
    kept = keep(tmp_path, world("image"), network)
    whole = kept.example(3)
    (path,) = tmp_path.rglob("*.example")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert torch.equal(kept.example(3).seen, whole.seen)
    assert path.read_bytes() == content


def test_numbers_too_large_for_a_byte_come_back(tmp_path, world, network):
    class Crowd(world):
        def look(self, index):
            found = super().look(index)
            return replace(found, classes={"thing": found.classes["thing"] * 1000})

    kept = keep(tmp_path, Crowd("image"), network)
    assert kept.example(0).classes["thing"].unique().tolist() == [0, 1000, 2000]
    assert torch.equal(kept.example(0).classes["thing"], kept.example(0).classes["thing"])
    assert keep(tmp_path, Crowd("image"), network).example(0).classes["thing"].dtype == torch.int64


def test_what_was_made_from_anything_else_is_refused(tmp_path, world, network):
    keep(tmp_path, world("cloud"), network)
    with pytest.raises(TrainingError, match="made from other data, observations; remove that folder"):
        keep(tmp_path, world("cloud", size=11), network)
    spec = network.spec
    network.spec = replace(spec, point_encoder=replace(spec.point_encoder, width=32, depth=3))
    keep(tmp_path, world("cloud"), network)  # it reads the same points
    network.spec = replace(network.spec, point_encoder=replace(spec.point_encoder, points=32))
    with pytest.raises(TrainingError, match="made from other points;"):
        keep(tmp_path, world("cloud"), network)


def test_networks_that_normalize_in_another_way_share_what_is_kept(tmp_path, world, network):
    keep(tmp_path, world("image"), network).example(0)
    network.spec = replace(network.spec, image_encoder=replace(network.spec.image_encoder, mean=(0.5, 0.4, 0.3)))
    fresh = PreparedExamples(world("image"), network.spec).example(0)
    assert torch.equal(keep(tmp_path, world("image"), network).example(0).seen, fresh.seen)


@pytest.mark.parametrize("modality", ["image", "cloud_region"])
def test_a_run_over_what_is_kept_is_the_same_run(tmp_path, make_recipe, make_data, modality):
    shares = dict.fromkeys(MODALITIES, Share()) | {modality: Share(observations=4)}
    fresh = make_recipe(phase="encoders", steps=5, **shares)
    kept = replace(fresh, data=replace(fresh.data, keep=str(tmp_path / "kept")))
    train(fresh, tmp_path / "fresh", make_data(fresh))
    train(kept, tmp_path / "first", make_data(kept))
    # The second time the source cannot be read at all, nor when features are cached for another phase.
    train(kept, tmp_path / "second", unreadable(make_data(kept)))
    later = make_recipe(**shares) if modality in CLOUD_MODALITIES else make_recipe(phase="base", **shares)
    cached = replace(later, data=kept.data, cache=FeatureCache(folder=str(tmp_path / "cache"), dtype="float32"))
    train(later, tmp_path / "later", make_data(later))
    train(cached, tmp_path / "cached", unreadable(make_data(cached)))
    assert losses(tmp_path / "cached") == pytest.approx(losses(tmp_path / "later"), rel=1e-5)
    assert losses(tmp_path / "fresh") == losses(tmp_path / "first") == losses(tmp_path / "second")
    assert (modality in CLOUD_MODALITIES) == (not (tmp_path / "kept/image-train").exists())


def unreadable(data):
    for source in data.train.values():
        source.look = None
    return data


def losses(folder):
    found = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return {line["step"]: line["loss"] for line in found if line["event"] == "train"}


def test_a_folder_that_cannot_be_made_is_named(tmp_path, make_recipe, make_data):
    (tmp_path / "kept").write_text("no folder")
    recipe = make_recipe()
    recipe = replace(recipe, data=replace(recipe.data, keep=str(tmp_path / "kept")))
    with pytest.raises(TrainingError, match=r"key\.json cannot be written"):
        train(recipe, tmp_path / "run", make_data(recipe))


def test_a_full_disk_ends_the_run_instead_of_counting_as_a_bad_sample(tmp_path, make_recipe, make_data, monkeypatch):
    from pathlib import Path

    write = Path.write_bytes

    def full(path, content):
        if path.name.endswith(".example") or ".example." in path.name:
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    recipe = make_recipe()
    recipe = replace(recipe, data=replace(recipe.data, keep=str(tmp_path / "kept")))
    with pytest.raises(TrainingError, match=r"example cannot be written: .*No space left.*data.keep"):
        train(recipe, tmp_path / "run", make_data(recipe))
