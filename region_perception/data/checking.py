"""Whether a data set on disk is whole: all that is wrong with it, counted and with examples, not only the first."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from region_perception.data.entries import ADJUSTED, BAD_BOX, MISSING_FILE, UNREADABLE, Flaw
from region_perception.data.index import Tally
from region_perception.data.kept_indexes import index_of
from region_perception.data.places import files_of, inside, open_place
from region_perception.data.sets import DataSet
from region_perception.errors import InvalidInput, InvalidRegion, RegionPerceptionError
from region_perception.observations import CloudObservation, ImageObservation
from region_perception.regions import region_from_dict

Progress = Callable[[str, int, int | None], None]
"""Told what is being done, how much of it is done, and of how much where that is known."""


@dataclass(frozen=True)
class Checked:
    """One split: how many observations it has by modality, what is told of them, and what is wrong."""

    split: str
    observations: dict[str, int]
    counts: dict[str, int]
    flaws: dict[str, int]
    left_out: int
    examples: tuple[Flaw, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def check(
    data: DataSet,
    folder: Path,
    splits: tuple[str, ...] = (),
    *,
    masks: bool = False,
    open_files: bool = False,
    progress: Progress = lambda what, done, total: None,
) -> list[Checked]:
    """Check some splits of a data set, all that are there unless they are named. open_files: read every observation."""
    if not folder.is_dir():
        raise InvalidInput(f"{data.name}: there is no folder {folder}")
    if not splits:
        whole = [split for split in data.splits if not _is_union(split, data.splits)]
        splits = tuple(split for split in whole if _is_there(data, folder, split))
        if not splits:
            data.files(folder, data.splits[0])  # says what is expected
    return [_check(data, folder, split, masks, open_files, progress) for split in splits]


def _is_union(split: str, others: tuple[str, ...]) -> bool:
    """Whether a split is made of others: "test" of "testA" and "testB"."""
    return any(other != split and other.startswith(split) for other in others)


def _is_there(data: DataSet, folder: Path, split: str) -> bool:
    try:
        return bool(data.files(folder, split))
    except InvalidInput:
        return False


def _check(data: DataSet, folder: Path, split: str, masks: bool, open_files: bool, progress: Progress) -> Checked:
    try:
        index = index_of(
            data, folder, split, masks=masks, progress=lambda done: progress(f"reading {split}", done, None)
        )
    except InvalidInput as error:
        if split not in data.splits:
            raise
        return Checked(split, {}, {}, {UNREADABLE: 1}, 0, (Flaw(UNREADABLE, split, str(error)),))
    tally = Tally()
    observations = {name: index.observations(name) for name in index.modalities}
    total = len(index.all)
    for number in index.all:
        for flaw in _flaws_of_files(index.rows(number), folder, open_files):
            tally.add(flaw)
        if (number + 1) % 1000 == 0 or number + 1 == total:
            progress(f"looking at {split}", number + 1, total)
    flaws = dict(index.flaws)
    for kind, count in tally.counts.items():
        flaws[kind] = flaws.get(kind, 0) + count
    examples = tuple(index.examples() + tally.examples)
    sizes = {name: len(each) for name, each in observations.items()}
    return Checked(split, sizes, index.counts, flaws, index.left_out + tally.left_out, examples)


def _flaws_of_files(rows: list[dict[str, Any]], folder: Path, open_files: bool) -> Iterator[Flaw]:
    """What is wrong with the files of one observation; opened, with its regions in it, too."""
    place, name = rows[0]["place"], rows[0]["id"]
    try:
        missing = [path for path in files_of(place) if not inside(folder, path).is_file()]
        if missing:
            yield Flaw(MISSING_FILE, name, f"{missing[0]} is not there")
        elif open_files:
            with warnings.catch_warnings(record=True) as heard:
                warnings.simplefilter("always")
                seen = open_place(folder, place)
            yield from (Flaw(ADJUSTED, name, str(each.message), kept=True) for each in heard)
            yield from filter(None, (_flaw_of_region(row, seen) for row in rows))
    except (RegionPerceptionError, OSError, ValueError, MemoryError) as error:
        yield Flaw(UNREADABLE, name, str(error))


def _flaw_of_region(row: dict[str, Any], seen: ImageObservation | CloudObservation) -> Flaw | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a box that is clipped has been told already
            if row["region"]:
                region_from_dict(row["region"]).locate(seen)
    except InvalidRegion as error:
        return Flaw(BAD_BOX, row["id"], str(error))
    return None
