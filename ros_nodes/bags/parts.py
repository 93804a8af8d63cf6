"""What has been captioned so far, in a folder beside the bag that is to come: OUT.parts.

Each part holds the messages of some jobs. It is written beside and moved into place, so that it is whole or not there:
whatever ends the process, the next run goes on after the last part, and writes the same messages as a run that nothing
has disturbed.
"""

from __future__ import annotations

import json
import os
import shutil
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from region_perception.errors import InvalidInput
from ros_nodes.bags.jobs import Problem

PLAN = "plan.json"


@dataclass(frozen=True)
class Entry:
    """A message to be written. time: nanoseconds of recording."""

    topic: str
    time: int
    data: bytes


@dataclass(frozen=True)
class Part:
    """What came of the jobs `first` to `last`, both counted in."""

    first: int
    last: int
    entries: list[Entry]
    problems: list[Problem]


class Parts:
    """The parts in a folder. plan: what this run is to do, as plain JSON values; parts of another are refused."""

    def __init__(self, folder: Path, plan: dict[str, Any]) -> None:
        self.folder = folder
        kept = folder / PLAN
        if kept.is_file():
            before = _read(kept)
            if before != plan:
                different = sorted(name for name in {*plan, *before} if plan.get(name) != before.get(name))
                hint = "remove that folder, or name another --out"
                raise InvalidInput(f"{folder} holds a part of another run (other: {', '.join(different)}); {hint}")
        else:
            folder.mkdir(parents=True, exist_ok=True)
            _write(kept, plan)

    def done(self) -> int:
        """How many jobs have been done: parts are written in order, without gaps."""
        return max((_span(path)[1] + 1 for path in self._files()), default=0)

    def add(self, part: Part) -> None:
        content = {
            "entries": [[each.topic, each.time, b64encode(each.data).decode()] for each in part.entries],
            "problems": [asdict(each) for each in part.problems],
        }
        _write(self.folder / f"{part.first:08d}-{part.last:08d}.json", content)

    def __iter__(self) -> Iterator[Part]:
        """All parts, in order, one at a time in memory."""
        for path in self._files():
            content = _read(path)
            try:
                entries = [Entry(topic, time, b64decode(data)) for topic, time, data in content["entries"]]
                problems = [Problem(**each) for each in content["problems"]]
            except (KeyError, TypeError, ValueError) as error:
                raise InvalidInput(f"{path} is not as this program writes it: {error}; remove its folder") from error
            yield Part(*_span(path), entries, problems)

    def remove(self) -> None:
        shutil.rmtree(self.folder)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("????????-????????.json"))


def _span(path: Path) -> tuple[int, int]:
    first, _, last = path.stem.partition("-")
    return int(first), int(last)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}; remove its folder to begin anew") from error


def _write(path: Path, content: Any) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(content), encoding="utf-8")
    os.replace(draft, path)
