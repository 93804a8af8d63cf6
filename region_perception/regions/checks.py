"""Checks that every region makes on what it is handed, so that a mistake is named and never reaches numpy.

`owner` is the name of the region class and `what` the name of the value; both open the message.
"""

from __future__ import annotations

import math
import reprlib
from typing import Any

from region_perception.errors import InvalidRegion

PIXEL_LIMIT = 1e6  # coordinates in images: a hundred times the widest camera
METRE_LIMIT = 1e9  # coordinates in clouds: map coordinates reach 1e7
MAX_VERTICES = 10_000  # of one polygon or scribble: drawing one stays well under a second


def shown(value: Any) -> str:
    """A short form of `value` for a message: never pages long, whatever was handed over."""
    try:
        return f"{reprlib.repr(value)} ({type(value).__name__})"
    except Exception:  # an integer of 5,000 digits, say, has no repr; that must not hide the real mistake
        return f"an object of type {type(value).__name__}"


def plain(value: Any) -> Any:
    """Arrays and tensors as nested lists and Python numbers; everything else as it came."""
    return value.tolist() if hasattr(value, "tolist") else value


def number(value: Any, owner: str, what: str, limit: float) -> float:
    """`value` as a finite float with |value| <= limit. Booleans, text and None are refused."""
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRegion(f"{owner}: {what} must be a number, got {shown(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidRegion(f"{owner}: {what} must be finite, got {value}")
    if abs(value) > limit:
        raise InvalidRegion(f"{owner}: {what} must lie within ±{limit:,.6g}, got {shown(value)}")
    return float(value)


def positive(value: Any, owner: str, what: str, limit: float) -> float:
    """`value` as a finite float with 0 < value <= limit."""
    result = number(value, owner, what, limit)
    if result <= 0:
        raise InvalidRegion(f"{owner}: {what} must be larger than 0, got {result:g}")
    return result


def sequence(value: Any, owner: str, what: str, expected: str) -> list[Any]:
    """`value` as a list. Text, mappings and iterators (which may never end) are refused."""
    value = plain(value)
    if not isinstance(value, list | tuple):
        raise InvalidRegion(f"{owner}: {what} must be {expected}, got {shown(value)}")
    return list(value)


def vector(value: Any, owner: str, what: str, names: str, limit: float) -> tuple[float, ...]:
    """`value` as one finite float per letter of `names`, such as "xyz"."""
    expected = f"{len(names)} numbers ({', '.join(names)})"
    values = sequence(value, owner, what, expected)
    if len(values) != len(names):
        raise InvalidRegion(f"{owner}: {what} must be {expected}, got {len(values)} values: {shown(value)}")
    return tuple(number(v, owner, f"{what} {name}", limit) for v, name in zip(values, names, strict=True))


def vertices(value: Any, owner: str, what: str, least: int) -> tuple[tuple[float, float], ...]:
    """`value` as at least `least` finite points (x, y) in pixels."""
    points = sequence(value, owner, what, "a list of points (x, y)")
    if not least <= len(points) <= MAX_VERTICES:
        expected = f"between {least} and {MAX_VERTICES:,} points (x, y)"
        raise InvalidRegion(f"{owner}: {what} must have {expected}, got {len(points):,}: {shown(points)}")
    pairs = (vector(point, owner, f"{what}[{i}]", "xy", PIXEL_LIMIT) for i, point in enumerate(points))
    return tuple((x, y) for x, y in pairs)
