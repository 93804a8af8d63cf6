"""Scan2Cap: which box is which object, what counts at an IoU, files of boxes that are none."""

import json
import warnings

import pytest

pytest.importorskip("pycocoevalcap")

from region_perception import Box3D
from region_perception.errors import InvalidInput
from region_perception.evaluation import read_predictions, write_report
from region_perception.evaluation.protocols import OnDisk, evaluate, named_protocol
from region_perception.evaluation.protocols.detections import matched, read_detections

SCAN2CAP = named_protocol("scan2cap")
SCENE = "scene0011_00"


def box(x, **changes):
    return {"center": [x, 0.5, 0.5], "size": [1, 1, 1]} | changes


def write(path, found):
    path.write_text(json.dumps(found))
    return path


@pytest.fixture
def boxes(tmp_path):
    """The first thing exactly, the second by an IoU of 0.5 / 1.5, the third not at all; and two boxes of nothing."""
    found = [box(3.5 + 0.5), box(0.5), box(50), box(6.5, size=[0.01, 0.01, 0.01])]
    return write(tmp_path / "boxes.json", {SCENE: found, "scene9999_00": []})


def tell(region):
    """What was said of the first two, word for word."""
    return "A round table near windows." if region.center[0] < 1 else "one grey armchair facing doors ."


def test_captions_count_where_boxes_overlap_enough(scanrefer, boxes, teller, tmp_path) -> None:
    evaluate(SCAN2CAP, teller(tell), tmp_path / "out", OnDisk(scanrefer, boxes=boxes))
    told = read_predictions(tmp_path / "out")
    assert [each.said for each in told] == ["A round table near windows.", "one grey armchair facing doors .", ""]
    assert [each.facts["iou"] for each in told] == pytest.approx([1, 1 / 3, 0])
    report = write_report(tmp_path / "out", SCAN2CAP.for_report, java=False, pictures=1)
    scores = {name: each["value"] for name, each in report["measured"].items()}
    # "sos", "eos" and the dot are in all sentences and weigh nothing, all other words are in one only: a sentence that
    # is said word for word has a cosine of 1 for every length of n-grams, which makes 10; an empty one has 0.
    assert scores["CIDEr@0.25"] == pytest.approx(10 * 2 / 3)
    assert scores["CIDEr@0.5"] == pytest.approx(10 / 3)
    assert scores["ROUGE-L@0.5"] == pytest.approx((1 + 2 * rouge_of_nothing()) / 3)
    assert scores["found@0.25"] == pytest.approx(2 / 3)
    assert scores["found@0.5"] == pytest.approx(1 / 3)
    text = (tmp_path / "out" / "report.md").read_text()
    assert "| Chat-Scene |" in text
    assert "| scores in percent | CIDEr@0.25 | BLEU-4@0.25 |" in text


def test_tokens_without_letters_end_no_report(scanrefer, boxes, teller, tmp_path) -> None:
    path = scanrefer / "ScanRefer_filtered_val.json"
    rows = json.loads(path.read_text())
    rows[0]["token"], rows[1]["token"], rows[2]["token"] = [""], [".", "!"], ["."] * 30 + ["books"]
    path.write_text(json.dumps(rows))
    evaluate(SCAN2CAP, teller(tell), tmp_path / "out", OnDisk(scanrefer, boxes=boxes))
    report = write_report(tmp_path / "out", SCAN2CAP.for_report, java=False, pictures=0)
    assert report["measured"]["CIDEr@0.25"]["value"] == pytest.approx(10 * 2 / 3)  # by words, none is lost or won
    (section,) = report["sections"]
    assert section["caption"]["scores"]["CIDEr"]["count"] == 2
    assert any("has a word that counts: 1" in note for note in section["caption"]["notes"])


def test_a_scene_that_the_boxes_do_not_name_is_told_of(scanrefer, teller, tmp_path) -> None:
    for scenes, notes in (({SCENE: []}, 0), ({"scene0011": [box(0.5)]}, 1)):
        boxes = write(tmp_path / f"{notes}.json", scenes)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            evaluate(SCAN2CAP, teller(tell), tmp_path / f"out{notes}", OnDisk(scanrefer, boxes=boxes))
        assert ["does not name scene0011_00" in str(each.message) for each in warned] == [True] * notes
        report = write_report(tmp_path / f"out{notes}", SCAN2CAP.for_report, java=False, pictures=0)
        assert ["does not name 1 of the scenes" in each for each in report["notes"]] == [True] * notes
        assert report["measured"]["found@0.25"]["value"] == 0


