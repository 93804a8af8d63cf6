"""Gradient checkpointing: layers keep only their input, and run once more in the backward pass.

Adapters are routed by a context variable, which is closed by then, so every second run opens the route of the first.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from region_perception.network.adapters import same_route_again
from region_perception.network.qformer import Layer
from region_perception.network.region_blip import RegionBlip
from region_perception.network.transformer import Block


def recompute_layers(network: RegionBlip) -> None:
    """Let the layers of encoders, Q-Former and language model run again instead of keeping what they computed."""
    from transformers.modeling_layers import GradientCheckpointingLayer

    for module in list(network.modules()):
        if isinstance(module, Layer):
            _recompute(module.attention, "to_self")
            _recompute(module, "feed_queries")
            if hasattr(module, "intermediate"):
                _recompute(module, "feed_text")
            if module.crossattention is not None:
                _recompute(module.crossattention, "to_memory")
        elif isinstance(module, GradientCheckpointingLayer | Block):
            _recompute(module, "forward")


def _recompute(module: nn.Module, method: str) -> None:
    """Replace a method of this one module by one that keeps only its arguments for the backward pass."""
    run: Callable[..., Any] = getattr(module, method)

    def run_twice(*arguments: Any, **options: Any) -> Any:
        if not torch.is_grad_enabled():
            return run(*arguments, **options)
        return checkpoint(run, *arguments, use_reentrant=False, context_fn=same_route_again, **options)

    setattr(module, method, run_twice)
