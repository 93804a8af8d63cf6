"""Pickles of lists of NumPy arrays, such as ModelNet40's `.dat` files, read without running anything of others.

A pickle is a program: it may name any function of Python and call it. What is read here may name only what arrays are
built by, and gets functions of this file under those names; anything else is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from region_perception.errors import InvalidInput
from region_perception.frugal_pickle import FrugalUnpickler
from region_perception.regions.checks import shown

MAX_BYTES = 4 << 30
_NUMBERS = re.compile(r"[fiu][1248]|b1")


class _Kind:
    """What `numpy.dtype` is to these pickles: a plain kind of number, and its byte order."""

    def __init__(self, name: Any, *_: Any) -> None:
        if not isinstance(name, str) or not _NUMBERS.fullmatch(name):
            raise InvalidInput(f"its numbers are of the kind {shown(name)}; expected plain ones, such as 'f4'")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1]
        if order not in ("<", ">", "=", "|"):
            raise InvalidInput(f"the bytes of its numbers have the order {shown(order)}; expected '<' or '>'")
        self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """An array that is being built; `values` once it is."""

    values: np.ndarray

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, by_columns, content = state
        self._fill(shape, kind, "F" if by_columns else "C", content)

    def _fill(self, shape: Any, kind: Any, order: Any, content: Any) -> None:
        if not isinstance(kind, _Kind) or order not in ("C", "F"):
            raise InvalidInput(f"an array has the kind {shown(kind)} and the order {shown(order)}")
        self.values = np.frombuffer(content, kind.dtype).reshape(shape, order=order)


def _empty(*_: Any) -> _Array:
    return _Array()


def _of_buffer(content: Any, kind: Any, shape: Any, order: Any) -> _Array:
    made = _Array()
    made._fill(shape, kind, order, content)
    return made


def _scalar(kind: Any, content: Any) -> _Array:
    return _of_buffer(content, kind, (), "C")


_BUILDERS: dict[str, Callable[..., Any]] = {
    "_reconstruct": _empty,
    "ndarray": _empty,
    "dtype": _Kind,
    "scalar": _scalar,
    "_frombuffer": _of_buffer,
}
_ADMITTED = {("numpy", name): _BUILDERS[name] for name in ("ndarray", "dtype")}
_ADMITTED |= {
    (f"numpy.{core}.{part}", name): _BUILDERS[name]
    for core in ("core", "_core")
    for part, names in (("multiarray", ("_reconstruct", "scalar")), ("numeric", ("_frombuffer",)))
    for name in names
}


class _Unpickler(FrugalUnpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise InvalidInput(f"it asks for {module}.{name}; expected arrays of numbers only")
        return _ADMITTED[module, name]


def read_array_lists(path: Path) -> list[list[np.ndarray]]:
    """The lists of arrays that a pickle (of Python 3) holds; plain numbers come as arrays, and all are read-only."""
    try:
        size = path.stat().st_size
        if size <= MAX_BYTES:
            with path.open("rb") as file:
                return _finished(_Unpickler(file).load())
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from error
    except InvalidInput as error:
        raise InvalidInput(f"{path}: this pickle is not read: {error}") from None
    except Exception as error:  # a broken pickle makes the unpickler raise almost anything, MemoryError included
        raise InvalidInput(
            f"{path}: not a whole pickle of arrays ({error or type(error).__name__}); is it cut off?"
        ) from error
    raise InvalidInput(f"{path}: {size / 2**30:.1f} GiB, expected at most {MAX_BYTES / 2**30:.0f} GiB")


def _finished(lists: Any) -> list[list[np.ndarray]]:
    """The arrays, checked to be that. Nothing is looked for any deeper: a pickle may hold a list within itself."""
    if not isinstance(lists, list | tuple) or not all(isinstance(each, list | tuple | _Array) for each in lists):
        raise InvalidInput(f"expected lists of arrays, got {shown(lists)}")
    return [list(each.values) if isinstance(each, _Array) else [_array(item) for item in each] for each in lists]


def _array(item: Any) -> np.ndarray:
    if isinstance(item, _Array):
        return item.values
    if isinstance(item, int | float):
        return np.array(item)
    raise InvalidInput(f"expected an array, got {shown(item)}")
