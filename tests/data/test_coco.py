"""What is said of COCO's photographs: captions, questions, boxes; and Visual Genome's regions."""

import numpy as np
import pytest

from region_perception.data import entries
from region_perception.data.record import Question
from region_perception.data.splits import split_of
from region_perception.errors import InvalidInput
from region_perception.regions import Box, Mask
from region_perception.regions.run_length import encode

FILE = "COCO_val2014_000000000042.jpg"


def karpathy(number, split, *said, **changes):
    name = f"COCO_val2014_{number:012d}.jpg"
    sentences = [{"raw": text, "tokens": text.split(), "imgid": 0, "sentid": i} for i, text in enumerate(said)]
    return {
        "filepath": "val2014", "filename": name, "cocoid": number, "imgid": 0, "split": split, "sentences": sentences,
    } | changes  # fmt: skip


def test_karpathys_file_is_read_with_restval_in_train(tmp_path, read, write_json):
    images = [
        karpathy(42, "test", "a cat.", "a cat on a mat."),
        karpathy(43, "train", "a dog"),
        karpathy(44, "restval", "a cow"),
        karpathy(45, "train", "a way out", filename="../../x.jpg"),
        karpathy(46, "train", sentences=None),
    ]
    write_json(tmp_path / "annotations" / "dataset_coco.json", {"dataset": "coco", "images": images})
    (tmp_path / "images").mkdir()
    (entry,) = read("coco-captions", tmp_path, "test").entries
    assert (entry.id, entry.modality, entry.region) == ("coco-captions/42", "image", None)
    assert entry.place == {"image": f"images/val2014/{FILE}"}
    assert entry.sentences == ("a cat.", "a cat on a mat.")
    found = read("coco-captions", tmp_path, "train")
    assert [entry.meta["image_id"] for entry in found.entries] == [43, 44]
    assert sorted(found.kinds) == [entries.BAD_ROW, entries.OUTSIDE_FOLDER]


def test_lavis_files_are_read_by_sentence_and_by_image(tmp_path, read, write_json):
    train = [
        {"caption": "a cat", "image": f"val2014/{FILE}", "image_id": "coco_42"},
        {"caption": "a dog", "image": "train2014/COCO_train2014_000000000043.jpg", "image_id": "coco_43"},
        {"caption": "a mat", "image": f"val2014/{FILE}", "image_id": "coco_42"},
        {"caption": "no image"},
    ]
    write_json(tmp_path / "coco_karpathy_train.json", train)
    write_json(tmp_path / "coco_karpathy_test.json", [{"image": f"val2014/{FILE}", "caption": ["a cat", "a mat"]}])
    found = read("coco-captions", tmp_path)
    assert [entry.sentences for entry in found.entries] == [("a cat", "a mat"), ("a dog",)]
    assert found.kinds == [entries.BAD_ROW]
    (test,) = read("coco-captions", tmp_path, "test").entries
    assert (test.sentences, test.meta) == (("a cat", "a mat"), {"image_id": 42})


def answered(number, *answers):
    given = [{"answer": text, "answer_confidence": "yes", "answer_id": i} for i, text in enumerate(answers, start=1)]
    return {
        "question_id": number, "image_id": 42, "multiple_choice_answer": answers[0], "answers": given,
        "question_type": "what", "answer_type": "other",
    }  # fmt: skip


def test_vqav2_keeps_all_answers_of_all_questions_of_an_image(tmp_path, read, write_json):
    questions = [
        {"image_id": 42, "question": "What is it?", "question_id": 42000},
        {"image_id": 42, "question": "Is it  a\ncat?", "question_id": 42001},
        {"image_id": 42, "question": "", "question_id": 42002},
        {"image_id": 42, "question": "And now?", "question_id": 42003},
        "no question",
    ]
    answers = [
        answered(42000, *["cat"] * 9, "kitten"),
        answered(42001, *["yes"] * 10),
        answered(42002, "yes"),
        answered(7, "yes"),
        answered(42000, *["dog"] * 10),
        answered(42003, "") | {"answers": []},
        answered(42003, "") | {"answers": [{"answer": None}]},
        answered(42003, "", "caf\udce9"),
    ]
    (tmp_path / "images").mkdir()
    write_json(tmp_path / "v2_OpenEnded_mscoco_val2014_questions.json", {"questions": questions})
    write_json(tmp_path / "v2_mscoco_val2014_annotations.json", {"annotations": answers})
    found = read("vqav2", tmp_path, "val")
    (entry,) = found.entries
    asked = [("What is it?", "cat"), ("Is it a cat?", "yes"), ("And now?", "")]
    assert entry.questions == tuple(Question(text, answer, "other") for text, answer in asked)
    assert entry.meta["question_ids"] == [42000, 42001, 42003]
    assert entry.meta["question_types"] == ["what"] * 3
    assert entry.meta["answers"][2] == ["", "caf\u00e9"], "an empty answer is one, and what is not UTF-8 is Latin-1"
    assert entry.meta["answers"][0] == ["cat"] * 9 + ["kitten"]
    assert entry.place == {"image": f"images/val2014/{FILE}"}
    assert found.kinds == [
        *(entries.EMPTY_SENTENCE, entries.BAD_ROW),  # of questions
        *(entries.BAD_ROW, entries.BAD_ROW, entries.DUPLICATE_ID, entries.BAD_ROW, entries.BAD_ROW),  # of answers
    ]


