"""The networks known by name. Each is one function with its numbers in sight."""

from collections.abc import Callable
from dataclasses import replace

from region_perception.errors import InvalidSpec
from region_perception.network.spec import (
    ImageEncoderSpec,
    LanguageSpec,
    LoraSpec,
    NetworkSpec,
    PointEncoderSpec,
    PositionSpec,
    QFormerSpec,
)


def _eva_vit_g() -> ImageEncoderSpec:
    """BLIP-2's image encoder: EVA-CLIP ViT-g/14 without its last block."""
    return ImageEncoderSpec(kind="blip2", image_size=224, patch_size=14, width=1408, depth=39, heads=16, mlp_width=6144)


def _opt(width: int, heads: int) -> LanguageSpec:
    """OPT as RegionBLIP uses it: no prompt, and a line break (50118) ends the sentence."""
    return LanguageSpec(
        kind="opt",
        # 50,272 words of OPT, padded for BLIP-2's image token as in the published weights.
        vocab_size=50304,
        width=width,
        depth=32,
        heads=heads,
        ffn_width=4 * width,
        pad_id=1,
        bos_id=2,
        eos_id=2,
        stop_id=50118,
        image_prefix="",
        cloud_prefix="",
    )


def _flan_t5(width: int, heads: int, ffn_width: int) -> LanguageSpec:
    return LanguageSpec(
        kind="t5",
        vocab_size=32128,
        width=width,
        depth=24,
        heads=heads,
        head_width=64,
        ffn_width=ffn_width,
        pad_id=0,
        bos_id=0,
        eos_id=1,
        stop_id=1,
        max_positions=512,
        activation="gelu",
        tied_embeddings=False,
    )


def _region_blip(name: str, language: LanguageSpec) -> NetworkSpec:
    targets = ("q", "v") if language.kind == "t5" else ("q_proj", "v_proj")
    return NetworkSpec(
        name=name,
        image_encoder=_eva_vit_g(),
        point_encoder=PointEncoderSpec(),
        qformer=QFormerSpec(),
        language=language,
        lora=LoraSpec(language_targets=targets),
    )


def regionblip_opt_2_7b() -> NetworkSpec:
    """RegionBLIP over BLIP-2 OPT-2.7b."""
    return _region_blip("regionblip-opt-2.7b", _opt(width=2560, heads=32))


def regionblip_opt_6_7b() -> NetworkSpec:
    """RegionBLIP over BLIP-2 OPT-6.7b."""
    return _region_blip("regionblip-opt-6.7b", _opt(width=4096, heads=32))


def regionblip_flan_t5_xl() -> NetworkSpec:
    """RegionBLIP over BLIP-2 Flan-T5-XL."""
    return _region_blip("regionblip-flan-t5-xl", _flan_t5(width=2048, heads=32, ffn_width=5120))


def regionblip_flan_t5_xxl() -> NetworkSpec:
    """RegionBLIP over BLIP-2 Flan-T5-XXL."""
    return _region_blip("regionblip-flan-t5-xxl", _flan_t5(width=4096, heads=64, ffn_width=10240))


def mini() -> NetworkSpec:
    """All parts at a size that a laptop trains: for tests, demonstrations and small trained models."""
    width, heads = 144, 6
    return NetworkSpec(
        name="mini",
        image_encoder=ImageEncoderSpec(kind="conv", image_size=256, patch_size=8, width=128, depth=2),
        # Thin planes and fine neighbourhoods, so that things on a table are seen; metres, because a thing's size tells
        # what it is.
        point_encoder=PointEncoderSpec(
            groups=160,
            group_size=32,
            width=width,
            depth=4,
            heads=heads,
            encoder_width=96,
            point_width=48,
            feature_width=96,
            color=True,
            points=2560,
            plane_share=0.1,
            neighbourhood=0.05,
            norm="group",
            waves=6,
        ),
        position=PositionSpec(cloud_frame="centred", token_bias=True),
        qformer=QFormerSpec(
            width=width,
            depth=4,
            heads=heads,
            ffn_width=4 * width,
            cross_every=1,
            queries=12,
            vocab_size=320,
            max_text=64,
            contrast_width=96,
            pad_id=0,
            start_id=1,
        ),
        language=LanguageSpec(
            kind="opt",
            vocab_size=320,
            width=width,
            depth=3,
            heads=heads,
            ffn_width=4 * width,
            pad_id=0,
            bos_id=2,
            eos_id=3,
            stop_id=3,
            max_positions=128,
            reference_question="which one is it?",
        ),
        # Every linear layer: a small base has little to choose from.
        lora=LoraSpec(
            rank=16,
            alpha=16.0,
            qformer_targets=("query", "key", "value", "dense"),
            language_targets=("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"),
        ),
    )


SPECS: dict[str, Callable[[], NetworkSpec]] = {
    "mini": mini,
    "regionblip-opt-2.7b": regionblip_opt_2_7b,
    "regionblip-opt-6.7b": regionblip_opt_6_7b,
    "regionblip-flan-t5-xl": regionblip_flan_t5_xl,
    "regionblip-flan-t5-xxl": regionblip_flan_t5_xxl,
}

# Names a network over a BLIP-2 of any size, where the names above stand for certain sizes.
ANY_BASE = "regionblip"


def named_spec(name: str) -> NetworkSpec:
    """The spec known as `name`; an unknown name is refused with the list of known ones."""
    if name not in SPECS:
        raise InvalidSpec(f"no network is called {name!r}; known are {', '.join(SPECS)}")
    return SPECS[name]()


def released(spec: NetworkSpec) -> NetworkSpec:
    """`spec` built the way of RegionBLIP's released code where it differs from the paper, as its weights need it."""
    return replace(
        spec,
        qformer=replace(spec.qformer, separate_for_clouds=True),
        position=replace(spec.position, cloud_frame="metres", corner_layout="released", token_bias=False),
    )
