"""Reads sentences about one thing back into what they say, for judging what a model wrote."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from region_perception.simulation.phrases import Phrase
from region_perception.simulation.words import COLORS, EXTREMES, KINDS, PATTERNS, POSES, POSITIONS, RELATIONS, SIZES

_MEANINGS: dict[str, dict[str, str]] = {
    "kind": {word: word for word in KINDS},
    "color": {word: word for word in COLORS} | {"grey": "gray"},
    "size": {word: word for word in SIZES} | {"big": "large"},
    "pattern": {word: word for word in PATTERNS} | {"stripes": "striped", "checks": "checkered"},
    "pose": {word: word for word in POSES},
    "position": {word: word for word in POSITIONS},
    "extreme": {word: word for word in EXTREMES},
}


def _any_of(words: list[str]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(r"\b(" + "|".join(re.escape(word) for word in longest_first) + r")\b")


_PATTERNS = {name: _any_of(list(meanings)) for name, meanings in _MEANINGS.items()}
_RELATION = _any_of(list(RELATIONS))


def parse(sentence: str) -> Phrase:
    """What a sentence says of the thing it is about.

    What it does not say stays None, and so does what it says in two ways that exclude each other. The first relation
    counts; what follows it, up to any second one, is the other thing.
    """
    text = " ".join(re.sub(r"[^a-z\s]", " ", sentence.lower()).split())
    own, *rest = _RELATION.split(text, maxsplit=2)
    return replace(_told(own), relation=(rest[0], _told(rest[1]))) if rest else _told(own)


def _told(text: str) -> Phrase:
    """What words without a relation say."""
    told: dict[str, Any] = {n: _only(pattern.findall(text), _MEANINGS[n]) for n, pattern in _PATTERNS.items()}
    return Phrase(**told)


def _only(words: list[str], meanings: dict[str, str]) -> str | None:
    meant = {meanings[word] for word in words}
    return meant.pop() if len(meant) == 1 else None
