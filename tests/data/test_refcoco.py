"""The RefCOCO family from its original files, MDETR's and RegionBLIP's."""

import pickle

import numpy as np
import pytest

from region_perception.data import entries
from region_perception.errors import InvalidInput
from region_perception.regions import Box, Mask, Polygon
from region_perception.regions.run_length import encode

NAME = "COCO_train2014_000000000042.jpg"
SQUARE = [10, 10, 30, 10, 30, 20, 10, 20]


def ref(number, split="train", said=("the left cup", "cup on the left"), **changes):
    sentences = [
        {"raw": text.title(), "sent": text, "sent_id": i, "tokens": text.split()} for i, text in enumerate(said)
    ]
    name = NAME.replace(".jpg", f"_{number}.jpg")
    return {
        "ref_id": number, "ann_id": 100 + number, "category_id": 47, "image_id": 42, "file_name": name, "split": split,
        "sent_ids": list(range(len(said))), "sentences": sentences,
    } | changes  # fmt: skip


def annotation(number, **changes):
    return {
        "id": 100 + number,
        "image_id": 42,
        "bbox": [10, 10, 20, 10],
        "segmentation": [SQUARE],
        "iscrowd": 0,
    } | changes


@pytest.fixture
def refcoco(tmp_path, write_json, write_picture):
    """make(refs, annotations) -> the folder of a refcoco as `refer` lays it out, with refs of Python 2."""

    def make(refs, annotations, name="refcoco", by="unc", protocol=2):
        folder = tmp_path / "data"
        images = [{"id": 42, "file_name": NAME, "width": 64, "height": 48}]
        write_json(folder / name / "instances.json", {"info": {}, "images": images, "annotations": annotations})
        (folder / name / f"refs({by}).p").write_bytes(pickle.dumps(refs, protocol))
        write_picture(folder / "images" / "train2014" / NAME)
        return folder

    return make


@pytest.mark.parametrize("protocol", [0, 2])
def test_a_ref_is_a_region_with_all_that_was_said_of_it(refcoco, read, protocol):
    folder = refcoco([ref(1), ref(2, "val")], [annotation(1), annotation(2)], protocol=protocol)
    (entry,) = read("refcoco", folder).entries
    assert entry.id == "refcoco/unc/1"
    assert (entry.modality, entry.split, entry.size) == ("image_region", "train", (64, 48))
    assert entry.place == {"image": f"images/train2014/{NAME}"}, "the annotation's number is not in the image's name"
    assert entry.region == Box(10, 10, 30, 20)
    assert entry.sentences == entry.references == ("the left cup", "cup on the left")
    assert entry.meta == {"ref_id": 1, "ann_id": 101, "image_id": 42, "category_id": 47}


@pytest.mark.parametrize(
    ("name", "part", "by"),
    [
        ("refcoco-google", "refcoco", "google"),
        ("refcoco+", "refcoco+", "unc"),
        ("refcocog", "refcocog", "umd"),
        ("refcocog-google", "refcocog", "google"),
    ],
)
def test_the_whole_family_is_read(refcoco, read, name, part, by):
    folder = refcoco([ref(1)], [annotation(1)], part, by)
    assert [entry.id for entry in read(name, folder).entries] == [f"{part}/{by}/1"]


def test_test_is_every_split_whose_name_has_it(refcoco, read):
    folder = refcoco([ref(1, "testA"), ref(2, "testB"), ref(3, "val")], [annotation(n) for n in (1, 2, 3)])
    assert [entry.split for entry in read("refcoco", folder, "test").entries] == ["testA", "testB"]
    assert [entry.split for entry in read("refcoco", folder, "testB").entries] == ["testB"]


def test_masks_come_from_outlines_and_run_lengths(refcoco, read):
    mask = np.zeros((48, 64), bool)
    mask[5:9, 7:20] = True
    parts = [SQUARE, [40, 30, 50, 30, 50, 40, 40, 40]]
    shapes = [annotation(1), annotation(2, segmentation=encode(mask)), annotation(3, segmentation=parts)]
    folder = refcoco([ref(1), ref(2), ref(3)], shapes)
    outline, runs, two = (entry.region for entry in read("refcoco", folder, masks=True).entries)
    assert isinstance(outline, Polygon)
    assert runs == Mask(mask)
    assert two.mask[10:20, 10:30].all()
    assert two.mask[30:40, 40:50].all()
    assert two.mask.sum() == 300


def test_every_bad_ref_is_named_and_the_others_are_read(refcoco, read):
    bad = [
        ref(1, file_name="x.jpg", image_id=99, said=["kept without its image in instances.json"]),
        ref(2, ann_id=555),
        ref(3),
        "no ref",
        {"ref_id": 5, "split": "train"},
        ref(6, file_name="../../../etc/passwd", image_id=99),
        ref(7),
        ref(8, sentences=None),
    ]
    shapes = [
        annotation(1),
        annotation(3, bbox=[10, 10, -5, 3]),
        annotation(6),
        annotation(7, bbox="wide"),
        annotation(8),
    ]
    found = read("refcoco", refcoco(bad, shapes))
    assert [entry.id for entry in found.entries] == ["refcoco/unc/1"]
    assert found.entries[0].place == {"image": "images/train2014/x.jpg"}
    assert found.kinds == [
        entries.BAD_ROW, entries.BAD_BOX, entries.BAD_ROW, entries.BAD_ROW, entries.OUTSIDE_FOLDER, entries.BAD_BOX,
        entries.BAD_ROW,
    ]  # fmt: skip
    assert "no annotation 555" in found.flaws[0].message


