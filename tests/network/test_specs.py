"""The named networks at full size, without memory for their weights: parameter counts as published."""

import pytest
import torch

from region_perception.network.region_blip import RegionBlip, parameter_owner
from region_perception.network.specs import SPECS, named_spec, released

FULL_SIZE = [name for name in SPECS if name != "mini"]
# Of the language model in transformers' published checkpoints (BLIP-2 pads OPT's 50,272 words to 50,304), and of one
# modality's adapters in it.
LANGUAGE = {
    "regionblip-opt-2.7b": (2_651_596_800 + 32 * 2560, 2_621_440),
    "regionblip-opt-6.7b": (6_658_473_984 + 32 * 4096, 4_194_304),
    "regionblip-flan-t5-xl": (2_849_757_184, 4_718_592),
    "regionblip-flan-t5-xxl": (11_135_332_352, 9_437_184),
}
LANGUAGE_WIDTH = {
    "regionblip-opt-2.7b": 2560,
    "regionblip-opt-6.7b": 4096,
    "regionblip-flan-t5-xl": 2048,
    "regionblip-flan-t5-xxl": 4096,
}
QFORMER_ADAPTER = 473_088


def on_meta(spec):
    with torch.device("meta"):
        return RegionBlip(spec)


@pytest.fixture(scope="module")
def networks():
    return {name: on_meta(named_spec(name)) for name in FULL_SIZE}


def count(module, owner=None):
    return sum(
        parameter.numel()
        for name, parameter in module.named_parameters()
        if owner is None or parameter_owner(name) == owner
    )


@pytest.mark.parametrize("name", FULL_SIZE)
def test_sizes_agree_with_the_published_models(networks, name):
    network = networks[name]
    base, adapter = LANGUAGE[name]
    # 39 layers of EVA ViT-g as in transformers' Blip2VisionModel, with its biases and final norm.
    assert count(network.image_encoder) == 985_952_256
    assert round(count(network.point_encoder) / 1e6, 2) == 21.86
    assert count(network.language, "base") == base
    for modality in network.spec.adapted_modalities:
        assert count(network.language, modality) == adapter
        assert count(network.qformer, modality) == QFORMER_ADAPTER


@pytest.mark.parametrize("name", FULL_SIZE)
def test_parts_of_a_modality_agree_with_the_paper(networks, name):
    network, width = networks[name], LANGUAGE_WIDTH[name]
    parts = {modality: dict(part.named_children()) for modality, part in network.parts.items()}
    for modality, part in network.parts.items():
        assert part.queries.shape == (32, 768)
        assert count(part.to_language) == 768 * width + width
        assert ("position" in parts[modality]) == ("box_head" in parts[modality]) == ("region" in modality)
        assert ("from_points" in parts[modality]) == ("cloud" in modality)
    assert count(parts["image_region"]["position"]) == 99_712
    assert count(parts["cloud_region"]["position"]) == 102_272
    assert count(parts["cloud"]["from_points"]) == 542_080
    assert parts["image_region"]["box_head"].out_features == 4
    assert parts["cloud_region"]["box_head"].out_features == 24


def test_shared_qformer_is_bert_base_with_cross_attention(networks):
    # BERT-base: 12 layers, word and position embeddings with their norm, word head without its tied matrix.
    layer = 4 * (768**2 + 768) + 2 * 768 + 2 * 768 * 3072 + 3072 + 768 + 2 * 768
    embeddings = 30523 * 768 + 512 * 768 + 2 * 768
    head = 768**2 + 768 + 2 * 768 + 30523
    crossing = 2 * (768**2 + 768) + 2 * (1408 * 768 + 768) + 2 * 768
    feed_queries = 2 * 768 * 3072 + 3072 + 768 + 2 * 768
    expected = 12 * (layer + feed_queries) + 6 * crossing + embeddings + head
    assert count(networks["regionblip-opt-2.7b"].qformer, "base") == expected == 186_282_811


def test_released_variant_has_a_second_qformer_for_clouds():
    network = on_meta(released(named_spec("regionblip-opt-2.7b")))
    assert count(network.cloud_qformer, "base") == count(network.qformer, "base")
    assert count(network.qformer, "image_region") == count(network.cloud_qformer, "cloud") == QFORMER_ADAPTER
    assert count(network.qformer, "cloud") == count(network.cloud_qformer, "image_region") == 0


def test_mini_is_a_few_million_parameters():
    assert 2_000_000 < count(on_meta(named_spec("mini"))) < 10_000_000
