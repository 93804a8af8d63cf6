"""What learns in each phase, from where and how fast: trainable parameters, the optimiser, the learning rate."""

import math
from collections.abc import Collection

import torch
from torch import nn

from region_perception.errors import InvalidRecipe
from region_perception.modalities import CLOUD_MODALITIES, IMAGE
from region_perception.network.region_blip import RegionBlip, parameter_owner
from region_perception.training.recipe import Optimiser, Recipe


def choose_what_learns(network: RegionBlip, recipe: Recipe) -> None:
    """Let the parameters of the recipe's phase learn, and no others."""
    unknown = sorted(set(recipe.shares) - set(network.spec.modalities))
    if unknown:
        raise InvalidRecipe(
            f"network {network.spec.name!r} has no modality {unknown}; it has {network.spec.modalities}"
        )
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(_learns(name, recipe))
    if recipe.phase in ("base", "whole"):
        _set_dropout(network, recipe.dropout)


def start_new_modalities(network: RegionBlip, recipe: Recipe, trained: Collection[str]) -> None:
    """Let the recipe's modalities that have learnt nothing yet begin as copies of the image's, where that has."""
    if recipe.phase not in ("modalities", "whole") or IMAGE not in trained:
        return
    for modality in recipe.shares:
        if modality not in trained and modality != IMAGE:
            network.parts[modality].start_from(network.parts[IMAGE])


def _learns(name: str, recipe: Recipe) -> bool:
    clouds = any(modality in CLOUD_MODALITIES for modality in recipe.shares)
    images = any(modality not in CLOUD_MODALITIES for modality in recipe.shares)
    if recipe.phase == "encoders":
        return (images and name.startswith("image_encoder.")) or (clouds and name.startswith("point_encoder."))
    owner = parameter_owner(name)
    if owner == "base":
        return recipe.phase != "modalities" and (recipe.train_encoders or not name.startswith("image_encoder."))
    return owner in recipe.shares or (clouds and name.startswith("cloud_qformer."))


def _set_dropout(network: RegionBlip, chance: float) -> None:
    """transformers' language models bring a dropout of their own; the recipe's takes its place."""
    for module in network.language.modules():
        if isinstance(module, nn.Dropout):
            module.p = chance
        elif isinstance(getattr(module, "dropout", None), float):
            module.dropout = chance  # type: ignore[assignment]  # torch takes it for a child


def make_optimiser(module: nn.Module, settings: Optimiser) -> torch.optim.AdamW:
    """AdamW over what learns; weights decay, but vectors (biases, norms) and single numbers do not."""
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in learning if parameter.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [parameter for parameter in learning if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.peak, betas=settings.betas)


def learning_rate(step: int, steps: int, settings: Optimiser) -> float:
    """The rate of a step (from 0): a line from `warmup_start` to `peak`, then half a cosine to `floor` at the end."""
    if step < settings.warmup_steps:
        return settings.warmup_start + (settings.peak - settings.warmup_start) * step / settings.warmup_steps
    done = (step - settings.warmup_steps) / max(1, steps - 1 - settings.warmup_steps)
    return settings.floor + (settings.peak - settings.floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
