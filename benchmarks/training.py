"""How many regions a second training reads, with the features of the frozen encoder fresh and cached.

Every contender takes the same steps of the recipe `tabletop-modalities` on image regions, from the same random weights.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from timing import hardware, measure, print_table, write_results

from region_perception.training.loop import take_step
from region_perception.training.recipe import DataChoice, FeatureCache, LossWeights, Recipe, Reports, Share
from region_perception.training.recipes import named_recipe
from region_perception.training.report import Speed, peak_memory
from region_perception.training.setup import set_up

RATE = 1e-4


@dataclass(frozen=True)
class Options:
    """Measure how fast a modality is trained."""

    observations: Annotated[int, tyro.conf.arg(metavar="N")] = 16
    """Images of a step."""
    regions: Annotated[int, tyro.conf.arg(metavar="N")] = 4
    """Regions of an image, at most."""
    repetitions: Annotated[int, tyro.conf.arg(metavar="N")] = 7
    """Steps that each contender takes at least; the median counts."""
    output: Path = Path(__file__).parent / "results" / "training.json"
    """Where the figures are written as JSON."""


def recipes(options: Options, cache: Path) -> dict[str, Recipe]:
    """The same training, run in different ways."""
    fresh = replace(
        named_recipe("tabletop-modalities"),
        start="mini",
        image_region=Share(observations=options.observations, regions=options.regions, questions=1),
        cloud=Share(),
        cloud_region=Share(),
        precision="float32",
        data=DataChoice(observations=4 * options.observations, validation=0),
        reports=Reports(tensorboard=False),
    )
    cached = replace(fresh, cache=FeatureCache(folder=str(cache)))
    return {
        "fresh: drawn, prepared and encoded in every step": fresh,
        "kept: encoded in every step": replace(fresh, data=replace(fresh.data, keep=str(cache.with_name("kept")))),
        "cached": cached,
        "cached, bfloat16": replace(cached, precision="bfloat16"),
        "cached, layers recomputed": replace(cached, recompute=True),
        "cached, language loss alone": replace(cached, losses=LossWeights(contrast=0, match=0, write=0, box=0)),
    }


def stepper(recipe: Recipe, folder: Path) -> Callable[[], Any]:
    """Each call takes the next step."""
    run = set_up(recipe, folder, cpu=True)
    batches: Iterator[Any] = run.batches.from_step(0)
    speed = Speed()
    return lambda: take_step(run, batches, RATE, speed)


def main(options: Options) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chosen = recipes(options, folder / "cache")
        steps = {title: stepper(recipe, folder / str(i)) for i, (title, recipe) in enumerate(chosen.items())}
        timings = measure(steps, options.repetitions)
    rows = options.observations * options.regions
    lines = [
        [title, f"{timing.median * 1000:,.0f}", f"{options.observations / timing.median:,.1f}"]
        for title, timing in timings.items()
    ]
    machine = hardware(torch.get_num_threads())
    print(machine)
    print_table(f"A step of {options.observations} images, up to {rows} regions", ["", "ms", "images/s"], lines)
    memory = peak_memory(torch.device("cpu"))
    write_results(
        options.output, {"hardware": machine, "options": vars(options) | {"output": None}, **memory} | timings
    )


if __name__ == "__main__":
    main(tyro.cli(Options))
