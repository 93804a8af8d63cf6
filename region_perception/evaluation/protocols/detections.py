"""Boxes that a detector found in scenes, from a file; and which object each of them is.

The file is JSON: the boxes of each scene by its name, in metres, in the frame in which ScanNet's scenes are aligned.

    {"scene0011_00": [{"center": [1.2, 0.4, 0.5], "size": [0.6, 0.5, 1.0], "yaw": 0.0}, ...], ...}

A box is what `Box3D.to_dict()` writes; "yaw" may be missing, and is 0 then. They should have gone through the
detector's own thresholds and suppression of doubles before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from region_perception.errors import InvalidInput, InvalidRegion
from region_perception.evaluation.box_overlap import box_iou
from region_perception.json_files import load_json
from region_perception.regions import Box3D
from region_perception.regions.checks import shown

Detections = Mapping[str, Sequence[Box3D]]
"""Boxes by the name of their scene."""


def read_detections(path: Path) -> Detections:
    """The boxes of a file; anything in it that is no box is refused with the place where it is."""
    written = load_json(path)
    if not isinstance(written, dict):
        raise InvalidInput(f'{path}: expected {{"scene0011_00": [boxes], ...}}, got {shown(written)}')
    return {scene: _boxes(found, f"{path}: {scene}") for scene, found in written.items()}


def _boxes(found: Any, where: str) -> list[Box3D]:
    if not isinstance(found, list):
        raise InvalidInput(f"{where}: expected a list of boxes, got {shown(found)}")
    return [_box(each, f"{where}, box {number}") for number, each in enumerate(found)]


def _box(written: Any, where: str) -> Box3D:
    if not isinstance(written, dict) or not {"center", "size"} <= set(written):
        raise InvalidInput(f'{where}: expected {{"center": [x, y, z], "size": [x, y, z]}}, got {shown(written)}')
    try:
        return Box3D(written["center"], written["size"], written.get("yaw", 0.0))
    except InvalidRegion as error:
        raise InvalidInput(f"{where}: {error}") from error


def matched(objects: Sequence[Box3D], found: Sequence[Box3D], least: float) -> dict[int, tuple[int, float]]:
    """Which box is which object: for numbers of objects the number of their box, and the IoU of both.

    The pair that overlaps most comes first, and neither is used again, down to an IoU of `least`.
    """
    pairs = [(box_iou(thing, box), i, j) for i, thing in enumerate(objects) for j, box in enumerate(found)]
    matches: dict[int, tuple[int, float]] = {}
    taken: set[int] = set()
    for overlap, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1:])):
        if overlap >= least and i not in matches and j not in taken:
            matches[i] = (j, overlap)
            taken.add(j)
    return matches
