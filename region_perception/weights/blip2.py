"""BLIP-2 of transformers: its weights as the base of a network here, and a network's base as a BLIP-2 there.

    vision_model.*         image_encoder.vision_model.*
    qformer.*              qformer.*
    query_tokens           parts.image.queries
    language_projection.*  parts.image.to_language.*
    language_model.*       language.model.*

Every other modality starts as a copy of the image's parts; its adapters start at zero and its position encoder at
seeded random numbers, so that a fresh region modality says what BLIP-2 says of the whole image, give or take PaFE.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from region_perception.errors import WeightsError
from region_perception.network.region_blip import RegionBlip
from region_perception.network.spec import NetworkSpec
from region_perception.text import TextCodec, read_tokenizer
from region_perception.weights.assemble import (
    check_tensors,
    empty_network,
    fill,
    owned_tensors,
    slots,
    start_adapters,
)
from region_perception.weights.blip2_spec import blip2_spec, read_blip2_config
from region_perception.weights.compare import refuse_other_base
from region_perception.weights.files import read_checkpoint

_PREFIXES = {
    "vision_model.": "image_encoder.vision_model.",
    "qformer.": "qformer.",
    "query_tokens": "parts.image.queries",
    "language_projection.": "parts.image.to_language.",
    "language_model.": "language.model.",
}

# Older files carry these; transformers itself passes over them.
_PASSED_OVER = re.compile(
    r".*\.position_ids"
    r"|.*\.rotary_emb\.inv_freq"
    r"|language_model\.decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight"
)


@dataclass(frozen=True)
class Blip2Report:
    """What became of every tensor of the files, by its name there."""

    mapped: dict[str, str]
    """Name there -> name here."""
    unused: tuple[str, ...]
    """Tensors that the network has no use for and does not miss: computed buffers, second copies of tied weights."""


class ImportedBlip2(NamedTuple):
    """A network over BLIP-2, on `device`, in evaluation mode."""

    network: RegionBlip
    codec: TextCodec
    report: Blip2Report


def import_blip2(
    source: Path,
    like: NetworkSpec | None = None,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> ImportedBlip2:
    """A network over the `Blip2ForConditionalGeneration` in the folder `source`, its other modalities yet untrained.

    `like` says what the files do not: clouds, adapters, positions; its base must have the same sizes. None takes
    RegionBLIP's with a base of any size. `dtype` is that of the encoders and the language model.
    """
    spec = blip2_spec(source, read_blip2_config(source), like)
    codec = TextCodec(spec, read_tokenizer(source))
    network = empty_network(spec)
    tensors, report = _map(source, network)
    place = device or torch.device("cpu")
    fill(network, tensors, place, dtype)
    start_adapters(network, seed)
    return ImportedBlip2(network.to(place).eval(), codec, report)


def read_blip2_base(source: Path, spec: NetworkSpec) -> dict[str, Tensor]:
    """The base's tensors of the BLIP-2 in `source` by their names here, for adapters of `spec` that stand on it."""
    refuse_other_base(source, spec, blip2_spec(source, read_blip2_config(source), like=None))
    return _map(source, empty_network(spec))[0]


