"""Prepared examples on disk, so that later epochs neither draw nor read their observations again.

<folder>/<modality>-<use>/
    key.json           what all this was made from; what was made from anything else is refused
    0012/345.example   number 12,345: its rows as a line of JSON, then its tensors as safetensors; deflated

Files come as their examples are first asked for, in whatever process, and hold the same bits.
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
from region_perception.network.spec import NetworkSpec, spec_to_dict
from region_perception.training.examples import Example, Examples
from region_perception.training.feature_cache import KEY, plain_rows, refuse_stale, rows_from

_FORMAT = 1
_SEEN = "seen"  # the tensor of pixels or points; all others are classes, by attribute
_BROKEN = (OSError, ValueError, KeyError, zlib.error, SafetensorError)


class KeptExamples:
    """`examples`, each of them made once and read from `folder` after that."""

    def __init__(self, examples: Examples, modality: str, folder: Path) -> None:
        self._examples = examples
        self._modality = modality
        self._folder = folder

    def __len__(self) -> int:
        return len(self._examples)

    def example(self, index: int) -> Example:
        path = self._folder / f"{index // 1000:04d}" / f"{index % 1000:03d}.example"
        try:
            return _unpacked(path.read_bytes(), self._modality)
        except _BROKEN:  # not there yet, or cut off when the machine stopped
            example = self._examples.example(index)
            write_kept(path, _packed(example))
            return example


def kept_examples(
    folder: Path, examples: Examples, modality: str, source: Source, spec: NetworkSpec, what: str
) -> KeptExamples:
    """Examples that are kept in `folder`; `what` they hold ("records", "classes"). A folder of others is refused."""
    clouds = modality in CLOUD_MODALITIES
    key: dict[str, Any] = {
        "format": _FORMAT,
        "modality": modality,
        "what": what,
        "data": source.fingerprint,
        "observations": len(source),
        "encoder": spec_to_dict(spec.point_encoder if clouds else spec.image_encoder),
        "position": spec_to_dict(spec.position),
    }
    if not (folder / KEY).exists():
        write_kept(folder / KEY, (json.dumps(key, indent=2) + "\n").encode())
    refuse_stale(folder, key)
    return KeptExamples(examples, modality, folder)


def _packed(example: Example) -> bytes:
    assert isinstance(example.seen, Tensor)
    tensors = {name: labels.to(torch.int16) for name, labels in example.classes.items()} | {_SEEN: example.seen}
    content = json.dumps(plain_rows(example.rows)).encode() + b"\n" + save(tensors)
    return zlib.compress(content, level=1)  # pixels take 256 values, and most patches one class


def _unpacked(content: bytes, modality: str) -> Example:
    rows, _, tensors = zlib.decompress(content).partition(b"\n")
    classes = load(tensors)
    seen = classes.pop(_SEEN)
    return Example(modality, seen, rows_from(json.loads(rows)), {name: c.long() for name, c in classes.items()})
