"""The network that a recipe would train, found out without reading or fetching any weights."""

from dataclasses import replace
from pathlib import Path

from region_perception.errors import InvalidRecipe, ModelNotFound
from region_perception.network.spec import NetworkSpec
from region_perception.network.specs import ANY_BASE, SPECS, named_spec
from region_perception.training.recipe import Recipe
from region_perception.weights.blip2_spec import blip2_spec, is_blip2_folder, read_blip2_config
from region_perception.weights.folder import read_config
from region_perception.weights.places import find_model


def planned_spec(recipe: Recipe) -> NetworkSpec:
    """Of the folder that the recipe begins with, or by the name of a network.

    A name stands for the network with all its parts, as an import of the published files makes it; with a base that is
    not on this machine for one over a BLIP-2 of transformers, which has no text branch.
    """
    like = named_spec(recipe.start) if recipe.start in SPECS else None
    if recipe.base is None and like is not None:
        return like
    if like is None and recipe.start != ANY_BASE:
        folder = _here(recipe.start)
        return _blip2(folder, None) if is_blip2_folder(folder) else read_config(folder).spec
    if recipe.base is None:
        raise InvalidRecipe(f"--start {ANY_BASE} has the sizes of its base, and the recipe names none (--base)")
    try:
        return _blip2(_here(recipe.base), like)
    except ModelNotFound:
        if like is None:
            raise
        return replace(like, qformer=replace(like.qformer, text_branch=False))


def _blip2(folder: Path, like: NetworkSpec | None) -> NetworkSpec:
    return blip2_spec(folder, read_blip2_config(folder), like)


def _here(name: str) -> Path:
    try:
        return find_model(name)
    except ModelNotFound as error:
        raise ModelNotFound(
            f"{error}\n  a plan fetches nothing; of a published network it knows the sizes: --start {', '.join(SPECS)}"
        ) from error
