"""transformers' BLIP-2 for matching images and texts, against the same weights in a network."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from region_perception.network.region_blip import Glance
from region_perception.weights.importing import import_weights

TEXT = torch.tensor([[5, 17, 33, 60, 4], [5, 80, 21, 4, 11], [5, 8, 9, 4, 7]])
PIXELS = torch.randn(3, 3, 28, 28, generator=torch.Generator().manual_seed(9))


@pytest.fixture
def itm(blip2s: Any, layouts: Any) -> Any:
    """Small and random; its queries are no longer all zero."""
    from transformers import Blip2ForImageTextRetrieval

    config = blip2s.config(qformer={"vocab_size": 100, "use_qformer_text_input": True}, image_text_hidden_size=8)
    config.image_token_index = None
    model = Blip2ForImageTextRetrieval(config).eval()
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    model.load_state_dict(layouts.fill(shapes, seed=6))
    return model


def _save(model: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    return folder


@torch.no_grad()
def test_whole(itm: Any, base: Any, bert: Any, tmp_path: Path) -> None:
    imported = import_weights([_save(itm, tmp_path / "itm")], base(), qformer_tokenizer=bert, whole=True)
    report, network = imported.reports[0], imported.model.network
    assert report.family == "blip2-itm"
    assert not report.account.left
    assert set(report.account.mapped) == set(itm.state_dict())
    assert {name.split(".")[1] for name in report.account.missed} == {"word_head", "image"}
    glance = Glance("image", network.remember(network.encode_images(PIXELS), "image"))
    mask = torch.ones_like(TEXT)
    matched = itm(PIXELS, TEXT, mask, use_image_text_matching_head=True).logits_per_image
    assert matched.std() > 0.01
    assert (network.match([glance], TEXT) - matched).abs().max() < 1e-4
    seen = network.contrast(network.read([glance]), ["image"] * 3)
    cosines = (seen @ network.contrast_text(TEXT, "image").T).amax(1)
    contrasted = itm(PIXELS, TEXT, mask).logits_per_image
    assert contrasted.std() > 0.01
    assert (cosines - contrasted).abs().max() < 1e-4


@torch.no_grad()
def test_its_text_branch_alone(itm: Any, base: Any, bert: Any, tmp_path: Path) -> None:
    before = base().network
    found = before.read([Glance("image", before.remember(before.encode_images(PIXELS), "image"))])
    imported = import_weights([_save(itm, tmp_path / "itm")], base(), qformer_tokenizer=bert)
    network = imported.model.network
    again = network.read([Glance("image", network.remember(network.encode_images(PIXELS), "image"))])
    assert torch.equal(found, again)
    assert torch.equal(network.parts["image"].match_head.weight, itm.itm_head.weight)
    left = imported.reports[0].account.left
    assert {name.split(".")[0] for name in left} == {"query_tokens", "vision_model", "qformer"}
    # A padded text is read as it is alone.
    padded = F.pad(TEXT, (0, 3))
    assert (network.contrast_text(padded, "image") - network.contrast_text(TEXT, "image")).abs().max() < 1e-5
