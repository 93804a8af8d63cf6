"""The loop: it learns, it logs, it says why it stops."""

import json
import re
import warnings
from dataclasses import replace

import pytest
import torch

from region_perception import load
from region_perception.errors import TrainingError
from region_perception.training.loop import take_step, train
from region_perception.training.recipe import Augmentation, LossWeights, Optimiser, Reports, Share
from region_perception.training.report import Speed
from region_perception.training.setup import set_up

QUICK = Optimiser(peak=1e-2, warmup_start=1e-3, warmup_steps=5, clip=1.0)


def lines(folder, event):
    found = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line for line in found if line["event"] == event]


def test_a_tiny_network_learns_the_colours_of_the_toy_world_by_heart(tmp_path, make_recipe, make_data):
    """The base learns whole pictures, then a modality learns regions over it: what the engine is for."""
    first = make_recipe(
        phase="base",
        image=Share(observations=6, regions=1, questions=1),
        image_region=Share(),
        cloud=Share(),
        cloud_region=Share(),
        steps=60,
        optimiser=QUICK,
        sentence="first",
        train_encoders=True,
    )
    base = train(first, tmp_path / "base", make_data(first, size=6))
    steps = lines(tmp_path / "base", "train")
    assert steps[-1]["language/image"] < 0.35 * steps[0]["language/image"]
    assert steps[-1]["write/image"] < 0.5 * steps[0]["write/image"]
    recipe = make_recipe(
        start=str(base),
        image_region=Share(observations=6, regions=2, questions=1),
        cloud=Share(),
        cloud_region=Share(),
        steps=60,
        optimiser=QUICK,
        sentence="first",
    )
    model = train(recipe, tmp_path / "regions", make_data(recipe, size=6))
    steps = lines(tmp_path / "regions", "train")
    assert steps[-1]["language/image_region"] < 0.7 * steps[0]["language/image_region"]
    captioner = load(str(model))
    assert captioner.trained == {"image", "image_region"}
    source = make_data(recipe, size=6).train["image_region"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the model has learnt regions, and says so
        view = captioner.look(source.look(0).records[0].observation)
        caption = view.caption([source.look(0).records[0].region])[0]
    assert re.fullmatch("a .* box", caption.text)


def test_parts_of_a_step_add_up_to_the_whole(tmp_path, make_recipe, make_data):
    """Losses without pairs do not depend on how a step is cut; neither do the weights that come of them."""
    losses = LossWeights(contrast=0, match=0, write=0)
    share = Share(observations=4, regions=1)  # the same number of rows, and of texts, in every part
    off = {"image_region": share, "cloud": Share(), "cloud_region": Share()}
    recipe = make_recipe(**off, losses=losses, optimiser=QUICK, language_items="texts", steps=3)
    found = []
    for parts in (1, 2):
        cut = replace(recipe, accumulate=parts)
        train(cut, tmp_path / str(parts), make_data(cut))
        found.append([line["box/image_region"] for line in lines(tmp_path / str(parts), "train")])
    assert found[1] == pytest.approx(found[0], rel=1e-4)


@pytest.mark.parametrize("clip", [0.0, 0.125])
def test_gradients_are_clipped_to_their_norm(tmp_path, make_recipe, make_data, clip):
    recipe = make_recipe(optimiser=Optimiser(clip=clip), order="mixed", losses=LossWeights(box=0))
    run = set_up(recipe, tmp_path, make_data(recipe))
    means = take_step(run, run.batches.from_step(0), 1e-4, Speed())
    gradients = [parameter.grad for parameter in run.module.parameters() if parameter.grad is not None]
    norm = float(torch.stack([gradient.norm() for gradient in gradients]).norm())
    assert means["gradient"] > 0.125, "the norm that is shown is that before clipping"
    assert norm == pytest.approx(clip or float(means["gradient"]), rel=1e-4)


def test_half_precision_and_recomputing_train_nearly_alike(tmp_path, make_recipe, make_data):
    recipe = make_recipe(optimiser=QUICK, steps=3)
    found = {}
    for name, changes in {"plain": {}, "half": {"precision": "bfloat16"}, "again": {"recompute": True}}.items():
        changed = replace(recipe, **changes)
        train(changed, tmp_path / name, make_data(changed))
        found[name] = [line["loss"] for line in lines(tmp_path / name, "train")]
    assert found["half"] == pytest.approx(found["plain"], rel=0.03)
    assert found["half"] != found["plain"]
    assert found["again"] == pytest.approx(found["plain"], rel=1e-5)


def test_losses_that_count_nothing_are_not_computed(tmp_path, make_recipe, make_data):
    recipe = make_recipe(losses=LossWeights(contrast=0, match=0, write=0, box=0), steps=1, order="mixed")
    train(recipe, tmp_path, make_data(recipe))
    (step,) = lines(tmp_path, "train")
    assert {name.split("/")[0] for name in step if "/" in name} == {"language"}
    weighted = make_recipe(losses=LossWeights(contrast=0, match=0, write=0, box=2.0), steps=1, order="mixed")
    train(weighted, tmp_path / "box", make_data(weighted))
    (other,) = lines(tmp_path / "box", "train")
    rows = {"image_region": 4, "cloud_region": 24}
    assert other["loss"] > step["loss"]
    assert set(rows) == {name.split("/")[1] for name in other if name.startswith("box/")}


def test_a_step_says_how_fast_and_how_large(tmp_path, make_recipe, make_data):
    recipe = make_recipe(steps=2)
    train(recipe, tmp_path, make_data(recipe))
    for step in lines(tmp_path, "train"):
        assert step["rows_per_s"] >= step["observations_per_s"] > 0
        assert step["peak_mib"] > 10
        assert step["rate"] > 0
        assert step["epoch"] == 0


def test_tensorboard_holds_the_same_figures(tmp_path, make_recipe, make_data):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    recipe = make_recipe(steps=2, reports=Reports(log_every=1, validation_steps=0))
    train(recipe, tmp_path, make_data(recipe))
    board = events.EventAccumulator(str(tmp_path)).Reload()
    shown = [scalar.value for scalar in board.Scalars("train/loss")]
    assert shown == pytest.approx([line["loss"] for line in lines(tmp_path, "train")])


def test_validation_writes_losses_and_pictures(tmp_path, make_recipe, make_data):
    from PIL import Image

    reports = Reports(log_every=9, validate_every=2, validation_steps=2, samples=1, tensorboard=False)
    recipe = make_recipe(steps=4, reports=reports, augmentation=Augmentation(flip=1.0))
    train(recipe, tmp_path, make_data(recipe))
    shown = lines(tmp_path, "validation")
    assert [line["step"] for line in shown] == [2, 4]
    assert {"loss", "language/cloud", "box/image_region"} <= set(shown[0])
    samples = [json.loads(line) for line in (tmp_path / "samples" / "samples.jsonl").read_text().splitlines()]
    assert len(samples) == 2 * 3
    for sample in samples:
        with Image.open(tmp_path / "samples" / sample["picture"]) as picture:
            assert min(picture.size) > 100
        assert all({"written", "true", "confidence"} <= set(caption) for caption in sample["captions"])


def test_validation_leaves_training_as_it_was(tmp_path, make_recipe, make_data):
    plain = make_recipe(steps=4, cloud=Share(), cloud_region=Share())
    looking = replace(plain, reports=replace(plain.reports, validate_every=1, validation_steps=1, samples=1))
    for name, recipe in {"plain": plain, "looking": looking}.items():
        train(recipe, tmp_path / name, make_data(recipe))
    losses = [[line["loss"] for line in lines(tmp_path / name, "train")] for name in ("plain", "looking")]
    assert losses[0] == losses[1]


def test_bad_samples_are_named_and_too_many_stop_the_run(tmp_path, make_recipe, make_data):
    recipe = make_recipe(steps=8, max_bad_share=0.5, order="mixed")
    train(recipe, tmp_path / "few", make_data(recipe, broken=(3,)))
    named = lines(tmp_path / "few", "skipped")
    assert named
    assert all("3: InvalidObservation: picture 3 is broken" in line["text"] for line in named)
    strict = replace(recipe, max_bad_share=0.01)
    with pytest.raises(TrainingError, match=r"of \d+ samples cannot be read, more than max_bad_share=0.01;.*picture 3"):
        train(strict, tmp_path / "many", make_data(strict, broken=(3,)))


def test_a_loss_that_is_no_number_stops_the_run_before_it_is_saved(tmp_path, make_recipe, make_data, monkeypatch):
    from region_perception.training import step

    def spoiled(scores, items):
        term = step.Term(scores.log_probs.sum() * float("nan"), torch.ones(()))
        return term

    monkeypatch.setattr(step, "language_loss", spoiled)
    recipe = make_recipe(steps=4)
    with pytest.raises(TrainingError, match="the loss is nan after 1 steps"):
        train(recipe, tmp_path, make_data(recipe))
    assert not (tmp_path / "checkpoints").exists()


def test_data_that_are_not_there_are_named(tmp_path, make_recipe, make_data):
    recipe = make_recipe()
    data = make_data(recipe)
    del data.train["cloud"]
    with pytest.raises(TrainingError, match="no data of cloud; there are some of image_region, cloud_region"):
        train(recipe, tmp_path, data)
