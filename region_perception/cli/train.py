"""`region-perception train`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg
from tyro.extras import subcommand_type_from_defaults

from region_perception.cli.report import print_table
from region_perception.errors import InvalidInput
from region_perception.training.recipe import Recipe
from region_perception.training.recipes import RECIPES

_DEFAULTS = {name: make() for name, make in RECIPES.items()}
_ABOUT = {name: (make.__doc__ or "").strip().splitlines()[0] for name, make in RECIPES.items()}

if TYPE_CHECKING:
    AnyRecipe = Recipe
else:
    AnyRecipe = subcommand_type_from_defaults(_DEFAULTS, _ABOUT, prefix_names=False)


def train(
    recipe: Annotated[AnyRecipe, arg(name="")],
    out: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="(default: runs/<recipe>)")] = None,
    cpu: bool = False,
    plan: bool = False,
    devices: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: those of this machine)")] = None,
    device_memory: Annotated[
        float | None, arg(metavar="GIB", help_behavior_hint="(default: that of this machine's)")
    ] = None,
) -> None:
    """Train a model by a recipe, or go on with a run that was stopped: the same command does both.

    Any field of the recipe can be changed, for example --optimiser.peak 3e-4 --image-region.observations 16. On
    several GPUs: accelerate launch -m region_perception.cli train RECIPE ...

    Args:
        recipe: What to train, and how.
        out: The run's folder.
        cpu: Leave GPUs alone.
        plan: Start nothing and load no weights: print what the run would need, by sizes alone.
        devices: How many devices the plan is for.
        device_memory: How much memory each of them has.
    """
    if plan:
        _print_plan(recipe, devices, device_memory, cpu)
        return
    if devices is not None or device_memory is not None:
        raise InvalidInput("--devices and --device-memory go with --plan; processes are started by accelerate launch")
    from region_perception.training.loop import train as run

    model = run(recipe, out or Path("runs") / recipe.name, cpu=cpu)
    if os.environ.get("RANK", "0") == "0":  # of several processes, one speaks
        print(model)


def _print_plan(recipe: Recipe, devices: int | None, gib: float | None, cpu: bool) -> None:
    from region_perception.training.planning.data_sizes import data_sizes
    from region_perception.training.planning.machine import device_count, device_memory
    from region_perception.training.planning.network import planned_spec
    from region_perception.training.planning.parameters import part_sizes, planned_parameters
    from region_perception.training.planning.plan import make_plan, remedies
    from region_perception.training.planning.words import GIB, extent, heading, tables, verdict

    if gib is not None and not gib > 0:
        raise InvalidInput(f"--device-memory is {gib}; expected GiB above 0")
    spec = planned_spec(recipe)
    count = device_count(cpu) if devices is None else devices
    parameters = planned_parameters(spec, recipe)
    made = make_plan(recipe, spec, part_sizes(parameters, recipe), data_sizes(recipe), count)
    memory = device_memory(count, cpu) if gib is None else gib * GIB
    print(heading(made))
    print(extent(made))
    for table in tables(made):
        print()
        print_table(table.columns, table.rows, title=table.title)
    flags = [] if made.fits(memory) else remedies(made, memory, lambda other: part_sizes(parameters, other))
    print("\n" + verdict(made, memory, flags))
