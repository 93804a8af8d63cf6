"""Scenes of ScanNet v2: coloured points and the boxes of their objects, from two layouts.

As released, in scans/<scene>/:
    <scene>_vh_clean_2.ply, <scene>.aggregation.json, <scene>_vh_clean_2.0.010000.segs.json, <scene>.txt
As ScanRefer prepares them, in scannet_data/:
    <scene>_aligned_vert.npy [N, 6 or more] (xyz, rgb 0..255, ...), <scene>_aligned_bbox.npy [K, 8]

Both give metres with z up, turned so that walls run along the axes (`axisAlignment` of <scene>.txt), and colours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from region_perception.data.entries import BAD_ROW, MISSING_FILE, OUTSIDE_FOLDER, Flawed
from region_perception.data.formats.json_stream import json_object
from region_perception.data.places import inside
from region_perception.errors import InvalidInput, InvalidObservation
from region_perception.observations import CloudObservation, observe_cloud
from region_perception.observations.kinds import existing_file
from region_perception.observations.numpy_files import load_npy
from region_perception.observations.ply import read_ply
from region_perception.regions import Box3D
from region_perception.regions.checks import shown

_SCENE = re.compile(r"scene\d{4}_\d{2}")
_SCANS = ("scans/{0}", "scannet/scans/{0}", "{0}")
_VERTICES = tuple(
    place + "/{0}_aligned_vert.npy"
    for place in ("scannet_data", "data/scannet/scannet_data", "scannet_reference_data/scannet_data", ".")
)


def scene_folders(folder: Path) -> list[Path]:
    """The folders that scenes are looked for in, where they are there."""
    return sorted({path for layout in _SCANS + _VERTICES if (path := folder / layout.partition("{")[0]).is_dir()})


def find_scene(folder: Path, scene: Any) -> dict[str, str]:
    """The place of a scene."""
    if not isinstance(scene, str) or not _SCENE.fullmatch(scene):
        raise Flawed(OUTSIDE_FOLDER, f"expected a scene such as scene0000_00, got {shown(scene)}")
    for layout in _SCANS:
        if (folder / layout.format(scene) / f"{scene}_vh_clean_2.ply").is_file():
            return {"scan": layout.format(scene)}
    for layout in _VERTICES:
        if (folder / layout.format(scene)).is_file():
            return {"vertices": layout.format(scene)}
    expected = f"{_SCANS[0]}/{{0}}_vh_clean_2.ply or {_VERTICES[0]}".format(scene)
    raise Flawed(MISSING_FILE, f"no points of {scene}: expected {expected}")


def scan_files(scan: str) -> list[str]:
    """The files that a scene as released is opened from."""
    scene = Path(scan).name
    return [f"{scan}/{scene}_vh_clean_2.ply", f"{scan}/{scene}.txt"]


def open_scene(folder: Path, place: Mapping[str, Any]) -> CloudObservation:
    """The coloured, aligned points of a scene."""
    points, colors = _points(folder, place)
    return observe_cloud(points, colors=colors)


def object_boxes(folder: Path, place: Mapping[str, Any]) -> dict[int, Box3D | str]:
    """The box around each object by its id (from 0, as ScanRefer counts), or why it has none; sides along the axes."""
    if "vertices" in place:
        return _written_boxes(inside(folder, place["vertices"].replace("_aligned_vert", "_aligned_bbox")))
    points, _ = _points(folder, place)
    scan = inside(folder, place["scan"])
    segments = json_object(_there(scan / f"{scan.name}_vh_clean_2.0.010000.segs.json")).get("segIndices")
    groups = json_object(_there(scan / f"{scan.name}.aggregation.json")).get("segGroups")
    if not isinstance(segments, list) or not isinstance(groups, list) or len(segments) != len(points):
        raise Flawed(
            BAD_ROW, f"{scan.name}: expected a segment for each of its {len(points):,} points, and groups of them"
        )
    finite = np.isfinite(points).all(axis=1)
    of_point = np.array([value if _is_segment(value) else -1 for value in segments], np.int64)
    boxes: dict[int, Box3D | str] = {}
    for group in groups:
        number, parts = (group.get("objectId"), group.get("segments")) if isinstance(group, dict) else (None, None)
        if type(number) is not int or not isinstance(parts, list):
            continue
        members = np.isin(of_point, list(filter(_is_segment, parts))) & finite
        boxes[number] = Box3D.around(points[members]) if members.any() else "none of its points are there"
    return boxes


def _is_segment(value: Any) -> bool:
    """Whether it can be the number of a segment; each is one of a point of the scene."""
    return type(value) is int and 0 <= value < 1 << 63


def _there(path: Path) -> Path:
    if not path.is_file():
        raise Flawed(MISSING_FILE, f"{path.name} is not there")
    return path


def _points(folder: Path, place: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray | None]:
    """float64 [N, 3] aligned metres, and colours as the file has them; all rows of the file."""
    if "vertices" in place:
        name = f"scene {place['vertices']}"
        rows = load_npy(existing_file(inside(folder, place["vertices"]), name), name)
        if rows.ndim != 2 or rows.shape[1] < 6:
            raise InvalidObservation(f"{name}: expected [N, 6 or more] of xyz, rgb, ..., got {list(rows.shape)}")
        return rows[:, :3].astype(np.float64), rows[:, 3:6] / 255
    scan = inside(folder, place["scan"])
    mesh = existing_file(scan / f"{scan.name}_vh_clean_2.ply", f"scene {scan.name}")
    points, colors = read_ply(mesh, f"scene {scan.name}")
    turn = _alignment(_there(scan / f"{scan.name}.txt"))
    return points.astype(np.float64) @ turn[:3, :3].T + turn[:3, 3], colors


def _alignment(path: Path) -> np.ndarray:
    """float64 [4, 4] that takes a scan's own axes to aligned ones; nothing is turned where the file does not say."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, numbers = line.partition("=")
        if name.strip() == "axisAlignment":
            try:
                turn = np.array(numbers.split(), np.float64).reshape(4, 4)
            except ValueError:
                turn = np.full((4, 4), np.nan)
            if not np.isfinite(turn).all():
                raise InvalidInput(f"{path}: axisAlignment needs 16 finite numbers, got {shown(numbers.strip())}")
            return turn
    return np.eye(4)


def _written_boxes(path: Path) -> dict[int, Box3D | str]:
    """Boxes of rows [cx, cy, cz, dx, dy, dz, class, object id]."""
    rows = load_npy(_there(path), f"boxes {path}")
    if rows.ndim != 2 or rows.shape[1] != 8:
        raise Flawed(BAD_ROW, f"{path.name}: expected [K, 8] of centre, size, class, object id, got {list(rows.shape)}")
    boxes: dict[int, Box3D | str] = {}
    for row in rows:
        if np.isfinite(row).all() and (row[3:6] > 0).all():
            boxes[int(row[7])] = Box3D(tuple(row[:3]), tuple(row[3:6]))
        elif np.isfinite(row[7]):
            boxes.setdefault(int(row[7]), f"its box has no volume: {row[:6].round(3).tolist()}")
    return boxes
