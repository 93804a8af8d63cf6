"""LAVIS's BLIP-2 files: what goes where, and that the network then computes what LAVIS computes."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from region_perception.errors import WeightsError
from region_perception.network.region_blip import Glance, RegionBlip
from region_perception.weights.importing import Imported, import_weights
from region_perception.weights.load import load_model
from region_perception.weights.store import save_model

PIXELS = torch.randn(2, 3, 28, 28, generator=torch.Generator().manual_seed(9))
TEXT = torch.tensor([[5, 17, 33, 60, 4], [5, 80, 21, 4, 11]])


def _close(one: Tensor, other: Tensor) -> None:
    assert one.shape == other.shape
    assert (one - other).abs().max() < 1e-4
    assert other.std() > 1e-2  # that two things that say nothing are alike says nothing


def _encoded(network: RegionBlip, tensors: dict[str, Tensor]) -> Tensor:
    """The network's own ViT, and LAVIS's norm after it."""
    norm = network.image_encoder.vision_model.post_layernorm
    seen: list[Tensor] = []
    handle = norm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network.encode_images(PIXELS)
    handle.remove()
    return F.layer_norm(seen[0], seen[0].shape[-1:], tensors["ln_vision.weight"], tensors["ln_vision.bias"], 1e-5)


def _glance(network: RegionBlip) -> Glance:
    return Glance("image", network.remember(network.encode_images(PIXELS), "image"))


@pytest.mark.parametrize("language", ["opt", "t5"])
@torch.no_grad()
def test_stage2(
    language: str, layouts: Any, reference: Any, base: Callable[..., Any], published: Callable[..., Path]
) -> None:
    tensors = layouts.stage2(language)
    file = published("blip2_pretrained_opt2.7b.pth", tensors, config=Namespace(lr=1e-4), epoch=3)
    imported = import_weights([file], base(language))
    network, report = imported.model.network, imported.reports[0]
    assert report.family == "lavis-stage2"
    assert set(report.others) == {"config", "epoch"}
    assert set(report.account.mapped) | set(report.account.left) == set(tensors)
    assert report.account.left == {"Qformer.bert.embeddings.position_ids": "computed, not learnt"}
    assert set(report.account.missed.values()) == {
        "the image encoder is not in the file",
        "the language model is not in the file",
    }
    theirs = reference(tensors)
    memory = _encoded(network, tensors)
    _close(network.encode_images(PIXELS).tokens, memory)
    found = theirs.qformer("Qformer.", tensors["query_tokens"].expand(2, -1, -1), memory)
    ours = network.read([_glance(network)])
    _close(ours, found)
    _close(network.parts["image"].to_language(ours), theirs.linear(f"{language}_proj", found))
    # The other modalities have learnt nothing, and start as the image.
    assert imported.model.trained == {"image"}
    assert torch.equal(network.parts["cloud"].queries, tensors["query_tokens"][0])


@torch.no_grad()
def test_files_with_an_image_encoder_decide_the_size_of_pictures(
    layouts: Any, reference: Any, base: Callable[..., Any], published: Callable[..., Path], tmp_path: Path
) -> None:
    """blip2_caption_opt2.7b.pth was fine-tuned at 364 pixels, where the networks read 224."""
    tensors = layouts.stage2() | layouts.vision("visual_encoder.", side=6)
    imported = import_weights([published("blip2_caption_opt2.7b.pth", tensors)], base()).model
    assert imported.network.spec.image_encoder.image_size == 42
    pixels = torch.randn(2, 3, 42, 42, generator=torch.Generator().manual_seed(2))
    theirs = reference(tensors)
    expected = theirs.norm("ln_vision", theirs.vision("visual_encoder.", pixels), 1e-5)
    _close(imported.network.encode_images(pixels).tokens, expected)
    folder = save_model(tmp_path / "saved", imported.network, imported.codec, card="", trained=imported.trained)
    again = load_model(folder, device="cpu").network
    assert torch.equal(again.encode_images(pixels).tokens, imported.network.encode_images(pixels).tokens)
    assert again.image_encoder.vision_model.post_layernorm.eps == 1e-5


def _half_a_vit(tensors: dict[str, Tensor]) -> None:
    del tensors["visual_encoder.blocks.1.mlp.fc2.weight"]


def _no_value_bias(tensors: dict[str, Tensor]) -> None:
    del tensors["visual_encoder.blocks.0.attn.v_bias"]


def _new_name(tensors: dict[str, Tensor]) -> None:
    tensors["Qformer.bert.ears"] = torch.zeros(3)


def _too_deep(tensors: dict[str, Tensor]) -> None:
    tensors["Qformer.bert.encoder.layer.3.output_query.dense.bias"] = torch.zeros(24)


def _other_width(tensors: dict[str, Tensor]) -> None:
    tensors["opt_proj.weight"] = torch.zeros(41, 24)


def _two_sets_of_queries(tensors: dict[str, Tensor]) -> None:
    tensors["query_tokens"] = torch.zeros(2, 5, 24)


def _overflown(tensors: dict[str, Tensor]) -> None:
    tensors["ln_vision.weight"][3] = torch.inf


def _no_square(tensors: dict[str, Tensor]) -> None:
    tensors["visual_encoder.pos_embed"] = torch.zeros(1, 8, 32)


PARTIAL = {
    "half a ViT": (_half_a_vit, r"missing \(1\).*\n.*layers.\*.mlp.fc2.weight"),
    "half a bias": (_no_value_bias, r"self_attn.qkv.bias is made of .*q_bias.*; expected query and value"),
    "unknown name": (_new_name, r"unknown \(1\):\n\s+Qformer.bert.ears: lavis-stage2 has no such name"),
    "a fourth layer": (_too_deep, r"the network has no qformer.encoder.layer.\*.output_query.dense.bias"),
    "another language model": (_other_width, r"to_language.weight is float32 \[41, 24\]; expected float32 \[40, 24\]"),
    "two sets of queries": (_two_sets_of_queries, r"query_tokens has shape \[2, 5, 24\]; expected \[1, ...\]"),
    "overflown": (_overflown, r"has NaN or infinite numbers in image_encoder.vision_model.post_layernorm.weight;"),
    "no square of patches": (_no_square, r"places for 8 tokens; expected one and a square"),
}


@pytest.mark.parametrize(("change", "message"), PARTIAL.values(), ids=PARTIAL)
def test_what_does_not_fit_is_refused(
    change: Callable[[dict[str, Tensor]], None],
    message: str,
    layouts: Any,
    base: Callable[..., Any],
    published: Callable[..., Path],
) -> None:
    tensors = layouts.stage2() | layouts.vision("visual_encoder.", side=4)
    change(tensors)
    with pytest.raises(WeightsError, match=message):
        import_weights([published("some.pth", tensors)], base())


def test_partial_takes_what_fits_and_tells_the_rest(
    layouts: Any, base: Callable[..., Any], published: Callable[..., Path]
) -> None:
    tensors = layouts.stage2()
    _new_name(tensors)
    del tensors["ln_vision.bias"]
    model = base()
    before = model.network.image_encoder.vision_model.post_layernorm.bias.clone()
    imported = import_weights([published("some.pth", tensors)], model, partial=True)
    account = imported.reports[0].account
    assert account.left["Qformer.bert.ears"] == "lavis-stage2 has no such name"
    kept = "image_encoder.vision_model.post_layernorm.bias"
    assert account.missed[kept] == "not in the file, although it should be"
    assert torch.equal(imported.model.network.image_encoder.vision_model.post_layernorm.bias, before)


def _stage1(layouts: Any, base: Any, published: Any, bert: Any, **options: Any) -> tuple[dict[str, Tensor], Imported]:
    tensors = layouts.stage1()
    file = published("blip2_pretrained.pth", tensors)
    return tensors, import_weights([file], base(), qformer_tokenizer=bert, **options)


@torch.no_grad()
def test_stage1_whole(layouts: Any, reference: Any, base: Any, published: Any, bert: Any) -> None:
    tensors, imported = _stage1(layouts, base, published, bert, whole=True)
    network, theirs = imported.model.network, reference(tensors)
    assert set(imported.reports[0].account.left) == {
        "Qformer.bert.embeddings.position_ids",
        "Qformer.cls.predictions.decoder.weight",
        "Qformer.cls.predictions.decoder.bias",
    }
    assert "stage 2" in imported.reports[0].notes[0]
    memory, queries = _encoded(network, tensors), tensors["query_tokens"].expand(2, -1, -1)
    glance = _glance(network)
    # ITC
    found = theirs.qformer("Qformer.", queries, memory)
    _close(
        network.contrast(network.read([glance]), ["image"] * 2),
        F.normalize(theirs.linear("vision_proj", found), dim=-1),
    )
    said = theirs.qformer("Qformer.", None, None, TEXT)[:, 0]
    _close(network.contrast_text(TEXT, "image"), F.normalize(theirs.linear("text_proj", said), dim=-1))
    assert torch.equal(network.parts["image"].temperature, tensors["temp"])
    # ITM
    both = theirs.qformer("Qformer.", queries, memory, TEXT)
    _close(network.match([glance], TEXT), theirs.linear("itm_head", both[:, :5]).mean(1))
    # ITG: the last word stands for [DEC]
    begun = TEXT.clone()
    begun[:, 0] = tensors["Qformer.cls.predictions.bias"].shape[0] - 1
    written = theirs.qformer("Qformer.", queries, memory, begun, causal=True)[:, 5:]
    _close(network.write([glance], TEXT), theirs.words("Qformer.", written))
    # A text branch serves the modalities that have learnt nothing as it serves the image.
    assert torch.equal(network.parts["image_region"].match_head.weight, tensors["itm_head.weight"])


@torch.no_grad()
def test_stage1_brings_its_text_branch_alone(
    layouts: Any, reference: Any, base: Any, published: Any, bert: Any
) -> None:
    found = base().network
    expected = found.read([_glance(found)])
    tensors, imported = _stage1(layouts, base, published, bert)
    network = imported.model.network
    assert torch.equal(network.read([_glance(network)]), expected)
    left = imported.reports[0].account.left
    assert left["query_tokens"] == "not of the text branch, and all else stays the network's own"
    assert "Qformer.bert.encoder.layer.0.intermediate.dense.weight" in imported.reports[0].account.mapped
    assert torch.equal(network.qformer.embeddings.word_embeddings.weight, _words(tensors))
    assert (network.spec.qformer.vocab_size, network.spec.qformer.start_id, network.spec.qformer.max_text) == (
        100,
        99,
        20,
    )
    assert imported.model.codec.qformer is bert


def _words(tensors: dict[str, Tensor]) -> Tensor:
    return tensors["Qformer.bert.embeddings.word_embeddings.weight"]


def test_a_text_branch_needs_its_words(layouts: Any, base: Any, published: Any) -> None:
    with pytest.raises(WeightsError, match=r"brings a text branch.*--qformer-tokenizer"):
        import_weights([published("blip2_pretrained.pth", layouts.stage1())], base())


def test_a_word_head_of_its_own_is_refused(layouts: Any, base: Any, published: Any, bert: Any) -> None:
    tensors = layouts.stage1()
    tensors["Qformer.cls.predictions.decoder.weight"] = torch.zeros(100, 24)
    with pytest.raises(WeightsError, match=r"decoder.weight differs from Qformer.bert.embeddings.word_embeddings"):
        import_weights([published("blip2_pretrained.pth", tensors)], base(), qformer_tokenizer=bert)


@torch.no_grad()
def test_stage1_and_then_stage2(layouts: Any, reference: Any, base: Any, published: Any, bert: Any) -> None:
    """As LAVIS loads them: the second file's Q-Former, with the first one's text branch."""
    first, second = layouts.stage1(), layouts.stage2()
    files = [published("one.pth", first), published("two.pth", second)]
    network = import_weights(files, base(), qformer_tokenizer=bert).model.network
    theirs = reference(first | second)
    memory = _encoded(network, second)
    queries = second["query_tokens"].expand(2, -1, -1)
    _close(network.read([_glance(network)]), theirs.qformer("Qformer.", queries, memory))
    both = theirs.qformer("Qformer.", queries, memory, TEXT)
    _close(network.match([_glance(network)], TEXT), theirs.linear("itm_head", both[:, :5]).mean(1))


@torch.no_grad()
def test_eva_alone(layouts: Any, reference: Any, base: Any, published: Any) -> None:
    tensors = layouts.vision("", side=4)
    extra = {"norm.weight": torch.ones(32), "head.weight": torch.ones(3, 32), "blocks.39.norm1.weight": torch.ones(32)}
    imported = import_weights([published("eva_vit_g.pth", tensors | extra, key="")], base())
    assert imported.reports[0].family == "eva-vit"
    assert set(imported.reports[0].account.left) == set(extra)
    encoder = imported.model.network.image_encoder.vision_model
    seen = encoder(PIXELS, output_hidden_states=True).hidden_states[-1]
    _close(seen, reference(tensors).vision("", PIXELS))
