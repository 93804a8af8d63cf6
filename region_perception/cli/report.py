"""Results for people (tables) and for programs (JSON)."""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from region_perception.lines import one_line

if TYPE_CHECKING:
    from region_perception.captioner import Captioner


def print_json(document: Any) -> None:
    print(json.dumps(document, indent=2))


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "", widest: Mapping[str, int] | None = None
) -> None:
    """A framed table on a terminal; elsewhere aligned lines. Columns without names have no heading.

    widest: how many letters wide columns may be, by name; longer cells go on in further lines.
    """
    widest = widest or {}
    cells = [[one_line(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_frame(columns, cells, title, widest)
        return
    folded = [line for row in cells for line in _lines(columns, row, widest)]
    widths = [max(map(len, column)) for column in zip(columns, *folded, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in folded]
    heading = ["  ".join(name.ljust(width) for name, width in zip(columns, widths, strict=True))]
    print("\n".join(line.rstrip() for line in [title, *heading, *lines] if line.strip()))


def _print_frame(columns: Sequence[str], cells: Sequence[Sequence[str]], title: str, widest: Mapping[str, int]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title) if title else None, title_justify="left", show_header=any(columns), box=box.ROUNDED)
    for name in columns:
        table.add_column(name, max_width=widest.get(name))
    for row in cells:
        table.add_row(*map(Text, row))  # as Text, since what a model says is no markup
    Console().print(table)


def _lines(columns: Sequence[str], row: Sequence[str], widest: Mapping[str, int]) -> Iterator[Sequence[str]]:
    """The row as lines of cells that are no wider than they may be."""
    folded = [wrap(cell, widest.get(name, len(cell) + 1)) for name, cell in zip(columns, row, strict=True)]
    return zip_longest(*folded, fillvalue="")


def model_in_json(captioner: "Captioner") -> dict[str, Any]:
    return {"name": captioner.name, "source": captioner.source, "trained": sorted(captioner.trained)}


def model_in_words(captioner: "Captioner") -> str:
    return captioner.name if captioner.trained else f"{captioner.name} (untrained)"


def model_scores(captioner: "Captioner") -> str:
    """The line of a model's card that begins with "Scores:", without that; empty where there is none."""
    from region_perception.weights.folder import CARD

    try:
        card = (Path(captioner.source) / CARD).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
    line = re.search(r"^[*_]*Scores:[*_]*(.+)$", card, re.MULTILINE)
    return one_line(line[1]) if line else ""
