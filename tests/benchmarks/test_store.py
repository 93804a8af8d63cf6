"""What was done is not done again, and never taken for something else."""

import pytest
from study.store import Store

from region_perception.errors import InvalidInput


def test_what_is_there_is_not_made_again(tmp_path) -> None:
    calls = []

    def make():
        calls.append(1)
        return {"report": 5}

    for _ in range(2):
        found = Store(tmp_path / "json").result("one", {"steps": 6, "seeds": (1, 2)}, make)
        assert found == {"made of": {"steps": 6, "seeds": [1, 2]}, "report": 5}
    assert len(calls) == 1
    assert Store(tmp_path / "json").read() == {"one": found}


def test_what_breaks_off_leaves_nothing(tmp_path) -> None:
    def interrupted():
        raise KeyboardInterrupt

    store = Store(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        store.result("one", {}, interrupted)
    assert store.read() == {}
    assert store.result("one", {}, lambda: {"x": 1})["x"] == 1


def test_a_result_of_something_else_is_refused_by_what_differs(tmp_path) -> None:
    store = Store(tmp_path)
    store.result("one", {"stages": {"steps": 6, "seed": 1}, "weights": "a"}, dict)
    with pytest.raises(InvalidInput, match=r"one\.json holds .*stages\.steps: 6, 7; more: None, 1; remove"):
        store.result("one", {"stages": {"steps": 7, "seed": 1}, "weights": "a", "more": 1}, dict)


def test_a_broken_file_is_named(tmp_path) -> None:
    (tmp_path / "one.json").write_text("{")
    with pytest.raises(InvalidInput, match=r"one\.json cannot be read"):
        Store(tmp_path).read()
