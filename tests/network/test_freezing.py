"""What is frozen, what learns, and to which modality each parameter belongs."""

import pytest
import torch
from torch import nn

from region_perception.network.region_blip import RegionBlip, parameter_owner
from region_perception.network.specs import SPECS, named_spec, released


@pytest.mark.parametrize("separate", [False, True], ids=["shared", "released"])
def test_frozen_parts_stay_as_they_are_in_training(make_spec, separate):
    network = RegionBlip(make_spec(separate_for_clouds=separate)).train()
    frozen = [network.image_encoder, network.point_encoder, network.qformer, network.language]
    assert not any(module.training for part in frozen for module in part.modules())
    assert network.training
    assert all(module.training for module in network.parts.modules())
    if separate:
        assert network.cloud_qformer.training
    dropouts = [module for module in network.modules() if isinstance(module, nn.Dropout) and module.p > 0]
    assert not any(module.training for module in dropouts)
    assert not any(module.training for module in network.eval().modules())


def test_a_part_that_learns_is_trained(make_spec):
    network = RegionBlip(make_spec())
    network.point_encoder.requires_grad_(True)
    network.train()
    assert network.point_encoder.training
    assert not network.language.training
    network.freeze_base()
    assert not network.train().point_encoder.training


def test_training_does_not_change_batch_statistics(make_spec):
    network = RegionBlip(make_spec()).train()
    before = {name: value.clone() for name, value in network.named_buffers()}
    network.encode_clouds([torch.rand(50, 3), torch.rand(9, 3)])
    assert all(torch.equal(value, before[name]) for name, value in network.named_buffers())


def all_specs():
    specs = {name: named_spec(name) for name in SPECS}
    return specs | {f"{name}, released": released(spec) for name, spec in specs.items()}


@pytest.mark.parametrize("name", list(all_specs()))
def test_every_parameter_has_an_owner(name):
    with torch.device("meta"):
        network = RegionBlip(all_specs()[name])
    owners = {}
    for parameter, _ in network.named_parameters():
        owners.setdefault(parameter_owner(parameter), set()).add(parameter.split(".")[0])
    qformers = {"qformer", "cloud_qformer"} if "released" in name else {"qformer"}
    assert set(owners) == {"base", "clouds", "image_region", "cloud", "cloud_region"}
    assert owners["base"] == {"image_encoder", "qformer", "language", "parts"}
    assert owners["clouds"] == {"point_encoder"} | (qformers - {"qformer"})
    assert owners["image_region"] == {"parts", "qformer", "language"}
    cloud_qformer = "cloud_qformer" if "released" in name else "qformer"
    assert owners["cloud"] == owners["cloud_region"] == {"parts", cloud_qformer, "language"}


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("image_encoder.blocks.0.norm1.weight", "base"),
        ("qformer.encoder.layer.0.attention.attention.query.base_layer.weight", "base"),
        ("qformer.encoder.layer.0.attention.attention.query.lora_A.image_region.weight", "image_region"),
        ("language.model.model.decoder.layers.1.self_attn.v_proj.lora_B.cloud.weight", "cloud"),
        ("cloud_qformer.encoder.layer.0.attention.attention.value.lora_B.cloud_region.weight", "cloud_region"),
        ("cloud_qformer.layernorm.weight", "clouds"),
        ("point_encoder.cls_token", "clouds"),
        ("parts.image.queries", "base"),
        ("parts.cloud.from_points.weight", "cloud"),
    ],
)
def test_owner_by_name(name, owner):
    assert parameter_owner(name) == owner
