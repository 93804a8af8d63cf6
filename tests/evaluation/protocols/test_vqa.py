"""VQAv2 from its original files to a report, with an untrained model."""

import json

import numpy as np
import pytest
from PIL import Image

from region_perception.errors import InvalidInput
from region_perception.evaluation import Prediction, read_predictions, write_report
from region_perception.evaluation.cases import Decoding
from region_perception.evaluation.protocols import OnDisk, evaluate, named_protocol
from region_perception.evaluation.protocols.vqa import ACCURACY, BY_LAVIS, measure_answers

PROTOCOL = named_protocol("vqav2")
SHORT = Decoding(beams=2, answer_tokens=4, min_tokens=1, length_penalty=-1.0)


def answered(number, image, people, kind="other"):
    return {
        "question_id": number, "image_id": image, "multiple_choice_answer": people[0], "question_type": "what is",
        "answer_type": kind, "answers": [{"answer": text, "answer_id": i} for i, text in enumerate(people, 1)],
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """Two images with three questions."""
    (tmp_path / "images" / "val2014").mkdir(parents=True)
    for image in (42, 43):
        pixels = np.full((40, 50, 3), image, np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / "val2014" / f"COCO_val2014_{image:012d}.jpg")
    asked = [(42000, 42, "What is it?"), (42001, 42, "Is it a caf\u00e9?"), (43000, 43, "How many?")]
    questions = [{"question_id": each, "image_id": image, "question": text} for each, image, text in asked]
    answers = [
        answered(42000, 42, ["cat"] * 9 + ["kitten"]),
        answered(42001, 42, ["yes"] * 10, "yes/no"),
        answered(43000, 43, ["2"] * 5 + ["two"] * 5, "number"),
    ]
    names = ("v2_OpenEnded_mscoco_val2014_questions", "v2_mscoco_val2014_annotations")
    for name, content in zip(names, ({"questions": questions}, {"annotations": answers}), strict=True):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return tmp_path


def told(said, people, kind="other", question="what is", group="a"):
    facts = {"people": people, "question_type": question}
    return Prediction(
        said, said, group, "answer", "image", "whole", "", said, 0.5, (people[0],), topic=kind, facts=facts
    )


def test_a_report_comes_of_it_with_published_figures(untrained, folder, tmp_path):
    out = tmp_path / "out"
    evaluate(PROTOCOL, untrained, out, OnDisk(folder), decoding=SHORT)
    predictions = read_predictions(out)
    assert [each.case for each in predictions] == ["vqav2/42000@0", "vqav2/42001@0", "vqav2/43000@1"]
    assert predictions[1].asked == "Is it a caf\u00e9?"
    assert predictions[0].facts["people"] == ["cat"] * 9 + ["kitten"]
    report = write_report(out, PROTOCOL.for_report, java=False, pictures=1)
    assert set(report["measured"]) == {ACCURACY, BY_LAVIS, "other", "yes/no", "number"}
    assert report["details"]["question type"]["what is"]["count"] == 3
    text = (out / "report.md").read_text()
    for words in ("RegionBLIP and BLIP-2 FlanT5-XL", "63.1", "## By question type", "what is"):
        assert words in text


def test_a_run_that_goes_on_says_the_same(untrained, folder, tmp_path):
    evaluate(PROTOCOL, untrained, tmp_path / "at once", OnDisk(folder), decoding=SHORT)
    evaluate(PROTOCOL, untrained, tmp_path / "in parts", OnDisk(folder), decoding=SHORT, limit=1)
    evaluate(PROTOCOL, untrained, tmp_path / "in parts", OnDisk(folder), decoding=SHORT)
    said = [[(each.id, each.said) for each in read_predictions(tmp_path / name)] for name in ("at once", "in parts")]
    assert said[0] == said[1]


def test_accuracy_is_that_of_ten_people_by_kind_of_answer():
    measured = measure_answers([
        told("Cat", ["cat"] * 9 + ["kitten"]),
        told("kitten", ["cat"] * 9 + ["kitten"], group="b"),
        told("two", ["2"] * 10, "number", "how many", "c"),
        told("", ["yes"] * 10, "yes/no", "is it", "c"),
    ])  # fmt: skip
    values = {name: each.value for name, each in measured.scores.items()}
    assert values == pytest.approx({
        ACCURACY: 1.3 / 4, BY_LAVIS: 2.3 / 4, "other": 0.65, "number": 0.0, "yes/no": 0.0,
    })  # fmt: skip
    assert {name: (each.value, each.count) for name, each in measured.details["question type"].items()} == {
        "what is": (pytest.approx(0.65), 2),
        "how many": (0.0, 1),
        "is it": (0.0, 1),
    }


def test_predictions_without_the_answers_of_people_are_refused():
    bare = Prediction("a", "a", "a", "answer", "image", "whole", "", "yes", 0.5, ("yes",))
    with pytest.raises(InvalidInput, match="expected the answers of several people"):
        measure_answers([bare])
