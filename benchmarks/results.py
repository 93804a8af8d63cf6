"""Everything that docs/results.md says: measures the trained model, trains and measures variants, writes the page.

Goes on where it stopped; as it is, it takes about an hour on two cores. `--page-only` writes the page from what there
is; `--quick` takes minutes and means nothing.
"""

import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro
from study.measuring import Bench
from study.page import write_page
from study.store import PLAN
from study.variants import Plan, chosen_variants, variants

from region_perception.cli.notes import notes_on_stderr
from region_perception.errors import InvalidInput, RegionPerceptionError
from region_perception.modalities import IMAGE
from region_perception.weights.load import LoadedModel, load_model
from region_perception.weights.respec import with_spec


@dataclass(frozen=True)
class Options:
    """Measure the trained model and the worth of its parts, and write docs/results.md."""

    model: Annotated[str, tyro.conf.Positional] = "tabletop-mini"
    """The trained model: a bundled one or a folder."""
    base: str = ""
    """The base that short trainings begin with. Default: that of `model`, whose other modalities are forgotten."""
    out: Path = Path("runs/results")
    """Where everything is kept, so that the command can go on."""
    page: Path = Path("docs/results.md")
    """What is written."""
    scenes: Annotated[int, tyro.conf.arg(metavar="N")] = 200
    """Scenes of each split that the trained model is measured on."""
    steps: Annotated[int, tyro.conf.arg(metavar="N")] = 360
    """Steps of a short training. The order `semi-hybrid` is left out where they are no whole epochs."""
    batch: Annotated[int, tyro.conf.arg(metavar="N")] = 16
    """Observations in a step, if the recipe has not fewer."""
    observations: Annotated[int, tyro.conf.arg(metavar="N")] = 960
    """Observations of each modality that a short training goes through, again and again."""
    variant_scenes: Annotated[int, tyro.conf.arg(metavar="N")] = 60
    """Scenes that a short training is measured on."""
    seeds: Annotated[tuple[int, ...], tyro.conf.arg(metavar="N")] = (42,)
    """Every variant is trained once with each."""
    variants: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME")] = ()
    """Only these, beside the whole one; `none` trains nothing. Default: all."""
    cache: Path | None = None
    """Features of another run over the same base and as many observations. Default: a folder in `out`."""
    workers: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """Processes that draw scenes."""
    without_java: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Leave out METEOR and SPICE."""
    untrained: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Random weights in place of model and base, to try the command out."""
    quick: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Sizes of a smoke test."""
    page_only: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Measure and train nothing."""


def quick(options: Options) -> Options:
    """Everything once, as small as it goes."""
    return replace(options, scenes=2, steps=6, batch=2, observations=4, variant_scenes=2)


def measure(options: Options, bench: Bench) -> None:
    """All results that are not there yet."""
    model = _load(options, options.model)
    base = _load(options, options.base) if options.base else base_of(model)
    bench.measure_model(model, options.scenes)
    bench.measure_baselines(base, options.scenes)
    if options.variants == ("none",):
        return
    plan = Plan(
        base=options.base or options.model,
        steps=options.steps,
        observations=options.observations,
        batch=options.batch,
        cache=str(options.cache or options.out / "features"),
        workers=options.workers,
    )
    for seed in options.seeds:
        for variant in chosen_variants(variants(plan, base.network.spec.position, seed), options.variants):
            bench.train_variant(variant, seed, base, options.variant_scenes)


def base_of(model: LoadedModel) -> LoadedModel:
    """The model with its modalities but whole images forgotten; it finds by the same method."""
    base = with_spec(model, model.network.spec, forget=set(model.network.spec.modalities) - {IMAGE})
    return replace(base, score_method=model.score_method)


def _load(options: Options, name: str) -> LoadedModel:
    return load_model("mini", untrained=True) if options.untrained else load_model(name)


def main(options: Options) -> None:
    options = quick(options) if options.quick else options
    bench = Bench(options.out, java=not options.without_java)
    if not options.page_only:
        bench.store.write(PLAN, _plan(options))
        with notes_on_stderr():
            measure(options, bench)
    results = bench.store.read()
    if PLAN not in results:
        raise InvalidInput(f"{options.out} holds no results to write a page of; leave out --page-only, or name --out")
    write_page(options.page, results)
    print(options.page)


def _plan(options: Options) -> dict[str, object]:
    """What the page says about how it was made."""
    names = ("model", "base", "scenes", "steps", "batch", "observations", "variant_scenes", "seeds", "untrained")
    command = shlex.join(["python", "benchmarks/results.py", *sys.argv[1:]])
    return {"command": command, **{name: getattr(options, name) for name in names}}


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except RegionPerceptionError as error:
        sys.exit(f"error: {error}")
