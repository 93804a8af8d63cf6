"""Networks without memory for their weights. How large each part is, is tested with the specs."""

from dataclasses import replace

import pytest
import torch

from region_perception.network.region_blip import RegionBlip
from region_perception.network.specs import named_spec, released
from region_perception.weights.assemble import empty_network, parameter_counts


@pytest.mark.parametrize("name", ["regionblip-opt-6.7b", "regionblip-flan-t5-xxl"])
def test_the_largest_networks_take_no_memory(name: str) -> None:
    network = empty_network(released(named_spec(name)))
    assert all(parameter.is_meta for parameter in network.parameters())


def test_empty_networks_take_no_random_numbers_and_have_the_same_names() -> None:
    state = torch.get_rng_state()
    network = empty_network(named_spec("mini"))
    assert torch.equal(torch.get_rng_state(), state)
    assert [name for name, _ in network.named_parameters()] == [
        name for name, _ in RegionBlip(named_spec("mini")).named_parameters()
    ]


def test_the_base_without_a_text_branch_is_blip2() -> None:
    spec = named_spec("regionblip-opt-2.7b")
    spec = replace(spec, qformer=replace(spec.qformer, text_branch=False))
    parts, owners = parameter_counts(spec)
    assert round(owners["base"] / 1e6, 2) == 3744.76  # millions, as BLIP-2 OPT-2.7b has
    assert sum(parts.values()) == sum(owners.values())
    assert round((parts["qformer"] - 3 * 473_088) / 1e6, 2) == 105.14  # without the adapters of three modalities
