"""Results for people (tables) and for programs (JSON)."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from region_perception.captioner import Captioner


def print_json(document: Any) -> None:
    print(json.dumps(document, indent=2))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """A framed table on a terminal; elsewhere aligned lines. Columns without names have no heading."""
    cells = [[_on_one_line(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
        heading = ["  ".join(name.ljust(width) for name, width in zip(columns, widths, strict=True))]
        print("\n".join(line.rstrip() for line in [title, *heading, *lines] if line.strip()))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        *columns, title=Text(title) if title else None, title_justify="left", show_header=any(columns), box=box.ROUNDED
    )
    for row in cells:
        table.add_row(*map(Text, row))  # as Text, since what a model says is no markup
    Console().print(table)


def _on_one_line(cell: str) -> str:
    """The text without anything that would move a terminal's cursor or change its colours."""
    return " ".join("".join(c if c.isprintable() else " " for c in cell).split())


def model_in_json(captioner: "Captioner") -> dict[str, Any]:
    return {"name": captioner.name, "source": captioner.source, "trained": sorted(captioner.trained)}


def model_in_words(captioner: "Captioner") -> str:
    return captioner.name if captioner.trained else f"{captioner.name} (untrained)"
