"""Answers are compared by what they mean, not by how they are spelled."""

import pytest

from region_perception.evaluation.answers import answers_right


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("red", "red"),
        ("Red.", "red"),
        ("a red mug", "red mug"),
        ("The mug", "mug"),
        ("5", "five"),
        ("none", "zero"),
        ("grey", "gray"),
        ("on the left!", "on  the left"),
        ("\uff32ed", "red"),
        ("caf\u00e9", "cafe\u0301"),
    ],
)
def test_the_same_meaning_is_right(said: str, right: str) -> None:
    assert answers_right(said, [right])
    assert answers_right(right, ["something else", said])


@pytest.mark.parametrize(
    ("said", "right"), [("red", "blue"), ("red mug", "mug"), ("", "red"), ("the", "a"), ("1", "11")]
)
def test_another_meaning_is_wrong(said: str, right: str) -> None:
    assert not answers_right(said, [right])


def test_there_may_be_several_right_answers_or_none() -> None:
    assert answers_right("left", ["right", "left"])
    assert not answers_right("left", [])
