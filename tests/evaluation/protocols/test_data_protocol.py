"""Protocols over data sets: what is shown, runs that go on, data that cannot be read, scores beside published ones."""

import json

import pytest

pytest.importorskip("pycocoevalcap")

from region_perception.errors import InvalidInput, RegionPerceptionError
from region_perception.evaluation import read_predictions, write_report
from region_perception.evaluation.cases import Decoding
from region_perception.evaluation.predictions import read_run
from region_perception.evaluation.protocols import PROTOCOLS, OnDisk, evaluate, named_protocol
from region_perception.evaluation.words import words

REFCOCO = named_protocol("refcoco")
pytestmark = pytest.mark.filterwarnings("ignore:number . is left out")


def say_left(region):
    return "left cup" if region.x1 < 20 else "the right cup of coffee"


def test_a_region_is_measured_against_all_that_was_said_of_it(refcoco, teller, tmp_path) -> None:
    captioner = teller(say_left)
    evaluate(REFCOCO, captioner, tmp_path / "out", OnDisk(refcoco))
    told = {each.id: each for each in read_predictions(tmp_path / "out")}
    assert len(told) == 8, "refs with the same box in whole pixels are one region"
    both = told["refcoco/unc/0@0#caption"]
    assert both.expected == ("the cup 0 on the left", "left cup", "a cup that has two refs")
    assert (both.modality, both.subject, both.pointing) == ("image_region", "region", "box")
    assert both.group == told["refcoco/unc/1@0#caption"].group != told["refcoco/unc/11@1#caption"].group
    run = read_run(tmp_path / "out")
    assert run["settings"]["prompt"] == "a photo of"
    assert run["settings"]["image_size"] == 224
    published = {"beams": 5, "max_tokens": 30, "min_tokens": 8, "length_penalty": 1.0, "repetition_penalty": 1.0}
    assert captioner.asked == [published]


def test_scores_are_those_of_pycocoevalcap(refcoco, teller, tmp_path) -> None:
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    evaluate(REFCOCO, teller(say_left), tmp_path / "out", OnDisk(refcoco))
    report = write_report(tmp_path / "out", REFCOCO.for_report, java=False, pictures=0)
    (section,) = report["sections"]
    ours = {name: each["value"] for name, each in section["caption"]["scores"].items()}
    told = read_predictions(tmp_path / "out")
    said = {each.id: [" ".join(words(each.said))] for each in told}
    meant = {each.id: [" ".join(words(text)) for text in each.expected] for each in told}
    assert ours["CIDEr"] == pytest.approx(Cider().compute_score(meant, said)[0])
    assert ours["ROUGE-L"] == pytest.approx(Rouge().compute_score(meant, said)[0])
    bleu = Bleu(4).compute_score(meant, said, verbose=0)[0]
    assert [ours[f"BLEU-{n}"] for n in (1, 2, 3, 4)] == pytest.approx(bleu)
    assert ours["CIDEr"] > 0.1


def test_a_report_stands_beside_published_figures(refcoco, teller, tmp_path) -> None:
    evaluate(REFCOCO, teller(say_left), tmp_path / "out", OnDisk(refcoco, "testA"))
    report = write_report(tmp_path / "out", REFCOCO.for_report, java=False, pictures=2)
    text = (tmp_path / "out" / "report.md").read_text()
    value = report["sections"][0]["caption"]["scores"]["CIDEr"]["value"]
    lines = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()]
    place = next(cells.index("CIDEr") for cells in lines if "scores in percent" in cells)
    row = {cells[1]: cells[place] for cells in lines if len(cells) > place}
    assert row["this model: teller"].startswith(f"{100 * value:.1f} (")
    assert row["RegionBLIP OPT-2.7B"] == "63.5"
    assert row["BLIP-2 OPT-2.7B (cut out by box)"] == "15.1"
    assert "arXiv 2308.02299" in text
    assert "Other than published: figures of others are of the split test, these scores of testA" in text
    assert {path.name for path in (tmp_path / "out" / "cases").iterdir()} >= {"image_region-by-box-random.jpg"}


def test_a_run_that_was_broken_off_says_the_same(refcoco, teller, tmp_path) -> None:
    evaluate(REFCOCO, teller(say_left), tmp_path / "whole", OnDisk(refcoco))
    evaluate(REFCOCO, teller(say_left), tmp_path / "parts", OnDisk(refcoco), limit=1)
    assert {each.facts["number"] for each in read_predictions(tmp_path / "parts")} == {0}
    evaluate(REFCOCO, teller(say_left), tmp_path / "parts", OnDisk(refcoco), limit=99)
    assert read_predictions(tmp_path / "parts") == read_predictions(tmp_path / "whole")
    with pytest.raises(InvalidInput, match="split 'test', not 'testA'"):
        evaluate(REFCOCO, teller(say_left), tmp_path / "parts", OnDisk(refcoco, "testA"))
    with pytest.raises(InvalidInput, match="beams"):
        evaluate(REFCOCO, teller(say_left), tmp_path / "parts", OnDisk(refcoco), decoding=Decoding(beams=2))


