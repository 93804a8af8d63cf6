"""How many observations a training reads in a second, phase by phase, and what caching and half precision are worth.

Every contender takes steps of the tabletop recipes with `mini` and random weights; those of one phase and modality take
turns. The data lie in memory, so that nothing is drawn: noise with boxes in it, and sentences as long as the world's.
"Fresh" prepares and encodes them in every step. Memory is how far the peak of the process rises in a step.
"""

import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from timing import Timing, hardware, measure, peak_growth, print_table, write_results

from region_perception.data.record import Question, Record
from region_perception.data.source import THING, Labelled
from region_perception.modalities import CLOUD_MODALITIES, CLOUD_REGION, IMAGE_REGION, MODALITIES, REGION_MODALITIES
from region_perception.observations import CloudObservation, ImageObservation
from region_perception.regions import Box, Box3D
from region_perception.simulation.words import COLORS, KINDS, PATTERNS, POSES, SIZES
from region_perception.training.loop import take_step
from region_perception.training.recipe import FeatureCache, Recipe, Reports, Share
from region_perception.training.recipes import named_recipe
from region_perception.training.report import Speed
from region_perception.training.setup import set_up
from region_perception.training.sources import TrainingData

RATE = 1e-4
THINGS, QUESTIONS, SIDE, POINTS = 6, 8, 192, 20_000
WORDS = {"kind": KINDS, "color": COLORS, "pattern": PATTERNS, "size": SIZES, "pose": POSES}


@dataclass(frozen=True)
class Options:
    """Measure how fast each phase is trained."""

    phases: tuple[str, ...] = ("encoders", "base", "modalities", "whole")
    """Which phases to measure."""
    observations: Annotated[int, tyro.conf.arg(metavar="N")] = 8
    """Images or clouds of a step."""
    repetitions: Annotated[int, tyro.conf.arg(metavar="N")] = 5
    """Steps that each contender takes at least; the median counts."""
    threads: Annotated[int, tyro.conf.arg(metavar="N")] = 2
    """Threads that torch may use."""
    output: Path = Path(__file__).parent / "results" / "training.json"
    """Where the figures are written as JSON."""


@dataclass(frozen=True)
class Row:
    """One contender: seconds of a step, and bytes that a step needs on top."""

    group: str
    way: str
    timing: Timing
    memory: int | None
    observations_per_second: float
    times_the_first: float


class Noise:
    """A source in memory: pictures or clouds of noise with things in them, as many sentences as the world tells."""

    attributes: Mapping[str, Sequence[str]] = {name: ("nothing", *words) for name, words in WORDS.items()}

    def __init__(self, modality: str, size: int) -> None:
        self.modality, self.fingerprint, self._size = modality, f"noise {modality} {size}", size

    def __len__(self) -> int:
        return self._size

    def look(self, index: int) -> Labelled:
        return self._all[index]

    @cached_property
    def _all(self) -> list[Labelled]:
        make = self._cloud if self.modality in CLOUD_MODALITIES else self._picture
        return [make(index, np.random.default_rng(index)) for index in range(self._size)]

    def _picture(self, index: int, random: np.random.Generator) -> Labelled:
        pixels, things = random.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8), np.zeros((SIDE, SIDE), np.int64)
        boxes = []
        for number, (x, y) in enumerate(random.integers(0, SIDE - 40, (THINGS, 2)).tolist(), start=1):
            things[y : y + 40, x : x + 40] = number
            boxes.append(Box(x, y, x + 40, y + 40))
        return Labelled(self._records(index, ImageObservation(pixels), boxes, random), self._classes(things, random))

    def _cloud(self, index: int, random: np.random.Generator) -> Labelled:
        points = random.random((POINTS, 3), dtype=np.float32) * np.array([1.0, 0.8, 0.3], np.float32)
        things, boxes = np.zeros(POINTS, np.int64), []
        for number, centre in enumerate(random.uniform((0.1, 0.1, 0.1), (0.9, 0.7, 0.2), (THINGS, 3)), start=1):
            things[np.abs(points - centre).max(1) < 0.08] = number
            boxes.append(Box3D(tuple(centre.tolist()), (0.16, 0.16, 0.16)))
        cloud = CloudObservation(points, random.random((POINTS, 3), dtype=np.float32), np.arange(POINTS), POINTS)
        return Labelled(self._records(index, cloud, boxes, random), self._classes(things, random))

    def _classes(self, things: np.ndarray, random: np.random.Generator) -> dict[str, np.ndarray]:
        """The class of every pixel or point by attribute: any one for each thing, nothing elsewhere."""
        classes = {THING: things}
        for name, words in WORDS.items():
            of_thing = np.concatenate([[0], random.integers(1, len(words) + 1, THINGS)])
            classes[name] = of_thing[things]
        return classes

    def _records(self, index: int, observation: Any, boxes: Sequence[Any], random: np.random.Generator) -> list[Record]:
        regions = boxes if self.modality in REGION_MODALITIES else [None]
        return [
            Record(
                id=f"{self.modality}/{index}/{number}",
                source="noise",
                split="train",
                modality=self.modality,
                observation=observation,
                region=region,
                sentences=(f"{_thing(random)} on the right, behind the {_thing(random)}", _thing(random)),
                references=(_thing(random), f"the {_thing(random)} on the left"),
                questions=tuple(
                    Question(f"is the {_thing(random)} small or large?", "large") for _ in range(QUESTIONS)
                ),
            )
            for number, region in enumerate(regions)
        ]


