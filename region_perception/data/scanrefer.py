"""ScanRefer: objects of ScanNet scenes, and what people said so that others would find them.

<folder>/
    ScanRefer_filtered_train.json, ScanRefer_filtered_val.json     or in raw/, data/ or ScanRefer_Dataset/raw/
    scans/ or scannet_data/                                        see `scannet`

An object is an entry with all descriptions of it, which are references at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from region_perception.data.entries import BAD_BOX, BAD_ROW, Entry, Flaw, Flawed, attempt, mend, says_something
from region_perception.data.formats.json_stream import json_items
from region_perception.data.formats.scannet import find_scene, object_boxes, scene_folders
from region_perception.data.places import only_file
from region_perception.errors import InvalidInput
from region_perception.modalities import CLOUD_REGION
from region_perception.regions import Box3D
from region_perception.regions.checks import shown

_PLACES = ("", "raw/", "data/", "ScanRefer_Dataset/raw/")

_Objects = dict[str, list[dict[str, Any]]]


def annotation_files(folder: Path, split: str) -> list[Path]:
    """The descriptions of a split."""
    return [only_file(folder, [f"{place}ScanRefer_filtered_{split}.json" for place in _PLACES])]


def files(folder: Path, split: str) -> list[Path]:
    """The descriptions, and the folders that scenes are looked for in."""
    return annotation_files(folder, split) + scene_folders(folder)


def read_scanrefer(folder: Path, split: str, masks: bool) -> Iterator[Entry | Flaw]:
    """The described objects of a split, scene by scene, with the boxes that ScanNet's annotations give them."""
    (path,) = annotation_files(folder, split)
    scenes: dict[str, _Objects] = {}
    for number, row in enumerate(json_items(path)):
        if not isinstance(row, dict) or not {"scene_id", "object_id", "description"} <= set(row):
            yield Flaw(BAD_ROW, f"{path.name} row {number}", f"expected scene_id, object_id, description: {shown(row)}")
            continue
        scenes.setdefault(str(row["scene_id"]), {}).setdefault(str(row["object_id"]), []).append(row)
    for scene, objects in scenes.items():
        yield from _scene(folder, split, scene, objects)


def _scene(folder: Path, split: str, scene: str, objects: _Objects) -> Iterator[Entry | Flaw]:
    try:
        place = find_scene(folder, scene)
        boxes = object_boxes(folder, place)
    except Flawed as error:
        yield Flaw(error.kind, scene, f"{error}; its {len(objects)} objects are left out")
        return
    except (InvalidInput, OSError) as error:
        yield Flaw(BAD_ROW, scene, f"{error}; its {len(objects)} objects are left out")
        return
    for number, rows in objects.items():
        yield attempt(f"{scene}_{number}", partial(_entry, split, place, boxes, rows))


def _entry(split: str, place: dict[str, str], boxes: dict[int, Box3D | str], rows: list[dict[str, Any]]) -> Entry:
    first = rows[0]
    number = int(first["object_id"])
    box = boxes.get(number, f"the scene has no object {number}; it has {len(boxes)}")
    if isinstance(box, str):
        raise Flawed(BAD_BOX, box)
    said = tuple(row["description"] for row in rows)
    return Entry(
        id=f"scanrefer/{first['scene_id']}_{number}",
        split=split,
        modality=CLOUD_REGION,
        place=place,
        region=box,
        sentences=said,
        references=said,
        meta={
            "scene_id": first["scene_id"],
            "object_id": number,
            "object_name": str(first.get("object_name", "")),
            "tokens": [told for row in rows if (told := _tokens(row))],
        },
    )


def _tokens(row: dict[str, Any]) -> list[str]:
    """A description in the file's own tokens, marks among them, as scores are counted on both; in its words where these
    say nothing. Empty where it says nothing itself, and is no sentence either (see `entries.examined`)."""
    told, said = row.get("token") or [], row["description"]
    if not isinstance(told, list) or not all(isinstance(token, str) for token in told):
        raise Flawed(BAD_ROW, f"expected a list of words as token, got {shown(told)}")
    if not isinstance(said, str) or not says_something(said):
        return []
    return [mend(token) for token in (told if says_something("".join(told)) else said.lower().split())]
