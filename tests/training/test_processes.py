"""Several processes share a step's observations and get what one alone gets."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from region_perception.errors import TrainingError
from region_perception.training.loop import train
from region_perception.training.processes import Processes

HERE = Path(__file__).parent


def lines(folder, event):
    found = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line for line in found if line["event"] == event]


def start_processes(count, *arguments):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": count, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": 1}
    shared |= {"PYTHONPATH": HERE.parents[1], "GLOO_SOCKET_IFNAME": "lo"}
    return [
        subprocess.Popen(
            [sys.executable, str(HERE / "shared_run.py"), *map(str, arguments)],
            env=os.environ | {key: str(value) for key, value in (shared | {"RANK": i, "LOCAL_RANK": i}).items()},
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(count)
    ]


def test_two_processes_train_like_one(tmp_path, start, shared_recipe, make_data):
    """Unequal numbers of rows and of words, hard negatives of the other process, a broken sample, two modalities."""
    running = start_processes(2, start, tmp_path / "two", "{}")
    one = train(shared_recipe, tmp_path / "one", make_data(shared_recipe, broken=(3,)), cpu=True)
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    alone, together = lines(tmp_path / "one", "train"), lines(tmp_path / "two", "train")
    assert len(alone) == len(together) == shared_recipe.steps
    losses = [name for name in alone[0] if "/" in name or name in ("loss", "gradient")]
    assert {name.split("/")[0] for name in losses} == {
        "loss",
        "gradient",
        "language",
        "write",
        "contrast",
        "match",
        "box",
    }
    for a, b in zip(alone, together, strict=True):
        assert [b[name] for name in losses] == pytest.approx([a[name] for name in losses], rel=1e-4)
    assert alone[0]["loss"] != pytest.approx(alone[-1]["loss"], rel=1e-2), "weights must have moved"
    for file in sorted(one.glob("*.safetensors")):
        other = load_file(tmp_path / "two" / "model" / file.name)
        for name, tensor in load_file(file).items():
            torch.testing.assert_close(other[name], tensor, rtol=1e-3, atol=1e-4, msg=name)
    skipped = [sorted(line["text"] for line in lines(tmp_path / name, "skipped")) for name in ("one", "two")]
    assert skipped[0] == skipped[1]
    assert skipped[0], "each process names what it could not read"
    held = [lines(tmp_path / name, "validation")[-1]["loss"] for name in ("one", "two")]
    assert held[0] == pytest.approx(held[1], rel=1e-4)


def test_processes_that_cannot_share_a_step_say_so(tmp_path, make_recipe, make_data, monkeypatch):
    monkeypatch.setattr(Processes, "__init__", lambda self, accelerator: self.__dict__.update(count=3, rank=0))
    recipe = make_recipe(steps=1)
    with pytest.raises(TrainingError, match="3 processes with accumulate=1 need a multiple of 3"):
        train(recipe, tmp_path, make_data(recipe))
