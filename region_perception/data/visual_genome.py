"""Visual Genome: some fifty boxes for each photograph, each with a phrase.

<folder>/
    region_descriptions.json, image_data.json     (version 1.2 or 1.4)
    densecap_splits.json                          {"train": [ids], "val": ..., "test": ...}, where there is one
    VG_100K/<id>.jpg, VG_100K_2/<id>.jpg          or in images/

Without `densecap_splits.json` one image in forty is "val" and as many are "test", by their numbers (`splits`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from region_perception.data.entries import BAD_ROW, Entry, Flaw, Flawed, attempt
from region_perception.data.formats.image_regions import coco_box, image_size
from region_perception.data.formats.json_stream import json_items, json_object, json_table
from region_perception.data.places import file_name, folder_of, only_file, relative
from region_perception.data.splits import split_of
from region_perception.errors import InvalidInput
from region_perception.modalities import IMAGE_REGION
from region_perception.regions.checks import shown

_SHARES = {"val": 0.025, "test": 0.025}


def annotation_files(folder: Path, split: str) -> list[Path]:
    """Phrases, images, and the splits where there is a file of them."""
    files = [only_file(folder, ["region_descriptions.json"]), only_file(folder, ["image_data.json"])]
    return files + [path for path in [folder / "densecap_splits.json"] if path.is_file()]


def read_visual_genome(folder: Path, split: str, masks: bool) -> Iterator[Entry | Flaw]:
    """The regions of a split, image by image."""
    phrases, images, *split_file = annotation_files(folder, split)
    prefix = folder_of(folder, ["images", "."])
    known = json_table(images, None, "image_id")
    listed = _listed(split_file[0], split) if split_file else None
    for number, row in enumerate(json_items(phrases)):
        regions = row.get("regions") if isinstance(row, dict) else None
        if not isinstance(regions, list):
            yield Flaw(BAD_ROW, f"{phrases.name} image {number}", f"expected id and regions, got {shown(row)}")
            continue
        image = row.get("id", regions[0].get("image_id") if regions and isinstance(regions[0], dict) else None)
        if not isinstance(image, int | str):
            yield Flaw(BAD_ROW, f"{phrases.name} image {number}", f"its id is {shown(image)}")
            continue
        wanted = image in listed if listed is not None else split_of(str(image), _SHARES) == split
        for region in regions if wanted else ():
            where = f"{phrases.name} region {region.get('region_id') if isinstance(region, dict) else '?'}"
            yield attempt(where, partial(_entry, prefix, split, known.get(image), region))


def _listed(path: Path, split: str) -> frozenset[int]:
    """The numbers of the images of a split."""
    numbers = json_object(path).get(split)
    if not isinstance(numbers, list) or not all(type(number) is int for number in numbers):
        raise InvalidInput(f"{path}: expected a list of image ids under {split!r}, got {shown(numbers)}")
    return frozenset(numbers)


def _entry(prefix: str, split: str, image: Any, region: Any) -> Entry:
    if not isinstance(region, dict) or not isinstance(image, dict):
        raise Flawed(BAD_ROW, f"a region that is none, or whose image is not in image_data.json: {shown(region)}")
    parts = PurePosixPath(image["url"]).parts[-2:]
    box = [region[name] for name in ("x", "y", "width", "height")]
    return Entry(
        id=f"visual-genome/{region['region_id']}",
        split=split,
        modality=IMAGE_REGION,
        place={"image": relative("/".join([prefix, *map(file_name, parts)]))},
        region=coco_box(box),
        sentences=(region["phrase"],),
        meta={"image_id": image["image_id"]},
        size=image_size(image),
    )
