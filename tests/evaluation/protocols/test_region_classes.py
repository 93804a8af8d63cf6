"""Names of COCO's boxes from its original files to a report, with an untrained model; and what is counted."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from region_perception.data.record import Record
from region_perception.errors import InvalidInput
from region_perception.evaluation import Prediction, read_predictions, write_report
from region_perception.evaluation.protocols import OnDisk, evaluate, named_protocol
from region_perception.evaluation.protocols.region_classes import NAMES, measure_regions, name_cases
from region_perception.observations import observe_image
from region_perception.regions import Box, Mask

PROTOCOL = named_protocol("coco-classes")


@pytest.fixture
def folder(tmp_path):
    """Three images of 64 x 48 pixels, the second without its file; four boxes, of which two have the same id."""
    (tmp_path / "val2017").mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    images = [{"id": number, "file_name": f"{number:012d}.jpg", "width": 64, "height": 48} for number in (7, 8, 9)]
    for image in images[::2]:
        Image.fromarray(pixels).save(tmp_path / "val2017" / image["file_name"])
    rows = [
        (1, 7, [0, 0, 20, 20], 17),
        (1, 7, [30, 10, 20, 20], 18),
        (3, 8, [0, 0, 9, 9], 17),
        (4, 9, [5, 5, 40, 30], 17),
    ]
    outside = [(5, 9, [100, 100, 20, 20], 17), (6, 9, [0, 0, 5, 5], 99)]
    annotations = [
        {"id": number, "image_id": image, "bbox": box, "category_id": kind, "iscrowd": 0}
        for number, image, box, kind in rows + outside
    ]
    categories = [{"id": 17, "name": "cat"}, {"id": 18, "name": "dog"}]
    whole = {"images": images, "annotations": annotations, "categories": categories}
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "instances_val2017.json").write_text(json.dumps(whole))
    return tmp_path


def test_a_report_comes_of_it_and_what_cannot_be_read_is_left_out(untrained, folder, tmp_path):
    out = tmp_path / "out"
    with pytest.warns(UserWarning, match="left out"):
        evaluate(PROTOCOL, untrained, out, OnDisk(folder, max_bad_share=0.5))
    predictions = read_predictions(out)
    assert [each.case for each in predictions] == ["coco/1@0", "coco/1@0.1", "coco/4@2"]
    assert [each.expected for each in predictions] == [("cat",), ("dog",), ("cat",)]
    pixels = folder / "val2017" / "000000000007.jpg"
    scores = untrained.look(pixels).score([Box(30, 10, 50, 30)], list(NAMES), "contrast")[0]
    np.testing.assert_allclose(predictions[1].scores, scores, atol=1e-4)
    assert predictions[1].facts["box"] == [30, 10, 50, 30]
    report = write_report(out, PROTOCOL.for_report, java=False, pictures=1)
    assert set(report["measured"]) == {"accuracy", "accuracy, mean of names", "mAP", "mAP, named once"}
    text = (out / "report.md").read_text()
    for words in ("RegionGPT", "80.6", "64.0", "## By name, by average precision"):
        assert words in text


def named(said, right, scores, box=(0, 0, 10, 10), image=1):
    every = tuple(scores.get(name, 0.0) for name in NAMES)
    facts = {"image_id": image, "box": list(box)}
    name = f"{image}/{box}"
    return Prediction(
        *(name, name, str(image), "classify", "image_region", "region", "box", said, 0.5, (right,)),
        facts=facts,
        scores=every,
    )


def test_precision_goes_by_all_scores_or_by_the_best_name_alone():
    predictions = [
        named("cat", "cat", {"cat": 0.9, "dog": 0.1}),
        named("cat", "dog", {"cat": 0.8, "dog": 0.7}, (20, 20, 30, 30)),
    ]
    measured = {name: each.value for name, each in measure_regions(predictions).scores.items()}
    assert measured["accuracy"] == 0.5
    assert measured["mAP"] == 1, "each name scores highest at its own box"
    assert measured["mAP, named once"] == pytest.approx(0.5), "the dog is never named"


def test_predictions_that_lack_something_are_refused():
    whole = named("cat", "cat", {"cat": 0.9})
    for broken in (
        replace(whole, scores=whole.scores[:-1]),
        replace(whole, facts={"image_id": 1}),
        replace(whole, facts={"box": [0, 0, 1, 1]}),
    ):
        with pytest.raises(InvalidInput, match="lacks its image, its box, or a score for each of the 80 names"):
            measure_regions([broken])


def record(name, region):
    image = observe_image(np.zeros((48, 64, 3), np.uint8))
    meta = {"category": name, "image_id": 7}
    return Record("coco/1", "coco", "val", "image_region", image, region, sentences=(name,), meta=meta)


def test_unknown_names_and_masks_are_refused():
    with pytest.raises(InvalidInput, match="'aardvark', which is none of COCO's 80 names"):
        name_cases([record("aardvark", Box(0, 0, 9, 9))])
    with pytest.raises(InvalidInput, match="expected a box"):
        name_cases([record("cat", Mask(np.eye(48, 64, dtype=bool)))])
