"""How every benchmark here measures: contenders take turns in one process, and the median of their times counts."""

import ctypes
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Timing:
    """Seconds that one contender took, over all its repetitions."""

    median: float
    fastest: float
    slowest: float
    repetitions: int


def measure(
    contenders: dict[str, Callable[[], Any]],
    repetitions: int = 7,
    patience: float = float("inf"),
    least_seconds: float = 1.0,
) -> dict[str, Timing]:
    """Time the contenders in turn: each once to warm up, then round after round, so that all meet the same machine.

    At least `repetitions` rounds, and more until `least_seconds` have passed, as short times are easily disturbed.
    A contender whose warm-up takes longer than `patience` seconds is not repeated: that one time is all there is.
    """
    taken: dict[str, list[float]] = {}
    for name, run in contenders.items():
        taken[name] = [_seconds(run)]
    patient = [name for name in contenders if taken[name][0] <= patience]
    for name in patient:
        taken[name] = []
    start, rounds = time.perf_counter(), 0
    while patient and (rounds < repetitions or time.perf_counter() - start < least_seconds):
        for name in patient:
            taken[name].append(_seconds(contenders[name]))
        rounds += 1
    return {name: Timing(statistics.median(each), min(each), max(each), len(each)) for name, each in taken.items()}


def _seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def peak_growth(run: Callable[[], Any]) -> int | None:
    """Bytes by which this process's memory peaks above where it stood, while it runs; None but on Linux."""
    if not Path("/proc/self/clear_refs").exists():
        return None
    ctypes.CDLL(None).malloc_trim(0)  # what was freed and not yet given back does not count
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from here
    before = _resident("VmRSS")
    run()
    return _resident("VmHWM") - before


def _resident(field: str) -> int:
    """A figure of /proc/self/status in bytes."""
    line = next(line for line in _read("/proc/self/status").splitlines() if line.startswith(field))
    return 1024 * int(line.split()[1])


def hardware(threads: int, packages: Sequence[str] = ("torch", "numpy")) -> str:
    """One line: processor, cores, threads in use, versions."""
    names = [line.split(":", 1)[1].strip() for line in _read("/proc/cpuinfo").splitlines() if "model name" in line]
    processor = names[0] if names else platform.processor() or platform.machine()
    software = [f"Python {platform.python_version()}"]
    for package in packages:
        try:
            software.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            software.append(f"no {package}")
    return f"{processor}, {os.cpu_count()} cores, {threads} threads; {', '.join(software)}"


def _read(path: str) -> str:
    return Path(path).read_text() if Path(path).exists() else ""


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on the terminal, in Markdown: the first column is words, the others are numbers."""
    table = Table(title=title, title_justify="left", box=box.MARKDOWN)
    for position, column in enumerate(columns):
        table.add_column(column, justify="right" if position else "left")
    for row in rows:
        table.add_row(*row)
    Console(width=120).print(table)


def write_results(path: Path, results: dict[str, Any]) -> None:
    """Results as JSON, with a `Timing` as its four numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=2, default=asdict) + "\n")
    print(f"written to {path}")
