"""Features of frozen encoders on disk, so that training skips reading, drawing and encoding what it has seen before.

<folder>/<modality>/
    tokens.npy     float32, or bfloat16 as its bits (uint16): [observations, N, width], read by memory map
    mask.npy       bool [observations, N]
    centres.npy    of clouds where each group lies, float32 [observations, groups, 3]
    rows.jsonl     one line for each observation: its rows (id, position, sentences, questions), or why it has none
    starts.npy     int64 [observations + 1], where each line begins
    key.json       what all this was made from; a cache of anything else is refused

It is written beside its place, .<modality>.draft, and goes on from there after an interruption. Of several runs that
want the same one makes it, and the others wait.
"""

import json
import math
import os
import shutil
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from region_perception.data.kept_files import alone, write_kept
from region_perception.data.source import Source
from region_perception.errors import InvalidInput, TrainingError
from region_perception.json_files import load_json
from region_perception.modalities import CLOUD_MODALITIES
from region_perception.network.region_blip import Features, RegionBlip
from region_perception.network.spec import spec_to_dict
from region_perception.training.batches import worker_context
from region_perception.training.checkpoints import fingerprint
from region_perception.training.examples import Example, Examples, Row
from region_perception.training.recipe import FeatureCache

_FORMAT = 3
_BATCH = 32
KEY = "key.json"
_ROWS = "rows.jsonl"
_ARRAYS = ("tokens", "mask", "centres")


class CachedFeatures:
    """Examples read from a cache."""

    def __init__(self, folder: Path, modality: str) -> None:
        self._folder = folder
        self._modality = modality

    def __reduce__(self) -> Any:
        # A worker process opens the files itself; a pickled memory map would carry all they hold.
        return CachedFeatures, (self._folder, self._modality)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def example(self, index: int) -> Example:
        line = json.loads(self._lines[self._starts[index] : self._starts[index + 1]].tobytes())
        if "error" in line:
            raise InvalidInput(line["error"])
        tokens = torch.from_numpy(self._tokens[index : index + 1].copy())
        tokens = tokens.view(torch.bfloat16) if tokens.dtype == torch.uint16 else tokens
        if self._centres is None:
            return Example(self._modality, Features(tokens), rows_from(line["rows"]))
        # A mask even where all tokens are real: processes that gather masks have to agree that there are any.
        mask, centres = (torch.from_numpy(array[index : index + 1].copy()) for array in (self._mask, self._centres))
        return Example(self._modality, Features(tokens, mask, centres=centres), rows_from(line["rows"]))

    @cached_property
    def _tokens(self) -> np.ndarray:
        return np.load(self._folder / "tokens.npy", mmap_mode="r")

    @cached_property
    def _mask(self) -> np.ndarray:
        return np.load(self._folder / "mask.npy", mmap_mode="r")

    @cached_property
    def _centres(self) -> np.ndarray | None:
        if self._modality not in CLOUD_MODALITIES:
            return None
        return np.load(self._folder / "centres.npy", mmap_mode="r")

    @cached_property
    def _lines(self) -> np.ndarray:
        return np.memmap(self._folder / _ROWS, mode="r")

    @cached_property
    def _starts(self) -> np.ndarray:
        return np.load(self._folder / "starts.npy")


def cached_features(
    settings: FeatureCache,
    name: str,
    modality: str,
    source: Source,
    examples: Examples,
    network: RegionBlip,
    workers: int = 0,
    *,
    recolored: float = 0.0,
) -> CachedFeatures:
    """The cache `name` of what the network's encoder makes of a source's examples; built if it is not there.

    `workers`: processes that read or draw what is to be encoded; 0 does it in between. `recolored`: the share of
    `examples` that is (`DataChoice.recolored`).
    """
    folder = Path(settings.folder) / name
    key = _key(settings, modality, source, network) | {"recolored": recolored}
    if not folder.exists():
        with alone(folder):
            if not folder.exists():  # another run may have made it by now
                _build(folder, key, settings, _InOrder(examples), network, workers)
    refuse_stale(folder, key)
    return CachedFeatures(folder, modality)


def _key(settings: FeatureCache, modality: str, source: Source, network: RegionBlip) -> dict[str, Any]:
    clouds = modality in CLOUD_MODALITIES
    encoder = network.point_encoder if clouds else network.image_encoder
    if encoder is None:
        raise InvalidInput(f"network {network.spec.name!r} has no encoder for {modality}")
    return {
        "format": _FORMAT,
        "modality": modality,
        "data": source.fingerprint,
        "observations": len(source),
        "encoder": spec_to_dict(network.spec.point_encoder if clouds else network.spec.image_encoder),
        # What of the spec rows depend on; whether and how positions are then read does not matter here.
        "position": {name: getattr(network.spec.position, name) for name in ("cloud_frame", "corner_layout")},
        "weights": fingerprint(encoder.state_dict()),
        "dtype": settings.dtype,
    }


def refuse_stale(folder: Path, key: dict[str, Any]) -> None:
    """That what is kept in `folder` was made from what `key` says."""
    found = load_json(folder / KEY, dict, refused=TrainingError)
    different = [name for name in key if found.get(name) != key[name]]
    if different:
        raise TrainingError(
            f"what is kept in {folder} was made from other {', '.join(different)}; "
            "remove that folder, or choose another"
        )


def _build(
    folder: Path,
    key: dict[str, Any],
    settings: FeatureCache,
    examples: "_InOrder",
    network: RegionBlip,
    workers: int,
) -> None:
    draft = folder.with_name(f".{folder.name}.draft")
    try:
        _claim(draft, key)
        _write_features(draft, settings, examples, network, workers)
        draft.rename(folder)
    except OSError as error:
        raise TrainingError(f"features cannot be cached in {folder}: {error}") from error


