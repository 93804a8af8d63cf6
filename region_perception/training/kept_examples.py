"""Prepared examples on disk, so that later epochs neither draw nor read their observations again.

<folder>/<modality>-<use>/
    key.json           what all this was made from; what was made from anything else is refused
    0012/345.example   number 12,345: its rows as a line of JSON, then its tensors as safetensors; deflated

Files come as their examples are first asked for, in whatever process, and give the same bits: pixels and classes take a
byte each, and become what the network reads when they are read.
"""

import json
import zlib
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from region_perception.data.kept_files import write_kept
from region_perception.data.source import Source
from region_perception.modalities import CLOUD_MODALITIES
from region_perception.network.spec import NetworkSpec
from region_perception.preparation import normalized_pixels, plain_pixels
from region_perception.training.examples import Example, PreparedExamples, point_spec
from region_perception.training.feature_cache import KEY, plain_rows, refuse_stale, rows_from

_FORMAT = 2
_SEEN = "seen"  # the tensor of pixels or points; all others are classes, by attribute
_BROKEN = (OSError, ValueError, KeyError, zlib.error, SafetensorError)


class KeptExamples:
    """The examples of a source, each of them prepared once and read from `folder` after that."""

    def __init__(self, folder: Path, modality: str, source: Source, spec: NetworkSpec) -> None:
        """A folder of others is refused."""
        key = _key(modality, source, spec)
        if not (folder / KEY).exists():
            write_kept(folder / KEY, (json.dumps(key, indent=2) + "\n").encode())
        refuse_stale(folder, key)
        self._folder = folder
        self._modality = modality
        self._spec = spec
        self._fresh = PreparedExamples(source, spec)

    def __len__(self) -> int:
        return len(self._fresh)

    def example(self, index: int) -> Example:
        path = self._folder / f"{index // 1000:04d}" / f"{index % 1000:03d}.example"
        try:
            return self._unpacked(path.read_bytes())
        except _BROKEN:  # not there yet, or cut off when the machine stopped
            example = self._fresh.example(index)
            write_kept(path, self._packed(example))
            return example

    def _packed(self, example: Example) -> bytes:
        assert isinstance(example.seen, Tensor)
        seen = example.seen
        if self._modality not in CLOUD_MODALITIES:
            seen = torch.from_numpy(plain_pixels(seen, self._spec.image_encoder))
        tensors = {name: _narrow(labels) for name, labels in example.classes.items()} | {_SEEN: seen}
        content = json.dumps(plain_rows(example.rows)).encode() + b"\n" + save(tensors)
        return zlib.compress(content, level=1)  # most patches are of one class

    def _unpacked(self, content: bytes) -> Example:
        rows, _, tensors = zlib.decompress(content).partition(b"\n")
        classes = load(tensors)
        seen = classes.pop(_SEEN)
        if self._modality not in CLOUD_MODALITIES:
            seen = normalized_pixels(seen.numpy(), self._spec.image_encoder)
        known = {name: labels.long() for name, labels in classes.items()}
        return Example(self._modality, seen, rows_from(json.loads(rows)), known)


def _key(modality: str, source: Source, spec: NetworkSpec) -> dict[str, Any]:
    """What examples are made from; how the network then encodes them does not matter here."""
    key = {"format": _FORMAT, "modality": modality, "data": source.fingerprint, "observations": len(source)}
    if modality not in CLOUD_MODALITIES:
        return key | {"image_size": spec.image_encoder.image_size}
    points = {name: getattr(point_spec(spec), name) for name in ("points", "color", "plane_share")}
    return key | points | {name: getattr(spec.position, name) for name in ("cloud_frame", "corner_layout")}


def _narrow(labels: Tensor) -> Tensor:
    """Whole numbers in a byte each, where they fit."""
    narrow = labels.to(torch.int8)
    return narrow if torch.equal(narrow, labels) else labels
