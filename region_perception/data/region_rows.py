"""One row for each sentence about a box: the form of RegionBLIP's own files, and of RegionCap-10M.

A JSON list, or a file with one JSON object in each line, of
    {"image": "train2014/COCO_train2014_000000093581.jpg", "image_id": "coco_93581", "bbox": [x, y, width, height],
     "caption": "..."}
Rows about one box of one image that follow each other are one region.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from region_perception.data.entries import BAD_ROW, Entry, Flaw, Flawed, attempt
from region_perception.data.formats.image_regions import coco_box, image_size
from region_perception.data.formats.json_stream import json_items, json_lines
from region_perception.data.places import folder_of, only_file, relative
from region_perception.data.splits import split_of
from region_perception.errors import InvalidInput
from region_perception.modalities import IMAGE_REGION
from region_perception.regions.checks import shown

_REFCOCO_IMAGES = ["images", "images/mscoco/images", "."]


def refcoco_rows(folder: Path, split: str) -> list[Path]:
    """RegionBLIP's own conversion of RefCOCO or RefCOCOg."""
    names = [f"{part}{name}_{split}.json" for name in ("Refcoco", "Refcocog") for part in ("", "refcoco/", "refcocog/")]
    return [only_file(folder, names)]


def read_refcoco_rows(folder: Path, split: str, masks: bool) -> Iterator[Entry | Flaw]:
    """The regions of one of its files; its sentences mean the region."""
    prefix = folder_of(folder, _REFCOCO_IMAGES)
    for path in refcoco_rows(folder, split):
        yield from _regions(path, "refcoco", split, prefix, meant=True)


def regioncap_rows(folder: Path, split: str) -> list[Path]:
    """All files of rows of RegionCap-10M in the folder, or in `annotations/`."""
    found = [
        path
        for place in (folder, folder / "annotations")
        for end in ("json", "jsonl")
        for path in place.glob(f"*.{end}")
    ]
    if not found:
        raise InvalidInput(f"{folder}: expected files of rows, *.json or *.jsonl, in it or in annotations/")
    return sorted(found)


def read_regioncap(folder: Path, split: str, masks: bool) -> Iterator[Entry | Flaw]:
    """The regions of a split. The data have none: one image in a thousand is "val"."""
    prefix = folder_of(folder, ["images", "."])
    for path in regioncap_rows(folder, split):
        for item in _regions(path, "regioncap", split, prefix, meant=False):
            if isinstance(item, Flaw) or split_of(item.place["image"], {"val": 0.001}) == split:
                yield item


def _regions(path: Path, name: str, split: str, prefix: str, meant: bool) -> Iterator[Entry | Flaw]:
    """Neighbouring rows of one box together."""
    waiting: list[dict[str, Any]] = []
    items = json_lines(path) if path.suffix == ".jsonl" else json_items(path)
    for number, row in enumerate(items, start=1):
        where = f"{path.name} row {number}"
        if not isinstance(row, dict):
            yield Flaw(BAD_ROW, where, f"expected an object with image, bbox and caption, got {shown(row)}")
            continue
        if waiting and any(waiting[0].get(key) != row.get(key) for key in ("image", "bbox")):
            yield attempt(f"{path.name} before row {number}", partial(_entry, waiting, name, split, prefix, meant))
            waiting = []
        waiting.append(row)
    if waiting:
        yield attempt(f"{path.name}, its last row", partial(_entry, waiting, name, split, prefix, meant))


def _entry(rows: list[dict[str, Any]], name: str, split: str, prefix: str, meant: bool) -> Entry:
    first, size = rows[0], image_size(rows[0])
    said = tuple(text for row in rows for text in _captions(row))
    image = f"{prefix}/{relative(first['image'])}"
    box = coco_box(first["bbox"])
    mark = blake2b(f"{image} {first['bbox']}".encode(), digest_size=8).hexdigest()
    return Entry(
        id=f"{name}/rows/{first.get('image_id', '')}/{mark}",
        split=split,
        modality=IMAGE_REGION,
        place={"image": relative(image)},
        region=box,
        sentences=said,
        references=said if meant else (),
        meta={"image_id": first["image_id"]} if "image_id" in first else {},
        size=size,
    )


def _captions(row: dict[str, Any]) -> list[str]:
    caption = row["caption"]
    if isinstance(caption, str):
        return [caption]
    if isinstance(caption, list):
        return caption
    raise Flawed(BAD_ROW, f"expected a caption or a list of them, got {shown(caption)}")
