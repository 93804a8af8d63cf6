"""Writes COCO-style JSON with region sentences; `coco_regions` says what is in it, and reads it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np

from region_perception.data.own.converting import READING_ERRORS, Converted, Progress, put_file
from region_perception.data.own.samples import Samples
from region_perception.data.own.shard_writing import image_bytes
from region_perception.data.places import inside
from region_perception.modalities import CLOUD_MODALITIES
from region_perception.observations import observe_image
from region_perception.regions import Box, Mask, Polygon, Region, region_from_dict

_CATEGORY = 1
_CLOUDS = "a point cloud, which COCO has no place for; convert to shards"
_DEPTH = "depth or intrinsics of an image, which COCO has no place for; convert to shards"


def write_coco(samples: Samples, folder: Path, out: Path, split: str, done: Converted, progress: Progress) -> None:
    """<out>/<split>.json and the images beside it; nothing is held in memory but the sizes of images."""
    path = out / f"{split}.json"
    partial = path.with_name(f".{path.name}.partial")
    sizes = np.zeros((len(samples), 2), np.int32)  # 0 for what is not written
    with partial.open("w", encoding="utf-8") as file:
        file.write('{"images": [')
        _write_items(file, _images(samples, folder, out, split, sizes, done, progress))
        file.write('],\n"annotations": [')
        _write_items(file, _annotations(samples, sizes, done))
        file.write(f'],\n"categories": [{{"id": {_CATEGORY}, "name": "region"}}]}}\n')
    os.replace(partial, path)


def _write_items(file: TextIO, items: Iterator[dict[str, Any]]) -> None:
    for number, item in enumerate(items):
        file.write((",\n" if number else "\n") + json.dumps(item))


def _images(
    samples: Samples, folder: Path, out: Path, split: str, sizes: np.ndarray, done: Converted, progress: Progress
) -> Iterator[dict[str, Any]]:
    for number in range(len(samples)):
        rows = samples.rows(number)
        place = rows[0]["place"]
        progress(number + 1, len(samples))
        if rows[0]["modality"] in CLOUD_MODALITIES:
            done.left[_CLOUDS] += len(rows)
            continue
        try:
            name, source, size = _picture(folder, place)
        except READING_ERRORS as error:
            done.bad(rows[0]["id"], error)
            continue
        put_file(source, out / "images" / name)
        if place.get("depth") or place.get("intrinsics"):
            done.left[_DEPTH] += 1
        sizes[number] = size
        done.samples += 1
        yield {"id": number + 1, "file_name": name, "width": size[0], "height": size[1], "split": split}


class _Picture(NamedTuple):
    """Where an image is to be below `images`, what it is, and its (width, height)."""

    name: str
    source: Path | bytes
    size: tuple[int, int]


def _picture(folder: Path, place: dict[str, Any]) -> _Picture:
    """The image of a place, read as it will be read again."""
    source: Path | bytes = inside(folder, place["image"]) if "shard" not in place else image_bytes(folder, place)[0]
    if isinstance(source, bytes):
        name = f"{Path(place['shard']).stem}/{place['image'][0]}{place['image'][2]}"
    else:
        name = place["image"].removeprefix("images/")
    image = observe_image(source)
    return _Picture(name, source, (image.width, image.height))


def _annotations(samples: Samples, sizes: np.ndarray, done: Converted) -> Iterator[dict[str, Any]]:
    number = 0
    for sample in np.flatnonzero(sizes[:, 0]).tolist():
        for row in samples.rows(sample):
            number += 1
            done.records += 1
            region = region_from_dict(row["region"]) if row["region"] else None
            said = {name: row[name] for name in ("sentences", "references", "questions", "meta") if row[name]}
            caption = {"caption": row["sentences"][0]} if row["sentences"] else {}
            about = {"id": number, "image_id": sample + 1, "category_id": _CATEGORY, "iscrowd": 0, "record": row["id"]}
            yield about | (_shape(region, row["region"]) if region else {}) | caption | said


def _shape(region: Region, written: dict[str, Any]) -> dict[str, Any]:
    """A region as COCO has it, and in full where it is more than a box."""
    if isinstance(region, Box):
        width, height = region.x2 - region.x1, region.y2 - region.y1
        return {"bbox": [region.x1, region.y1, width, height], "area": width * height}
    full = {"region": written}
    if isinstance(region, Mask):
        rows, columns = np.nonzero(region.mask)
        x, y = int(columns.min()), int(rows.min())
        box = [x, y, int(columns.max()) + 1 - x, int(rows.max()) + 1 - y]
        return full | {"bbox": box, "area": len(rows), "segmentation": written["mask"]}
    if isinstance(region, Polygon):
        low, high = np.min(region.points, axis=0), np.max(region.points, axis=0)
        box = [*low.tolist(), *(high - low).tolist()]
        return full | {"bbox": box, "segmentation": [np.ravel(region.points).tolist()]}
    return full