def test_without_its_image_a_ref_names_the_file_itself(refcoco, read):
    names = [NAME, NAME.replace(".jpg", "_7.jpg")]
    refs = [ref(number, image_id=99, file_name=name) for number, name in enumerate(names)]
    places = [entry.place["image"] for entry in read("refcoco", refcoco(refs, [annotation(0), annotation(1)])).entries]
    assert places == [f"images/train2014/{NAME}"] * 2, "with the annotation's number and without"


def test_missing_files_are_named(tmp_path, read):
    with pytest.raises(InvalidInput, match=r"expected refcoco/refs\(unc\)\.p, or .*finetune_refcoco_train\.json"):
        read("refcoco", tmp_path)


def test_python_2_bytes_come_as_text(refcoco, read):
    folder = refcoco([ref(1, said=["SENTENCE"])], [annotation(1)])
    path = folder / "refcoco" / "refs(unc).p"
    old, new = b"X\x08\x00\x00\x00SENTENCE", b"T\x09\x00\x00\x00caf\xc3\xa9 bar"
    path.write_bytes(path.read_bytes().replace(old, new))
    assert read("refcoco", folder).entries[0].sentences == ("café bar",)


def test_sentences_of_mdetr_about_one_box_are_one_region(tmp_path, read, write_json):
    images = [
        {
            "id": n,
            "file_name": NAME,
            "height": 48,
            "width": 64,
            "original_id": 42,
            "caption": text,
            "dataset_name": "refcoco",
        }
        for n, text in enumerate(["left cup", "the cup", "a plate"])
    ]
    boxes = [[10, 10, 20, 10], [10, 10, 20, 10], [30, 20, 5, 5]]
    rows = [
        {
            "id": 7 + n,
            "image_id": n,
            "bbox": box,
            "segmentation": [SQUARE],
            "category_id": 47,
            "iscrowd": 0,
            "area": 200,
        }
        for n, box in enumerate(boxes)
    ]
    write_json(tmp_path / "finetune_refcoco_train.json", {"images": images, "annotations": [*rows, {"image_id": [1]}]})
    found = read("refcoco", tmp_path)
    assert [entry.sentences for entry in found.entries] == [("left cup", "the cup"), ("a plate",)]
    assert found.entries[0].region == Box(10, 10, 30, 20)
    assert found.entries[0].meta["image_id"] == 42
    assert found.kinds == [entries.BAD_ROW]
    assert isinstance(read("refcoco", tmp_path, masks=True).entries[0].region, Polygon)


def test_mdetrs_files_are_of_one_split_each_and_of_one_way_to_split(tmp_path, read, write_json):
    image = {"id": 0, "file_name": NAME, "width": 64, "height": 48, "caption": "a cup"}
    for part in ("testA", "testB"):
        rows = {"images": [image], "annotations": [{"id": 0, "image_id": 0, "bbox": [1, 2, 3, 4]}]}
        write_json(tmp_path / "OpenSource" / f"finetune_refcoco+_{part}.json", rows)
    found = read("refcoco+", tmp_path, "test")
    assert [(entry.id, entry.split) for entry in found.entries] == [
        ("refcoco+/mdetr/testA/0", "testA"),
        ("refcoco+/mdetr/testB/0", "testB"),
    ]
    write_json(tmp_path / "finetune_refcocog_val.json", {"images": [], "annotations": []})
    assert not read("refcocog", tmp_path, "val").entries
    with pytest.raises(InvalidInput, match=r"expected refcocog/refs\(google\)\.p, but"):
        read("refcocog-google", tmp_path, "val")


ROWS = [
    {"image": f"train2014/{NAME}", "bbox": [10, 10, 20, 10], "caption": "left cup", "image_id": "coco_42"},
    {"image": f"train2014/{NAME}", "bbox": [10, 10, 20, 10], "caption": "the cup", "image_id": "coco_42"},
    {"image": f"train2014/{NAME}", "bbox": [30, 20, 5, 5], "caption": "a plate", "image_id": "coco_42"},
    ["no row"],
    {"image": "../../x.jpg", "bbox": [30, 20, 5, 5], "caption": "a plate", "image_id": "coco_42"},
]


def test_regionblips_rows_are_read(tmp_path, read, write_json):
    write_json(tmp_path / "refcoco" / "Refcoco_train.json", ROWS)
    (tmp_path / "images").mkdir()
    found = read("refcoco-rows", tmp_path)
    assert [entry.references for entry in found.entries] == [("left cup", "the cup"), ("a plate",)]
    assert found.entries[0].place == {"image": f"images/train2014/{NAME}"}
    assert len(found.by_id) == 2
    assert found.kinds == [entries.BAD_ROW, entries.OUTSIDE_FOLDER]


def test_regioncap_is_read_from_lists_and_lines(tmp_path, read, write_json):
    import json

    write_json(tmp_path / "cc3m.json", ROWS[:1])
    (tmp_path / "coyo.jsonl").write_text("\n".join([json.dumps(ROWS[2]), "{not json", json.dumps(ROWS[4])]) + "\n")
    train, val = (read("regioncap", tmp_path, split) for split in ("train", "val"))
    assert len(train.entries) + len(val.entries) == 2
    assert {entry.references for entry in train.entries} == {()}, "they do not say that only this region is meant"
    assert train.kinds == [entries.BAD_ROW, entries.OUTSIDE_FOLDER]
    with pytest.raises(InvalidInput, match=r"expected files of rows"):
        read("regioncap", tmp_path / "nowhere")
