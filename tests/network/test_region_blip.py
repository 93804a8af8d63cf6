"""The whole network: encode once and read often, mixed batches, the text branch's tasks, precision."""

from dataclasses import replace

import pytest
import torch
from transformers import Blip2Config, Blip2ForImageTextRetrieval, Blip2QFormerConfig, Blip2VisionConfig, OPTConfig

from region_perception.modalities import CLOUD_MODALITIES, MODALITIES
from region_perception.network.adapters import routed
from region_perception.network.language import Decoding
from region_perception.network.position import POSITION_SIZES
from region_perception.network.region_blip import (
    Glance,
    RegionBlip,
    modalities_of,
)
from region_perception.network.spec import ImageEncoderSpec, PositionSpec

CLOSE = {"atol": 1e-5, "rtol": 0}
VARIANTS = pytest.mark.parametrize("separate", [False, True], ids=["shared", "released"])


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def uniform(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def texts(rows, length=5, seed=0):
    """Ids with a class token (2) first, of different lengths."""
    ids = torch.randint(4, 40, (rows, length), generator=torch.Generator().manual_seed(seed))
    ids[:, 0] = 2
    ids[::2, -2:] = 0
    return ids


def look(network, modality, counts, seed=0):
    """A glance of random regions at as many random observations as there are counts."""
    if modality in CLOUD_MODALITIES:
        clouds = [uniform(5 + 9 * i, 3, seed=seed + i) for i in range(len(counts))]
        features = network.encode_clouds(clouds)
    else:
        features = network.encode_images(noise(len(counts), 3, 16, 16, seed=seed))
    size = POSITION_SIZES.get(modality)
    positions = None if size is None else uniform(sum(counts), size, seed=seed + 50)
    return Glance(modality, network.remember(features, modality).read_by(counts), positions)


def row_of(network, glance, row):
    """One row of a glance as a glance of its own, with its own copy of the memory."""
    owner = [i for i, count in enumerate(glance.memory.counts) for _ in range(count)][row]
    part = slice(owner, owner + 1)
    memory = replace(
        glance.memory,
        keys=tuple(keys[part].clone() for keys in glance.memory.keys),
        values=tuple(values[part].clone() for values in glance.memory.values),
        mask=None if glance.memory.mask is None else glance.memory.mask[part],
        counts=(1,),
    )
    return Glance(glance.modality, memory, None if glance.positions is None else glance.positions[row : row + 1])


def rows_of(network, glances):
    return [row_of(network, glance, row) for glance in glances for row in range(glance.rows)]


def mixed(network):
    """All modalities, some of them twice, in a changing order and with different counts."""
    wanted = [
        ("cloud_region", [2, 1]),
        ("image_region", [3]),
        ("image", [1, 1]),
        ("cloud", [1]),
        ("image_region", [1, 2]),
        ("cloud_region", [2]),
    ]
    return [look(network, modality, counts, seed=10 * i) for i, (modality, counts) in enumerate(wanted)]


# Reading -------------------------------------------------------------------------------------------------------------


@VARIANTS
@torch.no_grad()
def test_mixed_batch_reads_as_each_row_alone(make_network, separate):
    network = make_network(separate_for_clouds=separate)
    glances = mixed(network)
    found = network.read(glances)
    alone = torch.cat([network.read([glance]) for glance in rows_of(network, glances)])
    assert found.shape == (14, 4, 16)
    torch.testing.assert_close(found, alone, **CLOSE)
    assert modalities_of(glances) == [glance.modality for glance in rows_of(network, glances)]


@pytest.mark.parametrize("modality", ["image_region", "cloud_region"])
@torch.no_grad()
def test_encoding_once_and_reading_many_equals_encoding_for_each(make_network, modality):
    network = make_network()
    glance = look(network, modality, [6])
    together = network.read([glance])
    sentences = network.generate(together, [modality] * 6, [[5]] * 6, Decoding(max_tokens=8))
    for row in range(6):
        fresh = look(network, modality, [1])
        fresh = replace(fresh, positions=glance.positions[row : row + 1])
        alone = network.read([fresh])
        torch.testing.assert_close(together[row : row + 1], alone, **CLOSE)
        assert network.generate(alone, [modality], [[5]], Decoding(max_tokens=8))[0].ids == sentences[row].ids


@pytest.mark.parametrize("modality", ["image_region", "cloud_region"])
@torch.no_grad()
def test_a_row_depends_on_its_own_position_alone(make_network, modality):
    network = make_network()
    glance = look(network, modality, [2, 3])
    before = network.read([glance])
    for row in range(5):
        positions = glance.positions.clone()
        positions[row] = positions[row].flip(0)
        after = network.read([replace(glance, positions=positions)])
        others = [i for i in range(5) if i != row]
        assert torch.equal(after[others], before[others])
        assert (after[row] - before[row]).abs().max() > 1e-3


@torch.no_grad()
def test_ablation_is_not_told_where_regions_are(make_spec, randomised):
    network = randomised(RegionBlip(replace(make_spec(), position=PositionSpec(enabled=False))))
    glance = look(network, "image_region", [3])
    found = network.read([glance])
    assert torch.equal(found, network.read([replace(glance, positions=None)]))
    torch.testing.assert_close(found[0], found[2], **CLOSE)


@torch.no_grad()
def test_clouds_of_different_sizes_are_read_as_if_alone(make_network):
    network = make_network()
    clouds = [uniform(50, 3), uniform(3, 3, seed=1), uniform(9, 3, seed=2)]
    together = network.read([Glance("cloud", network.remember(network.encode_clouds(clouds), "cloud"))])
    for i, cloud in enumerate(clouds):
        alone = network.read([Glance("cloud", network.remember(network.encode_clouds([cloud]), "cloud"))])
        torch.testing.assert_close(together[i : i + 1], alone, **CLOSE)


@torch.no_grad()
def test_modalities_read_the_same_observation_differently(make_network):
    network = make_network()
    found = [network.read([look(network, modality, [1])]) for modality in ("image", "image_region")]
    found += [network.read([look(network, modality, [1])]) for modality in ("cloud", "cloud_region")]
    assert all((found[i] - found[j]).abs().max() > 1e-2 for i in range(4) for j in range(i))


@torch.no_grad()
def test_no_regions(make_network):
    network = make_network()
    nothing = look(network, "image_region", [0])
    assert network.read([nothing]).shape == (0, 4, 16)
    some = look(network, "image", [2])
    torch.testing.assert_close(network.read([nothing, some]), network.read([some]), **CLOSE)


def test_network_without_clouds_says_so(make_spec):
    network = RegionBlip(replace(make_spec(), point_encoder=None, modalities=("image", "image_region")))
    with pytest.raises(ValueError, match="network 'tiny-opt' has no point encoder"):
        network.encode_clouds([torch.rand(5, 3)])


# The released variant ------------------------------------------------------------------------------------------------


@torch.no_grad()
def test_released_variant_reads_clouds_with_its_second_qformer(make_spec, randomised):
    network = randomised(RegionBlip(make_spec(separate_for_clouds=True)))
    glances = [look(network, modality, [2]) for modality in MODALITIES]
    text = texts(2)
    before = [results_of(network, glance, text) for glance in glances]
    randomised(network.cloud_qformer, 7)
    glances = [look(network, modality, [2]) for modality in MODALITIES]
    for modality, glance, old in zip(MODALITIES, glances, before, strict=True):
        new = results_of(network, glance, text)
        assert [torch.equal(*pair) for pair in zip(old, new, strict=True)] == [modality not in CLOUD_MODALITIES] * 5


def results_of(network, glance, text):
    return [
        glance.memory.keys[0],
        network.read([glance]),
        network.match([glance], text),
        network.write([glance], text),
        network.contrast_text(text, glance.modality),
    ]


# The text branch's three tasks ---------------------------------------------------------------------------------------


@VARIANTS
@torch.no_grad()
def test_match_write_and_contrast_of_a_mixed_batch(make_network, separate):
    network = make_network(separate_for_clouds=separate)
    glances = mixed(network)
    modalities, text = modalities_of(glances), texts(14)
    found = network.read(glances)
    matched, written, seen = (
        network.match(glances, text),
        network.write(glances, text),
        network.contrast(found, modalities),
    )
    assert (matched.shape, written.shape, seen.shape) == ((14, 2), (14, 5, 40), (14, 4, 8))
    for row, glance in enumerate(rows_of(network, glances)):
        part = slice(row, row + 1)
        torch.testing.assert_close(matched[part], network.match([glance], text[part]), **CLOSE)
        torch.testing.assert_close(written[part], network.write([glance], text[part]), **CLOSE)
        torch.testing.assert_close(seen[part], network.contrast(network.read([glance]), [glance.modality]), **CLOSE)


@torch.no_grad()
def test_contrast_is_of_unit_length(make_network):
    network = make_network()
    found = network.read(mixed(network))
    seen = network.contrast(found, modalities_of(mixed(network)))
    torch.testing.assert_close(seen.norm(dim=-1), torch.ones(14, 4))
    for modality in MODALITIES:
        said = network.contrast_text(texts(6), modality)
        assert said.shape == (6, 8)
        torch.testing.assert_close(said.norm(dim=-1), torch.ones(6))
    assert not torch.allclose(network.contrast_text(texts(6), "cloud"), network.contrast_text(texts(6), "image"))


@pytest.mark.parametrize("modality", MODALITIES)
@torch.no_grad()
def test_texts_are_read_with_the_adapter_of_the_modality(make_network, modality):
    network, text = make_network(), texts(3)
    with routed([modality] * 3):
        hidden = network.qformer(text=text).text[:, 0]
    expected = network.parts[modality].text_contrast(hidden)
    expected = expected / expected.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(network.contrast_text(text, modality), expected, **CLOSE)


@torch.no_grad()
def test_writing_replaces_the_first_token_and_looks_only_back(make_network):
    network = make_network()
    glances, text = mixed(network), texts(14)
    before = text.clone()
    written = network.write(glances, text)
    assert torch.equal(text, before)
    other = text.clone()
    other[:, 0] = 9
    assert torch.equal(network.write(glances, other), written)
    other[:, 3] = 9
    assert torch.equal(network.write(glances, other)[:, :3], written[:, :3])


@torch.no_grad()
def test_match_and_contrast_give_what_transformers_gives(make_spec, randomised):
    vision = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    qformer = make_spec().qformer
    config = Blip2Config(
        vision_config=Blip2VisionConfig(**vision, image_size=16, patch_size=4),
        qformer_config=Blip2QFormerConfig(
            vocab_size=qformer.vocab_size,
            hidden_size=qformer.width,
            num_hidden_layers=qformer.depth,
            num_attention_heads=qformer.heads,
            intermediate_size=qformer.ffn_width,
            max_position_embeddings=qformer.max_text,
            encoder_hidden_size=16,
            use_qformer_text_input=True,
        ),
        text_config=OPTConfig(vocab_size=40, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, ffn_dim=16),
        num_query_tokens=qformer.queries,
        image_text_hidden_size=qformer.contrast_width,
    )
    theirs = randomised(Blip2ForImageTextRetrieval(config))
    image_encoder = ImageEncoderSpec(
        kind="blip2", image_size=16, patch_size=4, width=16, depth=1, heads=2, mlp_width=32
    )
    spec = replace(make_spec(), image_encoder=image_encoder, modalities=("image",), point_encoder=None)
    network = RegionBlip(spec).eval()
    part = network.parts["image"]
    network.image_encoder.vision_model.load_state_dict(theirs.vision_model.state_dict())
    network.qformer.load_state_dict(theirs.qformer.state_dict(), strict=False)
    network.qformer.embeddings.load_state_dict(theirs.embeddings.state_dict())
    part.queries.copy_(theirs.query_tokens[0])
    part.match_head.load_state_dict(theirs.itm_head.state_dict())
    part.contrast.load_state_dict(theirs.vision_projection.state_dict())
    part.text_contrast.load_state_dict(theirs.text_projection.state_dict())

    pixels, text = noise(3, 3, 16, 16), texts(3)
    inputs = {"pixel_values": pixels, "input_ids": text, "attention_mask": (text != 0).long()}
    glance = Glance("image", network.remember(network.encode_images(pixels), "image"))
    expected = theirs(**inputs, use_image_text_matching_head=True).logits_per_image
    torch.testing.assert_close(network.match([glance], text), expected, **CLOSE)
    seen = network.contrast(network.read([glance]), ["image"] * 3)
    said = network.contrast_text(text, "image")
    similarity = torch.einsum("iqc,tc->itq", seen, said).amax(-1)
    torch.testing.assert_close(similarity, theirs(**inputs).logits_per_image, **CLOSE)


@torch.no_grad()
def test_boxes_come_from_each_modality_s_own_head(make_network):
    network = make_network()
    modalities = ["cloud_region", "image_region", "cloud_region"]
    found = noise(3, 4, 16)
    boxes = network.boxes(found, modalities)
    assert [len(box) for box in boxes] == [24, 4, 24]
    for box, row, modality in zip(boxes, found, modalities, strict=True):
        torch.testing.assert_close(box, network.parts[modality].box_head(row.mean(0)))


# Precision -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["opt", "llama", "t5"])
@pytest.mark.parametrize("parts", ["encoders and language", "all"])
@torch.no_grad()
def test_runs_in_half_precision_from_end_to_end(make_spec, randomised, kind, parts):
    network = randomised(RegionBlip(make_spec(kind)))
    halved = [network] if parts == "all" else [network.image_encoder, network.point_encoder, network.language]
    for part in halved:
        part.to(torch.bfloat16)
    glances = mixed(network)
    modalities, prompts = modalities_of(glances), [[5, 6]] * 14
    found = network.read(glances)
    assert found.dtype == network.qformer.layernorm.weight.dtype
    for decoding in (Decoding(max_tokens=4), Decoding(max_tokens=4, beams=2)):
        assert len(network.generate(found, modalities, prompts, decoding)) == 14
    outputs = [
        network.score(found, modalities, prompts, [[4, 3]] * 14).log_probs,
        network.match(glances, texts(14)),
        network.write(glances, texts(14)),
        network.contrast(found, modalities),
        network.contrast_text(texts(3), "cloud"),
        *network.boxes(found[:3], modalities[:3]),
    ]
    assert all(output.isfinite().all() for output in outputs)


@torch.no_grad()
def test_half_precision_stays_near_full(make_spec, randomised):
    full, half = (randomised(RegionBlip(make_spec())) for _ in range(2))
    for part in (half.image_encoder, half.point_encoder, half.language):
        part.to(torch.bfloat16)
    found = [network.read(mixed(network)) for network in (full, half)]
    # Layer norms keep values near one; bfloat16 has three digits.
    assert (found[0] - found[1]).abs().mean() < 0.02
