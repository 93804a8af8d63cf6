"""COCO detection: boxes of things of 80 kinds, for telling what a region shows.

<folder>/
    annotations/instances_{train,val}2017.json     or 2014
    images/val2017/                                or val2017/

The sentence of a region is the name of its kind. Crowds are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from region_perception.data.entries import BAD_ROW, Entry, Flaw, Flawed, attempt
from region_perception.data.formats.image_regions import coco_box, coco_mask, image_size
from region_perception.data.formats.json_stream import json_items, json_table
from region_perception.data.places import file_name, folder_of, only_file, relative
from region_perception.modalities import IMAGE_REGION
from region_perception.regions.checks import shown


def annotation_files(folder: Path, split: str) -> list[Path]:
    """The boxes of a split."""
    names = [f"instances_{split}{year}.json" for year in (2017, 2014)]
    return [only_file(folder, [part + name for part in ("annotations/", "") for name in names])]


def read_coco_detection(folder: Path, split: str, masks: bool) -> Iterator[Entry | Flaw]:
    """The things of a split, in the order of the file."""
    (path,) = annotation_files(folder, split)
    year = path.stem[-4:]
    prefix = folder_of(folder, [f"images/{split}{year}", f"{split}{year}"])
    names = {number: row.get("name") for number, row in json_table(path, "categories").items()}
    images = json_table(path, "images")
    for number, row in enumerate(json_items(path, "annotations")):
        if not (isinstance(row, dict) and row.get("iscrowd")):
            where = f"{path.name} annotation {row.get('id') if isinstance(row, dict) else number}"
            yield attempt(where, partial(_entry, prefix, split, row, images, names, masks))


def _entry(prefix: str, split: str, row: Any, images: dict[Any, Any], names: dict[Any, Any], masks: bool) -> Entry:
    if not isinstance(row, dict):
        raise Flawed(BAD_ROW, f"expected an annotation, got {shown(row)}")
    image, name = images.get(row["image_id"]), names.get(row["category_id"])
    if image is None or not isinstance(name, str):
        raise Flawed(
            BAD_ROW, f"no image {shown(row['image_id'])} or no category {shown(row['category_id'])} in the file"
        )
    size = image_size(image)
    return Entry(
        id=f"coco/{row['id']}",
        split=split,
        modality=IMAGE_REGION,
        place={"image": relative(f"{prefix}/{file_name(image['file_name'])}")},
        region=coco_mask(row["segmentation"], size) if masks else coco_box(row["bbox"]),
        sentences=(name,),
        meta={"image_id": row["image_id"], "category_id": row["category_id"], "category": name},
        size=size,
    )
