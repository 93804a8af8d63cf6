"""COCO photographs and their five sentences each, by Karpathy's split.

<folder>/
    dataset_coco.json                      or annotations/...; all splits in one; "train" takes "restval", too
    coco_karpathy_{train,val,test}.json    or as LAVIS has them
    images/train2014/, images/val2014/     or train2014/, val2014/
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from region_perception.data.entries import BAD_ROW, Entry, Flaw, Flawed, attempt
from region_perception.data.formats.json_stream import is_object, json_items
from region_perception.data.places import folder_of, only_file, relative
from region_perception.modalities import IMAGE
from region_perception.regions.checks import shown

IMAGES = ["images", "."]


def annotation_files(folder: Path, split: str) -> list[Path]:
    """The file that the sentences of a split stand in."""
    names = ("dataset_coco.json", f"coco_karpathy_{split}.json")
    return [only_file(folder, [part + name for name in names for part in ("", "annotations/")])]


def read_coco_captions(folder: Path, split: str, masks: bool) -> Iterator[Entry | Flaw]:
    """The images of a split, each with all its sentences."""
    (path,) = annotation_files(folder, split)
    prefix = folder_of(folder, IMAGES)
    rows = _karpathy(path, split) if is_object(path) else _lavis(path)
    for row in rows:
        if isinstance(row, Flaw):
            yield row
        else:
            image, said, number = row
            yield attempt(f"{path.name} {shown(image)}", partial(_entry, prefix, split, image, said, number))


_Image = tuple[Any, list[Any], Any]  # path, sentences, COCO's number of the image


def _karpathy(path: Path, split: str) -> Iterator[_Image | Flaw]:
    wanted = ["train", "restval"] if split == "train" else [split]
    for number, image in enumerate(json_items(path, "images")):
        if not isinstance(image, dict) or not isinstance(image.get("sentences"), list):
            yield Flaw(BAD_ROW, f"{path.name} image {number}", f"expected an image with sentences, got {shown(image)}")
        elif image.get("split") in wanted:
            said = [each.get("raw") for each in image["sentences"] if isinstance(each, dict)]
            name = image.get("filename")
            yield f"{image.get('filepath', '')}/{name}".lstrip("/"), said, image.get("cocoid")


def _lavis(path: Path) -> Iterator[_Image | Flaw]:
    """One row for each sentence ("train"), or for each image."""
    images: dict[str, _Image] = {}
    for number, row in enumerate(json_items(path)):
        if not isinstance(row, dict) or not isinstance(row.get("image"), str):
            yield Flaw(BAD_ROW, f"{path.name} row {number}", f"expected image and caption, got {shown(row)}")
            continue
        said = row.get("caption")
        digits = str(row.get("image_id") or Path(row["image"]).stem).rpartition("_")[2]
        known = images.setdefault(row["image"], (row["image"], [], int(digits) if digits.isdecimal() else None))
        known[1].extend(said if isinstance(said, list) else [said])
    yield from images.values()


def _entry(prefix: str, split: str, image: str, said: list[Any], number: Any) -> Entry:
    if not said:
        raise Flawed(BAD_ROW, "it has no sentences")
    return Entry(
        id=f"coco-captions/{number if number is not None else image}",
        split=split,
        modality=IMAGE,
        place={"image": relative(f"{prefix}/{relative(image)}")},
        sentences=tuple(said),
        meta={} if number is None else {"image_id": number},
    )
