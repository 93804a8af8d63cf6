"""Adapters on every linear layer: which layers targets name, and that each row uses its own everywhere."""

from dataclasses import replace

import pytest
import torch
from peft.tuners.lora import LoraLayer

from region_perception.modalities import MODALITIES
from region_perception.network.adapters import routed
from region_perception.network.language import Decoding
from region_perception.network.region_blip import Glance, RegionBlip, modalities_of
from region_perception.network.spec import LoraSpec

CLOSE = {"atol": 1e-5, "rtol": 0}
EVERY = LoraSpec(
    rank=2,
    alpha=4.0,
    qformer_targets=("query", "key", "value", "dense"),
    language_targets=("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"),
)
ATTENTION = {f"attention.attention.{name}" for name in ("query", "key", "value")} | {"attention.output.dense"}
QUERIES = {"intermediate_query.dense", "output_query.dense"}
TEXT = {"intermediate.dense", "output.dense"}


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def adapted(module):
    return {name for name, layer in module.named_modules() if isinstance(layer, LoraLayer)}


def in_each_layer(*names, crossing):
    """The names of a layer's parts in all three layers of the tiny Q-Former, and `crossing` in those that cross."""
    found = {f"encoder.layer.{layer}.{name}" for layer in range(3) for name in names}
    return found | {f"encoder.layer.{layer}.cross{name}" for layer in (0, 2) for name in crossing}


def test_the_last_part_of_a_name_adapts_all_layers_called_so(make_spec):
    network = RegionBlip(replace(make_spec(), lora=EVERY))
    expected = in_each_layer(*ATTENTION, *QUERIES, *TEXT, crossing=ATTENTION) | {"word_head.dense"}
    assert adapted(network.qformer) == expected
    # All linear layers but the head, whose matrix is that of the words.
    linear = {name for name, layer in network.language.named_modules() if isinstance(layer, torch.nn.Linear)}
    base = {name.removesuffix(".base_layer") for name in linear if "lora_" not in name}
    assert adapted(network.language) == {name for name in base if "lm_head" not in name}


def test_more_of_a_name_adapts_fewer(make_spec):
    targets = ("query", "crossattention.output.dense", "output_query.dense")
    network = RegionBlip(replace(make_spec(), lora=replace(EVERY, qformer_targets=targets)))
    attended = {"attention.attention.query"}
    expected = in_each_layer(*attended, "output_query.dense", crossing={*attended, "attention.output.dense"})
    assert adapted(network.qformer) == expected


@pytest.fixture(scope="module")
def network(make_spec, randomised):
    return randomised(RegionBlip(replace(make_spec(), lora=EVERY)))


def glances_of(network, counts=(2, 1)):
    images = network.encode_images(noise(2, 3, 16, 16))
    clouds = network.encode_clouds([torch.rand(n, 3, generator=torch.Generator().manual_seed(n)) for n in (50, 9)])
    positions = {"image_region": noise(3, 4, seed=1), "cloud_region": noise(3, 24, seed=1)}
    return [
        Glance(
            modality,
            network.remember(clouds if modality.startswith("cloud") else images, modality).read_by(counts),
            positions.get(modality),
        )
        for modality in MODALITIES
    ]


def texts(rows):
    ids = torch.randint(4, 40, (rows, 5), generator=torch.Generator().manual_seed(0))
    ids[::2, -2:] = 0
    return ids


