"""Tables of parameters: types, ranges, words for whoever set something else, and the page that is written of them."""

import math
from dataclasses import dataclass
from typing import Any

import pytest

from ros_nodes.runtime.settings import about, changed, markdown, names, reliability, setting


@dataclass(frozen=True)
class Table:
    model: str = setting("mini", "Who answers.", check=lambda name: None if name else "expected a name")
    max_age: float = setting(2.0, "Oldest frame.", unit="s", low=0.0, high=60.0)
    most: int = setting(8, "Regions.", low=1)
    follow: bool = setting(True, "Again on every frame.")
    pose: tuple[float, ...] = setting((), "Where.", unit="m", fixed=True)
    image_reliability: str = reliability("image")


def test_names_keep_their_order():
    assert names(Table) == ["model", "max_age", "most", "follow", "pose", "image_reliability"]


def test_names_of_a_table_come_before_those_that_it_shares():
    @dataclass(frozen=True)
    class Wider(Table):
        beams: int = setting(1, "Sentences at once.")
        max_age: float = setting(5.0, "Oldest frame, if the request says nothing.")

    @dataclass(frozen=True)
    class Same(Table):
        """Nothing of its own."""

    assert names(Wider) == ["beams", "max_age", "model", "most", "follow", "pose", "image_reliability"]
    assert about(Wider, "max_age").text == "Oldest frame, if the request says nothing."
    assert names(Same) == names(Table)


def test_values_are_taken_over():
    table = changed(Table(), {"max_age": 3, "pose": [0, 1.5], "follow": False, "image_reliability": "reliable"})
    assert table == Table("mini", 3.0, 8, False, (0.0, 1.5), "reliable")
    assert isinstance(table.max_age, float)
    assert Table() == changed(Table(), {})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("max_age", -0.1, "max_age is -0.1; expected 0 to 60"),
        ("max_age", math.nan, "finite"),
        ("max_age", "2", "expected a float"),
        ("max_age", True, "expected a float"),
        ("most", 0, "at least 1"),
        ("most", 2.0, "expected an integer"),
        ("follow", 1, "expected a bool"),
        ("pose", "0 0 0", "expected a list of floats"),
        ("pose", [0.0, math.inf], "finite"),
        ("pose", ["x"], "expected a list of floats"),
        ("image_reliability", "always", "auto, reliable, best_effort"),
        ("model", "", "expected a name"),
        ("model", None, "expected a string"),
    ],
)
def test_others_are_refused_with_words(name: str, value: Any, words: str):
    with pytest.raises(ValueError, match=words):
        changed(Table(), {name: value})


def test_the_page_says_all_of_it():
    lines = markdown(Table).splitlines()
    assert lines[2] == "| `model` | string |  |  | `mini` | Who answers. |"
    assert lines[3] == "| `max_age` | float | s | 0 to 60 | `2.0` | Oldest frame. |"
    assert lines[4] == "| `most` | integer |  | at least 1 | `8` | Regions. |"
    assert lines[5] == "| `follow` | bool |  |  | `true` | Again on every frame. |"
    assert lines[6] == "| `pose` | list of floats | m |  | `[]` | Where. Read at the start only. |"
    assert "auto, reliable, best_effort" in lines[7]
