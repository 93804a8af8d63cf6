"""Checkpoints that survive a kill at any moment, a full disk and a broken file.

    checkpoints/step-00000100/
        weights.safetensors     what learns, and the running statistics
        optimiser.safetensors   its two moments and step count, by parameter
        state.json              step, counters, and the size and hash of the files above

A checkpoint is written beside its place, brought to the disk, and then renamed: it is there as a whole or not at all.
Reading takes the newest that is whole, and says of every newer one why it was passed over. Nothing is unpickled, and no
random state is kept: all that is random in a run is a function of its seed and the step.
"""

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from region_perception.errors import InputWarning, TrainingError, WeightsError
from region_perception.json_files import load_json

_FILES = ("weights.safetensors", "optimiser.safetensors")
_STATE = "state.json"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What was saved after so many steps."""

    step: int
    weights: dict[str, Tensor]
    optimiser: dict[str, Tensor]
    state: dict[str, Any]


class Checkpoints:
    """The checkpoints of one run."""

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder = folder
        self._keep = keep

    def steps(self) -> list[int]:
        """The steps of the checkpoints that are there, oldest first."""
        names = [path.name for path in self.folder.glob("step-*") if path.name.removeprefix("step-").isdecimal()]
        return sorted(int(name.removeprefix("step-")) for name in names)

    def save(self, step: int, weights: Mapping[str, Tensor], optimiser: Mapping[str, Tensor], state: Any) -> None:
        """Write a checkpoint and remove those that are too many."""
        place = self._place(step)
        draft = place.with_name(f".{place.name}.draft")
        try:
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            files = {}
            for name, tensors in zip(_FILES, (weights, optimiser), strict=True):
                _write_tensors(draft / name, tensors)
                files[name] = {"bytes": (draft / name).stat().st_size, "blake2b": _hash(draft / name)}
            text = json.dumps({"step": step, "files": files, "state": state}, indent=2)
            (draft / _STATE).write_text(text + "\n", encoding="utf-8")
            _to_disk(draft / _STATE)
            _to_disk(draft)
            shutil.rmtree(place, ignore_errors=True)  # a broken one of the same step, which was passed over
            draft.rename(place)
            _to_disk(self.folder)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(draft, ignore_errors=True)
            raise TrainingError(self._not_written(place, error)) from error
        for old in self.steps()[: -self._keep]:
            self._remove(old)

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint that is whole; None if there is none at all."""
        broken = []
        for step in reversed(self.steps()):
            try:
                checkpoint = _read(self._place(step))
            except WeightsError as error:
                broken.append(str(error))
                continue
            for reason in broken:
                warnings.warn(f"{reason}; going on from step {step} instead", InputWarning, stacklevel=2)
            return checkpoint
        if broken:
            raise TrainingError("\n".join(["no checkpoint of this run can be read:", *broken]))
        return None

    def _place(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}"

    def _remove(self, step: int) -> None:
        # Out of sight first: what is half removed must not look like a checkpoint.
        place = self._place(step)
        hidden = place.with_name(f".{place.name}.old")
        shutil.rmtree(hidden, ignore_errors=True)
        place.rename(hidden)
        shutil.rmtree(hidden, ignore_errors=True)

    def _not_written(self, place: Path, error: Exception) -> str:
        free = shutil.disk_usage(self.folder).free if self.folder.exists() else 0
        there = self.steps()
        last = f"the last one is that of step {there[-1]}" if there else "there is none before it"
        return (
            f"checkpoint {place} cannot be written: {error}. {free / 2**20:,.0f} MiB are free there; {last}. "
            "Make room and start the run again: it goes on from its last checkpoint"
        )


def _read(place: Path) -> Checkpoint:
    try:
        record = load_json(place / _STATE, dict)
        files, step, state = dict(record["files"]), int(record["step"]), dict(record["state"])
        for name in _FILES:
            size = (place / name).stat().st_size
            if size != files[name]["bytes"]:
                raise ValueError(f"{name} has {size} bytes instead of {files[name]['bytes']}")
            if _hash(place / name) != files[name]["blake2b"]:
                raise ValueError(f"{name} is not what was written")
        weights, optimiser = (load_file(place / name) for name in _FILES)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise WeightsError(f"checkpoint {place} is broken: {error}") from error
    return Checkpoint(step, weights, optimiser, state)


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path)
    _to_disk(path)


def _to_disk(path: Path) -> None:
    """Wait until a file's (or folder's) content has left the memory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _hash(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


# Between modules and tensors ------------------------------------------------------------------------------------------


def learnt_tensors(module: nn.Module) -> dict[str, Tensor]:
    """What training changes: parameters that learn, and buffers."""
    learning = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    stored = module.state_dict(keep_vars=True)
    return learning | {name: buffer for name, buffer in module.named_buffers() if name in stored}


def optimiser_tensors(module: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's memory by parameter: "<parameter>/exp_avg", ..."""
    return {
        f"{name}/{field}": value
        for name, parameter in module.named_parameters()
        for field, value in optimiser.state.get(parameter, {}).items()
    }


def restore(module: nn.Module, optimiser: torch.optim.Optimizer, checkpoint: Checkpoint) -> None:
    """Put a checkpoint's tensors back where they came from."""
    places = learnt_tensors(module)
    missing, unknown = sorted(set(places) - set(checkpoint.weights)), sorted(set(checkpoint.weights) - set(places))
    if missing or unknown:
        raise WeightsError(f"the checkpoint is not this run's: it lacks {missing[:5]} and has {unknown[:5]}")
    with torch.no_grad():
        for name, tensor in checkpoint.weights.items():
            places[name].copy_(tensor)
    parameters = dict(module.named_parameters())
    for key, tensor in checkpoint.optimiser.items():
        name, _, field = key.rpartition("/")
        parameter = parameters[name]
        # AdamW counts steps on the CPU, and keeps its moments where the parameter is.
        optimiser.state[parameter][field] = tensor if field == "step" else tensor.to(parameter.device)


def fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """A hash of names and values, to tell whether weights are those of before."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