def rouge_of_nothing() -> float:
    """Of "sos eos" beside 8 words: a longest common subsequence of 2, with beta 1.2."""
    precision, recall = 2 / 2, 2 / 8
    return (1 + 1.2**2) * precision * recall / (recall + 1.2**2 * precision)


def test_the_other_scores_are_those_of_pycocoevalcap(scanrefer, boxes, teller, tmp_path) -> None:
    from pycocoevalcap.bleu.bleu import Bleu

    evaluate(SCAN2CAP, teller(tell), tmp_path / "out", OnDisk(scanrefer, boxes=boxes))
    report = write_report(tmp_path / "out", SCAN2CAP.for_report, java=False, pictures=0)
    meant = {each.id: [f"sos {each.expected[0]} eos"] for each in read_predictions(tmp_path / "out")}
    first, *others = meant
    said = {first: ["sos a round table near windows . eos"]} | {name: ["sos eos"] for name in others}
    bleu = Bleu(4).compute_score(meant, said, verbose=0)[0]
    assert report["measured"]["BLEU-4@0.5"]["value"] == pytest.approx(bleu[3])
    assert 0 < bleu[3] < 1


def test_boxes_are_used_once_and_the_best_pair_first() -> None:
    objects = [Box3D((0, 0, 0), (1, 1, 1)), Box3D((0.4, 0, 0), (1, 1, 1))]
    between, right = Box3D((0.3, 0, 0), (1, 1, 1)), Box3D((0.5, 0, 0), (1, 1, 1))
    assert matched(objects, [between], 0.25) == {1: (0, pytest.approx(0.9 / 1.1))}
    assert matched(objects, [right, between], 0.25) == {
        1: (0, pytest.approx(0.9 / 1.1)),
        0: (1, pytest.approx(0.7 / 1.3)),
    }
    assert matched(objects, [], 0.25) == {}


def test_other_boxes_do_not_continue_a_run(scanrefer, boxes, teller, tmp_path) -> None:
    evaluate(SCAN2CAP, teller(tell), tmp_path / "out", OnDisk(scanrefer, boxes=boxes))
    write(boxes, {SCENE: [box(6.5)]})
    with pytest.raises(InvalidInput, match="boxes_content"):
        evaluate(SCAN2CAP, teller(tell), tmp_path / "out", OnDisk(scanrefer, boxes=boxes))
    with pytest.raises(InvalidInput, match="needs a file of predicted boxes"):
        evaluate(SCAN2CAP, teller(tell), tmp_path / "out", OnDisk(scanrefer))


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([box(1)], 'expected {"scene0011_00"'),
        ({SCENE: box(1)}, "scene0011_00: expected a list"),
        ({SCENE: [[0, 0, 0, 1, 1, 1]]}, "box 0: expected"),
        ({SCENE: [box(1), {"center": [1, 2, 3]}]}, "box 1: expected"),
        ({SCENE: [box(1, size=[1, 0, 1])]}, "size must be larger than 0"),
        ({SCENE: [box(1, size=[1, 1])]}, "box 0: Box3D: size"),
        ({SCENE: [box(float("nan"))]}, "box 0: Box3D: center"),
        ({SCENE: [box(1, yaw=90)]}, "radians"),
        ({SCENE: [box(1, yaw="left")]}, "box 0: Box3D: yaw"),
    ],
)
def test_files_that_hold_no_boxes_are_refused(tmp_path, found, message) -> None:
    with pytest.raises(InvalidInput, match="boxes") as error:
        read_detections(write(tmp_path / "boxes.json", found))
    assert message in str(error.value)


@pytest.mark.parametrize("text", [b"", b"\xff\xfe{}", b'{"a": [', b"[" * 100_000])
def test_files_that_are_no_json_are_refused(tmp_path, text) -> None:
    path = tmp_path / "boxes.json"
    path.write_bytes(text)
    with pytest.raises(InvalidInput, match="no JSON"):
        read_detections(path)
    with pytest.raises(InvalidInput, match="is missing"):
        read_detections(tmp_path / "none.json")


def test_yaw_may_be_missing(tmp_path) -> None:
    found = read_detections(write(tmp_path / "boxes.json", {SCENE: [box(1), box(2, yaw=0.5) | {"score": 0.9}]}))
    assert found == {SCENE: [Box3D((1, 0.5, 0.5), (1, 1, 1)), Box3D((2, 0.5, 0.5), (1, 1, 1), 0.5)]}
