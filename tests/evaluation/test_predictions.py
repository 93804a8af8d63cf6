"""Predictions on disk: written as they come, continued where they stopped, and never mixed with others."""

import json

import pytest

from region_perception.errors import InvalidInput
from region_perception.evaluation.predictions import Prediction, Recorder, in_groups, read_predictions, read_run

SETTINGS = {"split": "test", "tasks": ["caption"]}
MODEL = {"name": "mini", "source": "here"}


def prediction(number: int, **changes) -> Prediction:
    values = {
        "id": f"{number}#caption",
        "case": str(number),
        "group": str(number // 2),
        "task": "caption",
        "modality": "image_region",
        "subject": "region",
        "pointing": "box",
        "said": "a caf\u00e9 \U0001f600\n\u2028mug",
        "confidence": 0.25,
        "expected": ("a mug", "mug"),
        "facts": {"scene": number},
    }
    return Prediction(**values | changes)


def test_what_is_written_is_read_back(tmp_path) -> None:
    told = [
        prediction(0),
        prediction(1, said="", confidence=0.0, expected=(), pointing="", options=("a", "b"), facts={}),
    ]
    recorder = Recorder(tmp_path / "new" / "folder", SETTINGS, MODEL)
    recorder.add(told, 1, 2.5, hardware={"device": "cpu"})
    assert read_predictions(tmp_path / "new" / "folder") == told
    run = read_run(tmp_path / "new" / "folder")
    assert (run["done"], run["seconds"], run["hardware"]) == (1, 2.5, {"device": "cpu"})
    assert (run["settings"], run["model"]) == (SETTINGS, MODEL)


def test_a_run_goes_on_and_drops_what_was_not_complete(tmp_path) -> None:
    Recorder(tmp_path, SETTINGS, MODEL).add([prediction(0), prediction(1)], 1, 1.0)
    with (tmp_path / "predictions.jsonl").open("a") as file:
        file.write(prediction(2).to_json() + "\n" + prediction(3).to_json()[:30])  # killed while writing
    assert len(read_predictions(tmp_path)) == 2
    again = Recorder(tmp_path, SETTINGS, MODEL)
    assert again.done == 1
    again.add([prediction(4)], 2, 0.5)
    assert [each.case for each in read_predictions(tmp_path)] == ["0", "1", "4"]
    assert (again.done, read_run(tmp_path)["seconds"]) == (3, 1.5)


@pytest.mark.parametrize(
    ("settings", "model", "named"),
    [
        (SETTINGS | {"split": "val"}, MODEL, "split 'test', not 'val'"),
        (SETTINGS, MODEL | {"source": "there"}, "source 'here', not 'there'"),
        (SETTINGS | {"baseline": "cut out"}, MODEL, "baseline None, not 'cut out'"),
        ({"split": "test"}, MODEL, r"tasks \['caption'\], not None"),
    ],
)
def test_a_folder_of_another_run_is_refused(tmp_path, settings, model, named) -> None:
    Recorder(tmp_path, SETTINGS, MODEL)
    with pytest.raises(InvalidInput, match=named):
        Recorder(tmp_path, settings, model)


def test_files_that_something_else_changed_are_named(tmp_path) -> None:
    with pytest.raises(InvalidInput, match=r"no run\.json"):
        read_predictions(tmp_path)
    recorder = Recorder(tmp_path, SETTINGS, MODEL)
    recorder.add([prediction(0)], 1, 1.0)
    path = tmp_path / "predictions.jsonl"
    whole = path.read_text()
    path.write_text("?" * (len(whole) - 1) + "\n")
    with pytest.raises(InvalidInput, match="line 1 cannot be read: it is no JSON"):
        read_predictions(tmp_path)
    for line, named in ((json.dumps({"colour": 1}), "colour"), (json.dumps({"id": "1"}), "missing"), ("[]", "list")):
        path.write_text(line + "\n" * (len(whole) - len(line)))
        with pytest.raises(InvalidInput, match=named):
            read_predictions(tmp_path)
    path.write_text("")
    with pytest.raises(InvalidInput, match="shorter"):
        Recorder(tmp_path, SETTINGS, MODEL)
    (tmp_path / "run.json").write_text("[1")
    with pytest.raises(InvalidInput, match=r"run\.json cannot be read"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text('{"format": 99}')
    with pytest.raises(InvalidInput, match="format 1"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"modality": "../../x"}, "modality is .*; expected one of image"),
        ({"modality": ["image"]}, "modality is"),
        ({"subject": "../x"}, "subject is .*; expected a word"),
        ({"pointing": "/etc/x"}, "pointing is .*; expected a word, or nothing"),
        ({"task": {}}, "task is"),
        ({"confidence": float("nan")}, "confidence is nan .*; expected a finite number"),
        ({"confidence": "1"}, "confidence is"),
        ({"expected": "a mug"}, "expected is .*; expected a list of texts"),
        ({"expected": [1]}, "expected is"),
        ({"scores": [1e999]}, "scores is"),
        ({"facts": []}, "facts is"),
        ({"said": None}, "said is None .*; expected text"),
        ({"id": 5}, "id is 5"),
    ],
)
def test_lines_of_other_things_are_refused(tmp_path, changes, named) -> None:
    """Sections name the files of pictures, so that a changed line could lead out of the folder."""
    Recorder(tmp_path, SETTINGS, MODEL)
    line = json.dumps(json.loads(prediction(0).to_json()) | changes).encode()
    (tmp_path / "predictions.jsonl").write_bytes(line)
    run = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps(run | {"bytes": len(line)}))
    with pytest.raises(InvalidInput, match=f"line 1: {named}"):
        read_predictions(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [{"bytes": -1}, {"bytes": "9"}, {"done": True}, {"seconds": float("inf")}, {"settings": []}, {"model": {}}],
)
def test_a_run_of_other_things_is_refused(tmp_path, changes) -> None:
    Recorder(tmp_path, SETTINGS, MODEL)
    run = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps(run | changes))
    with pytest.raises(InvalidInput, match=f"{next(iter(changes))} is"):
        read_run(tmp_path)


def test_two_lines_about_the_same_are_refused(tmp_path) -> None:
    Recorder(tmp_path, SETTINGS, MODEL).add([prediction(0), prediction(1), prediction(0)], 1, 1.0)
    with pytest.raises(InvalidInput, match=r"line 3: there is a line for 0#caption before"):
        read_predictions(tmp_path)


def test_a_folder_that_is_a_file_is_refused(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be made"):
        Recorder(tmp_path / "file", SETTINGS, MODEL)


def test_sections_are_told_apart_by_modality_subject_and_pointing() -> None:
    told = [prediction(0), prediction(1, pointing="mask"), prediction(2), prediction(3, modality="cloud")]
    assert [[each.case for each in section] for section in in_groups(told)] == [["0", "2"], ["1"], ["3"]]
