"""What is selected, without ROS."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from ros_nodes.interactive.box import HeldBox
from ros_nodes.runtime.settings import about, names
from ros_nodes.selector.selections import CAPTION, Selections, Wish, others
from ros_nodes.selector.settings import SelectorSettings, questions_of


def region(x: float = 0.0) -> Any:
    position = SimpleNamespace(x=x, y=0.0, z=0.0)
    return SimpleNamespace(id="", pose=SimpleNamespace(position=position), x1=x, y1=0.0, x2=x + 10, y2=10.0)


def test_the_oldest_goes_when_there_are_too_many():
    gone: list[str] = []
    selections = Selections(lambda each: gone.append(each.name))
    added = [selections.add(region(), flat=True, most=2) for _ in range(3)]
    assert gone == [added[0].name]
    assert [each.name for each in selections] == [each.name for each in added[1:]]
    assert len({each.name for each in added}) == 3
    assert [each.region.id for each in added] == [each.name for each in added]


def test_a_name_is_taken_once():
    selections = Selections(lambda each: None)
    first = selections.add(region(), flat=True, most=5, name="mine")
    second = selections.add(region(), flat=True, most=5, name="mine")
    assert selections.get("mine") is second
    assert first is not second
    assert len(selections) == 1


def test_wishes_are_due_until_they_are_asked_and_again_after_a_while():
    selections = Selections(lambda each: None)
    selection = selections.add(region(), flat=False, most=5)
    assert selections.due(0.0, 30.0) == []
    wish = selection.wish = Wish(CAPTION)
    assert selections.due(0.0, 30.0) == [(selection, wish)]
    wish.sent_at = 5.0
    assert selections.due(20.0, 30.0) == []
    assert selections.due(36.0, 30.0) == [(selection, wish)]
    wish.not_before = 40.0
    assert selections.due(36.0, 30.0) == []


def test_what_is_said_stays_until_something_else_is():
    selections = Selections(lambda each: None)
    selection = selections.add(region(), flat=False, most=5)
    assert selection.text == ""
    selection.caption = SimpleNamespace(text="a red mug", question="", status=SimpleNamespace(message=""))
    assert selection.text == "a red mug"
    selection.caption.question = "What is it?"
    assert selection.text == "What is it? a red mug"
    selection.note = "no captioner answers yet"
    assert selection.text == "no captioner answers yet"


def test_a_selection_is_not_compared_with_itself():
    selections = Selections(lambda each: None)
    solid = selections.add(region(), flat=False, most=5)
    candidates = [region(0.0), region(0.4), region(3.0)]
    assert others(solid, candidates) == candidates
    solid.box = HeldBox("base", np.zeros(3), np.eye(3), np.ones(3))
    assert others(solid, candidates) == candidates[2:]
    flat = selections.add(region(), flat=True, most=5)
    flat.caption = SimpleNamespace(x1=0.0, y1=0.0, x2=8.0, y2=8.0)
    assert others(flat, candidates) == candidates[2:]


def test_questions_are_parted_by_semicolons():
    assert questions_of(" What is it? ;; What colour is it?") == ["What is it?", "What colour is it?"]
    assert questions_of("") == []


def test_every_parameter_says_what_it_is():
    for name in names(SelectorSettings):
        assert about(SelectorSettings, name).text.endswith("."), name
