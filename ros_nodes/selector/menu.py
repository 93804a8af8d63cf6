"""The menu of a box."""

from __future__ import annotations

from collections.abc import Sequence

from ros_nodes.interactive.looks import Entry

CAPTION, ASK, FIND, DELETE = 1, 2, 3, 4
FIRST_QUESTION = 100  # numbers of questions go on from here


def menu(questions: Sequence[str]) -> list[Entry]:
    """Its entries, with the questions under one of their own."""
    entries = [Entry(CAPTION, "Caption"), Entry(ASK, "Ask")]
    entries += [Entry(FIRST_QUESTION + number, question, ASK) for number, question in enumerate(questions)]
    return [*entries, Entry(FIND, "Find similar"), Entry(DELETE, "Delete")]


def question_of(entry: int, questions: Sequence[str]) -> str | None:
    """The question that an entry asks; None for any other."""
    number = entry - FIRST_QUESTION
    return questions[number] if 0 <= number < len(questions) else None
