"""Indexes that are made once and kept: beside one's other caches, since folders of data are often read-only.

~/.cache/region_perception/data/<data set>-<split>-<hash>/      ($XDG_CACHE_HOME counts)

An index is made anew whenever a file that it was made from, or the code that reads it, has changed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from region_perception.data.entries import Entry, Flaw
from region_perception.data.index import Index, build_index
from region_perception.data.kept_files import alone
from region_perception.data.sets import DataSet
from region_perception.errors import InvalidInput, TrainingError

Progress = Callable[[int], None]
"""Told how many rows have been read."""
_TOLD_EVERY = 1000


def index_of(
    data: DataSet, folder: Path, split: str, *, masks: bool = False, progress: Progress | None = None
) -> Index:
    """The index of a split of a data set in a folder; made where there is none, by one process while others wait."""
    if not folder.is_dir():
        raise InvalidInput(f"{data.name}: there is no folder {folder}")
    if split not in data.splits:
        raise InvalidInput(f"{data.name} has no split {split!r}; it has {', '.join(data.splits)}")
    key = _key(data, folder, split, masks)
    mark = blake2b(json.dumps([data.name, split, key["folder"], masks]).encode(), digest_size=8).hexdigest()
    place = cache_folder() / f"{data.name}-{split}-{mark}"
    with alone(place):
        found = _kept(place, key)
        return found or _made(place, data, key, _counted(data.read(folder, split, masks), progress))


def usable_index(data: DataSet, folder: Path, split: str, *, masks: bool = False, max_bad_share: float = 0.01) -> Index:
    """The index of a split, refused where more than a share of its rows cannot be used, or where it tells nothing."""
    index = index_of(data, folder, split, masks=masks)
    rows, bad = index.counts["rows"], index.left_out
    if bad > max_bad_share * (rows + bad) or not rows:
        first = "; ".join(f"{flaw.kind}: {flaw.where}: {flaw.message}" for flaw in index.examples() if not flaw.kept)
        raise TrainingError(
            f"{data.name} {split} in {folder}: {bad:,} of {rows + bad:,} rows cannot be used, expected a share of at "
            f"most {max_bad_share:g}; `region-perception data check {data.name} {folder}` tells all. {first[:600]}"
        )
    return index


def cache_folder() -> Path:
    """Where indexes are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "region_perception" / "data"


def _counted(items: Iterator[Entry | Flaw], progress: Progress | None) -> Iterator[Entry | Flaw]:
    number = 0
    for number, item in enumerate(items, start=1):
        if progress and number % _TOLD_EVERY == 0:
            progress(number)
        yield item
    if progress:
        progress(number)


def _kept(place: Path, key: dict[str, Any]) -> Index | None:
    try:
        index = Index(place)
    except InvalidInput:
        return None
    return index if index.key == key else None


def _made(place: Path, data: DataSet, key: dict[str, Any], items: Iterator[Entry | Flaw]) -> Index:
    """Written beside and moved into place, so that an index that is there is whole."""
    draft = place.with_name(f".{place.name}.draft")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        build_index(draft, data.name, items, key)
        shutil.rmtree(place, ignore_errors=True)
        draft.rename(place)
    except OSError as error:
        raise TrainingError(f"the index of {data.name} cannot be written to {place}: {error}") from error
    return Index(place)


def _key(data: DataSet, folder: Path, split: str, masks: bool) -> dict[str, Any]:
    """All that an index depends on."""
    stamps = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in data.files(folder, split)]
    digest = blake2b(json.dumps(stamps).encode(), digest_size=8).hexdigest()
    return {"folder": str(folder.resolve()), "split": split, "masks": masks, "files": digest, "code": _code()}


@cache
def _code() -> str:
    """A hash of the code that reads data: any change of it may change what an index holds."""
    digest = blake2b(digest_size=8)
    room = Path(__file__).parent
    for path in sorted(room.rglob("*.py")):
        digest.update(path.relative_to(room).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
