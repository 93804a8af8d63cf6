"""The short trainings whose results are compared: each is the recipe `tabletop-modalities` with one thing changed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from region_perception.errors import InvalidInput
from region_perception.network.spec import PositionSpec
from region_perception.training.order import Schedule
from region_perception.training.recipe import Augmentation, FeatureCache, LossWeights, Order, Recipe, Reports
from region_perception.training.recipes import named_recipe

RECIPE = "tabletop-modalities"
POSITION, STAGES, LOSSES, ORDER = "position", "stages", "losses", "order"
WHOLE = "whole"  # the variant in which nothing is changed

_TEXT_BRANCH = {"contrast": "ITC", "match": "ITM", "write": "ITG"}
_AUXILIARY = {**_TEXT_BRANCH, "box": "the box loss"}
_ORDERS: dict[Order, str] = {
    "semi-hybrid": "each modality in turn, in every epoch",
    "interleaved": "one modality in a step, taking turns",
    "mixed": "all modalities in every step",
}


@dataclass(frozen=True)
class Plan:
    """What every variant has in common.

    base: the model that trainings begin with. steps, observations: of a training, and of each modality in its data.
    batch: at most so many observations in a step. cache, workers: where features are kept, and how many processes draw
    what they are made of; they change no figure.
    """

    base: str
    steps: int
    observations: int
    batch: int
    cache: str
    workers: int = 0


@dataclass(frozen=True)
class Variant:
    """One training.

    group: which table it stands in; "" for the one with which all others are compared. title: what is different.
    stages: the recipes that are trained one after the other, each from the model of the one before. position: how the
    network is told where regions are.
    """

    name: str
    group: str
    title: str
    stages: tuple[Recipe, ...]
    position: PositionSpec


def variants(plan: Plan, position: PositionSpec, seed: int) -> list[Variant]:
    """All variants that make sense for this plan, over a base whose network is told of regions as `position` says."""
    whole = Variant(WHOLE, "", "as trained", (_recipe(plan, seed),), position)
    groups = (_positions, _stages, _losses, _orders)
    return [whole, *(variant for make in groups for variant in make(whole, plan))]


def chosen_variants(all_variants: list[Variant], names: tuple[str, ...]) -> list[Variant]:
    """Those with these names, and the whole one, which all are compared with; all of them without names."""
    known = [variant.name for variant in all_variants]
    if wrong := [name for name in names if name not in known]:
        raise InvalidInput(f"no variant is called {wrong[0]!r}; there are {', '.join(known)}")
    return [variant for variant in all_variants if not names or variant.name in (WHOLE, *names)]


def _recipe(plan: Plan, seed: int) -> Recipe:
    known = named_recipe(RECIPE)
    smaller: dict[str, Any] = {
        name: replace(share, observations=min(share.observations, plan.batch)) for name, share in known.shares.items()
    }
    return replace(
        known,
        **smaller,
        start=plan.base,
        steps=plan.steps,
        seed=seed,
        workers=plan.workers,
        optimiser=replace(known.optimiser, warmup_steps=min(known.optimiser.warmup_steps, plan.steps // 10)),
        # What else is augmented needs the encoders in every step.
        augmentation=Augmentation(jitter=known.augmentation.jitter, part=known.augmentation.part),
        cache=FeatureCache(folder=plan.cache),
        data=replace(known.data, observations=plan.observations, validation=0),
        reports=Reports(log_every=20, checkpoint_every=100, keep=1, validate_every=0, tensorboard=False),
    )


def _positions(whole: Variant, plan: Plan) -> Iterator[Variant]:
    """With and without each of the ways in which a network is told where a region is."""
    has = whole.position
    neither = replace(has, enabled=False, token_bias=False)

    def told(name: str, title: str, position: PositionSpec) -> Variant:
        return replace(whole, name=name, group=POSITION, title=title, position=position)

    if has.enabled and has.token_bias:
        yield told("pafe-alone", "PaFE alone", replace(has, token_bias=False))
        yield told("without-pafe", "without PaFE: preferred tokens alone", replace(has, enabled=False))
    if has != neither:
        yield told("without-position", "neither: regions are not told where they are", neither)


def _stages(whole: Variant, plan: Plan) -> Iterator[Variant]:
    """First what the text branch learns by, then the language model's loss, in as many steps together."""
    (recipe,) = whole.stages
    losses, half = recipe.losses, recipe.steps // 2
    if not half or not losses.language or not any(getattr(losses, name) for name in _TEXT_BRANCH):
        return
    warmup = replace(recipe.optimiser, warmup_steps=min(recipe.optimiser.warmup_steps, half // 10))
    only_language = LossWeights(contrast=0, match=0, write=0, box=0, language=losses.language)
    first = replace(recipe, steps=half, optimiser=warmup, losses=replace(losses, language=0))
    second = replace(recipe, steps=recipe.steps - half, optimiser=warmup, losses=only_language)
    title = "two stages: all losses but the language model's, then that alone"
    yield replace(whole, name="two-stages", group=STAGES, title=title, stages=(first, second))


def _losses(whole: Variant, plan: Plan) -> Iterator[Variant]:
    """Without each loss beside the language model's; with it, where the recipe leaves it out."""
    (recipe,) = whole.stages
    for name, title in _AUXILIARY.items():
        weight = getattr(recipe.losses, name)
        losses = replace(recipe.losses, **{name: 0.0 if weight else 1.0})
        how = "without" if weight else "with"
        yield replace(
            whole, name=f"{how}-{name}", group=LOSSES, title=f"{how} {title}", stages=(replace(recipe, losses=losses),)
        )


def _orders(whole: Variant, plan: Plan) -> Iterator[Variant]:
    """The same observations in other orders; where a step reads all modalities, there are fewer steps."""
    (recipe,) = whole.stages
    for order, title in _ORDERS.items():
        steps = recipe.steps * _turns(recipe, order) // _turns(recipe, recipe.order)
        # An epoch that breaks off would have left out the modalities whose turn comes last.
        broken = order == "semi-hybrid" and steps % epoch_steps(recipe)
        if order != recipe.order and steps and not broken:
            other = replace(recipe, order=order, steps=steps)
            yield replace(whole, name=order, group=ORDER, title=f"{title}: {steps:,} steps", stages=(other,))


def _turns(recipe: Recipe, order: Order) -> int:
    """In how many steps each modality has its turn once."""
    return 1 if order == "mixed" else len(recipe.shares)


def epoch_steps(recipe: Recipe) -> int:
    """How many steps of one modality make an epoch."""
    sizes = dict.fromkeys(recipe.shares, recipe.data.observations)
    return Schedule(replace(recipe, order="semi-hybrid"), sizes).steps_per_epoch
