"""ModelNet40 from its table of points to a report, with an untrained model."""

import json
import pickle

import numpy as np
import pytest

from region_perception.cli import main
from region_perception.data.record import Record
from region_perception.errors import InvalidInput
from region_perception.evaluation import read_predictions, write_report
from region_perception.evaluation.protocols import OnDisk, evaluate, named_protocol
from region_perception.evaluation.protocols.modelnet40 import KINDS, kind_cases
from region_perception.observations import observe_cloud

PROTOCOL = named_protocol("modelnet40")
LABELS = [0, 17, 17]


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    points = [random.uniform(-1, 1, (400, 6)).astype(np.float32) for _ in LABELS]
    table = [points, [np.array([label], np.int32) for label in LABELS]]
    (tmp_path / "modelnet40_test_8192pts_fps.dat").write_bytes(pickle.dumps(table, 3))
    (tmp_path / "modelnet40_shape_names.txt").write_text("".join(f"{kind.replace(' ', '_')}\n" for kind in KINDS))
    return tmp_path


def test_kinds_are_compared_with_texts_as_contrast_says(untrained, folder, tmp_path):
    out = tmp_path / "out"
    evaluate(PROTOCOL, untrained, out, OnDisk(folder))
    predictions = read_predictions(out)
    assert [each.expected for each in predictions] == [(KINDS[label],) for label in LABELS]
    texts = [f"a point cloud model of {kind}." for kind in KINDS]
    with (folder / "modelnet40_test_8192pts_fps.dat").open("rb") as file:
        view = untrained.look(observe_cloud(pickle.load(file)[0][1][:, :3]))
    scores = view.score([None], texts, "contrast")[0]
    assert predictions[1].said == KINDS[int(scores.argmax())]
    assert predictions[1].confidence == pytest.approx(float(scores.max()), abs=1e-5)
    report = write_report(out, PROTOCOL.for_report, java=False, pictures=1)
    right = [each.said == KINDS[label] for each, label in zip(predictions, LABELS, strict=True)]
    assert report["measured"]["accuracy"]["value"] == pytest.approx(np.mean(right))
    assert report["measured"]["accuracy, mean of names"]["value"] == pytest.approx(
        (np.mean(right[:1]) + np.mean(right[1:])) / 2
    )
    assert report["details"]["name"]["guitar"]["count"] == 2
    assert (out / "cases" / "cloud-whole-classes.jpg").is_file() or all(right)
    text = (out / "report.md").read_text()
    assert "47.6" in text
    assert "RegionBLIP OPT-6.7B" in text


def test_the_command_takes_another_method(folder, tmp_path, capsys):
    asked = (
        "--untrained",
        "--device",
        "cpu",
        "--limit",
        "1",
        "--by",
        "likelihood",
        "--pictures",
        "0",
        "--without-java",
    )
    assert main(["evaluate", "modelnet40", "mini", *asked, "--data", str(folder), "--out", str(tmp_path / "out")]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["settings"]["decoding"]["by"] == "likelihood"
    assert report["run"]["done"] == 1
    assert "| RegionBLIP OPT-6.7B |" in capsys.readouterr().out


def record(kind):
    cloud = observe_cloud(np.eye(3))
    return Record("modelnet40/a", "modelnet40", "test", "cloud", cloud, sentences=(kind,), meta={"category": kind})


def test_an_object_that_is_listed_twice_is_shown_once():
    (case,) = kind_cases([record("tv stand")] * 2)
    assert (case.label, case.labels["tv stand"]) == ("tv stand", "a point cloud model of tv stand.")


def test_unknown_kinds_are_refused():
    with pytest.raises(InvalidInput, match="'castle', which is none of ModelNet40's 40"):
        kind_cases([record("castle")])
