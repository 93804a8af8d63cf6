"""Where observations are kept, and opening them.

A place is a few plain JSON values, relative to the folder of the data set:
    {"image": "a.png", "depth": "d.png", "intrinsics": [fx, fy, cx, cy]}   depth and intrinsics where there are any
    {"cloud": "c.ply"}                                                     any cloud that `observe_cloud` reads, or .pt
    {"scan": "scans/scene0000_00"}, {"vertices": "..._aligned_vert.npy"}   a scene of ScanNet (`scannet`)
    {"shape": "airplane/airplane_0001.txt"}, perhaps with "row": 7         an object of ModelNet40 (`modelnet`)
    {"shard": "train-000000.tar", "image": [offset, size, ".jpg"], ...}    members of a tar (`shards`)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from region_perception.data.entries import MISSING_FILE, OUTSIDE_FOLDER, Flawed
from region_perception.errors import InvalidInput
from region_perception.observations import CloudObservation, ImageObservation, observe_cloud, observe_image
from region_perception.regions.checks import shown


def relative(path: Any) -> str:
    """A path of a data set as it may be used: relative to its folder, and not out of it."""
    if not isinstance(path, str) or not path.strip() or len(path) > 1024 or not path.isprintable():
        raise Flawed(OUTSIDE_FOLDER, f"expected the path of a file within the folder, got {shown(path)}")
    parts = PurePosixPath(path)
    if not parts.parts or parts.is_absolute() or ".." in parts.parts or "\\" in path or ":" in parts.parts[0]:
        raise Flawed(OUTSIDE_FOLDER, f"expected the path of a file within the folder, got {shown(path)}")
    return str(parts)


def file_name(name: Any) -> str:
    """An id or a name of a data set that becomes part of a path: no folders in it."""
    if not isinstance(name, str) or "/" in name or name in (".", ".."):
        raise Flawed(OUTSIDE_FOLDER, f"expected a plain name, got {shown(name)}")
    return relative(name)


def inside(folder: Path, path: Any) -> Path:
    """The file at a relative path in a folder. Symbolic links are followed: data folders are made of them."""
    return folder / relative(path)


def first_of(folder: Path, candidates: list[str]) -> str:
    """The first of some relative paths that is there."""
    for path in candidates:
        if inside(folder, path).exists():
            return path
    raise Flawed(MISSING_FILE, f"{candidates[0]} is not there" + (f", nor {candidates[1:]}" if candidates[1:] else ""))


def folder_of(folder: Path, candidates: list[str]) -> str:
    """The first of some folders within a data set that is there; the first of all where none is."""
    return next((path for path in candidates if (folder / path).is_dir()), candidates[0])


def only_file(folder: Path, candidates: list[str]) -> Path:
    """The first of some annotation files that is there; else an error that names all of them."""
    for name in candidates:
        if (folder / name).is_file():
            return folder / name
    expected = candidates[0] + "".join(f", or {name}" for name in candidates[1:])
    raise InvalidInput(f"{folder}: expected {expected}, but there is no such file")


def files_of(place: Mapping[str, Any]) -> list[str]:
    """The relative paths of all files that a place needs."""
    if "shard" in place:
        return [place["shard"]]
    if "scan" in place:
        from region_perception.data.formats.scannet import scan_files

        return scan_files(place["scan"])
    return [place[name] for name in ("image", "depth", "cloud", "vertices", "shape") if name in place]


def open_place(folder: Path, place: Mapping[str, Any]) -> ImageObservation | CloudObservation:
    """The observation at a place of a data set."""
    if "shard" in place:
        from region_perception.data.own.shards import open_member

        return open_member(folder, place)
    if "scan" in place or "vertices" in place:
        from region_perception.data.formats.scannet import open_scene

        return open_scene(folder, place)
    if "shape" in place:
        from region_perception.data.modelnet import open_shape

        return open_shape(folder, place)
    if "cloud" in place:
        return _cloud(inside(folder, place["cloud"]))
    if "image" not in place:
        raise InvalidInput(
            f"a place needs 'image', 'cloud', 'scan', 'vertices', 'shape' or 'shard', got {shown(dict(place))}"
        )
    depth = inside(folder, place["depth"]) if place.get("depth") else None
    return observe_image(inside(folder, place["image"]), depth=depth, intrinsics=place.get("intrinsics") or None)


def _cloud(path: Path) -> CloudObservation:
    if path.suffix.lower() == ".pt":
        from region_perception.data.formats.torch_points import read_points

        return observe_cloud(read_points(path))
    return observe_cloud(path)
