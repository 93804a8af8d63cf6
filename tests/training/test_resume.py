"""A run that is killed goes on to the same weights, bit by bit."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from region_perception.errors import InputWarning, TrainingError
from region_perception.training import loop
from region_perception.training.loop import train
from region_perception.training.recipe import Optimiser, Share

HERE = Path(__file__).parent


def environment():
    """Of a process that finds the library of this checkout."""
    return os.environ | {"PYTHONPATH": str(HERE.parents[1])}


def weights(model):
    return {path.name: load_file(path) for path in sorted(model.glob("*.safetensors"))}


def require_same(one, other):
    assert list(one) == list(other)
    for file, tensors in one.items():
        different = [name for name, tensor in tensors.items() if not torch.equal(tensor, other[file][name])]
        assert not different, f"{file}: {different}"


def losses(folder):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return {line["step"]: line["loss"] for line in lines if line["event"] == "train"}


def skipped(folder):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [(line["step"], line["text"]) for line in lines if line["event"] == "skipped"]


def test_killed_at_any_place_a_run_ends_with_the_same_bits(start, tmp_path, long_recipe, make_data):
    recipe = long_recipe
    unbroken = train(recipe, tmp_path / "unbroken", make_data(recipe))
    done = subprocess.run(
        [sys.executable, str(HERE / "killed_run.py"), str(start), str(tmp_path / "killed")],
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE.parents[1],
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    assert "ended" not in done.stdout, f"every kill must strike:\n{done.stdout}"
    require_same(weights(unbroken), weights(tmp_path / "killed" / "model"))
    assert losses(tmp_path / "unbroken") == losses(tmp_path / "killed"), "every step is in the log, once"


@pytest.mark.parametrize("phase", ["encoders", "base", "modalities"])
def test_every_phase_goes_on_to_the_same_bits(tmp_path, make_recipe, make_data, phase):
    """Dropout, statistics of norms, training heads, gradient parts: all of it is kept or a function of the step."""
    shares = {
        "encoders": {"image": Share(observations=4), "cloud": Share(observations=4), "cloud_region": Share()},
        "base": {"image": Share(observations=4, questions=1), "cloud": Share(), "cloud_region": Share()},
        "modalities": {"cloud": Share(), "cloud_region": Share()},
    }[phase]
    region = {} if phase == "modalities" else {"image_region": Share()}
    recipe = make_recipe(phase=phase, dropout=0.2, accumulate=2, order="mixed", steps=4, **shares, **region)
    unbroken = train(recipe, tmp_path / "unbroken", make_data(recipe))
    stopped = tmp_path / "stopped"
    train(recipe, stopped, make_data(recipe))
    shutil.rmtree(stopped / "checkpoints" / "step-00000004")
    shutil.rmtree(stopped / "model")
    require_same(weights(unbroken), weights(train(recipe, stopped, make_data(recipe))))
    assert losses(tmp_path / "unbroken") == losses(stopped)


def test_what_was_skipped_before_a_checkpoint_is_named_whenever_the_log_is_written(
    tmp_path, make_recipe, make_data, monkeypatch
):
    recipe = make_recipe(steps=4, order="mixed", max_bad_share=0.5)
    train(recipe, tmp_path / "unbroken", make_data(recipe, broken=(3,)))
    rarely = replace(recipe, reports=replace(recipe.reports, log_every=100))
    step = loop.take_step

    def stop_after_two(*arguments):
        if len(taken) == 2:
            raise KeyboardInterrupt
        taken.append(None)
        return step(*arguments)

    taken = []
    with monkeypatch.context() as stopped:
        stopped.setattr(loop, "take_step", stop_after_two)
        with pytest.raises(KeyboardInterrupt):
            train(rarely, tmp_path / "stopped", make_data(rarely, broken=(3,)))
    train(rarely, tmp_path / "stopped", make_data(rarely, broken=(3,)))
    named, early = skipped(tmp_path / "unbroken"), [step for step, _ in skipped(tmp_path / "stopped") if step <= 2]
    assert early, "something was skipped before the checkpoint"
    assert [text for _, text in named] == [text for _, text in skipped(tmp_path / "stopped")]


def test_a_broken_checkpoint_costs_its_steps_only(tmp_path, make_recipe, make_data):
    recipe = make_recipe(steps=5)
    unbroken = weights(train(recipe, tmp_path, make_data(recipe)))
    for step in (4, 5):
        path = tmp_path / "checkpoints" / f"step-0000000{step}" / "weights.safetensors"
        path.write_bytes(path.read_bytes()[:-9])
    with pytest.warns(InputWarning, match="going on from step 2"):
        again = train(recipe, tmp_path, make_data(recipe))
    require_same(unbroken, weights(again))


def test_a_finished_run_is_left_as_it_is(tmp_path, make_recipe, make_data):
    recipe = make_recipe(steps=2)
    first = weights(train(recipe, tmp_path, make_data(recipe)))
    require_same(first, weights(train(recipe, tmp_path, make_data(recipe))))


def test_another_recipe_is_refused_by_what_differs(tmp_path, make_recipe, make_data):
    recipe = make_recipe(steps=1)
    train(recipe, tmp_path, make_data(recipe))
    with pytest.raises(TrainingError, match=r"optimiser\.peak: 0\.0001, 0\.1"):
        train(replace(recipe, optimiser=Optimiser(peak=0.1)), tmp_path, make_data(recipe))


def test_another_start_is_refused(tmp_path, start, make_recipe, make_data):
    mine = tmp_path / "start"
    shutil.copytree(start, mine)
    recipe = make_recipe(start=str(mine), steps=1)
    train(recipe, tmp_path / "run", make_data(recipe))
    tensors = load_file(mine / "base.safetensors")
    tensors["qformer.layernorm.weight"] += 1
    save_file(tensors, mine / "base.safetensors", metadata={"format": "pt"})
    with pytest.raises(TrainingError, match="what does not learn differs"):
        train(recipe, tmp_path / "run", make_data(recipe))
