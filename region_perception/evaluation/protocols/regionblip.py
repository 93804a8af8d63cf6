"""What RegionBLIP has published of its captions: how they were sought, and how good they were."""

from __future__ import annotations

from collections.abc import Mapping

from region_perception.evaluation.captions import CIDER, SPICE
from region_perception.evaluation.cases import Decoding
from region_perception.evaluation.protocol import Figure

PAPER = "RegionBLIP's paper (arXiv 2308.02299)"
README = "the README of github.com/mightyzau/RegionBLIP"
IMAGE_SIZE = 364  # of its captions of images and their regions, after training at 224

CAPTION_DECODING = Decoding(beams=5, max_tokens=30, min_tokens=8)

LIMITS = "lengths of 8 to 30 tokens do not count the token that begins a sentence; for T5 the published code counts it"
PROMPT = "captions are written after the model's own prompt (none for OPT, `a photo of` or `a point cloud of` for T5)"


def figures(values: Mapping[str, tuple[float, float]]) -> tuple[Figure, ...]:
    """CIDEr and SPICE by system, as the paper's tables have them."""
    return tuple(
        Figure(score, value, system, PAPER)
        for system, both in values.items()
        for score, value in zip((CIDER, SPICE), both, strict=True)
    )
