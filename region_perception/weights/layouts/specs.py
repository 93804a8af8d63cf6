"""What a published file says of the network that it was made for: sizes from its shapes, and its family's ways."""

import math
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from region_perception.errors import WeightsError
from region_perception.network.spec import LoraSpec, NetworkSpec, PointEncoderSpec
from region_perception.network.specs import released
from region_perception.weights.layouts.blip2_itm import BLIP2_ITM
from region_perception.weights.layouts.lavis import STAGE1
from region_perception.weights.layouts.points import POINT_BERT, POINTLLM, ULIP, ULIP2
from region_perception.weights.layouts.regionblip import SEPARATE, SHARED
from region_perception.weights.layouts.rules import Family, place_of, prefix_of

# What RegionBLIP adapts in each language model.
RELEASED_LORA = {"opt": ("q_proj", "v_proj"), "t5": ("q", "v"), "llama": ("q_proj", "v_proj")}

# Their heads are this wide.
_HEAD_WIDTH = 64

_BLOCKS = "point_encoder.blocks.blocks."
_SHOWN = 6  # blocks in a message

TEXT_FAMILIES = (STAGE1, BLIP2_ITM)
POINT_FAMILIES = (POINT_BERT, ULIP, ULIP2, POINTLLM)
REGION_FAMILIES = (SEPARATE, SHARED)


def spec_for(
    family: Family, tensors: Mapping[str, Tensor], spec: NetworkSpec, *, text_only: bool, where: str
) -> NetworkSpec:
    """`spec`, changed where the file needs it."""
    shapes = _shapes_here(family, tensors)
    if family in TEXT_FAMILIES:
        spec = _with_text(shapes, spec, where)
    if family in POINT_FAMILIES:
        spec = replace(spec, point_encoder=_point_encoder(shapes, spec.point_encoder, where))
    if family in REGION_FAMILIES:
        spec = _released(shapes, spec, separate=family is SEPARATE)
    return spec if text_only else _with_encoder(family, shapes, spec, where)


def _shapes_here(family: Family, tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor of the file, by its first name here."""
    prefix = prefix_of(family, tensors) or ""
    shapes = {}
    for name, tensor in tensors.items():
        place = place_of(family.rules, name.removeprefix(prefix)) if name.startswith(prefix) else None
        if place is not None:
            shapes.update(dict.fromkeys(place.names, tuple(tensor.shape)))
    return shapes


def _shape(shapes: Mapping[str, tuple[int, ...]], name: str, axes: int, where: str) -> tuple[int, ...]:
    found = shapes.get(name)
    if found is None or len(found) != axes:
        seen = "nothing" if found is None else f"shape {list(found)}"
        raise WeightsError(f"{where} has {seen} for {name}; expected {axes} axes, which tell the network's sizes")
    return found


def _with_encoder(family: Family, shapes: Mapping[str, tuple[int, ...]], spec: NetworkSpec, where: str) -> NetworkSpec:
    """The image encoder at the picture size of the file, if it has one, and with the epsilon that its norm had."""
    encoder = spec.image_encoder
    table = "image_encoder.vision_model.embeddings.position_embedding"
    if table in shapes:
        places = _shape(shapes, table, 3, where)[1]
        side = math.isqrt(places - 1)
        if side * side != places - 1 or side == 0:
            raise WeightsError(f"{where} has places for {places} tokens; expected one and a square number of patches")
        encoder = replace(encoder, image_size=side * encoder.patch_size)
    if family.norm_eps is not None:
        encoder = replace(encoder, tokens_norm_eps=family.norm_eps)
    return replace(spec, image_encoder=encoder)


def _with_text(shapes: Mapping[str, tuple[int, ...]], spec: NetworkSpec, where: str) -> NetworkSpec:
    words = _shape(shapes, "qformer.embeddings.word_embeddings.weight", 2, where)[0]
    longest = _shape(shapes, "qformer.embeddings.position_embeddings.weight", 2, where)[0]
    contrast = _shape(shapes, "parts.image.text_contrast.weight", 2, where)[0]
    qformer = replace(
        spec.qformer,
        text_branch=True,
        vocab_size=words,
        max_text=longest,
        contrast_width=contrast,
        # [DEC] came last to BERT's words.
        start_id=words - 1,
    )
    return replace(spec, qformer=qformer)


def _point_encoder(
    shapes: Mapping[str, tuple[int, ...]], spec: PointEncoderSpec | None, where: str
) -> PointEncoderSpec:
    """Sizes by the file. What no shape tells (groups, points, heads of a width that is another) is as it was."""
    known = spec or PointEncoderSpec()
    width = _shape(shapes, "point_encoder.cls_token", 3, where)[2]
    first = _shape(shapes, "point_encoder.encoder.first_conv.0.weight", 3, where)
    hidden = _shape(shapes, "point_encoder.blocks.blocks.0.mlp.fc1.weight", 2, where)[0]
    return replace(
        known,
        width=width,
        depth=_depth(shapes, width, where),
        heads=known.heads if width == known.width else max(width // _HEAD_WIDTH, 1),
        mlp_ratio=hidden / width,
        encoder_width=_shape(shapes, "point_encoder.reduce_dim.weight", 2, where)[1],
        point_width=first[0],
        feature_width=_shape(shapes, "point_encoder.encoder.first_conv.3.weight", 3, where)[0],
        color=first[1] == 6,
        waves=0,
        norm="batch",
        neighbourhood=1.0,
    )


def _depth(shapes: Mapping[str, tuple[int, ...]], width: int, where: str) -> int:
    """How many blocks a point encoder has. A name or a shape that is wrong must not make it, and memory, gigantic."""
    blocks = {name.split(".")[3] for name in shapes if name.startswith(_BLOCKS)}
    if blocks != {str(number) for number in range(len(blocks))}:
        told = ", ".join(sorted(blocks, key=lambda name: (len(name), name))[-_SHOWN:])
        raise WeightsError(f"{where} has {len(blocks)} blocks, among them {told:.200}; expected 0 to {len(blocks) - 1}")
    attention = _shape(shapes, f"{_BLOCKS}0.attn.qkv.weight", 2, where)
    if attention != (3 * width, width):
        raise WeightsError(f"{where} has attention of shape {list(attention)} in blocks that are {width} wide")
    return len(blocks)


def _released(shapes: Mapping[str, tuple[int, ...]], spec: NetworkSpec, *, separate: bool) -> NetworkSpec:
    spec = released(spec)
    ranks = {shape[0] for name, shape in shapes.items() if ".lora_A." in name and len(shape) == 2}
    position = "parts.image_region.position.0.weight"
    hidden = shapes[position][0] if position in shapes else spec.position.hidden
    return replace(
        spec,
        qformer=replace(spec.qformer, separate_for_clouds=separate),
        position=replace(spec.position, enabled=position in shapes, hidden=hidden),
        lora=LoraSpec(
            rank=max(ranks, default=8),
            alpha=1.0,
            qformer_targets=("query", "value"),
            language_targets=RELEASED_LORA[spec.language.kind],
        ),
    )
