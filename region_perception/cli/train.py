"""`region-perception train`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg
from tyro.extras import subcommand_type_from_defaults

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
) -> None:
    """Train a model by a recipe, or go on with a run that was stopped: the same command does both.

    Any field of the recipe can be changed, for example --optimiser.peak 3e-4 --image-region.observations 16. On
    several GPUs: accelerate launch -m region_perception.cli train RECIPE ...

    Args:
        recipe: What to train, and how.
        out: The run's folder.
        cpu: Leave GPUs alone.
    """
    from region_perception.training.loop import train as run

    model = run(recipe, out or Path("runs") / recipe.name, cpu=cpu)
    if os.environ.get("RANK", "0") == "0":  # of several processes, one speaks
        print(model)
