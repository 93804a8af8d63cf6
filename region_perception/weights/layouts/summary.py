"""Names of tensors for people: those of the layers of one network, which differ in a number, in one line."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Line(NamedTuple):
    """Names that differ in numbers only, which are a `*` here."""

    name: str
    about: str
    times: int


def lines_of(named: Mapping[str, str]) -> list[Line]:
    """Names with what is to be said about them, in the order of their first; numbers there become `*`, too."""
    counts = Counter((_numberless(name), _numberless(about)) for name, about in named.items())
    return [Line(name, about, times) for (name, about), times in counts.items()]


def shortened(lines: Sequence[Line], longest: int) -> list[str]:
    """As many lines as may be, and how many more there are."""
    told = []
    for name, about, times in lines[:longest]:
        many = f" (x {times})" if times > 1 else ""
        told.append(f"{name}{many}{': ' + about if about else ''}")
    rest = sum(line.times for line in lines[longest:])
    return [*told, *([f"and {rest} more"] if rest else [])]


def _numberless(text: str) -> str:
    return re.sub(r"(?<=\.)\d+(?=\.)", "*", text)
