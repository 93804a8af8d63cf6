"""Parameters as a typed table: a frozen dataclass per node, of which each field says all there is to say about one.

    @dataclass(frozen=True)
    class CaptionerSettings:
        max_age: float = setting(2.0, "Older frames are refused.", unit="s", low=0.0, high=3600.0)

Nothing here needs ROS: `ros_nodes.runtime.parameters` declares such a table, and docs/ros.md is written from it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

S = TypeVar("S")

_KINDS = {bool: "bool", int: "integer", float: "float", str: "string", tuple: "list of floats"}
_EXPECTED = {kind: f"{'an' if word[0] in 'aeiou' else 'a'} {word}" for kind, word in _KINDS.items()}
_KEY = "setting"


@dataclass(frozen=True)
class About:
    """What there is to say about one parameter."""

    text: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    fixed: bool = False
    """Only read at the start."""
    check: Callable[[Any], str | None] | None = None
    """What is wrong with a value that has the right type, or None."""


def setting(
    default: Any,
    text: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
    fixed: bool = False,
    check: Callable[[Any], str | None] | None = None,
) -> Any:
    """A field of a table. default: a bool, int, float, str, or a tuple of floats; it says what the type is.

    low, high: the range, ends included. choices: the words that are allowed. fixed: cannot be changed at run time.
    """
    about = About(text, unit, low, high, tuple(choices), fixed, check)
    return dataclasses.field(default=default, metadata={_KEY: about})


def reliability(name: str) -> Any:
    """How the input `name` is listened to; a table has one for each input."""
    auto = "`auto` is reliable until a publisher turns up that is not"
    text = f"How `{name}` is subscribed to; {auto}."
    return setting("auto", text, choices=("auto", "reliable", "best_effort"))


def about(kind: type, name: str) -> About:
    """What the table `kind` says about a parameter."""
    return next(field.metadata[_KEY] for field in fields(kind) if field.name == name)


def names(kind: type) -> list[str]:
    """The parameters of a table, in order."""
    return [field.name for field in _fields(kind)]


def _fields(kind: type) -> list[dataclasses.Field[Any]]:
    """The fields of a table: first those that it has itself, as written, then those that it shares with others."""
    own = list(kind.__annotations__)
    return sorted(fields(kind), key=lambda field: own.index(field.name) if field.name in own else len(own))


def changed(table: S, values: Mapping[str, Any]) -> S:
    """The table with other values, each checked; ValueError, in words for whoever set it, if one cannot be."""
    checked = {name: _checked(type(table), name, getattr(table, name), value) for name, value in values.items()}
    return replace(table, **checked)  # type: ignore[type-var]


def _checked(kind: type, name: str, before: Any, value: Any) -> Any:
    said = about(kind, name)
    value = _converted(name, before, value)
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, float) and not math.isfinite(number):
            raise ValueError(f"{name} is {number}; expected a finite number")
        if (said.low is not None and number < said.low) or (said.high is not None and number > said.high):
            raise ValueError(f"{name} is {number:g}; expected {range_of(said)}")
    if said.choices and value not in said.choices:
        raise ValueError(f"{name} is {value!r}; expected one of {', '.join(said.choices)}")
    if said.check is not None and (wrong := said.check(value)):
        raise ValueError(f"{name} is {value!r}; {wrong}")
    return value


def _converted(name: str, before: Any, value: Any) -> Any:
    """`value` with the type of `before`. Whole numbers are floats, too: who writes 5 for 5.0 means it."""
    wanted = type(before)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if wanted is tuple and not isinstance(value, str | bytes) and isinstance(value, Sequence):
        if all(isinstance(item, int | float) and not isinstance(item, bool) for item in value):
            return tuple(float(item) for item in value)
    elif type(value) is wanted:
        return value
    raise ValueError(f"{name} is {value!r}; expected {_EXPECTED[wanted]}")


def range_of(said: About) -> str:
    """The range of a parameter, in words."""
    if said.choices:
        return ", ".join(said.choices)
    if said.low is None and said.high is None:
        return ""
    if said.high is None:
        return f"at least {said.low:g}"
    return f"at most {said.high:g}" if said.low is None else f"{said.low:g} to {said.high:g}"


def markdown(kind: type) -> str:
    """The table for docs/ros.md."""
    rows = ["| parameter | type | unit | range | default | meaning |", "|---|---|---|---|---|---|"]
    for field in _fields(kind):
        said: About = field.metadata[_KEY]
        default = list(field.default) if isinstance(field.default, tuple) else field.default
        shown = str(default).lower() if isinstance(default, bool) else str(default) or '""'
        fixed = " Read at the start only." if said.fixed else ""
        cells = (f"`{field.name}`", _KINDS[type(field.default)], said.unit, range_of(said), f"`{shown}`")
        rows.append("| " + " | ".join((*cells, said.text + fixed)) + " |")
    return "\n".join(rows)
