"""The plan of a run: sizes, memory, steps, work, time. What is exact and what is an estimate says docs/training.md."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from region_perception.errors import TrainingError
from region_perception.modalities import CLOUD_MODALITIES
from region_perception.network.spec import NetworkSpec
from region_perception.training.order import Schedule
from region_perception.training.planning.data_sizes import DataSize
from region_perception.training.planning.encoders import image_tokens
from region_perception.training.planning.parameters import PartSize
from region_perception.training.planning.step_work import Reading, step_work
from region_perception.training.planning.work import FLOAT, HALF, Work
from region_perception.training.recipe import Recipe

# Of a device's memory so much is left for what no plan counts: the driver, buffers, what lies between tensors.
ROOM = 0.1


@dataclass(frozen=True)
class ModalityPlan:
    """What is learnt of one modality."""

    data: DataSize
    steps: int
    """In an epoch; in order `mixed` all of them."""
    forward: float
    """Operations for one observation with its regions, over all parts of the network."""
    backward: float
    cache: int
    """Bytes of its features on disk; 0 where they cannot be kept."""
    cached: bool
    """Whether they are kept."""


@dataclass(frozen=True)
class Plan:
    """What a run needs. Bytes are those of one device; every device holds all weights."""

    recipe: Recipe
    spec: NetworkSpec
    devices: int
    parts: Sequence[PartSize]
    modalities: Mapping[str, ModalityPlan]
    kept: Mapping[str, int]
    """Estimated bytes that wait for the backward pass, by part, in the step that needs most."""
    passing: int
    """Estimated bytes of the largest single operation beside these."""
    steps: int
    steps_per_epoch: int

    @property
    def weights(self) -> int:
        return sum(part.weights for part in self.parts)

    @property
    def gradients(self) -> int:
        """Twice over several processes: accelerate's buckets travel."""
        return sum(part.gradients for part in self.parts) * (1 + (self.devices > 1))

    @property
    def optimiser(self) -> int:
        return sum(part.optimiser for part in self.parts)

    @property
    def activations(self) -> int:
        return sum(self.kept.values()) + self.passing

    @property
    def memory(self) -> int:
        return self.weights + self.gradients + self.optimiser + self.activations

    @property
    def samples(self) -> int:
        """Observations that are read in all."""
        epochs = self.steps / self.steps_per_epoch
        return round(epochs * sum(self._draws(name) for name in self.modalities))

    @property
    def operations(self) -> float:
        """Of the whole run, on all devices together."""
        epochs = self.steps / self.steps_per_epoch
        each = self.modalities.items()
        return epochs * sum(self._draws(name) * (one.forward + one.backward) for name, one in each)

    def _draws(self, modality: str) -> int:
        """Observations of a modality in an epoch."""
        return self.modalities[modality].steps * self.recipe.shares[modality].observations

    def fits(self, memory: float) -> bool:
        """Whether a device of so many bytes is enough."""
        return self.memory <= memory * (1 - ROOM)


def make_plan(
    recipe: Recipe, spec: NetworkSpec, parts: Sequence[PartSize], data: Mapping[str, DataSize], devices: int
) -> Plan:
    """The plan of a recipe over a network with these parts, on so many devices."""
    _refuse_uneven(recipe, devices)
    schedule = Schedule(recipe, {name: size.observations for name, size in data.items()})
    at_once = {
        name: Reading(name, share.observations / (devices * recipe.accumulate), devices)
        for name, share in recipe.shares.items()
    }
    works = {name: step_work(recipe, spec, reading) for name, reading in at_once.items()}
    kept, passing = _memory(recipe, works)
    turns = schedule.turns
    return Plan(
        recipe=recipe,
        spec=spec,
        devices=devices,
        parts=parts,
        modalities={
            name: ModalityPlan(
                data=data[name],
                steps=turns[name],
                forward=sum(work.forward for work in works[name].values()) / at_once[name].observations,
                backward=sum(work.backward for work in works[name].values()) / at_once[name].observations,
                cache=_cache_size(recipe, spec, name) * data[name].observations if name in recipe.cacheable else 0,
                cached=name in recipe.cached,
            )
            for name in recipe.shares
        },
        kept=kept,
        passing=passing,
        steps=schedule.steps,
        steps_per_epoch=schedule.steps_per_epoch,
    )


def _refuse_uneven(recipe: Recipe, devices: int) -> None:
    if devices < 1:
        raise TrainingError(f"devices is {devices}; expected 1 or more")
    shares = devices * recipe.accumulate
    uneven = [name for name, share in recipe.shares.items() if share.observations % shares]
    if uneven:
        raise TrainingError(
            f"{devices} devices with accumulate={recipe.accumulate} need a multiple of {shares} observations in a "
            f"step; {', '.join(uneven)} has another number"
        )


def _memory(recipe: Recipe, works: Mapping[str, Mapping[str, Work]]) -> tuple[dict[str, int], int]:
    """Bytes kept by part, and those of the largest operation, of the step that needs most."""
    steps = [list(works.values())] if recipe.order == "mixed" else [[each] for each in works.values()]
    needs = []
    for parts in steps:
        kept: dict[str, int] = {}
        for part in parts:
            for name, work in part.items():
                kept[name] = kept.get(name, 0) + round(work.kept)
        needs.append((kept, round(max(work.passing for part in parts for work in part.values()))))
    return max(needs, key=lambda need: sum(need[0].values()) + need[1])


def _cache_size(recipe: Recipe, spec: NetworkSpec, modality: str) -> int:
    """Bytes that the features of one observation take on disk: tokens, their mask, and of clouds the groups' places."""
    value = HALF if recipe.cache.dtype == "bfloat16" else FLOAT
    if modality not in CLOUD_MODALITIES or spec.point_encoder is None:
        tokens = image_tokens(spec.image_encoder)
        return tokens * (spec.image_encoder.width * value + 1)
    groups = spec.point_encoder.groups
    return (groups + 1) * (spec.point_encoder.width * value + 1) + groups * 3 * FLOAT


def remedies(plan: Plan, memory: float, sizes: Callable[[Recipe], Sequence[PartSize]]) -> list[str]:
    """Flags with which the plan would fit devices of so many bytes, those that change least first; none if none help.

    sizes: the parts of the network as another recipe would hold them.
    """
    data = {name: modality.data for name, modality in plan.modalities.items()}
    for flags, changed in _changes(plan.recipe, plan.devices):
        if make_plan(changed, plan.spec, sizes(changed), data, plan.devices).fits(memory):
            return flags
    return []


def _changes(recipe: Recipe, devices: int) -> Iterator[tuple[list[str], Recipe]]:
    """What makes a run smaller, each on top of those before; the parts of a step last, as their rows are compared."""
    flags: list[str] = []
    if recipe.precision == "float32":
        flags, recipe = [*flags, "--precision bfloat16"], replace(recipe, precision="bfloat16")
        yield flags, recipe
    if recipe.dtype == "float32" and recipe.phase == "modalities":
        flags, recipe = [*flags, "--dtype bfloat16"], replace(recipe, dtype="bfloat16")
        yield flags, recipe
    if not recipe.recompute:
        flags, recipe = [*flags, "--recompute"], replace(recipe, recompute=True)
        yield flags, recipe
    counts = [share.observations for share in recipe.shares.values()]
    for parts in range(recipe.accumulate + 1, min(counts) // devices + 1):
        if not any(count % (parts * devices) for count in counts):
            yield [*flags, f"--accumulate {parts}"], replace(recipe, accumulate=parts)
