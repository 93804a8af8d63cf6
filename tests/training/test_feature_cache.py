"""Cached features train like fresh ones; a cache of anything else is refused."""

import json
import pickle
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import PartialState

from region_perception.errors import InvalidObservation, TrainingError
from region_perception.training.examples import PreparedExamples
from region_perception.training.feature_cache import cached_features
from region_perception.training.loop import train
from region_perception.training.recipe import FeatureCache
from region_perception.training.setup import set_up


@pytest.fixture
def settings(tmp_path):
    return FeatureCache(folder=str(tmp_path / "cache"), dtype="float32")


def made(settings, modality, source, network):
    examples = PreparedExamples(source, network.spec)
    return cached_features(settings, modality, modality, source, examples, network)


def losses(folder):
    found = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return {line["step"]: line["loss"] for line in found if line["event"] == "train"}


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("bfloat16", 5e-3)])
def test_a_run_over_cached_features_has_the_losses_of_one_without(tmp_path, make_recipe, make_data, dtype, tolerance):
    fresh = make_recipe(order="mixed", max_bad_share=0.5)
    cached = replace(fresh, cache=FeatureCache(folder=str(tmp_path / "cache"), dtype=dtype))
    train(fresh, tmp_path / "fresh", make_data(fresh, broken=(3,)))
    train(cached, tmp_path / "cached", make_data(cached, broken=(3,)))
    expected = losses(tmp_path / "fresh")
    assert losses(tmp_path / "cached") == pytest.approx(expected, rel=tolerance)
    # The second run reads what the first wrote, and nothing else: the source is not asked again.
    data = make_data(cached, broken=range(12))
    train(cached, tmp_path / "again", data)
    assert losses(tmp_path / "again") == losses(tmp_path / "cached")


@pytest.mark.parametrize("modality", ["image", "image_region", "cloud", "cloud_region"])
def test_examples_come_back_as_they_were(settings, world, network, modality):
    source = world(modality)
    cache = made(settings, modality, source, network)
    assert len(cache) == len(source)
    for index in (0, 7, 11):
        fresh, kept = PreparedExamples(source, network.spec).example(index), cache.example(index)
        if modality.startswith("cloud"):
            features = network.encode_clouds([fresh.seen])
        else:
            features = network.encode_images(fresh.seen[None])
        torch.testing.assert_close(kept.seen.tokens, features.tokens.detach())
        assert (kept.seen.centres is None) == (features.centres is None) == (not modality.startswith("cloud"))
        assert features.centres is None or torch.equal(kept.seen.centres, features.centres)
        for row, other in zip(fresh.rows, kept.rows, strict=True):
            for name in ("id", "sentences", "references", "questions"):
                assert getattr(row, name) == getattr(other, name)
            assert (row.position is None) == (other.position is None)
            assert row.position is None or torch.equal(row.position, other.position)


def test_broken_samples_stay_broken(settings, world, network):
    cache = made(settings, "image", world("image", broken=(0, 4)), network)
    with pytest.raises(ValueError, match="InvalidObservation: picture 4 is broken"):
        cache.example(4)
    assert cache.example(5).rows


def test_a_worker_opens_the_files_itself(settings, world, network):
    cache = made(settings, "image", world("image", size=12), network)
    cache.example(0)
    data = pickle.dumps(cache)
    assert len(data) < 1000
    assert torch.equal(pickle.loads(data).example(3).seen.tokens, cache.example(3).seen.tokens)


def test_a_stale_cache_is_refused_by_what_changed(settings, world, network):
    made(settings, "image", world("image"), network)
    with pytest.raises(TrainingError, match="made from other data, observations; remove that folder"):
        made(settings, "image", world("image", size=11), network)
    with pytest.raises(TrainingError, match="made from other dtype;"):
        made(replace(settings, dtype="bfloat16"), "image", world("image"), network)
    with torch.no_grad():
        network.qformer.layernorm.weight.add_(1)  # not the encoder
    made(settings, "image", world("image"), network)
    with torch.no_grad():
        network.image_encoder.norm.weight.add_(1)
    with pytest.raises(TrainingError, match="made from other weights;"):
        made(settings, "image", world("image"), network)


def test_networks_that_read_positions_in_another_way_share_a_cache(settings, world, network):
    made(settings, "image_region", world("image_region"), network)
    spec = network.spec
    network.spec = replace(spec, position=replace(spec.position, enabled=False, hidden=16))
    made(settings, "image_region", world("image_region"), network)
    network.spec = replace(spec, position=replace(spec.position, cloud_frame="metres"))
    with pytest.raises(TrainingError, match="made from other position;"):
        made(settings, "image_region", world("image_region"), network)