def _claim(draft: Path, key: dict[str, Any]) -> None:
    """A folder to write into: what an interrupted build left there, if it was of the same."""
    try:
        refuse_stale(draft, key)
    except TrainingError:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        write_kept(draft / KEY, (json.dumps(key, indent=2) + "\n").encode())


def _write_features(
    draft: Path, settings: FeatureCache, examples: "_InOrder", network: RegionBlip, workers: int
) -> None:
    lengths = _finished(draft)
    arrays: dict[str, np.memmap] = {}
    if lengths:
        found = (draft / f"{name}.npy" for name in _ARRAYS)
        arrays = {path.stem: np.lib.format.open_memmap(path, "r+") for path in found if path.exists()}
    with (draft / _ROWS).open("ab") as lines:
        lines.truncate(sum(lengths))
        for first, batch in _progress(examples, len(lengths) // _BATCH, workers):
            seen = _encode([item for item in batch if isinstance(item, Example)], network, settings)
            for index, item in enumerate(batch, start=first):
                for name, values in next(seen).items() if isinstance(item, Example) else ():
                    if name not in arrays:
                        path, shape = draft / f"{name}.npy", (examples.size, *values.shape)
                        arrays[name] = np.lib.format.open_memmap(path, "w+", values.dtype, shape)
                    arrays[name][index] = values
            for array in arrays.values():
                array.flush()
            # Last, as the sign that all else of these observations is there.
            lengths += [lines.write(_line(item)) for item in batch]
            lines.flush()
    if not arrays:
        shutil.rmtree(draft)
        raise TrainingError("no observation can be read, so there is nothing to cache")
    np.save(draft / "starts.npy", np.cumsum([0, *lengths]))
    for path in draft.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _finished(draft: Path) -> list[int]:
    """How many bytes the line of each observation takes whose batch was finished before an interruption."""
    path = draft / _ROWS
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    whole = [len(line) for line in lines if line.endswith(b"\n")]
    return whole[: len(whole) // _BATCH * _BATCH]


def _line(item: Example | str) -> bytes:
    line = {"error": item} if isinstance(item, str) else {"rows": plain_rows(item.rows)}
    return json.dumps(line).encode() + b"\n"


class _InOrder(Dataset[list[Example | str]]):
    """All examples in order, a few at a time; a text says why one cannot be read."""

    def __init__(self, examples: Examples) -> None:
        self.size = len(examples)
        self._examples = examples

    def __len__(self) -> int:
        return math.ceil(self.size / _BATCH)

    def __getitem__(self, number: int) -> list[Example | str]:
        return [self._example(index) for index in range(number * _BATCH, min((number + 1) * _BATCH, self.size))]

    def _example(self, index: int) -> Example | str:
        try:
            return self._examples.example(index)
        except TrainingError:  # a full disk
            raise
        except Exception as error:  # whatever a broken file makes a reader raise
            return f"{type(error).__name__}: {error}"


def _progress(examples: _InOrder, done: int, workers: int) -> Iterator[tuple[int, list[Example | str]]]:
    """The batches of `examples` from number `done` on, each with the number of its first; and a bar that shows them."""
    from rich.console import Console
    from rich.progress import track

    loader = DataLoader(
        examples,
        batch_size=None,
        sampler=range(done, len(examples)),
        num_workers=workers,
        multiprocessing_context=worker_context(workers),
    )
    batches = track(loader, "caching features", len(examples) - done, console=Console(stderr=True), transient=True)
    for number, batch in enumerate(batches, start=done):
        yield number * _BATCH, batch


def _encode(examples: list[Example], network: RegionBlip, settings: FeatureCache) -> Iterator[dict[str, np.ndarray]]:
    """What is kept of each example: one entry for each array of the cache."""
    if not examples:
        return
    device = next(network.parameters()).device
    seen = [example.seen for example in examples if isinstance(example.seen, Tensor)]
    with torch.no_grad():
        if examples[0].modality in CLOUD_MODALITIES:
            features = network.encode_clouds(seen)
        else:
            features = network.encode_images(torch.stack(seen).to(device))
    for index, tokens in enumerate(features.tokens.cpu()):
        kept = {"tokens": _bits(tokens, settings), "mask": np.ones(len(tokens), np.bool_)}
        if features.mask is not None:
            kept["mask"] = features.mask[index].cpu().numpy()
        if features.centres is not None:
            kept["centres"] = features.centres[index].float().cpu().numpy()
        yield kept


def _bits(tokens: Tensor, settings: FeatureCache) -> np.ndarray:
    if settings.dtype == "float32":
        return tokens.float().numpy()
    return tokens.to(torch.bfloat16).view(torch.uint16).numpy()


def plain_rows(rows: tuple[Row, ...]) -> list[dict[str, Any]]:
    """Rows as JSON values."""
    return [
        {
            "id": row.id,
            "position": None if row.position is None else row.position.tolist(),
            "sentences": row.sentences,
            "references": row.references,
            "questions": row.questions,
        }
        for row in rows
    ]


def rows_from(plain: list[dict[str, Any]]) -> tuple[Row, ...]:
    """The rows that `plain_rows` wrote down."""
    return tuple(
        Row(
            item["id"],
            None if item["position"] is None else torch.tensor(item["position"], dtype=torch.float32),
            tuple(item["sentences"]),
            tuple(item["references"]),
            tuple((question, answer) for question, answer in item["questions"]),
        )
        for item in plain
    )
