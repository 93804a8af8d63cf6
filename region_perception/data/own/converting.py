"""From any data set on disk to one's own: tar shards of records, or COCO-style JSON. Goes on where it was interrupted.

Settings stand in <out>/<split>-settings.json; a conversion is only ever continued with the same data and settings.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from filecmp import cmp
from pathlib import Path
from typing import Any, Literal

from region_perception.data.entries import UNREADABLE, Flaw
from region_perception.data.index import Index, Tally
from region_perception.data.kept_indexes import index_of
from region_perception.data.own.samples import Samples
from region_perception.data.sets import DataSet
from region_perception.errors import InvalidInput, RegionPerceptionError
from region_perception.json_files import load_json

Form = Literal["shards", "coco"]
Progress = Callable[[int, int], None]
"""Told how many images and clouds are done, of how many."""


@dataclass
class Converted:
    """What came of a conversion.

    samples, records: that were written; kept: samples of shards that were there already; left: what the form cannot
    hold, by the reason; flaws: what was wrong.
    """

    samples: int = 0
    kept: int = 0
    records: int = 0
    left: Counter[str] = field(default_factory=Counter)
    flaws: Tally = field(default_factory=Tally)

    def bad(self, where: str, error: Exception) -> None:
        """Count an observation that cannot be read; it is left out."""
        self.flaws.add(Flaw(UNREADABLE, where, str(error)))


READING_ERRORS = (RegionPerceptionError, OSError, ValueError, KeyError, MemoryError)
"""What broken files make an observation raise."""


def convert(
    data: DataSet,
    folder: Path,
    out: Path,
    form: Form,
    split: str = "train",
    *,
    per_shard: int = 1000,
    masks: bool = False,
    progress: Progress = lambda done, total: None,
) -> Converted:
    """Write a split of a data set to another folder. What cannot be read is counted, named and left out."""
    from region_perception.data.own.coco_writing import write_coco
    from region_perception.data.own.shard_writing import write_shards

    if per_shard < 1:
        raise InvalidInput(f"a shard needs at least one sample, got {per_shard}")
    index = index_of(data, folder, split, masks=masks)
    if out.resolve() == folder.resolve():
        raise InvalidInput(f"{out} is the folder that is read; choose another to write to")
    _settle(out, split, index, {"form": form, "per_shard": per_shard, "masks": masks})
    done = Converted(flaws=Tally(Counter(index.flaws), index.examples(), index.left_out))
    try:
        if form == "shards":
            write_shards(Samples(index), folder, out, split, per_shard, done, progress)
        else:
            write_coco(Samples(index), folder, out, split, done, progress)
    except OSError as error:
        raise InvalidInput(
            f"{error.filename or out} cannot be written: {error.strerror or error}; run it again to go on"
        ) from error
    return done


def put_file(source: Path | bytes, target: Path) -> None:
    """A file at another path, by a second name where the disk allows that, else by a copy; or a new one of some bytes.

    It is whole or not there. Another file of that name is refused.
    """
    if target.exists():
        same = target.read_bytes() == source if isinstance(source, bytes) else cmp(source, target, shallow=False)
        if not same:
            raise InvalidInput(f"{target} is there already, and is another file; choose another folder to write to")
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    if isinstance(source, bytes):
        partial.write_bytes(source)
    else:
        try:
            os.link(source.resolve(), target)
            return
        except OSError:
            shutil.copyfile(source, partial)
    os.replace(partial, target)


def _settle(out: Path, split: str, index: Index, settings: dict[str, Any]) -> None:
    """Make the folder, and see that what is in it came of the same."""
    settings = {"source": index.source, "content": index.content, **settings}
    path = out / f"{split}-settings.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(json.dumps(settings) + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path}: {error}") from error
    if (found := load_json(path)) != settings:
        raise InvalidInput(f"{out} holds another conversion of {split}: {found}; expected {settings}")
