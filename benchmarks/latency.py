"""How long a person waits for what a model says of one region: from an array in memory to words, end to end.

The scene is one of the tabletop world that no training sees, photographed at 640x480. Every call looks anew (`look`
encodes the picture or cloud) and then asks; both parts are timed, and the median of their sum stands beside the target.
The first call is that of a new process, after the model has been loaded. Without the bundled model an untrained network
of its size answers with sentences of a usual length.
"""

import dataclasses
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from timing import Timing, hardware, measure, print_table, write_results

from region_perception import Box, Box3D, Captioner, View, load
from region_perception.modalities import CLOUD_REGION, IMAGE_REGION
from region_perception.observations import CloudObservation
from region_perception.simulation import Picture, compose, picture_cloud, picture_records, take_picture
from region_perception.weights.places import list_models

MODEL, NETWORK = "tabletop-mini", "mini"
SPLIT, SCENES = "test", 50
# A caption of a usual length, for a model that never learnt where to end one.
USUAL = {"min_tokens": 14, "max_tokens": 14}


@dataclass(frozen=True)
class Options:
    """Measure how long captions, answers and finds take."""

    model: str | None = None
    """Name or folder of a model. Default: the bundled one if it is there, else an untrained network of its size."""
    threads: Annotated[int, tyro.conf.arg(metavar="N")] = 2
    """Threads that torch may use."""
    repetitions: Annotated[int, tyro.conf.arg(metavar="N")] = 15
    """How often each call runs at least when warm; the median counts."""
    processes: Annotated[int, tyro.conf.arg(metavar="N")] = 3
    """How many new processes take each first call; the median counts. 0 leaves first calls out."""
    points: Annotated[tuple[int, ...], tyro.conf.arg(metavar="N ...")] = (8192, 300_000)
    """Sizes of clouds."""
    output: Path = Path(__file__).parent / "results" / "latency.json"
    """Where the figures are written as JSON."""
    first_call: str | None = None
    """Instead of all this, print the seconds of one call's two parts, the first of this process."""


@dataclass(frozen=True)
class Call:
    """Something that a person asks of a model. Remembers how long its two parts took, each time that it runs."""

    observation: np.ndarray
    ask: Callable[[View], Any]
    target: float | None = None  # seconds
    parts: list[tuple[float, float]] = field(default_factory=list)

    def run(self, captioner: Captioner) -> None:
        started = time.perf_counter()
        view = captioner.look(self.observation)
        seen = time.perf_counter()
        self.ask(view)
        self.parts.append((seen - started, time.perf_counter() - seen))


@dataclass(frozen=True)
class Row:
    """One call, in seconds: all of it, its two parts (medians), and the first in a new process."""

    call: str
    timing: Timing
    look: float
    ask: float
    first: float | None
    target: float | None

    @property
    def met(self) -> bool | None:
        return None if self.target is None else self.timing.median <= self.target


def open_model(name: str | None) -> tuple[Captioner, dict[str, int]]:
    """A captioner, and the options of decoding that make it write sentences of a usual length."""
    if name is None and MODEL not in [listing.name for listing in list_models()]:
        return load(NETWORK, untrained=True, device="cpu"), USUAL
    return load(name or MODEL, device="cpu"), {}


def calls(points: Sequence[int], decoding: dict[str, int]) -> dict[str, Call]:
    """What is asked about a scene."""
    picture = next(filter(lambda each: len(boxes_of(each)) > 5, map(photograph, range(SCENES))))
    pixels, boxes = picture.image.pixels, boxes_of(picture)
    sixteen = [box for times in range(16) for box in smaller(boxes, times)][:16]
    found = {
        "1 region of a picture": Call(pixels, lambda view: view.caption(boxes[:1], **decoding), 0.060),
        "16 regions of a picture": Call(pixels, lambda view: view.caption(sixteen, **decoding), 0.200),
        "a question about a region": Call(pixels, lambda view: view.ask(boxes[0], "what color is it?", **decoding)),
        "find one among 16 regions": Call(pixels, lambda view: view.find("the red mug on the left", sixteen)),
    }
    thing = next(record.region for record in picture_records(picture, (CLOUD_REGION,)))
    assert isinstance(thing, Box3D)
    for number in points:
        cloud = cloud_of(picture, number)
        target = 0.080 if len(cloud) <= 8192 else None
        asked = Call(cloud, lambda view: view.caption([thing], **decoding), target)
        found[f"1 region of a cloud of {len(cloud):,} points"] = asked
    return found


