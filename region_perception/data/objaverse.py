"""Objaverse with Cap3D's captions: clouds of single objects, and a sentence about each.

<folder>/
    Cap3D_automated_Objaverse.csv                    or ...no3Dword.csv, ...full.csv: uid,caption without a header
    Cap3D_automated_Objaverse_{train,test}.txt       or lists "uid,caption" of a split, as RegionBLIP has them
    splits/{train,val,test}.txt                      uids, one in a line; `region-perception data split` writes them
    objaverse_pc_parallel/<uid>/<uid>_8192.npz       points (ULIP), or <uid>_8192.npy (PointLLM), or Cap3D's <uid>.pt

Captions may lie in Cap3D/, ULIP's points in ULIP-Objaverse_triplets/. Of several tables the first counts: the full one
tells of many things that are not in Objaverse, so that their points are nowhere.

Without lists and without `splits/`, a split is drawn by the uids: 20,000 for "test" and 2,000 for "val", or a tenth and
a hundredth of fewer; see `splits`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

from region_perception.data.entries import (
    BAD_ROW,
    MISSING_FILE,
    OUTSIDE_FOLDER,
    Entry,
    Flaw,
    Flawed,
    attempt,
)
from region_perception.data.places import only_file
from region_perception.data.splits import drawn
from region_perception.errors import InvalidInput
from region_perception.modalities import CLOUD
from region_perception.regions.checks import shown

TEST, VAL = 20_000, 2_000
_TABLES = [f"Cap3D_automated_Objaverse{end}.csv" for end in ("", "_no3Dword", "_full")]
_LIST = "Cap3D_automated_Objaverse_{}.txt"
_UID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_POINTS = (
    "objaverse_pc_parallel/{0}/{0}_8192.npz",
    "objaverse_pc_parallel/{0}/{0}_8192.npy",
    "ULIP-Objaverse_triplets/objaverse_pc_parallel/{0}/{0}_8192.npz",
    "8192_npy/{0}_8192.npy",
    "{0}_8192.npz",
    "{0}_8192.npy",
    "Cap3D_pcs_pt/{0}.pt",
    "PointCloud_pt_zips/{0}.pt",
    "{0}.pt",
)


def caption_file(folder: Path, split: str) -> Path:
    """The list of a split, else the table of all captions; where there are lists alone, "val" is "test"."""
    names = [_LIST.format(split), *_TABLES, *([_LIST.format("test")] if split == "val" else [])]
    return only_file(folder, [part + name for name in names for part in ("", "Cap3D/")])


def annotation_files(folder: Path, split: str) -> list[Path]:
    """The captions, and the split where there is a file of it."""
    path = caption_file(folder, split)
    return [path, *(each for each in [folder / "splits" / f"{split}.txt"] if path.suffix == ".csv" and each.is_file())]


def files(folder: Path, split: str) -> list[Path]:
    """The annotation files, and the folders that points are looked for in."""
    places = {folder / layout.partition("{")[0] for layout in _POINTS}
    return annotation_files(folder, split) + sorted(place for place in places if place.is_dir())


def read_objaverse(folder: Path, split: str, masks: bool) -> Iterator[Entry | Flaw]:
    """The objects of a split whose points are there."""
    path, *chosen_by = annotation_files(folder, split)
    if path.suffix == ".txt":
        rows, chosen = _lines(path), None
    else:
        rows = _table(path)
        chosen = _listed(chosen_by[0]) if chosen_by else make_splits(folder)[split]
    points = _Points(folder)
    for row in rows:
        if isinstance(row, Flaw):
            yield row
        elif chosen is None or row[0] in chosen:
            yield attempt(f"{path.name} {shown(row[0])}", partial(_entry, points, split, *row))


def make_splits(folder: Path) -> dict[str, frozenset[str]]:
    """The uids of "test", "val" and "train", by the table of captions and nothing else."""
    path = only_file(folder, [part + name for name in _TABLES for part in ("", "Cap3D/")])
    uids = {row[0] for row in _table(path) if not isinstance(row, Flaw) and _UID.fullmatch(row[0])}
    chosen = drawn(uids, {"test": min(TEST, len(uids) // 10), "val": min(VAL, len(uids) // 100)})
    return chosen | {"train": frozenset(uids - chosen["test"] - chosen["val"])}


def _listed(path: Path) -> frozenset[str]:
    """The uids of a split."""
    with _open(path) as file:
        return frozenset(file.read().split())


def _entry(points: _Points, split: str, uid: str, caption: str) -> Entry:
    return Entry(
        id=f"objaverse/{uid}", split=split, modality=CLOUD, place={"cloud": points.of(uid)}, sentences=(caption,)
    )


class _Points:
    """Finds the files of points, the layout that was found last first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._layouts = list(_POINTS)

    def of(self, uid: str) -> str:
        if not _UID.fullmatch(uid):
            raise Flawed(OUTSIDE_FOLDER, f"expected a uid of letters, digits, - and _, got {shown(uid)}")
        for layout in self._layouts:
            if (self._folder / layout.format(uid)).is_file():
                if layout != self._layouts[0]:
                    self._layouts.remove(layout)
                    self._layouts.insert(0, layout)
                return layout.format(uid)
        raise Flawed(MISSING_FILE, f"no points of {uid}: expected {_POINTS[0].format(uid)}, or another known layout")


def _table(path: Path) -> Iterator[tuple[str, str] | Flaw]:
    """The rows of a CSV file without a header; captions may hold commas, quotes and line breaks."""
    with _open(path) as file:
        reader = csv.reader(file)
        while True:
            first = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                lines = f"lines {first:,} to {reader.line_num:,}" if reader.line_num > first else f"line {first:,}"
                yield Flaw(BAD_ROW, f"{path.name} {lines}", f"{error}; is a quote never closed? All of it is left out")
                continue
            if len(row) == 2:
                yield row[0].strip(), row[1]
            elif row:
                yield Flaw(BAD_ROW, f"{path.name} line {first:,}", f"expected uid,caption, got {shown(row)}")


def _lines(path: Path) -> Iterator[tuple[str, str] | Flaw]:
    """Lines of a list, "uid,caption", all behind the first comma being caption."""
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            uid, comma, caption = line.rstrip("\r\n").partition(",")
            if comma:
                yield uid.strip(), caption
            elif uid.strip():
                yield Flaw(BAD_ROW, f"{path.name} line {number:,}", f"expected uid,caption, got {shown(line)}")


@contextmanager
def _open(path: Path) -> Iterator[TextIO]:
    """Text with line breaks as they are, and bytes that are not UTF-8 as lone surrogates; see `entries.mend`."""
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            yield file
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from error
