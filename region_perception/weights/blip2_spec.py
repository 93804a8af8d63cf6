"""What of a network's spec a transformers BLIP-2 decides, read from its `config.json`.

A configuration that a spec cannot express is refused: a network built otherwise would load, and answer wrongly.
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from region_perception.errors import WeightsError
from region_perception.json_files import load_json
from region_perception.network.language import language_config
from region_perception.network.spec import (
    CLIP_MEAN,
    CLIP_STD,
    ImageEncoderSpec,
    LanguageSpec,
    NetworkSpec,
    QFormerSpec,
)
from region_perception.network.specs import ANY_BASE, named_spec
from region_perception.weights.compare import differences

# Names of the configuration classes' fields that change nothing in evaluation, or that the spec takes over.
_HARMLESS = ("dropout", "layerdrop", "initializer", "init_std", "_token_id", "use_cache", "pretraining_tp")

# OPT's vocabulary as published, and padded; BLIP-2 ends its sentences at a line break.
_OPT_VOCABULARIES = (50265, 50266, 50272, 50304)
_OPT_LINE_BREAK = 50118
_OPT_END = 2

# A named network stands for these sizes; the rest (picture size, vocabulary, ids) may differ between published files.
_SIZES = {
    "image_encoder": ("kind", "patch_size", "width", "depth", "heads", "mlp_width"),
    "qformer": ("width", "depth", "heads", "ffn_width", "cross_every", "queries"),
    "language": ("kind", "width", "depth", "heads", "ffn_width"),
}


def is_blip2_folder(folder: Path) -> bool:
    """Whether `folder` holds a BLIP-2 of transformers."""
    try:
        return load_json(folder / "config.json", dict, refused=WeightsError).get("model_type") == "blip-2"
    except WeightsError:
        return False


def read_blip2_config(folder: Path) -> Any:
    """The `Blip2Config` in `folder`."""
    from huggingface_hub.errors import StrictDataclassError
    from transformers import Blip2Config

    path = folder / "config.json"
    if not is_blip2_folder(folder):
        raise WeightsError(f"{folder} is no BLIP-2 of transformers: {path.name} with model_type 'blip-2' is missing")
    try:
        return Blip2Config.from_dict(load_json(path, dict, refused=WeightsError))
    except (StrictDataclassError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise WeightsError(f"{path} cannot be read as a BLIP-2 configuration: {error}") from error


def blip2_spec(folder: Path, config: Any, like: NetworkSpec | None) -> NetworkSpec:
    """The spec of a network over the BLIP-2 in `folder`.

    Image encoder, Q-Former and language model are the file's. Clouds, adapters and positions are those of `like`, whose
    base must have the same sizes; None takes RegionBLIP's with any base.
    """
    language = _language_spec(folder, config.text_config)
    own = _any_base(language) if like is None else like
    spec = replace(
        own,
        image_encoder=_image_encoder_spec(folder, config.vision_config),
        qformer=_qformer_spec(config, own.qformer),
        language=replace(
            language,
            image_prefix=own.language.image_prefix,
            cloud_prefix=own.language.cloud_prefix,
            question_template=own.language.question_template,
            reference_question=own.language.reference_question,
        ),
    )
    if like is not None:
        _refuse_other_sizes(folder, like, spec)
    _refuse_inexpressible(folder, config, spec)
    return spec


def _any_base(language: LanguageSpec) -> NetworkSpec:
    like = named_spec("regionblip-flan-t5-xl" if language.is_encoder_decoder else "regionblip-opt-2.7b")
    return replace(like, name=ANY_BASE)


def _image_encoder_spec(folder: Path, vision: Any) -> ImageEncoderSpec:
    mean, std = _normalisation(folder)
    return ImageEncoderSpec(
        kind="blip2",
        image_size=_side(vision.image_size, "image_size"),
        patch_size=_side(vision.patch_size, "patch_size"),
        width=vision.hidden_size,
        depth=vision.num_hidden_layers,
        heads=vision.num_attention_heads,
        mlp_width=vision.intermediate_size,
        mean=mean,
        std=std,
    )


def _side(value: Any, name: str) -> int:
    sides = {value} if isinstance(value, int) else set(value)
    if len(sides) != 1:
        raise WeightsError(f"vision_config.{name} is {value}; expected a square")
    return sides.pop()


def _normalisation(folder: Path) -> tuple[Any, Any]:
    """Mean and deviation of pixels, from the image processor's file where there is one."""
    path = folder / "preprocessor_config.json"
    if not path.exists():
        return CLIP_MEAN, CLIP_STD
    data = load_json(path, dict, refused=WeightsError)
    mean, std = data.get("image_mean", CLIP_MEAN), data.get("image_std", CLIP_STD)
    try:
        return tuple(map(float, mean)), tuple(map(float, std))
    except (ValueError, TypeError, OverflowError) as error:
        raise WeightsError(f"{path} cannot be read: {error}") from error


def _qformer_spec(config: Any, own: QFormerSpec) -> QFormerSpec:
    qformer = config.qformer_config
    return QFormerSpec(
        width=qformer.hidden_size,
        depth=qformer.num_hidden_layers,
        heads=qformer.num_attention_heads,
        ffn_width=qformer.intermediate_size,
        cross_every=qformer.cross_attention_frequency,
        queries=config.num_query_tokens,
        text_branch=False,
        separate_for_clouds=own.separate_for_clouds,
    )


