"""Whether an answer is the right one."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_MEANINGS = {
    **{"zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7"},
    **{"eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "none": "0", "grey": "gray"},
}
_ARTICLES = {"a", "an", "the"}


def normalized(answer: str) -> str:
    """An answer without what does not matter: case, articles, punctuation, how a number or "gray" is spelled."""
    plain = unicodedata.normalize("NFKC", answer).casefold()
    spaced = "".join(mark if mark.isalnum() or mark in "'-" else " " for mark in plain)
    return " ".join(_MEANINGS.get(word, word) for word in spaced.split() if word not in _ARTICLES)


def answers_right(said: str, right: Iterable[str]) -> bool:
    """Whether what was said is one of the right answers, after both are normalised; an empty answer never is."""
    given = normalized(said)
    return bool(given) and given in {normalized(answer) for answer in right}
