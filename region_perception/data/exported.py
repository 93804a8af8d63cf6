"""Scenes of the tabletop world that `region-perception simulate` wrote to disk; see `simulation.export`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from region_perception.data.entries import BAD_ROW, UNREADABLE, Entry, Flaw, Flawed, attempt
from region_perception.data.own.written import entry_of
from region_perception.data.places import relative
from region_perception.errors import InvalidInput
from region_perception.json_files import load_json
from region_perception.regions.checks import shown


def annotation_files(folder: Path, split: str) -> list[Path]:
    """The scenes of an export, which is all of one split."""
    paths = sorted((folder / "scenes").glob("*.json"))
    if not paths:
        raise InvalidInput(f"{folder} holds no exported scenes: expected scenes/*.json")
    return paths


def read_exported(folder: Path, split: str, masks: bool) -> Iterator[Entry | Flaw]:
    """All records of the scenes of a split."""
    for path in annotation_files(folder, split):
        try:
            records = load_json(path, dict, name=path.name).get("records")
            if not isinstance(records, list):
                raise InvalidInput(f"{path.name} holds no list of records, got {shown(records)}")
        except InvalidInput as error:
            yield Flaw(UNREADABLE, path.name, str(error))
            continue
        for number, written in enumerate(records):
            item = attempt(f"{path.name} record {number}", partial(_entry, written))
            if isinstance(item, Flaw) or item.split == split:
                yield item


def _entry(written: Any) -> Entry:
    place = written["place"]
    if not place.get("image") and not place.get("cloud"):
        raise Flawed(BAD_ROW, f"a place needs 'image' or 'cloud', got {shown(place)}")
    kept = {name: relative(place[name]) for name in ("image", "depth", "cloud") if place.get(name)}
    camera = {"intrinsics": place["intrinsics"]} if place.get("intrinsics") else {}
    return entry_of(written, kept | camera)