@pytest.mark.parametrize("harm", ["missing", "truncated"])
def test_what_cannot_be_read_is_named_and_left_out(refcoco, teller, tmp_path, harm) -> None:
    image = refcoco / "images" / "train2014" / "COCO_train2014_000000000001.jpg"
    content = image.read_bytes()
    if harm == "missing":
        image.unlink()
    else:
        image.write_bytes(content[: len(content) // 8])
    with pytest.raises(RegionPerceptionError, match=r"000000000001|number 1: "):
        evaluate(REFCOCO, teller(say_left), tmp_path / "strict", OnDisk(refcoco))
    evaluate(REFCOCO, teller(say_left), tmp_path / "out", OnDisk(refcoco, max_bad_share=0.4))
    assert {each.facts["number"] for each in read_predictions(tmp_path / "out")} == {0, 2, 3}


def test_left_out_images_are_in_the_report_of_a_run_that_went_on(refcoco, teller, tmp_path) -> None:
    image = refcoco / "images" / "train2014" / "COCO_train2014_000000000000.jpg"
    image.write_bytes(image.read_bytes()[:200])
    data = OnDisk(refcoco, max_bad_share=0.5)
    with pytest.warns(UserWarning, match="number 0 is left out"):
        evaluate(REFCOCO, teller(say_left), tmp_path / "out", data, limit=2)
    evaluate(REFCOCO, teller(say_left), tmp_path / "out", data)
    report = write_report(tmp_path / "out", REFCOCO.for_report, java=False, pictures=0)
    assert list(report["run"]["bad"]) == ["0"]
    assert "000000000000.jpg" in report["run"]["bad"]["0"]
    assert "1 that could not be read: number 0" in (tmp_path / "out" / "report.md").read_text()


@pytest.mark.parametrize(("name", "fixture", "section"), [
    ("scanrefer", "scanrefer", "cloud_region by box"),
    ("objaverse", "objaverse", "cloud whole"),
    ("coco-captions", "coco", "image whole"),
])  # fmt: skip
def test_captions_of_every_kind(name, fixture, section, teller, tmp_path, request) -> None:
    folder = request.getfixturevalue(fixture)
    evaluate(named_protocol(name), teller(lambda region: "a round thing"), tmp_path / "out", OnDisk(folder))
    report = write_report(tmp_path / "out", named_protocol(name).for_report, java=False, pictures=1)
    assert [each["name"] for each in report["sections"]] == [section]
    assert {figure["system"] for figure in report["published"]}
    assert read_run(tmp_path / "out")["settings"]["prompt"] == ("a photo of" if fixture == "coco" else "a cloud of")


def test_ids_that_are_there_twice_are_two_cases(coco, teller, tmp_path) -> None:
    path = coco / "dataset_coco.json"
    written = json.loads(path.read_text())
    written["images"].append(written["images"][1] | {"cocoid": 0})  # the other image by the id of the first
    path.write_text(json.dumps(written))
    evaluate(named_protocol("coco-captions"), teller(lambda region: "a cat"), tmp_path / "out", OnDisk(coco))
    told = [each.case for each in read_predictions(tmp_path / "out")]
    assert told == ["coco-captions/0@0", "coco-captions/1@1", "coco-captions/0@1"]


def test_pictures_are_drawn_of_the_same_data_only(refcoco, teller, tmp_path) -> None:
    evaluate(REFCOCO, teller(say_left), tmp_path / "out", OnDisk(refcoco))
    instances = refcoco / "refcoco" / "instances.json"
    written = json.loads(instances.read_text())
    written["annotations"][0]["bbox"] = [5, 5, 20, 25]
    instances.write_text(json.dumps(written))
    with pytest.raises(InvalidInput, match="other data"):
        write_report(tmp_path / "out", REFCOCO.for_report, java=False, pictures=1)
    assert "63.5" in (tmp_path / "out" / "report.md").read_text(), "the scores need no pictures"


def test_unknown_names_are_refused(refcoco, teller, tmp_path) -> None:
    with pytest.raises(InvalidInput, match=r"'refcocco'.*tabletop, refcoco, "):
        named_protocol("refcocco")
    with pytest.raises(RegionPerceptionError, match=r"no split 'all'.*testA"):
        evaluate(REFCOCO, teller(say_left), tmp_path / "out", OnDisk(refcoco, "all"))
    with pytest.raises(InvalidInput, match="takes no file of predicted boxes"):
        evaluate(REFCOCO, teller(say_left), tmp_path / "out", OnDisk(refcoco, boxes=tmp_path / "boxes.json"))
    for share in (-0.1, 2, float("nan")):
        with pytest.raises(InvalidInput, match="max_bad_share"):
            OnDisk(refcoco, max_bad_share=share)


def test_a_split_that_figures_are_of_needs_no_words() -> None:
    assert REFCOCO.for_report.differs_on("test") == list(REFCOCO.differs)
    assert named_protocol("refcoco+").for_report.differs_on("testB") == list(named_protocol("refcoco+").differs)
    assert (
        named_protocol("refcocog").for_report.differs_on("test")[0].startswith("figures of others are of the split val")
    )


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=lambda each: each.name)
def test_every_protocol_is_of_a_data_set_that_has_it(protocol) -> None:
    from region_perception.data.sets import named_set

    data = named_set(protocol.data)
    assert protocol.modality in data.modalities
    assert set(protocol.splits) <= set(data.splits)
    assert all(0 < figure.percent < 300 and figure.source for figure in protocol.figures)
