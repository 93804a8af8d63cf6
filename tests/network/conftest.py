"""Networks of a few thousand parameters, with weights large enough that every part leaves its mark on the output."""

from dataclasses import replace

import pytest
import torch

from region_perception.network.region_blip import RegionBlip
from region_perception.network.spec import (
    ImageEncoderSpec,
    LanguageSpec,
    LoraSpec,
    NetworkSpec,
    PointEncoderSpec,
    QFormerSpec,
)

WIDTH = 16
LANGUAGES = {
    "opt": LanguageSpec(
        kind="opt",
        vocab_size=40,
        width=WIDTH,
        depth=2,
        heads=2,
        ffn_width=32,
        pad_id=0,
        bos_id=2,
        eos_id=3,
        stop_id=3,
        max_positions=64,
    ),
    "llama": LanguageSpec(
        kind="llama",
        vocab_size=40,
        width=WIDTH,
        depth=2,
        heads=2,
        kv_heads=1,
        ffn_width=32,
        pad_id=0,
        bos_id=2,
        eos_id=3,
        stop_id=3,
        max_positions=64,
        activation="silu",
        tied_embeddings=False,
    ),
    "t5": LanguageSpec(
        kind="t5",
        vocab_size=40,
        width=WIDTH,
        depth=2,
        heads=2,
        head_width=6,
        ffn_width=32,
        pad_id=0,
        bos_id=0,
        eos_id=1,
        stop_id=1,
        activation="gelu",
        tied_embeddings=False,
    ),
}


def tiny_spec(kind="opt", **changes):
    """A whole network of the language model `kind`; `changes` replace fields of the Q-Former's spec."""
    targets = ("q", "v") if kind == "t5" else ("q_proj", "v_proj")
    qformer = QFormerSpec(
        width=WIDTH,
        depth=3,
        heads=2,
        ffn_width=32,
        queries=4,
        vocab_size=40,
        max_text=12,
        contrast_width=8,
        pad_id=0,
        start_id=1,
    )
    return NetworkSpec(
        name=f"tiny-{kind}",
        image_encoder=ImageEncoderSpec(kind="conv", image_size=16, patch_size=4, width=WIDTH, depth=1),
        point_encoder=PointEncoderSpec(
            groups=8, group_size=4, width=WIDTH, depth=1, heads=2, encoder_width=WIDTH, points=64
        ),
        qformer=replace(qformer, **changes),
        language=LANGUAGES[kind],
        lora=LoraSpec(rank=2, alpha=4.0, language_targets=targets),
    )


def randomise(module, seed=0):
    """Give every parameter a value that matters, adapters included. Returns the module, in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 1:  # a norm's weight, around 1, or a bias, around 0
                parameter.copy_(name.endswith("weight") + 0.2 * noise)
            elif parameter.ndim > 1:
                parameter.copy_(noise / parameter[0].numel() ** 0.5)
    return module.eval()


@pytest.fixture(scope="session")
def make_spec():
    return tiny_spec


@pytest.fixture(scope="session")
def randomised():
    return randomise


@pytest.fixture(scope="session")
def make_network():
    """Networks with random weights, made once for each set of arguments: tests must not change them."""
    made = {}

    def make(kind="opt", **changes):
        key = (kind, *sorted(changes.items()))
        if key not in made:
            made[key] = randomise(RegionBlip(tiny_spec(kind, **changes)))
        return made[key]

    return make
