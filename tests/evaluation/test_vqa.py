"""VQAv2's accuracy: ten people, spelling evened out, and the oddities by which published figures were made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from region_perception.errors import InvalidInput, InvalidText
from region_perception.evaluation.vqa import evened_out, vqa_accuracy, without_marks


@pytest.mark.parametrize(
    ("answer", "even"),
    [
        ("A red Mug", "red mug"),
        ("Two", "2"),
        ("none", "0"),
        ("ten", "10"),
        ("eleven", "eleven"),
        ("dont", "don't"),
        ("couldntve", "couldntve"),  # two apostrophes are missing: not in the table
        ("couldn'tve", "couldn't've"),
        ("couldnt've", "couldn't've"),
        ("somebody'd", "somebodyd"),
        ("lets", "lets"),
        ("the", ""),
        ("", ""),
        ("  on   the left ", "on left"),
        ("CAF\u00c9", "caf\u00e9"),
        ("\u732b", "\u732b"),
    ],
)
def test_words_are_evened_out(answer: str, even: str) -> None:
    assert evened_out(answer) == even


@pytest.mark.parametrize(
    ("answer", "bare"),
    [
        ("t-shirt", "t shirt"),  # a mark between letters becomes a space
        ("red, blue", "red blue"),  # next to a space it goes
        ("red,blue - green-ish", "red blue  greenish"),  # ... everywhere, if it is next to one anywhere
        ("1,000", "1000"),
        ("1,000-2,000", "10002000"),  # and so does every mark where there is such a number
        ("st. john", "st john"),
        ("3.5", "3.5"),
        ("3. 5", "3 5"),
        (".5", ".5"),
        ("it's", "it's"),
        ("10:30", "10:30"),
        ("." * 40, "." * 8),  # the published evaluation takes 32 dots and no more
    ],
)
def test_marks_go_or_become_spaces(answer: str, bare: str) -> None:
    assert without_marks(answer) == bare


@pytest.mark.parametrize(("agree", "accuracy"), [(0, 0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1), (9, 1)])
def test_three_others_make_an_answer_right(agree: int, accuracy: float) -> None:
    people = ["cat"] * agree + ["dog"] * (10 - agree)
    assert vqa_accuracy("Cat", people) == pytest.approx(accuracy)
    assert vqa_accuracy("Cat", people, "lavis") == pytest.approx(accuracy)


def test_where_all_people_wrote_the_same_nothing_is_evened_out() -> None:
    assert vqa_accuracy("2", ["2"] * 10) == 1
    assert vqa_accuracy("two", ["2"] * 10) == 0
    assert vqa_accuracy("two", ["2"] * 10, "lavis") == 1
    assert vqa_accuracy("two", ["2"] * 9 + ["3"]) == 1


def test_people_s_numbers_are_spelled_out_by_one_rule_only() -> None:
    people = ["two"] * 9 + ["3"]
    assert vqa_accuracy("two", people) == 1
    assert vqa_accuracy("two", people, "lavis") == 0, "the given answer becomes 2, theirs stay as they are"


def test_line_breaks_and_tabs_are_spaces() -> None:
    assert vqa_accuracy("on\ttable\n", ["on table"] * 10) == 1


def test_an_empty_answer_is_right_where_people_gave_it() -> None:
    assert vqa_accuracy("", ["cat"] * 10) == 0
    assert vqa_accuracy("the", ["a"] * 4 + ["cat"] * 6) == 1, "articles alone are all the same"


@given(st.text(max_size=12), st.lists(st.text(max_size=6), min_size=1, max_size=10))
def test_any_text_has_an_accuracy(answer: str, people: list[str]) -> None:
    for rule in ("official", "lavis"):
        assert 0 <= vqa_accuracy(answer, people, rule) <= 1


@pytest.mark.parametrize("people", [[], (), "yes"])
def test_answers_that_are_missing_are_refused(people: object) -> None:
    with pytest.raises(InvalidInput, match="expected the answers of several people"):
        vqa_accuracy("yes", people)


@pytest.mark.parametrize(("answer", "people"), [(None, ["yes"]), ("yes", ["yes", 7]), (b"yes", ["yes"])])
def test_answers_that_are_no_text_are_refused(answer: object, people: list) -> None:
    with pytest.raises(InvalidText, match="expected text"):
        vqa_accuracy(answer, people)
