"""Writes tar shards; `shards` says what is in them, and reads them."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from region_perception.data.own.converting import READING_ERRORS, Converted, Progress
from region_perception.data.own.samples import Samples
from region_perception.data.own.shards import CLOUD, DEPTH, IMAGES, member_bytes
from region_perception.data.places import inside, open_place
from region_perception.errors import InvalidInput
from region_perception.observations import CloudObservation


def write_shards(
    samples: Samples, folder: Path, out: Path, split: str, per_shard: int, done: Converted, progress: Progress
) -> None:
    """All samples, so many in a shard; shards that are there are kept."""
    for first in range(0, len(samples), per_shard):
        path = out / f"{split}-{first // per_shard:06d}.tar"
        numbers = range(first, min(first + per_shard, len(samples)))
        if path.exists():
            done.kept += len(numbers)
        else:
            partial = path.with_name(f".{path.name}.partial")
            with tarfile.open(partial, "w", format=tarfile.USTAR_FORMAT) as archive:
                for number in numbers:
                    _add_sample(archive, number, samples.rows(number), folder, done)
                    progress(number + 1, len(samples))
            os.replace(partial, path)
        progress(numbers.stop, len(samples))


def _add_sample(
    archive: tarfile.TarFile, number: int, rows: list[dict[str, Any]], folder: Path, done: Converted
) -> None:
    try:
        members = _members(rows, folder)
    except READING_ERRORS as error:
        done.bad(rows[0]["id"], error)
        return
    for ending, content in members.items():
        _add(archive, f"{number:09d}{ending}", content)
    done.samples += 1
    done.records += len(rows)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """A member without time and owner, so that equal data make equal shards."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _members(rows: list[dict[str, Any]], folder: Path) -> dict[str, bytes]:
    """The members of a sample by their endings. Images stay as they are, byte by byte."""
    place = rows[0]["place"]
    told: dict[str, Any] = {"records": [{key: value for key, value in row.items() if key != "place"} for row in rows]}
    if "image" not in place:
        return {".json": json.dumps(told).encode(), CLOUD: _cloud(folder, place, rows)}
    if place.get("intrinsics"):
        told["intrinsics"] = place["intrinsics"]
    content, ending = image_bytes(folder, place)
    members = {".json": json.dumps(told).encode(), ending: content}
    if place.get("depth"):
        members[DEPTH] = _part(folder, place, "depth")
    return members


def image_bytes(folder: Path, place: Mapping[str, Any]) -> tuple[bytes, str]:
    """An image as it is on disk, and the ending of its name."""
    ending = place["image"][2] if "shard" in place else Path(place["image"]).suffix.lower()
    if ending not in IMAGES:
        raise InvalidInput(f"{place['image']}: expected an image of {', '.join(IMAGES)}")
    return _part(folder, place, "image"), ending


def _part(folder: Path, place: Mapping[str, Any], name: str) -> bytes:
    return member_bytes(folder, place, name) if "shard" in place else inside(folder, place[name]).read_bytes()


def _cloud(folder: Path, place: Mapping[str, Any], rows: list[dict[str, Any]]) -> bytes:
    cloud = open_place(folder, place)
    assert isinstance(cloud, CloudObservation)
    numbered = any((row["region"] or {}).get("type") == "point_set" for row in rows)
    if numbered and len(cloud) != cloud.source_count:
        raise InvalidInput("it has points that are not finite, and a region counts them")
    points = cloud.points if not cloud.origin.any() else cloud.points + cloud.origin
    buffer = io.BytesIO()
    if cloud.colors is None:
        np.savez(buffer, points=points)
    else:
        np.savez(buffer, points=points, colors=cloud.colors)
    return buffer.getvalue()
