"""Whatever stands in place of any value of any annotation file, its reader goes on, or refuses the file in words."""

import copy
import json
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from region_perception.data.entries import Entry, examined
from region_perception.data.sets import named_set
from region_perception.errors import InvalidInput

NAME = "COCO_val2014_000000000042.jpg"
BOX = [1, 2, 30, 20]
OUTLINE = [[1, 2, 30, 2, 30, 20]]
IMAGE = {"id": 42, "file_name": NAME, "width": 64, "height": 48}
ANNOTATION = {"id": 7, "image_id": 42, "bbox": BOX, "segmentation": OUTLINE, "category_id": 1, "iscrowd": 0}
SENTENCE = {"sent": "a cup", "raw": "A cup", "sent_id": 1, "tokens": ["a", "cup"]}
REF: dict[str, Any] = {"ref_id": 1, "ann_id": 7, "category_id": 1, "image_id": 42, "file_name": NAME, "split": "val"}
REF["sentences"] = [SENTENCE]
QUESTION = {"image_id": 42, "question": "What?", "question_id": 1}
ANSWER = {"question_id": 1, "image_id": 42, "multiple_choice_answer": "cup", "answers": [{"answer": "cup"}]}
REGION = {"region_id": 1, "image_id": 1, "phrase": "a cup", "x": 1, "y": 2, "width": 30, "height": 20}
TOLD = {"scene_id": "scene0000_00", "object_id": "0", "object_name": "cup", "description": "a cup", "token": ["a"]}
RECORD = {
    "id": "1", "source": "me", "split": "val", "modality": "image_region",
    "region": {"type": "box", "x1": 1, "y1": 2, "x2": 3, "y2": 4},
    "sentences": ["a cup"], "references": ["the cup"], "questions": [{"text": "what", "answer": "cup", "topic": ""}],
    "place": {"image": "images/0.png", "depth": "depth/0.png", "intrinsics": [1, 1, 1, 1]}, "meta": {},
}  # fmt: skip
OWN = ANNOTATION | {"caption": "a cup", "references": ["the cup"], "questions": RECORD["questions"], "meta": {}}

# For each data set its files, and those whose every value is replaced.
LAYOUTS: dict[str, dict[str, Any]] = {
    "refcoco": {
        "refcoco/instances.json": {"images": [IMAGE], "annotations": [ANNOTATION]},
        "refcoco/refs(unc).p": [REF],
    },
    "refcoco+": {"finetune_refcoco+_val.json": {"images": [IMAGE | {"caption": "cup"}], "annotations": [ANNOTATION]}},
    "refcoco-rows": {"Refcoco_test.json": [{"image": NAME, "bbox": BOX, "caption": "a cup", "image_id": "coco_42"}]},
    "coco-captions": {
        "dataset_coco.json": {
            "images": [{"filepath": "val2014", "filename": NAME, "cocoid": 42, "split": "val", "sentences": [SENTENCE]}]
        }
    },
    "vqav2": {
        "v2_OpenEnded_mscoco_val2014_questions.json": {"questions": [QUESTION]},
        "v2_mscoco_val2014_annotations.json": {"annotations": [ANSWER]},
    },
    "coco": {
        "annotations/instances_val2017.json": {
            "images": [IMAGE],
            "annotations": [ANNOTATION],
            "categories": [{"id": 1, "name": "cup"}],
        }
    },
    "visual-genome": {
        "image_data.json": [{"image_id": 1, "url": "http://x/VG_100K/1.jpg", "width": 64, "height": 48}],
        "region_descriptions.json": [{"id": 1, "regions": [REGION]}],
        "densecap_splits.json": {"train": [], "val": [1], "test": []},
    },
    "coco-regions": {"val.json": {"images": [IMAGE], "annotations": [OWN]}},
    "exported": {"scenes/0.json": {"records": [RECORD]}},
    "scanrefer": {
        "ScanRefer_filtered_val.json": [TOLD],
        "scans/scene0000_00/scene0000_00.aggregation.json": {"segGroups": [{"objectId": 0, "segments": [1]}]},
        "scans/scene0000_00/scene0000_00_vh_clean_2.0.010000.segs.json": {"segIndices": [1, 1, 1]},
    },
}
JUNK = [None, True, -7, 10**30, 1e308, float("nan"), "", "\ud800", "../x\0", [], [[]], {}, {"a": [1]}, "left out"]
POINTS = (
    b"ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    b"end_header\n0 0 0\n1 1 1\n0 1 2\n"
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value within a value, and to itself."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from paths(item, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    """A copy with something else at the end of a path; "left out" takes it out."""
    if not path:
        return junk
    value = copy.deepcopy(value)
    holder = value
    for key in path[:-1]:
        holder = holder[key]
    if junk == "left out":
        del holder[path[-1]]
    else:
        holder[path[-1]] = junk
    return value


@pytest.fixture
def write(tmp_path):
    def write(name: str, value: Any) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(value, 2) if name.endswith(".p") else json.dumps(value).encode())

    return write


@pytest.mark.parametrize("kind", LAYOUTS)
def test_junk_in_any_place_ends_no_reader(kind, tmp_path, write):
    files = LAYOUTS[kind]
    split = "test" if kind == "refcoco-rows" else "val"
    for name, value in files.items():
        write(name, value)
    if kind == "scanrefer":
        scan = tmp_path / "scans" / "scene0000_00"
        (scan / "scene0000_00_vh_clean_2.ply").write_bytes(POINTS)
        (scan / "scene0000_00.txt").write_text("")
    sound = [*named_set(kind).read(tmp_path, split, False)]
    assert len(sound) == 1, sound
    assert isinstance(sound[0], Entry), sound
    for name, value in files.items():
        for path in paths(value):
            for junk in JUNK:
                write(name, replaced(value, path, junk))
                for masks in (False, True):
                    _read(kind, tmp_path, split, masks, (name, path, junk))
        write(name, value)


def _read(kind, folder, split, masks, what):
    try:
        for item in named_set(kind).read(folder, split, masks):
            if isinstance(item, Entry):
                usable, _ = examined(item)
                json.dumps(usable and usable.written(kind)).encode("ascii")
    except InvalidInput:
        pass
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error


def test_bytes_turned_at_random_end_no_reader(tmp_path, write):
    """Files with some bytes changed, as a bad disk or a broken download leaves them."""
    random = np.random.default_rng(0)
    for kind in ("refcoco", "coco-regions", "coco"):
        for name, value in LAYOUTS[kind].items():
            write(name, value)
        for name in LAYOUTS[kind]:
            whole = (tmp_path / name).read_bytes()
            for _ in range(60):
                content = bytearray(whole)
                for place in random.integers(len(content), size=random.integers(1, 6)):
                    content[place] = random.integers(256)
                (tmp_path / name).write_bytes(content)
                _read(kind, tmp_path, "val", False, (name, bytes(content)))
            (tmp_path / name).write_bytes(whole)