def interrupted(settings, world, network, at):
    """A build that is stopped at observation `at` of 80, in the third batch."""

    class Interrupted(world):
        def look(self, index):
            if index == at:
                raise KeyboardInterrupt
            return super().look(index)

    with pytest.raises(KeyboardInterrupt):
        made(settings, "cloud", Interrupted("cloud", size=80, broken=(3,)), network)
    (draft,) = Path(settings.folder).glob(".*.draft")
    return draft


@pytest.mark.parametrize("torn", [b"", b'{"rows": [{"id', b"{}\n{}\n{}"])
def test_an_interrupted_cache_goes_on_where_it_was(settings, world, network, tmp_path, torn):
    class Rest(world):
        def look(self, index):
            assert index >= 64
            return super().look(index)

    draft = interrupted(settings, world, network, 70)
    with (draft / "rows.jsonl").open("ab") as lines:
        lines.write(torn)
    made(settings, "cloud", Rest("cloud", size=80, broken=(3,)), network)
    whole = replace(settings, folder=str(tmp_path / "whole"))
    made(whole, "cloud", world("cloud", size=80, broken=(3,)), network)
    expected = sorted((tmp_path / "whole/cloud").iterdir())
    assert [path.name for path in expected] == sorted(path.name for path in (tmp_path / "cache/cloud").iterdir())
    assert all((tmp_path / "cache/cloud" / path.name).read_bytes() == path.read_bytes() for path in expected)
    assert not draft.exists()


def test_an_interrupted_cache_of_anything_else_is_made_anew(settings, world, network):
    interrupted(settings, world, network, 70)
    cache = made(settings, "cloud", world("cloud", size=80, seed=1), network)
    fresh = PreparedExamples(world("cloud", size=80, seed=1), network.spec).example(0)
    torch.testing.assert_close(cache.example(0).seen.tokens, network.encode_clouds([fresh.seen]).tokens.detach())


def test_data_of_which_nothing_can_be_read_leave_nothing(settings, world, network, tmp_path):
    with pytest.raises(TrainingError, match="nothing to cache"):
        made(settings, "image", world("image", broken=range(12)), network)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".image.lock"]


def test_of_two_runs_that_want_one_cache_one_makes_it(settings, world, network):
    """The second comes while the first is in its second batch, and would go on with what that has written."""
    drawn, read = [], []

    class Watched(world):
        def look(self, index):
            drawn.append(index)
            if len(drawn) == 40:
                second.start()
                second.join(0.5)  # as long as it waits, nothing is drawn
            return super().look(index)

    def make():
        cache = made(settings, "cloud", Watched("cloud", size=80), network)
        read.append([cache.example(index).rows[0].id for index in range(80)])

    second = threading.Thread(target=make)
    make()
    second.join()
    assert drawn == list(range(80))
    assert read[0] == read[1] == [f"cloud/{index}" for index in range(80)]


def test_clouds_have_a_mask_whether_it_hides_something_or_not(settings, world, network):
    """Else processes of which one has a small cloud in its part would not gather alike."""
    cache = made(settings, "cloud", world("cloud"), network)
    assert cache.example(0).seen.mask.all()
    assert made(settings, "image", world("image"), network).example(0).seen.mask is None


def test_workers_make_the_same_cache(settings, world, network, tmp_path):
    source = world("image_region", size=40, broken=(33,))  # two batches
    alone = replace(settings, folder=str(tmp_path / "alone"))
    made(alone, "image_region", source, network)
    examples = PreparedExamples(source, network.spec)
    cached_features(settings, "image_region", "image_region", source, examples, network, workers=1)
    for path in (tmp_path / "alone/image_region").iterdir():
        assert (tmp_path / "cache/image_region" / path.name).read_bytes() == path.read_bytes()


def test_training_does_not_touch_the_encoder(tmp_path, make_recipe, make_data, monkeypatch):
    from region_perception.network.region_blip import RegionBlip

    recipe = make_recipe(cache=FeatureCache(folder=str(tmp_path / "cache")), steps=2)
    train(recipe, tmp_path / "one", make_data(recipe))

    def refuse(*_):
        raise InvalidObservation("encoded again")

    monkeypatch.setattr(RegionBlip, "encode_images", refuse)
    monkeypatch.setattr(RegionBlip, "encode_clouds", refuse)
    train(recipe, tmp_path / "two", make_data(recipe))


def test_no_process_waits_at_a_barrier_while_features_are_made(tmp_path, make_recipe, make_data, monkeypatch):
    """There processes of a GPU give up after ten minutes; features of large data take hours."""
    order = []
    monkeypatch.setattr(PartialState, "wait_for_everyone", lambda self: order.append("barrier"))
    monkeypatch.setattr(
        "region_perception.training.setup.cached_features",
        lambda *what, **how: order.append("features") or cached_features(*what, **how),
    )
    recipe = make_recipe(cache=FeatureCache(folder=str(tmp_path / "cache")), steps=1)
    set_up(recipe, tmp_path / "run", make_data(recipe), cpu=True)
    assert "barrier" not in order[order.index("features") :]