@torch.no_grad()
def test_mixed_batch_equals_separate_runs(network):
    glances, text = glances_of(network), texts(12)
    modalities, prompts = modalities_of(glances), [[5, 6], [7], []] * 4
    targets = [[4, 3], [5, 6, 7], [8]] * 4
    found = network.read(glances)
    matched, written = network.match(glances, text), network.write(glances, text)
    scores = network.score(found, modalities, prompts, targets)
    sentences = [network.generate(found, modalities, prompts, Decoding(beams=b, max_tokens=6)) for b in (1, 3)]
    for index, glance in enumerate(glances):
        rows = slice(3 * index, 3 * index + 3)
        torch.testing.assert_close(found[rows], network.read([glance]), **CLOSE)
        torch.testing.assert_close(matched[rows], network.match([glance], text[rows]), **CLOSE)
        torch.testing.assert_close(written[rows], network.write([glance], text[rows]), **CLOSE)
        own = network.score(found[rows], modalities[rows], prompts[rows], targets[rows])
        for row in range(3):
            mixed = scores.log_probs[3 * index + row][scores.mask[3 * index + row]]
            torch.testing.assert_close(mixed, own.log_probs[row][own.mask[row]], **CLOSE)
        for beams, together in zip((1, 3), sentences, strict=True):
            alone = network.generate(found[rows], modalities[rows], prompts[rows], Decoding(beams=beams, max_tokens=6))
            assert [sentence.ids for sentence in together[rows]] == [sentence.ids for sentence in alone]


@torch.no_grad()
def test_image_modality_is_the_base_bit_for_bit(network):
    base = RegionBlip(replace(network.spec, modalities=("image",), point_encoder=None)).eval()
    weights = {name.replace(".base_layer.", "."): value for name, value in network.state_dict().items()}
    base.load_state_dict({name: weights[name] for name in base.state_dict()})
    text, results = texts(3), []
    for model in (network, base):
        glance = Glance("image", model.remember(model.encode_images(noise(3, 3, 16, 16)), "image"))
        found = model.read([glance])
        scores = model.score(found, ["image"] * 3, [[5], [6], []], [[4, 3]] * 3).log_probs
        results.append([found, model.match([glance], text), model.write([glance], text), scores])
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*results, strict=True))


@torch.no_grad()
def test_keys_and_values_are_remembered_with_the_adapters_of_the_modality(network):
    features = network.encode_images(noise(2, 3, 16, 16))
    memories = {modality: network.remember(features, modality) for modality in ("image", "image_region")}
    for layer, crossing in enumerate(network.qformer.encoder.layer[index].crossattention for index in (0, 2)):
        for name, part in (("key", "keys"), ("value", "values")):
            linear = getattr(crossing.attention, name)
            plain = linear.base_layer(features.tokens)
            pair = linear.lora_B["image_region"](linear.lora_A["image_region"](features.tokens))
            of_image, of_region = (getattr(memories[each], part)[layer].transpose(1, 2).flatten(2) for each in memories)
            torch.testing.assert_close(of_image, plain, **CLOSE)
            torch.testing.assert_close(of_region, plain + 2 * pair, **CLOSE)  # alpha / rank is 2
            assert (of_region - of_image).abs().max() > 1e-2


@torch.no_grad()
def test_words_are_scored_with_the_adapter_of_the_modality(network):
    glances = [glance for glance in glances_of(network) if glance.modality == "cloud"]
    hidden = network._run(glances, torch.where(torch.arange(5) == 0, network.spec.qformer.start_id, texts(3)), "causal")
    with routed(["cloud"] * 3):
        expected = network.qformer.word_scores(hidden.text)
    torch.testing.assert_close(network.write(glances, texts(3)), expected, **CLOSE)
    assert (network.qformer.word_scores(hidden.text) - expected).abs().max() > 1e-3


@pytest.mark.parametrize("modality", ["image_region", "cloud", "cloud_region"])
def test_every_pair_of_a_modality_learns_and_no_other(network, modality):
    network.zero_grad()
    (glance,) = (glance for glance in glances_of(network) if glance.modality == modality)
    text, modalities = texts(3), [modality] * 3
    found, logits = network.read_and_write([glance], text)
    loss = logits.square().mean() + network.match([glance], text).square().mean()
    loss = loss - network.score(found, modalities, [[5]] * 3, [[4, 5, 3]] * 3).log_probs.mean()
    loss.backward()
    pairs = {name: p.grad for name, p in network.named_parameters() if "lora_" in name}
    for name, gradient in pairs.items():
        assert (gradient is not None and gradient.abs().max() > 0) == (f".{modality}." in name), name
