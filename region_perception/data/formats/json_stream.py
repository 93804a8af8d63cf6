"""Long JSON lists, item by item: annotation files of hundreds of megabytes do not come into memory as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from region_perception.errors import InvalidInput

_CHUNK = 1 << 20
_LONGEST = 1 << 28  # characters of one item
_DECODER = json.JSONDecoder()


def json_items(path: Path, key: str | None = None) -> Iterator[Any]:
    """The items of the list that a JSON file is, or that stands under `key` of the object that it is.

    Bytes that are not UTF-8 come as lone surrogates; see `entries.mend`.
    """
    with _open(path) as file:
        text = _Text(file, str(path))
        if key is None:
            yield from text.items()
            return
        text.expect("{")
        found = False
        while text.peek() != "}":
            name = text.value()
            text.expect(":")
            if name == key and not found:
                found = True
                yield from text.items()
            else:
                text.skip()
            text.separator("}")
        if not found:
            raise InvalidInput(f"{path}: there is no {key!r} in it")


def json_table(path: Path, list_name: str | None, key: str = "id") -> dict[int | str, dict[str, Any]]:
    """The objects of a list by one of their fields, which must be a number or text; others are passed over."""
    rows = (row for row in json_items(path, list_name) if isinstance(row, dict))
    return {row[key]: row for row in rows if isinstance(row.get(key), int | str)}


def json_object(path: Path) -> dict[str, Any]:
    """The object that a small JSON file is."""
    with _open(path) as file:
        value = _Text(file, str(path)).value()
    if not isinstance(value, dict):
        raise InvalidInput(f"{path}: expected a JSON object, got {type(value).__name__}")
    return value


def json_lines(path: Path) -> Iterator[Any]:
    """The values of a file with one in each line; a line that is none comes as a ValueError to look at."""
    with _open(path) as file:
        for line in file:
            if line.strip():
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError) as error:
                    yield ValueError(f"not JSON: {error}")


def is_object(path: Path) -> bool:
    """Whether a JSON file begins with an object; else it should be a list."""
    with _open(path) as file:
        return _Text(file, str(path)).peek() == "{"


def _open(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from error


class _Text:
    """A window that moves over a file of JSON."""

    def __init__(self, file: TextIO, name: str) -> None:
        self._file, self._name = file, name
        self._seen, self._place = "", 0

    def peek(self) -> str:
        """The next character that is no space; nothing at the end."""
        while True:
            while self._place < len(self._seen):
                letter = self._seen[self._place]
                if letter not in " \t\r\n":
                    return letter
                self._place += 1
            if not self._more():
                return ""

    def expect(self, letter: str) -> None:
        if (seen := self.peek()) != letter:
            raise InvalidInput(
                f"{self._name}: expected {letter!r}, " + (f"got {seen!r}" if seen else "but it ends there")
            )
        self._place += 1

    def separator(self, end: str) -> None:
        """A comma, or `end`, which stays."""
        if self.peek() != end:
            self.expect(",")
            if self.peek() == end:
                raise InvalidInput(f"{self._name}: a comma with nothing after it")

    def value(self) -> Any:
        """The next value, whole."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._seen, self._place)
            except json.JSONDecodeError as error:
                if not self._more():
                    raise InvalidInput(f"{self._name}: broken or cut off: {error.msg}") from None
            except RecursionError:
                raise InvalidInput(f"{self._name}: lists within lists, too many to be data") from None
            except ValueError as error:  # a number of thousands of digits
                raise InvalidInput(f"{self._name}: {error}") from None
            else:
                length = end - self._place
                cut = not self._seen[end : end + 3].strip(".eE+-") and end + 3 > len(self._seen)
                if not cut or not self._more():  # else a number may go on behind the window: "0", "0.", "1e+"
                    self._place += length
                    return value

    def items(self) -> Iterator[Any]:
        self.expect("[")
        while self.peek() != "]":
            yield self.value()
            self.separator("]")
        self._place += 1

    def skip(self) -> None:
        """Pass over a value; of a list only one item at a time is held."""
        if self.peek() == "[":
            for _ in self.items():
                pass
        else:
            self.value()

    def _more(self) -> bool:
        """Read on, as much again as is waiting, so that long values are not tried too often."""
        waiting = self._seen[self._place :]
        if len(waiting) > _LONGEST:
            raise InvalidInput(f"{self._name}: broken, or one value of more than {_LONGEST:,} characters")
        try:
            more = self._file.read(max(_CHUNK, len(waiting)))
        except OSError as error:
            raise InvalidInput(f"{self._name} cannot be read: {error.strerror or error}") from error
        self._seen, self._place = waiting + more, 0
        return bool(more)
