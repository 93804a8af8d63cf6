"""Messages broken on purpose, for tests of those who read them. Messages are changed by the names of their fields."""

from __future__ import annotations

import copy
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

HUGE = 2**31


def broken(message: Any, random: np.random.Generator) -> Any:
    """A copy of an `Image`, `PointCloud2`, `CameraInfo`, `Region2DArray` or `Region3DArray`, wrong in one way."""
    ways = ways_to_break(message)
    message = copy.copy(message)
    message.header = copy.deepcopy(message.header)
    ways[int(random.integers(len(ways)))](message)
    return message


def ways_to_break(message: Any) -> list[Callable[[Any], None]]:
    """What can be made of a message that its reader must notice."""
    ways: list[Callable[[Any], None]] = [_set_stamp(0), _set_stamp(HUGE - 1)]
    if hasattr(message, "fields"):
        ways += [*_OF_ARRAYS, *_OF_CLOUDS]
    elif hasattr(message, "encoding"):
        ways += [*_OF_ARRAYS, *_OF_IMAGES]
    elif hasattr(message, "k"):
        ways += _OF_CALIBRATIONS
    elif getattr(message, "regions", None):
        ways += _OF_REGIONS
    return ways


def _set(**values: Any) -> Callable[[Any], None]:
    def change(message: Any) -> None:
        for name, value in values.items():
            setattr(message, name, value() if callable(value) else value)

    return change


def _set_stamp(seconds: int) -> Callable[[Any], None]:
    def change(message: Any) -> None:
        message.header.stamp.sec, message.header.stamp.nanosec = seconds, 0

    return change


def _cut(message: Any) -> None:
    message.data = message.data[: len(message.data) // 2]


def _first_field(**values: Any) -> Callable[[Any], None]:
    def change(message: Any) -> None:
        message.fields = [copy.copy(field) for field in message.fields]
        for name, value in values.items():
            setattr(message.fields[0], name, value)

    return change


def _drop_field(message: Any) -> None:
    message.fields = list(message.fields)[1:]


def _first_region(**values: Any) -> Callable[[Any], None]:
    def change(message: Any) -> None:
        first = copy.copy(message.regions[0])
        for name, value in values.items():
            setattr(first, name, value)
        message.regions = [first, *message.regions[1:]]

    return change


_OF_ARRAYS = (
    _set(data=lambda: array("B")),
    _cut,
    _set(width=0),
    _set(height=0),
    _set(width=HUGE, height=HUGE),
)
_OF_IMAGES = (_set(encoding="junk"), _set(encoding=""), _set(encoding="bayer_rggb8"), _set(step=1), _set(step=0))
_OF_CLOUDS = (
    _drop_field,
    _first_field(datatype=0),
    _first_field(datatype=99),
    _first_field(offset=HUGE),
    _first_field(count=0),
    _set(fields=list),
    _set(point_step=0),
    _set(point_step=1),
    _set(row_step=0),
)
_OF_CALIBRATIONS = (
    _set(k=lambda: [0.0] * 9),
    _set(k=lambda: [float("nan")] * 9),
    _set(width=1, height=1),
)
_OF_REGIONS = (_first_region(kind=0), _first_region(kind=255))


def with_unknown(values: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """A copy of floats [N, ...] of which a share of the first axis is NaN."""
    values = values.copy()
    values[random.random(len(values)) < share] = np.nan
    return values