def test_coco_boxes_have_the_names_of_their_kinds(tmp_path, read, write_json):
    mask = np.zeros((48, 64), bool)
    mask[3:9, 5:20] = True
    common = {"image_id": 42, "category_id": 17, "iscrowd": 0}
    annotations = [
        {"id": 1, "bbox": [5, 3, 15, 6], "segmentation": encode(mask), **common},
        {"id": 2, "bbox": [0, 0, 64, 48], "segmentation": encode(mask), **common, "iscrowd": 1},
        {"id": 3, "bbox": [5, 3, 0, 6], **common},
        {"id": 4, "bbox": [5, 3, 1, 6], **common, "category_id": 99},
        {"id": 5, "bbox": [5, 3, 1, 6], **common, "image_id": [42]},
        None,
    ]
    images = [{"id": 42, "file_name": "000000000042.jpg", "width": 64, "height": 48}]
    categories = [{"id": 17, "name": "cat", "supercategory": "animal"}]
    whole = {"annotations": annotations, "info": {"year": 2017}, "images": images, "categories": categories}
    write_json(tmp_path / "annotations" / "instances_val2017.json", whole)
    (tmp_path / "val2017").mkdir()
    found = read("coco", tmp_path, "val")
    (entry,) = found.entries
    assert (entry.id, entry.sentences, entry.region) == ("coco/1", ("cat",), Box(5, 3, 20, 9))
    assert entry.place == {"image": "val2017/000000000042.jpg"}
    assert entry.meta == {"image_id": 42, "category_id": 17, "category": "cat"}
    assert found.kinds == [entries.BAD_BOX] + [entries.BAD_ROW] * 3
    assert read("coco", tmp_path, "val", masks=True).entries[0].region == Mask(mask)


@pytest.fixture
def genome(tmp_path, write_json):
    def region(number, **changes):
        box = {"x": 5, "y": 3, "width": 15, "height": 6}
        return {"region_id": number, "image_id": 1, "phrase": "the clock is green", **box} | changes

    url = "https://cs.stanford.edu/people/rak248/VG_100K_2/1.jpg"
    write_json(tmp_path / "image_data.json", [{"image_id": 1, "url": url, "width": 64, "height": 48, "coco_id": None}])
    rows = [region(10), region(11, width=0), region(12, phrase=None), "no region"]
    broken = [{"id": 2, "regions": [region(20)]}, {"id": 3}, {"id": [4], "regions": []}]
    write_json(tmp_path / "region_descriptions.json", [{"id": 1, "regions": rows}, *broken])
    return tmp_path


def test_visual_genome_is_split_by_densecaps_file(genome, read, write_json):
    write_json(genome / "densecap_splits.json", {"train": [2], "val": [1], "test": []})
    found = read("visual-genome", genome, "val")
    assert [entry.id for entry in found.entries] == ["visual-genome/10", "visual-genome/12"]
    assert entries.examined(found.entries[1])[0] is None, "without a phrase it cannot be used"
    entry = found.entries[0]
    assert entry.place == {"image": "VG_100K_2/1.jpg"}
    assert (entry.region, entry.sentences, entry.size) == (Box(5, 3, 20, 9), ("the clock is green",), (64, 48))
    assert found.kinds == [entries.BAD_BOX, entries.BAD_ROW, entries.BAD_ROW, entries.BAD_ROW]


def test_visual_genome_without_that_file_is_split_by_numbers(genome, read):
    split = split_of("1", {"val": 0.025, "test": 0.025})
    assert [entry.split for entry in read("visual-genome", genome, split).entries] == [split] * 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("coco-captions", r"dataset_coco\.json, or .*coco_karpathy_val\.json"),
        ("vqav2", r"v2_OpenEnded_mscoco_val2014_questions\.json"),
        ("coco", r"annotations/instances_val2017\.json, or annotations/instances_val2014\.json"),
        ("visual-genome", r"region_descriptions\.json"),
        ("coco-regions", r"val\.json, or annotations/val\.json, or annotations\.json"),
        ("shards", r"val-000000\.tar"),
        ("exported", r"scenes/\*\.json"),
    ],
)
def test_what_is_not_there_is_named(tmp_path, read, name, expected):
    with pytest.raises(InvalidInput, match=expected):
        read(name, tmp_path, "val")
