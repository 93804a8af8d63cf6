"""The full-size networks, built without memory: every part has the published number of parameters."""

import pytest
import torch
from torch import nn

from region_perception.network.region_blip import RegionBlip
from region_perception.network.spec import NetworkSpec
from region_perception.network.specs import named_spec, released
from region_perception.weights.assemble import empty_network

# Millions in the language model without adapters; LoRA parameters of one modality in it.
LANGUAGE = {
    "regionblip-opt-2.7b": (2651.68, 2_621_440),
    "regionblip-opt-6.7b": (6658.61, 4_194_304),
    "regionblip-flan-t5-xl": (2849.76, 4_718_592),
    "regionblip-flan-t5-xxl": (11135.33, 9_437_184),
}


def _count(module: nn.Module, adapter: str = "") -> int:
    """Parameters of a module without adapters, or of one adapter in it."""
    kept = [
        parameter
        for name, parameter in module.named_parameters()
        if (f".{adapter}." in name and "lora_" in name if adapter else "lora_" not in name)
    ]
    return sum(parameter.numel() for parameter in kept)


def _millions(module: nn.Module) -> float:
    return round(_count(module) / 1e6, 2)


@pytest.mark.parametrize("name", LANGUAGE)
def test_full_size_networks(name: str) -> None:
    network = empty_network(named_spec(name))
    assert all(parameter.is_meta for parameter in network.parameters())
    millions, lora = LANGUAGE[name]
    assert _millions(network.image_encoder) == 985.95
    assert _millions(network.language) == millions
    assert _count(network.parts["image_region"].position) == 99_712
    assert _count(network.parts["cloud_region"].position) == 102_272
    assert _count(network.parts["cloud"].point_adapter) == 542_080
    assert _millions(network.point_encoder) == 21.86
    for modality in ("image_region", "cloud", "cloud_region"):
        assert _count(network.qformer, modality) == 473_088
        assert _count(network.language, modality) == lora
    assert _count(network.qformer, "image") == 0


def test_blip2s_own_parts() -> None:
    network = empty_network(_without_text(named_spec("regionblip-opt-2.7b")))
    assert _millions(network.qformer) == 105.14
    assert _millions(network.parts["image"].to_language) == 1.97
    blip2 = (network.image_encoder, network.qformer, network.language, network.parts["image"].to_language)
    assert round(sum(map(_count, blip2)) / 1e6 + 32 * 768 / 1e6, 2) == 3744.76


def _without_text(spec: NetworkSpec) -> NetworkSpec:
    from dataclasses import replace

    return replace(spec, qformer=replace(spec.qformer, text_branch=False))


def test_the_released_variant_has_a_second_qformer() -> None:
    network = empty_network(released(named_spec("regionblip-opt-2.7b")))
    assert 186 < _millions(network.cloud_qformer) < 188
    assert _count(network.cloud_qformer, "cloud") == _count(network.cloud_qformer, "cloud_region") == 473_088
    assert _count(network.qformer, "cloud") == 0
    assert _count(network.qformer, "image_region") == 473_088


def test_empty_networks_take_no_memory_and_no_random_numbers() -> None:
    state = torch.get_rng_state()
    network = empty_network(named_spec("mini"))
    assert torch.equal(torch.get_rng_state(), state)
    assert [name for name, _ in network.named_parameters()] == [
        name for name, _ in RegionBlip(named_spec("mini")).named_parameters()
    ]
