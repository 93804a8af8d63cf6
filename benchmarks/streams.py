"""How fast rows of a data set stream from its index on disk, and in what memory: ten million rows by default.

The rows are made up, as those of RegionCap-10M are: two regions of an image, ten words about each. The index is built
as for any data set; then observations are read in the order of a training run, by one process and by several. Nothing
is opened: how fast images are decoded is another matter.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import tyro
from timing import hardware, peak_growth, print_table, write_results

from region_perception.data.entries import Entry
from region_perception.data.index import Index, build_index
from region_perception.modalities import IMAGE_REGION
from region_perception.regions import Box
from region_perception.training.order import drawn_index

REGIONS = 2
WORDS = ("the", "red", "mug", "with", "a", "white", "handle", "behind", "a", "wooden", "box", "on", "its", "table")


@dataclass(frozen=True)
class Options:
    """Measure how fast rows stream from an index on disk, and in how much memory."""

    rows: Annotated[int, tyro.conf.arg(metavar="N")] = 10_000_000
    """Rows of the index; ten million take about 4 GB of disk."""
    reads: Annotated[int, tyro.conf.arg(metavar="N")] = 50_000
    """Observations that each process reads."""
    repetitions: Annotated[int, tyro.conf.arg(metavar="N")] = 3
    """How often each reading is repeated; the median counts."""
    processes: Annotated[int, tyro.conf.arg(metavar="N")] = os.cpu_count() or 1
    """Processes that read side by side in the last measurement."""
    folder: Path | None = None
    """Where the index is built, and then removed; a temporary folder by default."""
    output: Path = Path(__file__).parent / "results" / "streams.json"
    """Where the figures are written as JSON."""


def made_up(count: int) -> Iterator[Entry]:
    """Rows of a data set that is nowhere."""
    for number in range(count):
        image, x = number // REGIONS, float(number % 300)
        said = " ".join(WORDS[(number + step * 5) % len(WORDS)] for step in range(10))
        yield Entry(
            id=f"made-up/{number}",
            split="train",
            modality=IMAGE_REGION,
            place={"image": f"images/{image // 1000:05d}/{image % 1000:03d}.jpg"},
            region=Box(x, 40.0, x + 120.0, 200.0),
            sentences=(said,),
            size=(640, 480),
        )


def read(folder: Path, first: int, count: int) -> int:
    """Read so many observations in the order of a training run; returns how many rows they had."""
    index = Index(folder)
    numbers = index.observations(IMAGE_REGION)
    drawn = (drawn_index(42, IMAGE_REGION, len(numbers), draw) for draw in range(first, first + count))
    return sum(len(index.rows(numbers[place])) for place in drawn)


def timed(run: Any) -> tuple[float, Any]:
    """Seconds, and what came of it."""
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def side_by_side(folder: Path, processes: int, count: int) -> float:
    """Rows a second of several processes, each with its own part of the order, after they have started."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        firsts = [count * number for number in range(processes)]
        list(pool.map(read, [folder] * processes, firsts, [100] * processes))
        seconds, rows = timed(lambda: sum(pool.map(read, [folder] * processes, firsts, [count] * processes)))
    return rows / seconds


def own_memory() -> int:
    """Bytes of this process's memory that are no pages of files; 0 but on Linux."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def measure_index(folder: Path, options: Options) -> dict[str, float]:
    """Rows a second and bytes of memory, of building an index and of reading it.

    Reading, the peak counts pages of the index that the system holds in memory as long as it has room for them;
    `read_own` is what cannot be taken from the process.
    """
    figures: dict[str, float] = {}

    def build() -> None:
        figures["built"] = options.rows / timed(lambda: build_index(folder, "made-up", made_up(options.rows), {}))[0]

    figures["build_peak"] = peak_growth(build) or 0
    figures["disk"] = sum(path.stat().st_size for path in folder.iterdir())
    figures["opened"] = timed(lambda: read(folder, 0, 1))[0]
    count = min(options.reads, options.rows // REGIONS)
    speeds: list[float] = []

    def read_all() -> None:
        for turn in range(options.repetitions):
            seconds, rows = timed(lambda: read(folder, turn * count, count))  # noqa: B023
            speeds.append(rows / seconds)

    before = own_memory()
    figures["read_peak"] = peak_growth(read_all) or 0
    figures["read_own"] = max(own_memory() - before, 0)
    figures["read"] = statistics.median(speeds)
    figures["together"] = side_by_side(folder, options.processes, count)
    return figures


def main(options: Options) -> None:
    machine = hardware(threads=1, packages=("numpy",))
    print(machine)
    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        figures = measure_index(Path(folder), options)
    rows = [
        ["building the index", f"{figures['built']:,.0f}", f"{figures['build_peak'] / 1e6:,.0f}", ""],
        [
            "reading in random order",
            f"{figures['read']:,.0f}",
            f"{figures['read_peak'] / 1e6:,.0f}",
            f"{figures['read_own'] / 1e6:,.0f}",
        ],
        [f"the same, {options.processes} processes", f"{figures['together']:,.0f}", "", ""],
    ]
    title = f"{options.rows:,} rows, {figures['disk'] / 1e9:.2f} GB on disk, opened in {figures['opened'] * 1e3:.1f} ms"
    print_table(title, ["what", "rows/s", "peak of memory, MB", "without pages of files"], rows)
    write_results(options.output, {"hardware": machine, "rows": options.rows, **figures})


if __name__ == "__main__":
    main(tyro.cli(Options))
