"""Short notes for people on standard error, so that standard output holds results only."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from region_perception.errors import InputWarning


def note(message: str) -> None:
    print(f"note: {message}", file=sys.stderr)


@contextmanager
def notes_on_stderr() -> Iterator[None]:
    """Shows each different InputWarning within once, as a short note without the line of code that raised it."""
    shown: set[str] = set()
    with warnings.catch_warnings():
        otherwise = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if not issubclass(category, InputWarning):
                otherwise(message, category, filename, lineno, file, line)
            elif str(message) not in shown:
                shown.add(str(message))
                note(str(message))

        warnings.simplefilter("always", InputWarning)
        warnings.showwarning = show
        yield