def _thing(random: np.random.Generator) -> str:
    return " ".join(str(random.choice(WORDS[name])) for name in ("size", "color", "kind"))


def contenders(options: Options, cache: Path) -> dict[str, dict[str, Recipe]]:
    """By group the ways to train the same, the first of them as the recipe does it but in full precision."""
    groups: dict[str, dict[str, Recipe]] = {}
    for phase in options.phases:
        recipe = replace(named_recipe(f"tabletop-{phase}"), start="mini", precision="float32")
        recipe = replace(recipe, reports=Reports(tensorboard=False, validation_steps=0), epochs=1000)
        for modality, share in recipe.shares.items():
            if phase == "encoders" and modality == CLOUD_REGION:
                continue  # learns as a cloud does
            own = {name: Share() for name in MODALITIES} | {modality: replace(share, observations=options.observations)}
            groups[f"{phase}, {modality}"] = _ways(replace(recipe, **own), cache)  # type: ignore[arg-type]
    return groups


def _ways(recipe: Recipe, cache: Path) -> dict[str, Recipe]:
    ways = {"fresh": recipe, "fresh, bfloat16": replace(recipe, precision="bfloat16")}
    if not recipe.encoders_learn:
        cached = replace(recipe, cache=FeatureCache(folder=str(cache)))
        ways |= {"cached": cached, "cached, bfloat16": replace(cached, precision="bfloat16")}
        if IMAGE_REGION in recipe.shares:
            ways["cached, layers recomputed"] = replace(cached, recompute=True)
    return ways


def stepper(recipe: Recipe, data: TrainingData, folder: Path) -> Callable[[], Any]:
    """Each call takes the next step."""
    run = set_up(recipe, folder, data, cpu=True)
    batches: Iterator[Any] = run.batches.from_step(0)
    speed = Speed()
    return lambda: take_step(run, batches, RATE, speed)


def measure_group(group: str, ways: dict[str, Recipe], options: Options, folder: Path) -> list[Row]:
    sources = {name: Noise(name, 4 * options.observations) for name in next(iter(ways.values())).shares}
    data = TrainingData(sources, {})
    steps = {way: stepper(recipe, data, folder / group / way) for way, recipe in ways.items()}
    timings = measure(steps, options.repetitions)
    first = next(iter(timings.values())).median
    return [
        Row(
            group,
            way,
            timing,
            memory=peak_growth(steps[way]),
            observations_per_second=options.observations / timing.median,
            times_the_first=first / timing.median,
        )
        for way, timing in timings.items()
    ]


def show(rows: Sequence[Row], observations: int) -> None:
    lines = []
    for row in rows:
        times = [f"{1000 * each:,.0f}" for each in (row.timing.median, row.timing.fastest, row.timing.slowest)]
        memory = "" if row.memory is None else f"{row.memory / 2**20:,.0f}"
        rates = [f"{row.observations_per_second:,.1f}", f"{row.times_the_first:.2f}"]
        lines.append([f"{row.group}: {row.way}", *times, *rates, memory])
    columns = ["", "median ms", "fastest", "slowest", "observations/s", "times fresh", "peak +MB"]
    print_table(f"Steps of {observations} observations", columns, lines)


def main(options: Options) -> None:
    torch.set_num_threads(options.threads)
    machine = hardware(options.threads, packages=("torch", "transformers", "peft"))
    print(machine)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for group, ways in contenders(options, Path(name) / "cache").items():
            rows += measure_group(group, ways, options, Path(name))
    show(rows, options.observations)
    results = [dataclasses.asdict(row) for row in rows]
    write_results(options.output, {"hardware": machine, "observations": options.observations, "results": results})


if __name__ == "__main__":
    main(tyro.cli(Options))
