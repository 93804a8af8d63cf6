"""Point clouds from files; the suffix says which format."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import numpy as np

from region_perception.errors import InvalidObservation
from region_perception.observations.cloud_arrays import MAX_POINTS
from region_perception.observations.kinds import CLOUD_SUFFIXES, cloud_kind, existing_file, first_bytes, image_kind
from region_perception.observations.las import read_las
from region_perception.observations.numpy_files import load_npy, load_npz_cloud
from region_perception.observations.pcd import read_pcd
from region_perception.observations.ply import read_ply
from region_perception.observations.tables import text_rows

PointsAndColors = tuple[np.ndarray, np.ndarray | None]

_COMMENTS = ("#", "//")


def read_cloud(source: str | os.PathLike[str]) -> PointsAndColors:
    """What the file holds, not yet cleaned: an array for `cloud_arrays`, and colours where they stand apart."""
    name = f"cloud {source}"
    path = existing_file(source, name)
    start = first_bytes(path, name)
    if kind := image_kind(start):
        raise InvalidObservation(
            f"{name}: this is an image ({kind}), not a point cloud; use observe_image, and for an image with depth "
            "observe_image(..., depth=..., intrinsics=...).cloud()"
        )
    suffix = path.suffix.lower()
    if suffix not in CLOUD_SUFFIXES:
        raise InvalidObservation(f"{name}: suffix {suffix!r} is not read; expected one of {' '.join(CLOUD_SUFFIXES)}")
    reader, kind = _READERS[suffix]
    if cloud_kind(start) != kind:
        raise InvalidObservation(
            f"{name}: its content is {cloud_kind(start) or 'something else'}, not what its suffix {suffix} says"
        )
    try:
        return reader(path, name)
    except OSError as error:
        raise InvalidObservation(f"{name}: it cannot be read: {error.strerror or error}") from error


def _read_npy(path: Path, name: str) -> PointsAndColors:
    return load_npy(path, name), None


def _read_text(path: Path, name: str) -> PointsAndColors:
    """Columns x y z or x y z r g b between spaces, tabs, commas or semicolons; '#' and '//' start comments."""
    with path.open(encoding="utf-8", errors="replace") as file:
        skipped, delimiter = _first_row(file, name)
        file.seek(0)
        return text_rows(file, MAX_POINTS + 1, name, comments=_COMMENTS, delimiter=delimiter, skiprows=skipped), None


def _first_row(file: TextIO, name: str) -> tuple[int, str | None]:
    """How many lines (comments, and one that may name columns) stand before the first row of numbers; its delimiter."""
    titles = 0
    for number, line in enumerate(file):
        for mark in _COMMENTS:
            line = line.partition(mark)[0]
        words = line.replace(",", " ").replace(";", " ").split()
        if words and _is_number(words[0]):
            # Here and not once all rows are read: memory for them is taken by how wide the first one is.
            if len(words) not in (3, 6):
                raise InvalidObservation(
                    f"{name}: expected 3 columns (x y z) or 6 (x y z r g b), got {len(words):,}; read it with "
                    "numpy.loadtxt and pass the columns that you mean"
                )
            return number, next((mark for mark in ",;" if mark in line), None)
        titles += bool(words)
        if titles > 1:
            raise InvalidObservation(
                f"{name}: expected rows of numbers (x y z or x y z r g b), got {line.strip()[:40]!r}"
            )
    raise InvalidObservation(f"{name}: there are no rows of numbers in it")


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


# Reader for each suffix, and the kind that its first bytes must show; text starts with anything.
_READERS: dict[str, tuple[Callable[[Path, str], PointsAndColors], str | None]] = {
    ".ply": (read_ply, "PLY"),
    ".pcd": (read_pcd, "PCD"),
    ".npy": (_read_npy, "NPY"),
    ".npz": (load_npz_cloud, "NPZ"),
    ".las": (read_las, "LAS"),
    ".laz": (read_las, "LAS"),
    **dict.fromkeys((".xyz", ".txt", ".csv"), (_read_text, None)),
}
