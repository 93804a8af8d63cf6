"""How many parameters each part of a network has, which of them learn, and what they take in memory. Exact."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from region_perception.network.spec import NetworkSpec
from region_perception.training.phases import choose_what_learns
from region_perception.training.recipe import Recipe
from region_perception.weights.assemble import empty_network
from region_perception.weights.precision import stored_dtype

ADAPTERS, MODALITIES_OWN, HEADS = "LoRA pairs", "parts of modalities", "heads of training"
_NAMES = {
    "image_encoder": "image encoder",
    "point_encoder": "point encoder",
    "qformer": "Q-Former",
    "cloud_qformer": "Q-Former of clouds",
    "language": "language model",
    "parts": MODALITIES_OWN,
    "heads": HEADS,
}


@dataclass(frozen=True)
class PartSize:
    """One part of a network: numbers of parameters, and bytes of them. Their bytes depend on the recipe's `dtype`."""

    name: str
    frozen: int
    learning: int
    weights: int
    gradients: int
    """Of what learns; over several processes they are there twice, the second time to travel."""
    optimiser: int
    """The two means that AdamW keeps of each gradient."""

    @property
    def parameters(self) -> int:
        return self.frozen + self.learning


def planned_parameters(spec: NetworkSpec, recipe: Recipe) -> list[tuple[str, nn.Parameter]]:
    """Those of a network that is built without weights, with what the recipe lets learn."""
    network = empty_network(spec)
    choose_what_learns(network, recipe)
    return list(network.named_parameters())


def part_sizes(parameters: Iterable[tuple[str, nn.Parameter]], recipe: Recipe) -> list[PartSize]:
    """The parts that named parameters belong to, in their order."""
    counts: dict[str, Counter[str]] = {}
    dtype = getattr(torch, recipe.dtype)
    for name, parameter in parameters:
        name = name.removeprefix("network.")
        count = counts.setdefault(_part(name), Counter())
        size = parameter.numel() * stored_dtype(name, dtype).itemsize
        count["weights"] += size
        count["learning" if parameter.requires_grad else "frozen"] += parameter.numel()
        count["gradients"] += size * parameter.requires_grad
    return [_part_size(name, count) for name, count in counts.items()]


def _part(name: str) -> str:
    return ADAPTERS if ".lora_" in name else _NAMES[name.partition(".")[0]]


def _part_size(name: str, count: Mapping[str, int]) -> PartSize:
    gradients = count["gradients"]
    return PartSize(name, count["frozen"], count["learning"], count["weights"], gradients, 2 * gradients)
