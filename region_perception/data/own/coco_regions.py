"""People's own regions and sentences, as COCO-style JSON; `coco_writing` writes the same.

<folder>/
    train.json, val.json, ...      or annotations/train.json, ...; or one annotations.json for all splits
    images/                        where `file_name` is looked for; without it, in the folder itself

{"images": [{"id", "file_name", "width", "height", "split"}], "annotations": [{"id", "image_id", "bbox", "segmentation",
"region", "caption" or "sentences", "references", "questions", "meta"}]}

An annotation without bbox, segmentation and region is about its whole image, so COCO's own captions_val2017.json is
read, too. `region` is what `Region.to_dict` writes, and goes before bbox. In annotations.json, images without a `split`
are "val" one time in twenty, by their names, and "train" otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from region_perception.data.entries import BAD_ROW, Entry, Flaw, Flawed, attempt
from region_perception.data.formats.image_regions import coco_box, coco_mask, image_size
from region_perception.data.formats.json_stream import json_items, json_table
from region_perception.data.own.written import questions_of
from region_perception.data.places import folder_of, only_file, relative
from region_perception.data.splits import split_of
from region_perception.modalities import IMAGE, IMAGE_REGION
from region_perception.regions import Region, region_from_dict
from region_perception.regions.checks import shown

_ALL = "annotations.json"
_SHARES = {"val": 0.05}


def annotation_files(folder: Path, split: str) -> list[Path]:
    """The annotations of a split, or those of all."""
    return [only_file(folder, [f"{split}.json", f"annotations/{split}.json", _ALL])]


def read_coco_regions(folder: Path, split: str, masks: bool) -> Iterator[Entry | Flaw]:
    """The annotations of a split, in the order of the file."""
    (path,) = annotation_files(folder, split)
    images = json_table(path, "images")
    prefix = folder_of(folder, ["images", "."])
    for number, row in enumerate(json_items(path, "annotations")):
        if not isinstance(row, dict) or not isinstance(row.get("image_id"), int | str) or row["image_id"] not in images:
            yield Flaw(BAD_ROW, f"{path.name} annotation {number}", f"it has no image in the file: {shown(row)}")
            continue
        image = images[row["image_id"]]
        own = image.get("split") or split_of(str(image.get("file_name")), _SHARES)
        if path.name != _ALL or own == split:
            yield attempt(
                f"{path.name} annotation {row.get('id', number)}", partial(_entry, prefix, split, image, row, masks)
            )


def _entry(prefix: str, split: str, image: dict[str, Any], row: dict[str, Any], masks: bool) -> Entry:
    size = image_size(image)
    region = _region(row, size, masks)
    return Entry(
        id=str(row.get("record", f"coco-regions/{row['id']}")),
        split=split,
        modality=IMAGE_REGION if region else IMAGE,
        place={"image": relative(f"{prefix}/{relative(image['file_name'])}")},
        region=region,
        sentences=tuple(_texts(row, "sentences") or _texts(row, "captions") or _texts(row, "caption")),
        references=tuple(_texts(row, "references")),
        questions=questions_of(row),
        meta=dict(row.get("meta", {})),
        size=size,
    )


def _region(row: dict[str, Any], size: tuple[int, int] | None, masks: bool) -> Region | None:
    if row.get("region"):
        region = region_from_dict(row["region"])
        if region.modality != IMAGE_REGION:
            raise Flawed(BAD_ROW, f"expected a region of an image, got {region}")
        return region
    if row.get("segmentation") and (masks or "bbox" not in row):
        return coco_mask(row["segmentation"], size)
    return coco_box(row["bbox"]) if "bbox" in row else None


def _texts(row: dict[str, Any], name: str) -> list[Any]:
    value = row.get(name, [])
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise Flawed(BAD_ROW, f"expected {name} as text or a list of texts, got {shown(value)}")
    return value
