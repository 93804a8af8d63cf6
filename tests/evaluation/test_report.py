"""From a model to a report: runs that stop and go on, scoring without the model, pictures, and the command."""

import json
import random

import pytest
from PIL import Image

pytest.importorskip("open3d")
pytest.importorskip("pycocoevalcap")

from region_perception.cli import main
from region_perception.errors import InvalidInput
from region_perception.evaluation import TABLETOP, run, write_report
from region_perception.evaluation.predictions import CAPTION, read_predictions, read_run
from region_perception.simulation.words import COLORS

pytestmark = pytest.mark.filterwarnings("ignore:model 'mini' has no trained weights")


def mix_up_colors(case, question):
    """The truth, but in one of five sentences a wrong colour, said with less confidence."""
    truth = case.references[0] if question is None else next(q.answer for q in case.questions if q.text == question)
    source = random.Random(f"{case.id} {question}")
    color = next((word for word in truth.split() if word in COLORS), None)
    if color and source.random() < 0.2:
        return truth.replace(color, COLORS[COLORS.index(color) - 1]), source.uniform(0.2, 0.6)
    return truth, source.uniform(0.7, 1.0)


def run_three_scenes(captioner, folder, settings, groups=3, **options):
    run(captioner, folder, captioner.cases_of, groups, settings.to_dict(), **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("evaluation")


def test_a_report_says_what_was_right_and_shows_it(parrot, settings, folder) -> None:
    run_three_scenes(parrot(mix_up_colors), folder, settings)
    report = write_report(folder, TABLETOP, java=False, pictures=2)
    assert report == json.loads((folder / "report.json").read_text())
    regions = next(section for section in report["sections"] if section["name"] == "image_region by box")
    captions = [p for p in read_predictions(folder) if p.task == CAPTION and p.modality == "image_region"]
    wrong = sum(p.said != p.expected[0] for p in captions)
    color = regions[CAPTION]["properties"]["all that is said"]
    assert 0 < wrong < len(captions) / 2
    assert color["wrong"] == wrong
    assert color["value"] == pytest.approx(1 - wrong / len(captions))
    assert color["low"] <= color["value"] <= color["high"]
    text = (folder / "report.md").read_text()
    assert f"| image_region by box | {len(captions)} |" in text
    for said in ("parrot", "split test", "95% confidence", "CIDEr", "calibration error", "| color |", "yes/no"):
        assert said in text
    shown = [line.partition("](")[2].rstrip(")") for line in text.splitlines() if line.startswith("![")]
    assert "cases/image_region-by-box-worst.jpg" in shown
    assert {path.name for path in (folder / "cases").iterdir()} == {path.removeprefix("cases/") for path in shown}
    for path in shown:
        with Image.open(folder / path) as picture:
            assert picture.width > 400
            assert len(picture.getcolors(1 << 24)) > 500


def test_scores_can_be_computed_again_without_the_model(folder) -> None:
    before = (folder / "report.json").read_text()
    (folder / "report.json").unlink()
    write_report(folder, TABLETOP, java=False, pictures=0)
    assert (folder / "report.json").read_text() == before


def test_a_run_that_is_broken_off_gives_the_same(parrot, settings, folder, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("region_perception.evaluation.running.AT_ONCE", 1)
    captioner = parrot(mix_up_colors)

    def break_off(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_three_scenes(captioner, tmp_path, settings, progress=break_off)
    assert read_run(tmp_path)["done"] == 2
    seen = []
    run_three_scenes(captioner, tmp_path, settings, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(2, 3), (3, 3)]
    assert (tmp_path / "predictions.jsonl").read_bytes() == (folder / "predictions.jsonl").read_bytes()
    looked = captioner.looked
    run_three_scenes(captioner, tmp_path, settings, groups=2)  # all is there
    assert captioner.looked == looked


def test_another_model_of_the_same_name_is_not_mixed_in(parrot, settings, tmp_path) -> None:
    run_three_scenes(parrot(mix_up_colors), tmp_path, settings, groups=1)
    with pytest.raises(InvalidInput, match="another model of the name 'parrot'"):
        run_three_scenes(parrot(lambda case, question: ("a mug", 0.5)), tmp_path, settings, groups=2)


@pytest.mark.parametrize(("options", "named"), [({"groups": 0}, "at least one"), ({"tasks": ("sing",)}, "'sing'")])
def test_runs_that_mean_nothing_are_refused(parrot, settings, tmp_path, options, named) -> None:
    with pytest.raises(InvalidInput, match=named):
        run_three_scenes(parrot(), tmp_path, settings, **options)


def test_a_report_needs_a_run_of_its_protocol(parrot, settings, tmp_path) -> None:
    with pytest.raises(InvalidInput, match="no evaluation"):
        write_report(tmp_path, TABLETOP)
    run(parrot(), tmp_path, lambda number: [], 1, settings.to_dict() | {"protocol": "other"})
    with pytest.raises(InvalidInput, match="'other'"):
        write_report(tmp_path, TABLETOP)
    run(parrot(), tmp_path / "empty", lambda number: [], 1, settings.to_dict())
    with pytest.raises(InvalidInput, match="no predictions"):
        write_report(tmp_path / "empty", TABLETOP)


def test_the_command_evaluates_and_scores_again(tmp_path, capsys) -> None:
    shown = ("--scenes", "1", "--modality", "image_region", "cloud_region", "--point-with", "box", "click")
    asked = (
        "--task",
        "caption",
        "find",
        "--max-tokens",
        "3",
        "--size",
        "96",
        "96",
        "--without-java",
        "--pictures",
        "1",
    )
    out = ("--out", str(tmp_path / "out"))
    assert main(["evaluate", "tabletop", "--untrained", *out, *shown, *asked]) == 0
    first = capsys.readouterr()
    assert "| image_region by click |" in first.out
    sections = {each["name"]: each for each in json.loads((tmp_path / "out" / "report.json").read_text())["sections"]}
    selected = sections["cloud_region by click"]["selected"]
    assert selected["overlap"]["count"] == sections["cloud_region by click"]["cases"]
    assert 0.3 < selected["overlap"]["value"] < 1
    assert "selected" not in sections["cloud_region by box"]
    assert "report.md" in first.err
    assert (tmp_path / "out" / "cases" / "cloud_region-by-click-random.jpg").exists()
    assert main(["evaluate", "tabletop", *out, "--score-only", "--without-java", "--pictures", "0"]) == 0
    assert capsys.readouterr().out == first.out
    assert main(["evaluate", "tabletop", "--untrained", *out, *shown, *asked, "--split", "val"]) == 2
    assert "split 'test', not 'val'" in capsys.readouterr().err
    assert main(["evaluate", "tabletop", "--score-only", "--out", str(tmp_path / "none")]) == 2
