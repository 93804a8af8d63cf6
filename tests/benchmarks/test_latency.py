"""The benchmark of latency runs, and says of each target whether it is met."""

import json

import pytest

pytest.importorskip("open3d")

import latency
from timing import Timing

pytestmark = pytest.mark.filterwarnings("ignore:model 'mini' has no trained weights")


@pytest.mark.parametrize(("median", "target", "met"), [(0.06, 0.06, True), (0.061, 0.06, False), (9.0, None, None)])
def test_a_target_is_met_by_the_median(median, target, met) -> None:
    assert latency.Row("call", Timing(median, 0.01, 10.0, 3), 0.1, 0.1, None, target).met is met


def test_every_call_is_timed_by_its_parts(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(latency, "list_models", list)
    monkeypatch.setattr(latency, "USUAL", {"max_tokens": 2})
    options = latency.Options(threads=1, repetitions=1, processes=0, points=(500, 20_000), output=tmp_path / "x.json")
    latency.main(options)
    results = {row["call"]: row for row in json.loads(options.output.read_text())["results"]}
    targets = {call: row["target"] for call, row in results.items()}
    assert targets == {
        "1 region of a picture": 0.06,
        "16 regions of a picture": 0.2,
        "a question about a region": None,
        "find one among 16 regions": None,
        "1 region of a cloud of 500 points": 0.08,
        "1 region of a cloud of 20,000 points": None,
    }
    assert all(0 < row["look"] < row["timing"]["slowest"] for row in results.values())
    assert all(row["met"] == (row["timing"]["median"] <= row["target"]) for row in results.values() if row["target"])


def test_a_first_call_prints_its_two_parts(capsys, monkeypatch) -> None:
    monkeypatch.setattr(latency, "list_models", list)
    monkeypatch.setattr(latency, "USUAL", {"max_tokens": 1})
    latency.main(latency.Options(threads=1, points=(), first_call="a question about a region"))
    look, ask = json.loads(capsys.readouterr().out)
    assert look > 0
    assert ask > 0