def photograph(index: int) -> Picture:
    return take_picture(compose(SPLIT, index), 640, 480)


def boxes_of(picture: Picture) -> list[Box]:
    """The boxes of the things that a picture shows."""
    regions = [record.region for record in picture_records(picture, (IMAGE_REGION,))]
    return [region for region in regions if isinstance(region, Box)]


def smaller(boxes: Sequence[Box], pixels: int) -> list[Box]:
    """Boxes that end so many pixels earlier, as far as that leaves something of them."""
    return [Box(box.x1, box.y1, max(box.x2 - pixels, box.x1 + 1), box.y2) for box in boxes]


def cloud_of(picture: Picture, number: int) -> np.ndarray:
    """float32 [N, 6]: what a depth camera sees of the picture's scene, coloured, at most `number` points at random."""
    cloud: CloudObservation = picture_cloud(take_picture(picture.scene, 1024, 768)).cloud
    assert cloud.colors is not None
    rows = np.random.default_rng(0).permutation(len(cloud.points))[:number]
    return np.concatenate([cloud.points[rows], cloud.colors[rows]], axis=1)


def first_call(name: str, options: Options) -> float:
    """Median seconds of a call that is the first of its process."""
    command = [sys.executable, __file__, "--first-call", name, "--threads", str(options.threads)]
    command += ["--points", *map(str, options.points)] + (["--model", options.model] if options.model else [])
    runs = [subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True) for _ in range(options.processes)]
    return statistics.median(sum(json.loads(run.stdout)) for run in runs)


def rows(captioner: Captioner, asked: dict[str, Call], options: Options) -> list[Row]:
    timings = measure(
        {name: lambda call=call: call.run(captioner) for name, call in asked.items()}, options.repetitions
    )
    made = []
    for name, call in asked.items():
        look, ask = (statistics.median(times) for times in zip(*call.parts[1:], strict=True))
        first = first_call(name, options) if options.processes else None
        made.append(Row(name, timings[name], look, ask, first, call.target))
    return made


def show(title: str, found: Sequence[Row]) -> None:
    def shown(seconds: float | None) -> str:
        return "" if seconds is None else f"{1000 * seconds:.0f}"

    words = {None: "", True: "met", False: "missed"}
    lines = []
    for row in found:
        spread = [row.timing.median, row.timing.fastest, row.timing.slowest]
        numbers = [shown(each) for each in (*spread, row.look, row.ask, row.first, row.target)]
        lines.append([row.call, *numbers, words[row.met]])
    print_table(title, ["ms", "median", "fastest", "slowest", "look", "ask", "first", "target", "is"], lines)


def main(options: Options) -> None:
    torch.set_num_threads(options.threads)
    captioner, decoding = open_model(options.model)
    asked = calls(options.points, decoding)
    if options.first_call is not None:
        asked[options.first_call].run(captioner)
        print(json.dumps(asked[options.first_call].parts[0]))
        return
    machine = hardware(options.threads, packages=("torch", "transformers", "numpy"))
    model = (
        f"{captioner.name} (random weights, {USUAL['max_tokens']} tokens a sentence)" if decoding else captioner.name
    )
    print(machine)
    found = rows(captioner, asked, options)
    show(f"Model {model}", found)
    results = [dataclasses.asdict(row) | {"met": row.met} for row in found]
    write_results(options.output, {"hardware": machine, "model": model, "results": results})


if __name__ == "__main__":
    main(tyro.cli(Options))
