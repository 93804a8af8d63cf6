"""RefCOCO, RefCOCO+ and RefCOCOg: regions of COCO photographs, and what people said so that others would find them.

Read from the original files, or from MDETR's `finetune_<name>_<split>.json`, which split RefCOCO and RefCOCO+ as
unc does, and RefCOCOg as umd does:

<folder>/
    refcoco/refs(unc).p, refs(google).p, instances.json
    refcoco+/refs(unc).p, instances.json
    refcocog/refs(umd).p, refs(google).p, instances.json
    images/train2014/COCO_train2014_*.jpg     or train2014/, or images/mscoco/images/train2014/, as `refer` has it

A region is an entry; all that was said of it are its sentences, and references at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from region_perception.data.entries import BAD_ROW, Entry, Flaw, Flawed, attempt
from region_perception.data.formats.image_regions import coco_box, coco_mask, image_size
from region_perception.data.formats.json_stream import json_items, json_table
from region_perception.data.formats.plain_pickles import python2_text, read_plain_pickle
from region_perception.data.places import file_name, folder_of, only_file
from region_perception.errors import InvalidInput
from region_perception.modalities import IMAGE_REGION
from region_perception.regions.checks import shown

IMAGES = ["images/train2014", "images/mscoco/images/train2014", "train2014", "coco/train2014"]
_ANNOTATION = re.compile(r"(?<=_\d{12})_\d+(?=\.jpg$)")  # behind an image's name, in refs: the annotation's number
_MDETR = {"refcoco": "unc", "refcoco+": "unc", "refcocog": "umd"}  # whose splits its files have


def annotation_files(name: str, by: str, folder: Path, split: str) -> list[Path]:
    """The files that `read_refcoco` reads: refs and instances, or MDETR's, one for each part of the split."""
    refs, mdetr = f"{name}/refs({by}).p", [f"finetune_{name}_{part}.json" for part in _parts(name, split)]
    also = [place + mdetr[0] for place in ("", "mdetr_annotations/", "OpenSource/")] if by == _MDETR[name] else []
    found = only_file(folder, [refs, *also])
    beside = ["instances.json"] if found.suffix == ".p" else mdetr[1:]
    return [found, *(only_file(found.parent, [each]) for each in beside)]


def read_refcoco(name: str, by: str, folder: Path, split: str, masks: bool) -> Iterator[Entry | Flaw]:
    """The regions of a split. by: who split the data ("unc", "google", "umd"); "test" takes testA and testB, too."""
    files = annotation_files(name, by, folder, split)
    prefix = folder_of(folder, IMAGES)
    if files[0].suffix == ".json":
        for part, path in zip(_parts(name, split), files, strict=True):
            yield from _read_mdetr(name, path, prefix, part, masks)
        return
    refs = read_plain_pickle(files[0])
    if not isinstance(refs, list):
        raise InvalidInput(f"{files[0]}: expected a list of refs, got {shown(refs)}")
    chosen = [ref for ref in refs if not isinstance(ref, dict) or _in_split(ref.get("split"), split)]
    wanted = {ref.get("ann_id") for ref in chosen if isinstance(ref, dict) and type(ref.get("ann_id")) is int}
    shapes = {}
    for item in json_items(files[1], "annotations"):
        if isinstance(item, dict) and type(item.get("id")) is int and item["id"] in wanted:
            shapes[item["id"]] = item.get("segmentation" if masks else "bbox")
    images = json_table(files[1], "images")
    known = _Known(f"{name}/{by}", prefix, images, shapes, masks)
    for number, ref in enumerate(chosen):
        yield attempt(f"{files[0].name} ref {number}", partial(known.entry, ref))


def _parts(name: str, split: str) -> tuple[str, ...]:
    """What MDETR's files divide a split into."""
    return ("testA", "testB") if split == "test" and name != "refcocog" else (split,)


def _in_split(seen: Any, split: str) -> bool:
    """As `refer` counts: "test" is every split whose name has it."""
    return seen == split or (split == "test" and isinstance(seen, str) and "test" in seen)


class _Known:
    """What instances.json says of the images and regions of some refs."""

    def __init__(self, name: str, prefix: str, images: dict[Any, Any], shapes: dict[Any, Any], masks: bool) -> None:
        self._name, self._prefix, self._images, self._shapes, self._masks = name, prefix, images, shapes, masks

    def entry(self, ref: Any) -> Entry:
        if not isinstance(ref, dict):
            raise Flawed(BAD_ROW, f"expected a ref with ref_id, ann_id and sentences, got {shown(ref)}")
        image, shape = self._images.get(ref["image_id"], {}), self._shapes.get(ref["ann_id"])
        if shape is None:
            raise Flawed(BAD_ROW, f"instances.json has no annotation {ref['ann_id']} of ref {ref['ref_id']}")
        name = image.get("file_name") or _ANNOTATION.sub("", ref["file_name"])
        size = image_size(image)
        said = tuple(python2_text(each.get("sent") or each["raw"]) for each in ref["sentences"])
        return Entry(
            id=f"{self._name}/{ref['ref_id']}",
            split=ref["split"],
            modality=IMAGE_REGION,
            place={"image": f"{self._prefix}/{file_name(name)}"},
            region=coco_mask(shape, size) if self._masks else coco_box(shape),
            sentences=said,
            references=said,
            meta={key: ref[key] for key in ("ref_id", "ann_id", "image_id", "category_id") if key in ref},
            size=size,
        )


def _read_mdetr(name: str, path: Path, prefix: str, split: str, masks: bool) -> Iterator[Entry | Flaw]:
    """MDETR has an "image" for each sentence; those of one photograph and box are sentences about one region."""
    captions = json_table(path, "images")
    grouped: dict[str, list[Any]] = {}
    for number, item in enumerate(json_items(path, "annotations")):
        number_of_image = item.get("image_id") if isinstance(item, dict) else None
        image = captions.get(number_of_image) if isinstance(number_of_image, int | str) else None
        if image is None:
            yield Flaw(BAD_ROW, f"{path.name} annotation {number}", f"it has no image: {shown(item)}")
            continue
        box = item.get("bbox")
        same = f"{image.get('original_id', image.get('file_name'))} {box}"
        grouped.setdefault(same, [image, item, []])[2].append(image.get("caption"))
    for image, item, said in grouped.values():
        yield attempt(
            f"{path.name} annotation {item.get('id')}", partial(_mdetr, name, image, item, said, prefix, split, masks)
        )


def _mdetr(name: str, image: Any, item: Any, said: list[str], prefix: str, split: str, masks: bool) -> Entry:
    size = image_size(image)
    return Entry(
        id=f"{name}/mdetr/{split}/{item['id']}",
        split=split,
        modality=IMAGE_REGION,
        place={"image": f"{prefix}/{file_name(image['file_name'])}"},
        region=coco_mask(item["segmentation"], size) if masks else coco_box(item["bbox"]),
        sentences=tuple(said),
        references=tuple(said),
        meta={"image_id": image.get("original_id", image["id"]), "category_id": item.get("category_id")},
        size=size,
    )
