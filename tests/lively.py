"""A model that learnt nothing, and yet tells regions apart: for tests of what is made of a model's answers."""

from __future__ import annotations

import torch

from region_perception import Captioner
from region_perception.network.region_blip import RegionBlip
from region_perception.network.spec import NetworkSpec
from region_perception.network.specs import mini
from region_perception.text import mini_codec
from region_perception.weights.load import LoadedModel


def lively_captioner(seed: int = 0, spec: NetworkSpec | None = None) -> Captioner:
    """An untrained model whose weights are large enough that regions are told apart and sentences end."""
    spec = spec or mini()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = RegionBlip(spec).eval()
        for name, parameter in network.named_parameters():
            if parameter.ndim > 1:
                gain = 4.0 if "position" in name or "queries" in name else 1.5
                # A picture's convolutions sum over channels and places; their norms, untrained, do not scale.
                inputs = parameter[0].numel() if parameter.ndim == 4 else parameter.shape[-1]
                torch.nn.init.normal_(parameter, std=gain / inputs**0.5)
    return Captioner(LoadedModel(network, mini_codec(spec), "lively", "test", frozenset(spec.modalities)))
