"""`region-perception evaluate PROTOCOL MODEL`, from data to a report, with a mini model of random weights."""

import json

import pytest

pytest.importorskip("pycocoevalcap")

from region_perception.cli import main
from region_perception.cli.evaluate import SeekingOptions
from region_perception.evaluation.protocols import PROTOCOLS, named_protocol

pytestmark = pytest.mark.filterwarnings("ignore:model 'mini' has no trained weights")

SHORT = ("--beams", "2", "--max-tokens", "3", "--min-tokens", "1", "--without-java", "--pictures", "0")


def test_what_is_asked_for_goes_before_what_was_published() -> None:
    asked = SeekingOptions(length_penalty=0.0, beams=1).over(named_protocol("vqav2").decoding)
    assert (asked.length_penalty, asked.beams, asked.answer_tokens, asked.min_tokens) == (0.0, 1, 10, 1)
    assert SeekingOptions().over(named_protocol("vqav2").decoding) == named_protocol("vqav2").decoding


def run(*arguments):
    return main(["evaluate", *map(str, arguments)])


def test_a_report_comes_out_and_the_run_goes_on(refcoco, tmp_path, capsys) -> None:
    asked = ("refcoco", "--untrained", "--device", "cpu", "--data", refcoco, "--out", tmp_path / "out", *SHORT)
    assert run(*asked, "--limit", 1) == 0
    first = (tmp_path / "out" / "predictions.jsonl").read_text()
    assert run(*asked, "--limit", 2) == 0
    told = capsys.readouterr()
    assert "published figures are of pictures read at 364 pixels" in told.err
    assert "| RegionBLIP OPT-2.7B |" in told.out
    assert (tmp_path / "out" / "predictions.jsonl").read_text().startswith(first)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["sections"][0]["cases"] == 4
    assert report["settings"]["decoding"] == {
        "beams": 2,
        "max_tokens": 3,
        "answer_tokens": 8,
        "min_tokens": 1,
        "by": None,
    }
    assert run("refcoco", "--score-only", "--out", tmp_path / "out", "--without-java", "--pictures", 0) == 0
    assert capsys.readouterr().out == told.out.partition("| scores")[1] + told.out.rpartition("| scores")[2]


def test_the_baseline_reads_cut_out_regions(refcoco, tmp_path, capsys) -> None:
    asked = ("--untrained", "--device", "cpu", "--out", tmp_path / "out", *SHORT, "--limit", 1, "--crop")
    assert run("refcoco", *asked, "--data", refcoco) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["settings"]["baseline"] == "cut out by box"
    assert run("objaverse", *asked, "--data", refcoco) == 2
    assert "only regions of images can be cut out" in capsys.readouterr().err


def test_all_protocols_are_listed(capsys) -> None:
    assert run("list") == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == ["protocol", "tabletop", *PROTOCOLS]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense", "--out", "x"], "no protocol is called 'nonsense'; known are tabletop, refcoco"),
        (["refcoco", "--data", "x"], "--out is missing"),
        (["refcoco", "--out", "x"], "--data is missing: expected the folder of refcoco"),
        (["refcoco", "--data", "x", "--out", "x", "--scenes", "3"], "--scenes is the tabletop's"),
        (["tabletop", "--out", "x", "--data", "x"], "--data is data sets'"),
        (
            ["vqav2", "--data", "x", "--out", "x", "--max-tokens", "3"],
            "--max-tokens is about caption, and vqav2 asks for answer",
        ),
        (["modelnet40", "--data", "x", "--out", "x", "--beams", "3"], "--beams is about answer and caption"),
        (["coco-classes", "--data", "x", "--out", "x", "--min-tokens", "3"], "--min-tokens is about answer and"),
        (["modelnet40", "--data", "x", "--out", "x", "--length-penalty", "0"], "--length-penalty is about"),
        (["refcoco", "--data", "x", "--out", "x", "--by", "match"], "--by is about classify and find"),
        (["tabletop", "--out", "x", "--task", "caption", "--by", "match"], "--by is about classify and find"),
        (["vqav2", "--data", "none", "--out", "x", "--beams", "2"], "there is no folder none"),
        (["modelnet40", "--data", "none", "--out", "x", "--by", "likelihood"], "there is no folder none"),
        (["refcoco", "no such model", "--data", "none", "--out", "x"], "there is no folder none"),
        (
            ["refcoco", "no such model", "--data", "none", "--out", "x", "--boxes", "b"],
            "takes no file of predicted boxes",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, message, capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err