def export_blip2(network: RegionBlip, image_token_id: int) -> tuple[Any, dict[str, Tensor]]:
    """A `Blip2Config` and state dict of the network's `image` modality, whose answers do not need any adapter.

    `image_token_id` is the word that stands for a soft token in transformers' input. Build the model by
    `Blip2ForConditionalGeneration.from_pretrained(None, config=config, state_dict=state)`, which minds tied weights.
    """
    from transformers import Blip2Config, Blip2QFormerConfig

    spec = network.spec
    if spec.image_encoder.kind != "blip2":
        raise WeightsError(
            f"network {spec.name!r} has an image encoder {spec.image_encoder.kind!r}; BLIP-2's is needed"
        )
    encoder: Any = network.image_encoder
    config = Blip2Config(
        vision_config=encoder.vision_model.config.to_dict(),
        qformer_config=Blip2QFormerConfig(
            hidden_size=spec.qformer.width,
            num_hidden_layers=spec.qformer.depth,
            num_attention_heads=spec.qformer.heads,
            intermediate_size=spec.qformer.ffn_width,
            cross_attention_frequency=spec.qformer.cross_every,
            encoder_hidden_size=spec.image_encoder.width,
        ).to_dict(),
        text_config=_text_config(network),
        num_query_tokens=spec.qformer.queries,
        image_token_index=image_token_id,
    )
    state = {}
    for name, tensor in owned_tensors(network)["base"].items():
        theirs = _their_name(name)
        if theirs is not None:
            state[theirs] = (tensor[None] if theirs == "query_tokens" else tensor).detach()
    return config, state


def _text_config(network: RegionBlip) -> dict[str, Any]:
    """The language model's configuration, with the ids that let transformers generate as this network does."""
    spec = network.spec.language
    # Where no text is given, transformers puts `bos` after the soft tokens; T5 was trained with its ending there.
    bos = spec.eos_id if spec.is_encoder_decoder else spec.bos_id
    return network.language.model.config.to_dict() | {"bos_token_id": bos, "eos_token_id": spec.stop_id}


def _our_name(name: str) -> str | None:
    for theirs, ours in _PREFIXES.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return None


def _their_name(name: str) -> str | None:
    """None for what BLIP-2 lacks: the text branch and the heads that go with it."""
    if re.match(r"qformer\.(embeddings|word_head)\.|qformer\.encoder\.layer\.\d+\.(intermediate|output)\.", name):
        return None
    for theirs, ours in _PREFIXES.items():
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    return None


def _map(source: Path, network: RegionBlip) -> tuple[dict[str, Tensor], Blip2Report]:
    """The files' tensors by their names here; whatever is missing, unexpected or of another shape is refused."""
    files = read_checkpoint(source)
    places = slots(network)
    first_name = {alias: name for name, slot in places.items() for alias in slot.aliases}
    tensors: dict[str, Tensor] = {}
    mapped: dict[str, str] = {}
    unused: list[str] = []
    for theirs, tensor in files.items():
        ours = _our_name(theirs)
        if _PASSED_OVER.fullmatch(theirs):
            unused.append(theirs)
            continue
        name = first_name.get(ours or theirs, theirs)
        if name in tensors:
            first = next(other for other, known in mapped.items() if known == name)
            _refuse_untied(source, (first, tensors[name]), (theirs, tensor))
            unused.append(theirs)
            continue
        tensors[name] = tensor[0] if theirs == "query_tokens" and tensor.ndim == 3 else tensor
        mapped[theirs] = name
    _share_word_head(tensors, places)
    # Differences are told in the names of the files.
    expected = owned_tensors(network)["base"]
    check_tensors(
        {_their_name(name) or name: tensor for name, tensor in expected.items()},
        {_their_name(name) or name: tensor for name, tensor in tensors.items()},
        str(source),
    )
    return tensors, Blip2Report(mapped, tuple(unused))


def _share_word_head(tensors: dict[str, Tensor], places: Mapping[str, Any]) -> None:
    """Files of a T5 whose word head is its word embeddings hold them once, even where the configuration says untied."""
    head, words = "language.model.lm_head.weight", "language.model.shared.weight"
    if {head, words} <= set(places) and head not in tensors and words in tensors:
        tensors[head] = tensors[words]


def _refuse_untied(source: Path, first: tuple[str, Tensor], second: tuple[str, Tensor]) -> None:
    """Two tensors that the configuration ties have to be alike; the first would silently stand for both."""
    if first[1].data_ptr() != second[1].data_ptr() and not torch.equal(first[1], second[1]):
        raise WeightsError(
            f"{source}: {first[0]} and {second[0]} are one tensor by config.json, but differ in the files"
        )
