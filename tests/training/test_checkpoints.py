"""Checkpoints: whole or not there; broken ones are passed over."""

import errno
import json
import os
import subprocess
import sys
import warnings

import pytest
import torch

from region_perception.errors import InputWarning, TrainingError, WeightsError
from region_perception.training import checkpoints as module
from region_perception.training.checkpoints import Checkpoints, fingerprint, learnt_tensors, optimiser_tensors, restore

WEIGHTS = {"layer.weight": torch.arange(6.0).view(2, 3), "seen": torch.tensor(3)}
MEMORY = {"layer.weight/exp_avg": torch.ones(2, 3), "layer.weight/step": torch.tensor(7.0)}


@pytest.fixture
def store(tmp_path):
    return Checkpoints(tmp_path / "checkpoints", keep=3)


def save(store, *steps):
    for step in steps:
        store.save(step, {name: tensor + step for name, tensor in WEIGHTS.items()}, MEMORY, {"read": step})


def test_what_is_saved_is_read(store):
    save(store, 5)
    found = store.newest()
    assert found.step == 5
    assert found.state == {"read": 5}
    assert all(torch.equal(found.weights[name], tensor + 5) for name, tensor in WEIGHTS.items())
    assert all(torch.equal(found.optimiser[name], tensor) for name, tensor in MEMORY.items())


def test_a_new_run_has_none(store):
    assert store.newest() is None


def test_only_the_last_are_kept(store):
    save(store, *range(1, 8))
    assert store.steps() == [5, 6, 7]
    assert sorted(path.name for path in store.folder.iterdir()) == [f"step-0000000{i}" for i in (5, 6, 7)]


def cut(path):
    path.write_bytes(path.read_bytes()[:-4])


def flip(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def forge(path):
    """The right size and hash of something that is no safetensors file."""
    path.write_bytes(b"\x80\x04" + b"x" * 200)
    state = path.parent / "state.json"
    record = json.loads(state.read_text())
    record["files"][path.name] = {"bytes": 202, "blake2b": module._hash(path)}
    state.write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("weights.safetensors", cut),
        ("weights.safetensors", flip),
        ("weights.safetensors", forge),
        ("optimiser.safetensors", flip),
        ("optimiser.safetensors", os.remove),
        ("state.json", cut),
        ("state.json", os.remove),
        ("state.json", lambda path: path.write_text("[]")),
    ],
)
def test_a_broken_one_is_named_and_the_one_before_is_read(store, name, harm):
    save(store, 1, 2)
    harm(store.folder / "step-00000002" / name)
    with pytest.warns(InputWarning, match="step-00000002 is broken.*going on from step 1"):
        found = store.newest()
    assert found.step == 1
    save(store, 2)  # the run comes by again
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert store.newest().step == 2


def test_all_broken_is_an_error_that_names_them(store):
    save(store, 1, 2)
    for step in (1, 2):
        cut(store.folder / f"step-0000000{step}" / "weights.safetensors")
    with pytest.raises(TrainingError, match=r"(?s)no checkpoint of this run.*step-00000002.*step-00000001"):
        store.newest()


def test_a_draft_is_no_checkpoint(store):
    save(store, 1)
    (store.folder / "step-00000001").rename(store.folder / ".step-00000002.draft")
    save(store, 1)
    assert store.newest().step == 1
    save(store, 2)  # the leftover is in nobody's way
    assert store.newest().step == 2


@pytest.mark.parametrize("call", range(6))
def test_an_error_at_any_point_of_writing_leaves_the_one_before(store, monkeypatch, call):
    save(store, 1)
    calls = iter(range(100))

    def fail(*_):
        if next(calls) == call:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_to_disk", fail)
    try:
        save(store, 2)
    except TrainingError as error:
        assert "No space left" in str(error)  # noqa: PT017
        assert "step 1" in str(error) or "step 2" in str(error)  # noqa: PT017
    monkeypatch.undo()
    assert store.newest().step in ((1,) if call < 4 else (2,))
    assert not list(store.folder.glob(".*.draft"))


FULL_DISK = """
import resource, sys, torch
from pathlib import Path
from region_perception.errors import TrainingError
from region_perception.training.checkpoints import Checkpoints
store = Checkpoints(Path(sys.argv[1]), keep=3)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
try:
    store.save(2, {"big": torch.zeros(100_000)}, {}, {})
except TrainingError as error:
    print(error)
"""


def test_the_system_refusing_to_write_is_a_clear_error(store):
    save(store, 1)
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(store.folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "step-00000002 cannot be written" in done.stdout
    assert "the last one is that of step 1" in done.stdout
    assert store.newest().step == 1
    assert not list(store.folder.glob(".*"))


def make(seed):
    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    net[2].weight.requires_grad_(False)
    return net, torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=0.1)


def take(net, optimiser, seed):
    optimiser.zero_grad()
    net(torch.randn(5, 3, generator=torch.Generator().manual_seed(seed))).square().sum().backward()
    optimiser.step()


def test_modules_and_optimisers_go_on_as_if_nothing_had_happened(store):
    net, optimiser = make(0)
    for step in range(3):
        take(net, optimiser, step)
    store.save(3, learnt_tensors(net), optimiser_tensors(net, optimiser), {})
    other, again = make(0)
    restore(other, again, store.newest())
    for step in range(3, 6):
        take(net, optimiser, step)
        take(other, again, step)
    assert fingerprint(net.state_dict()) == fingerprint(other.state_dict())
    assert "2.weight" not in store.newest().weights, "what is frozen is not saved"


def test_weights_of_another_run_are_refused(store):
    store.save(1, {"stranger": torch.zeros(1)}, {}, {})
    with pytest.raises(WeightsError, match="stranger"):
        restore(*make(0), store.newest())


def test_fingerprints_tell_names_and_values_apart():
    base = {"a": torch.zeros(2), "b": torch.ones(2)}
    assert fingerprint(base) == fingerprint({"b": torch.ones(2), "a": torch.zeros(2)})
    assert fingerprint(base) != fingerprint({"a": torch.ones(2), "b": torch.zeros(2)})
    assert fingerprint(base) != fingerprint({"a": torch.zeros(2), "c": torch.ones(2)})