def _language_spec(folder: Path, text: Any) -> LanguageSpec:
    kinds = {"opt": _opt_spec, "llama": _llama_spec, "t5": _t5_spec}
    if text.model_type not in kinds:
        known = ", ".join(kinds)
        raise WeightsError(f"{folder}: the language model is {text.model_type!r}; this library builds {known}")
    missing = [name for name in ("pad_token_id", "eos_token_id") if not isinstance(getattr(text, name), int)]
    if missing:
        raise WeightsError(f"{folder}: text_config has no single number for {', '.join(missing)}")
    return kinds[text.model_type](text)


def _opt_spec(text: Any) -> LanguageSpec:
    published = text.vocab_size in _OPT_VOCABULARIES
    return LanguageSpec(
        kind="opt",
        vocab_size=text.vocab_size,
        width=text.hidden_size,
        depth=text.num_hidden_layers,
        heads=text.num_attention_heads,
        ffn_width=text.ffn_dim,
        pad_id=text.pad_token_id,
        bos_id=text.bos_token_id,
        eos_id=_OPT_END if published else text.eos_token_id,
        stop_id=_OPT_LINE_BREAK if published else text.eos_token_id,
        max_positions=text.max_position_embeddings,
        activation=text.activation_function,
        tied_embeddings=text.tie_word_embeddings,
    )


def _llama_spec(text: Any) -> LanguageSpec:
    return LanguageSpec(
        kind="llama",
        vocab_size=text.vocab_size,
        width=text.hidden_size,
        depth=text.num_hidden_layers,
        heads=text.num_attention_heads,
        kv_heads=text.num_key_value_heads,
        head_width=text.head_dim,
        ffn_width=text.intermediate_size,
        pad_id=text.pad_token_id,
        bos_id=text.bos_token_id,
        eos_id=text.eos_token_id,
        stop_id=text.eos_token_id,
        max_positions=text.max_position_embeddings,
        activation=text.hidden_act,
        tied_embeddings=text.tie_word_embeddings,
        norm_eps=text.rms_norm_eps,
    )


def _t5_spec(text: Any) -> LanguageSpec:
    start = getattr(text, "decoder_start_token_id", None)
    return LanguageSpec(
        kind="t5",
        vocab_size=text.vocab_size,
        width=text.d_model,
        depth=text.num_layers,
        heads=text.num_heads,
        head_width=text.d_kv,
        ffn_width=text.d_ff,
        pad_id=text.pad_token_id,
        bos_id=text.pad_token_id if start is None else start,
        eos_id=text.eos_token_id,
        stop_id=text.eos_token_id,
        max_positions=512,  # of what its tokenizer was made for; relative positions know no limit
        activation=text.dense_act_fn,
        # transformers 5 reads `tie_word_embeddings` of T5 into this, and says True afterwards.
        tied_embeddings=text.scale_decoder_outputs,
    )


def _refuse_other_sizes(folder: Path, like: NetworkSpec, spec: NetworkSpec) -> None:
    differing = [
        line
        for part, names in _SIZES.items()
        for line in differences(part, names, given=getattr(spec, part), expected=getattr(like, part))
    ]
    if differing:
        raise WeightsError(
            f"the base in {folder} is not that of {like.name!r} (the name {ANY_BASE!r} takes any base):\n  "
            + "\n  ".join(differing)
        )


def _refuse_inexpressible(folder: Path, config: Any, spec: NetworkSpec) -> None:
    """Compare the configuration with the one that is built from the spec, field by field."""
    from transformers import Blip2QFormerConfig, Blip2VisionConfig

    encoder, qformer = spec.image_encoder, spec.qformer
    vision = Blip2VisionConfig(
        hidden_size=encoder.width,
        intermediate_size=encoder.mlp_width,
        num_hidden_layers=encoder.depth,
        num_attention_heads=encoder.heads,
        image_size=config.vision_config.image_size,
        patch_size=config.vision_config.patch_size,
    )
    querying = Blip2QFormerConfig(
        hidden_size=qformer.width,
        num_hidden_layers=qformer.depth,
        num_attention_heads=qformer.heads,
        intermediate_size=qformer.ffn_width,
        cross_attention_frequency=qformer.cross_every,
        encoder_hidden_size=encoder.width,
        # These two belong to the text branch, which these files have not got.
        vocab_size=config.qformer_config.vocab_size,
        max_position_embeddings=config.qformer_config.max_position_embeddings,
    )
    expressible = {
        "vision_config": vision,
        "qformer_config": querying,
        "text_config": language_config(spec.language),
    }
    differing = [
        line
        for part, expected in expressible.items()
        for line in differences(part, _fields(type(expected)), given=getattr(config, part), expected=expected)
    ]
    if differing:
        raise WeightsError(f"{folder} is a BLIP-2 that this library cannot build:\n  " + "\n  ".join(differing))


def _fields(kind: Any) -> Iterable[str]:
    """The fields that a configuration class itself declares, and what T5 computes of them."""
    from transformers import PreTrainedConfig

    common = {item.name for item in dataclasses.fields(PreTrainedConfig)}
    own = [item.name for item in dataclasses.fields(kind) if item.name not in common]
    computed = ("dense_act_fn", "is_gated_act", "scale_decoder_outputs")
    return [name for name in (*own, *computed) if not any(part in name for part in _HARMLESS)]
