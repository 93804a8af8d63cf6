"""What a data set tells, on disk, by observation: however many rows there are, they do not live in memory.

<folder>/
    rows.jsonl     one line for each record, in the order of the data set's own files
    starts.npy     int64 [rows + 1], where each line begins
    order.npy      int64 [rows], the numbers of the rows, those of one observation side by side
    firsts.npy     int64 [observations + 1], where in `order` each observation begins
    flaws.jsonl    what is wrong with the data, the first of each kind
    index.json     counts, and what all this was made from

Observations are numbered modality by modality, and then as they first come in the data set. All but `index.json` is
read by memory map, when it is first needed, so that an index goes to another process as the path of its folder.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from region_perception.data.entries import DUPLICATE_ID, Entry, Flaw, examined
from region_perception.errors import InvalidInput
from region_perception.modalities import MODALITIES

EXAMPLES = 5  # flaws of each kind that are kept whole; of the others only how many there are
_TOLD = 1000  # letters of a place or a message: an id may have millions
INDEX = "index.json"
_ROWS, _FLAWS = "rows.jsonl", "flaws.jsonl"


@dataclass
class Tally:
    """How many flaws of each kind there are, and the first of each."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: list[Flaw] = field(default_factory=list)
    left_out: int = 0

    def add(self, flaw: Flaw) -> None:
        self.counts[flaw.kind] += 1
        self.left_out += not flaw.kept
        if self.counts[flaw.kind] <= EXAMPLES:
            where, message = (
                text if len(text) <= _TOLD else f"{text[:_TOLD]}..." for text in (flaw.where, flaw.message)
            )
            self.examples.append(replace(flaw, where=where, message=message))


def build_index(folder: Path, source: str, items: Iterable[Entry | Flaw], key: dict[str, Any]) -> Index:
    """Write an index of what a reader yields into a folder that is empty."""
    tally, digest = Tally(), blake2b(digest_size=8)
    starts, groups, ids, modalities = array("q", [0]), array("Q"), array("Q"), array("B")
    sentences = words = questions = 0
    with (folder / _ROWS).open("wb") as rows:
        for item in items:
            entry, flaws = (None, [item]) if isinstance(item, Flaw) else examined(item)
            for flaw in flaws:
                tally.add(flaw)
            if entry is None:
                continue
            written = entry.written(source)
            line = json.dumps(written).encode() + b"\n"
            rows.write(line)
            digest.update(line)
            starts.append(starts[-1] + len(line))
            groups.append(_hash(f"{entry.modality} {json.dumps(written['place'], sort_keys=True)}"))
            ids.append(_hash(f"{entry.modality} {entry.id}"))
            modalities.append(MODALITIES.index(entry.modality))
            sentences += len(entry.sentences)
            words += sum(len(text.split()) for text in entry.sentences)
            questions += len(entry.questions)
    kinds = _numbers(modalities, np.uint8)
    for number in _repeated(_numbers(ids, np.uint64)):
        name = _id(folder, starts[number]) if tally.counts[DUPLICATE_ID] < EXAMPLES else ""
        tally.add(Flaw(DUPLICATE_ID, name, f"row {number:,} has the id of an earlier row", kept=True))
    ranges = _write_order(folder, _numbers(groups, np.uint64), kinds)
    np.save(folder / "starts.npy", np.frombuffer(starts, np.int64))
    with (folder / _FLAWS).open("w") as file:
        file.writelines(json.dumps(asdict(flaw)) + "\n" for flaw in tally.examples)
    counts = {"rows": len(ids), "sentences": sentences, "words": words, "questions": questions}
    about = {"source": source, "content": digest.hexdigest(), "counts": counts, "ranges": ranges}
    flawed = {"flaws": dict(tally.counts), "left_out": tally.left_out}
    (folder / INDEX).write_text(json.dumps({"key": key, **about, **flawed}, indent=2) + "\n")
    return Index(folder)


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _numbers(values: array[int], kind: type[np.unsignedinteger[Any]]) -> np.ndarray:
    """An array of Python's as one of numpy's, without a copy."""
    return np.frombuffer(values, kind) if values else np.empty(0, kind)


def _id(folder: Path, start: int) -> str:
    """The id of the row that begins at a byte."""
    with (folder / _ROWS).open("rb") as file:
        file.seek(start)
        return json.loads(file.readline())["id"]


def _repeated(hashes: np.ndarray) -> Iterator[int]:
    """The numbers of the rows whose hash an earlier row has, too."""
    order = np.argsort(hashes, kind="stable")
    again = hashes[order[1:]] == hashes[order[:-1]]
    yield from np.sort(order[1:][again]).tolist()


def _write_order(folder: Path, groups: np.ndarray, kinds: np.ndarray) -> dict[str, list[int]]:
    """Rows of one observation side by side; returns from which to which number each modality's observations are."""
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    ranked = np.lexsort((first, kinds[first]))  # groups: modality by modality, then as they first come
    rank = np.empty_like(ranked)
    rank[ranked] = np.arange(len(ranked))
    of_row = rank[group.reshape(-1)]
    np.save(folder / "order.npy", np.argsort(of_row, kind="stable").astype(np.int64))
    np.save(folder / "firsts.npy", np.concatenate([[0], np.cumsum(np.bincount(of_row, minlength=len(ranked)))]))
    edges = np.searchsorted(kinds[first][ranked], np.arange(len(MODALITIES) + 1)).tolist()
    return {name: edges[i : i + 2] for i, name in enumerate(MODALITIES) if edges[i] < edges[i + 1]}


class Index:
    """An index on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            about = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            self.key: dict[str, Any] = about["key"]
            self.source: str = about["source"]
            self.content: str = about["content"]
            self.counts: dict[str, int] = about["counts"]
            self.flaws: dict[str, int] = about["flaws"]
            self.left_out: int = about["left_out"]
            self._ranges = {name: range(*edges) for name, edges in about["ranges"].items()}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InvalidInput(f"{folder} is no index of a data set: {error}") from error

    def __reduce__(self) -> Any:
        return Index, (self.folder,)

    @property
    def modalities(self) -> tuple[str, ...]:
        return tuple(self._ranges)

    @property
    def all(self) -> range:
        """The numbers of all observations."""
        return range(sum(map(len, self._ranges.values())))

    def observations(self, modality: str) -> range:
        """The numbers of the observations of one modality."""
        return self._ranges.get(modality, range(0))

    def rows(self, observation: int) -> list[dict[str, Any]]:
        """All that is told of one observation, as `Record.to_dict` writes it."""
        return [self.row(int(number)) for number in self._order[slice(*self._firsts[observation : observation + 2])]]

    def row(self, number: int) -> dict[str, Any]:
        """One row, by its number in the data set."""
        start, end = self._starts[number : number + 2]
        return json.loads(self._lines[start:end].tobytes())

    def examples(self) -> list[Flaw]:
        """The first flaws of each kind."""
        lines = (self.folder / _FLAWS).read_text(encoding="utf-8").splitlines()
        return [Flaw(**json.loads(line)) for line in lines]

    @cached_property
    def _lines(self) -> np.ndarray:
        path = self.folder / _ROWS
        return np.memmap(path, mode="r") if path.stat().st_size else np.empty(0, np.uint8)

    @cached_property
    def _starts(self) -> np.ndarray:
        return np.load(self.folder / "starts.npy", mmap_mode="r")

    @cached_property
    def _order(self) -> np.ndarray:
        return np.load(self.folder / "order.npy", mmap_mode="r")

    @cached_property
    def _firsts(self) -> np.ndarray:
        return np.load(self.folder / "firsts.npy", mmap_mode="r")
