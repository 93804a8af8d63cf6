"""Rows of numbers behind a text header, as in PLY and PCD files and plain text.

open3d reads these formats too, but fills what a truncated file lacks with uninitialised memory, reads some valid PCD
layouts as zeros, and can crash on padded ones; these readers either return every row or raise.
"""

import os
from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np

from region_perception.errors import InvalidObservation

MAX_HEADER_LINES = 1000


def header_lines(file: BinaryIO, last_word: str, name: str) -> list[list[str]]:
    """The words of each header line, up to and including the line that starts with `last_word`."""
    lines = []
    for _ in range(MAX_HEADER_LINES):
        words = file.readline(4096).decode("ascii", errors="replace").split()
        lines.append(words)
        if words and words[0].lower() == last_word:
            return lines
    raise InvalidObservation(
        f"{name}: its header has no line '{last_word}'; the file is truncated or of another format"
    )


def header_number(text: str, what: str, name: str) -> int:
    """A count in a header: a whole number, 0 or more."""
    if not text.isascii() or not text.isdigit():
        raise InvalidObservation(f"{name}: {what} must be a whole number, its header says {text!r}")
    return int(text)


def binary_rows(file: BinaryIO, dtype: np.dtype, count: int, name: str) -> np.ndarray:
    """`count` records of a structured dtype, from where the file stands."""
    _check_complete(_bytes_left(file) // dtype.itemsize, count, name)  # before memory is taken for them
    rows = np.fromfile(file, dtype, count)
    _check_complete(len(rows), count, name)
    return rows


def text_rows(lines: Iterable[str] | Iterable[bytes], count: int, name: str, **options: Any) -> np.ndarray:
    """float64 [count, columns] from lines of text; `options` are those of `numpy.loadtxt`."""
    try:
        return np.loadtxt(lines, max_rows=count, ndmin=2, encoding="utf-8", **options)
    except (ValueError, UnicodeDecodeError) as error:
        raise InvalidObservation(f"{name}: expected rows of numbers, all with as many columns: {error}") from error
    except MemoryError as error:  # numpy takes memory for all rows once it has seen how wide the first one is
        raise InvalidObservation(f"{name}: its rows are too long to be points ({error})") from error


def complete_text_rows(file: BinaryIO, count: int, columns: int, name: str) -> np.ndarray:
    """float64 [count, columns]; fewer rows or other columns than the header promised are refused."""
    if count == 0:
        return np.empty((0, columns))
    most = _bytes_left(file) // (2 * columns) + 1  # a digit and a space for each number; a header may claim any count
    rows = text_rows(file, min(count, most), name)
    _check_complete(len(rows), count, name)
    if rows.shape[1] != columns:
        raise InvalidObservation(f"{name}: rows have {rows.shape[1]} columns, its header says {columns}")
    return rows


def field_names(dtype: np.dtype) -> tuple[str, ...]:
    return dtype.names or ()


def columns(rows: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """[N, len(names)] of the fields of structured rows."""
    return np.stack([rows[field] for field in names], axis=1)


def _bytes_left(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size - file.tell()


def _check_complete(found: int, promised: int, name: str) -> None:
    if found < promised:
        raise InvalidObservation(f"{name}: truncated, its header promises {promised:,} points and {found:,} are there")
