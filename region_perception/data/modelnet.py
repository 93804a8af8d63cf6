"""ModelNet40: clouds of single objects of 40 kinds, for telling what a cloud shows.

<folder>/                                      or modelnet40_normal_resampled/ or modelnet40_data/ in it
    modelnet40_shape_names.txt                 the kinds, one in a line
    modelnet40_test.txt                        "airplane_0627", ...
    airplane/airplane_0627.txt                 x,y,z,nx,ny,nz in each line (PointNet++'s files)
    or, before these,
    modelnet40_test_8192pts_fps.dat            a pickle of all points and all kinds (ULIP, Point-BERT, PointLLM)

The sentence of an object is its kind, with spaces for underscores. Normals are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from region_perception.data.entries import BAD_ROW, OUTSIDE_FOLDER, Entry, Flaw, Flawed, attempt
from region_perception.data.formats.array_pickles import read_array_lists
from region_perception.data.places import inside, only_file
from region_perception.errors import InvalidInput, InvalidObservation
from region_perception.modalities import CLOUD
from region_perception.observations import CloudObservation, observe_cloud
from region_perception.observations.cloud_arrays import MAX_POINTS
from region_perception.observations.kinds import existing_file
from region_perception.observations.tables import text_rows
from region_perception.regions.checks import shown

_PLACES = ("", "modelnet40_normal_resampled/", "modelnet40_data/", "ModelNet40/")
_NAMES = "modelnet40_shape_names.txt"
_TABLE = "modelnet40_{}_8192pts_fps.dat"
_LIST = "modelnet40_{}.txt"
_OBJECT = re.compile(r"([a-z_]{1,40})_\d{1,6}")


def annotation_files(folder: Path, split: str) -> list[Path]:
    """The names of the kinds, and the objects of a split: the table of their points, or their list."""
    names = [part + name for name in (_TABLE.format(split), _LIST.format(split)) for part in _PLACES]
    return [only_file(folder, [part + _NAMES for part in _PLACES]), only_file(folder, names)]


def kinds(folder: Path) -> list[str]:
    """The kinds, as sentences name them, in the order of their numbers."""
    path = only_file(folder, [part + _NAMES for part in _PLACES])
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from error
    found = [" ".join(line.replace("_", " ").split()) for line in lines if line.strip()]
    if not found or len(set(found)) < len(found):
        raise InvalidInput(f"{path}: expected kinds, each once, got {shown(found)}")
    return found


def read_modelnet(folder: Path, split: str, masks: bool) -> Iterator[Entry | Flaw]:
    """The objects of a split."""
    path = annotation_files(folder, split)[1]
    names = kinds(folder)
    if path.suffix == ".dat":
        _, labels = _table(path, path.stat().st_mtime_ns)
        for row, label in enumerate(labels):
            yield attempt(f"{path.name} object {row}", partial(_of_table, folder, path, split, row, label, names))
        return
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield attempt(f"{path.name} line {number}", partial(_of_list, folder, path, split, line.strip(), names))


def _of_table(folder: Path, path: Path, split: str, row: int, label: np.ndarray, names: list[str]) -> Entry:
    if label.size != 1 or label.dtype.kind not in "iu" or not 0 <= int(label.reshape(())) < len(names):
        raise Flawed(BAD_ROW, f"expected the number of one of {len(names)} kinds, got {shown(label)}")
    place = {"shape": path.relative_to(folder).as_posix(), "row": row}
    return _entry(f"modelnet40/{split}/{row}", split, place, int(label.reshape(())), names)


def _of_list(folder: Path, path: Path, split: str, line: str, names: list[str]) -> Entry:
    known = _OBJECT.fullmatch(line)
    if not known:
        raise Flawed(OUTSIDE_FOLDER, f"expected an object such as airplane_0627, got {shown(line)}")
    kind = known[1].replace("_", " ")
    if kind not in names:
        raise Flawed(BAD_ROW, f"{kind!r} is none of the {len(names)} kinds of {_NAMES}")
    place = {"shape": (path.parent.relative_to(folder) / known[1] / f"{line}.txt").as_posix()}
    return _entry(f"modelnet40/{line}", split, place, names.index(kind), names)


def _entry(name: str, split: str, place: dict[str, Any], number: int, names: list[str]) -> Entry:
    meta = {"category_id": number, "category": names[number]}
    return Entry(id=name, split=split, modality=CLOUD, place=place, sentences=(names[number],), meta=meta)


def open_shape(folder: Path, place: Mapping[str, Any]) -> CloudObservation:
    """The points of an object, without normals and colours."""
    name = f"cloud {place['shape']}" + (f", object {place['row']}" if "row" in place else "")
    path = existing_file(inside(folder, place["shape"]), name)
    if "row" not in place:
        with path.open(encoding="utf-8", errors="replace") as file:
            rows = text_rows(file, MAX_POINTS + 1, name, delimiter=",")
    else:
        points, _ = _table(path, path.stat().st_mtime_ns)
        row = place["row"]
        if type(row) is not int or not 0 <= row < len(points):
            raise InvalidObservation(f"{name}: expected a number below {len(points):,}")
        rows = points[row]
    if rows.ndim != 2 or rows.shape[1] not in (3, 6):
        raise InvalidObservation(f"{name}: expected [N, 3] or [N, 6] of xyz and normals, got {list(rows.shape)}")
    return observe_cloud(rows[:, :3])


@lru_cache(maxsize=1)
def _table(path: Path, _: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Points and kinds of all objects of a table; half a gigabyte for the objects of "test", read once."""
    lists = read_array_lists(path)
    if len(lists) != 2 or len(lists[0]) != len(lists[1]):
        lengths = [len(each) for each in lists]
        raise InvalidInput(f"{path}: expected a list of points and one of kinds, as long as each other, got {lengths}")
    return lists[0], lists[1]
