"""How many scenes of the tabletop world a second: composed, photographed with masks, depth and shadows, and told.

Each contender goes over the same scenes. Beside the time on the clock stands that of the processor, which other work on
the machine disturbs less: scenes a second and core are counted by it. Last, whole processes side by side.
"""

import dataclasses
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import tyro
from timing import hardware, measure, print_table, write_results

from region_perception.modalities import IMAGE, IMAGE_REGION
from region_perception.simulation import compose, picture_records, scene_cloud, take_picture

SPLIT = "test"


@dataclass(frozen=True)
class Options:
    """Measure how fast scenes of the tabletop world are made."""

    scenes: Annotated[int, tyro.conf.arg(metavar="N")] = 30
    """Scenes that every contender goes over."""
    repetitions: Annotated[int, tyro.conf.arg(metavar="N")] = 7
    """How often each contender runs at least; the median counts."""
    processes: Annotated[int, tyro.conf.arg(metavar="N")] = os.cpu_count() or 1
    """Processes that make pictures side by side in the last measurement."""
    output: Path = Path(__file__).parent / "results" / "scenes.json"
    """Where the figures are written as JSON."""


def contenders(count: int) -> dict[str, Callable[[], Any]]:
    """Each makes something of the same scenes. The last ones start from pictures."""
    scenes = [compose(SPLIT, index) for index in range(count)]
    pictures = [take_picture(scene) for scene in scenes]

    def photograph(side: int) -> Callable[[], Any]:
        return lambda: [take_picture(compose(SPLIT, index), side, side) for index in range(count)]

    return {
        "scene alone": lambda: [compose(SPLIT, index) for index in range(count)],
        "scene + picture 96x96": photograph(96),
        "scene + picture 128x128": photograph(128),
        "scene + picture 224x224": photograph(224),
        "image records of a picture": lambda: [picture_records(each, (IMAGE, IMAGE_REGION)) for each in pictures],
        "all records of a picture": lambda: [picture_records(each) for each in pictures],
        "cloud of a scene, 8192 points": lambda: [scene_cloud(scene) for scene in scenes],
    }


def processor_seconds(run: Callable[[], Any], repetitions: int) -> float:
    """Median seconds of one core that a run takes, whatever else the machine does."""
    taken = []
    for _ in range(repetitions):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def photograph_range(first: int, last: int) -> int:
    """Pictures at 224x224 of the scenes in a range."""
    for index in range(first, last):
        take_picture(compose(SPLIT, index))
    return last - first


def side_by_side(processes: int, share: int) -> float:
    """Scenes a second of several processes, after each has warmed up."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for _ in range(2):  # the first round starts the processes and fills their caches of meshes
            start = time.perf_counter()
            made = sum(pool.map(photograph_range, *zip(*_ranges(processes, share), strict=True)))
            taken = time.perf_counter() - start
    return made / taken


def _ranges(processes: int, share: int) -> list[tuple[int, int]]:
    return [(number * share, (number + 1) * share) for number in range(processes)]


def main(options: Options) -> None:
    machine = hardware(threads=1, packages=("numpy", "open3d-cpu", "scipy"))
    print(machine)
    runs = contenders(options.scenes)
    times = measure(runs, options.repetitions)
    seconds = {name: processor_seconds(run, options.repetitions) / options.scenes for name, run in runs.items()}
    rows = []
    for name, timing in times.items():
        clock = f"{1000 * timing.median / options.scenes:.1f}"
        rows.append([name, clock, f"{1000 * seconds[name]:.1f}", f"{1 / seconds[name]:.0f}"])
    print_table("One scene", ["what", "ms on the clock", "ms of a core", "per second and core"], rows)
    together = side_by_side(options.processes, 100)
    print(f"{options.processes} processes side by side, 224x224: {together:.0f} scenes a second on the clock")
    results = {name: dataclasses.asdict(timing) | {"core_seconds": seconds[name]} for name, timing in times.items()}
    write_results(options.output, {"hardware": machine, "scenes": options.scenes, "together": together, **results})


if __name__ == "__main__":
    main(tyro.cli(Options))
