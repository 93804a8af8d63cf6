"""Our record in tar shards, as webdataset reads them: `train-000000.tar` and so on.

A sample is an observation; its members share a key (their name up to the first dot):
    000000012.json       {"records": [as Record.to_dict writes them, but their place], "intrinsics": [fx, fy, cx, cy]}
    000000012.jpg        the image, in any format that `observe_image` reads; 000000012.depth.png, 16-bit millimetres
    000000012.cloud.npz  or a cloud: float [N, 3] "points", and [N, 3] "colors" where there are any

Shards are read where they lie, each member at its offset, so they must not be compressed; nothing is unpacked.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from region_perception.data.entries import BAD_ROW, UNREADABLE, Entry, Flaw, Flawed, attempt
from region_perception.data.own.written import entry_of
from region_perception.data.places import inside
from region_perception.errors import InvalidInput, InvalidObservation
from region_perception.json_files import LONGEST, parse_json
from region_perception.observations import CloudObservation, ImageObservation, observe_cloud, observe_image
from region_perception.observations.numpy_files import MAX_BYTES

IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm")
DEPTH, CLOUD = ".depth.png", ".cloud.npz"
_PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE)

_Members = dict[str, list[int | str]]


def annotation_files(folder: Path, split: str) -> list[Path]:
    """The shards of a split."""
    paths = sorted(folder.glob(f"{split}-*.tar"))
    if not paths:
        packed = next(folder.glob(f"{split}-*.tar.*"), None)
        hint = f"; {packed.name} is compressed, unpack it (gunzip)" if packed else ""
        raise InvalidInput(f"{folder}: expected {split}-000000.tar and so on, but there is no such file{hint}")
    return paths


def read_shards(folder: Path, split: str, masks: bool) -> Iterator[Entry | Flaw]:
    """All records of the shards of a split."""
    for path in annotation_files(folder, split):
        yield from _shard(path)


def _shard(path: Path) -> Iterator[Entry | Flaw]:
    """The records of one shard; what comes before a place where it is broken is read."""
    key, members = "", _Members()
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
            size, end = path.stat().st_size, 0
            for member in archive:
                end = member.offset_data + -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
                if member.isdir():
                    continue
                if member.type not in _PLAIN or member.offset_data + member.size > size:
                    what = "is cut off" if member.type in _PLAIN else "is a link or a device"
                    yield Flaw(UNREADABLE, f"{path.name} {member.name[:80]!r}", f"this member {what}")
                    continue
                name = PurePosixPath(member.name).name
                stem, _, ending = name.partition(".")
                if (mark := str(PurePosixPath(member.name).with_name(stem or name))) != key:
                    yield from _sample(path, file, key, members)
                    key, members = mark, _Members()
                members["." + ending.lower()] = [member.offset_data, member.size]
            yield from _sample(path, file, key, members)
            file.seek(end)
            if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):  # tarfile would take it for the end
                raise EOFError("it has no end")
    except (tarfile.TarError, OSError, ValueError, EOFError, RecursionError) as error:
        yield Flaw(UNREADABLE, path.name, f"it is broken or cut off ({error}); what stands before {key!r} was read")


def _sample(path: Path, file: Any, key: str, members: _Members) -> Iterator[Entry | Flaw]:
    """The records of one observation."""
    if not members:
        return
    where = f"{path.name} {key!r}"
    try:
        told = _told(file, members)
        place = _place(path.name, members, told)
        records = told["records"]
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        yield Flaw(BAD_ROW, where, f"it lacks {error}" if isinstance(error, KeyError) else str(error))
        return
    if not isinstance(records, list):
        yield Flaw(BAD_ROW, where, "its JSON holds no list of records")
        return
    for number, written in enumerate(records):
        yield attempt(f"{where} record {number}", partial(entry_of, written, place))


def _told(file: Any, members: _Members) -> Any:
    if ".json" not in members:
        raise Flawed(BAD_ROW, f"a sample needs a .json, this one has {', '.join(members)}")
    offset, size = members[".json"]
    here = file.tell()
    file.seek(offset)
    content = file.read(min(size, LONGEST + 1))
    file.seek(here)
    return parse_json(content, "its JSON")


def _place(shard: str, members: _Members, told: Any) -> dict[str, Any]:
    place: dict[str, Any] = {"shard": shard}
    image = next((ending for ending in IMAGES if ending in members), None)
    if CLOUD in members:
        return place | {"cloud": members[CLOUD]}
    if image is None:
        raise Flawed(BAD_ROW, f"a sample needs an image or a {CLOUD}, this one has {', '.join(members)}")
    place["image"] = [*members[image], image]
    if DEPTH in members:
        place["depth"] = members[DEPTH]
    if told.get("intrinsics"):
        place["intrinsics"] = told["intrinsics"]
    return place


def member_bytes(folder: Path, place: Mapping[str, Any], name: str) -> bytes:
    """The content of one member of a sample: "image", "depth" or "cloud"."""
    offset, size = place[name][:2]
    path = inside(folder, place["shard"])
    try:
        with path.open("rb") as file:
            file.seek(offset)
            content = file.read(size)
    except OSError as error:
        raise InvalidObservation(f"{path} cannot be read: {error.strerror or error}") from error
    if len(content) < size:
        raise InvalidObservation(f"{path} ends within the {name} at byte {offset}")
    return content


def open_member(folder: Path, place: Mapping[str, Any]) -> ImageObservation | CloudObservation:
    """The observation of a sample."""
    if "cloud" in place:
        return _cloud(member_bytes(folder, place, "cloud"), f"{place['shard']} at {place['cloud'][0]}")
    depth = member_bytes(folder, place, "depth") if "depth" in place else None
    return observe_image(member_bytes(folder, place, "image"), depth=depth, intrinsics=place.get("intrinsics"))


def _cloud(content: bytes, name: str) -> CloudObservation:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if (size := sum(item.file_size for item in archive.infolist())) > MAX_BYTES:
                raise InvalidObservation(f"cloud {name}: it holds {size / 2**30:.1f} GiB")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            points, colors = arrays["points"], arrays["colors"] if "colors" in arrays.files else None
    except InvalidObservation:
        raise
    except Exception as error:  # broken archives make zipfile, zlib and numpy raise almost anything
        raise InvalidObservation(f"cloud {name}: not a whole .npz with points ({error})") from error
    return observe_cloud(points, colors=colors)
