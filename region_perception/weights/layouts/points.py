"""The layouts of published point encoders. They are one network, named alike below a prefix."""

from region_perception.weights.layouts.rules import Family, Rule, leaves, takes

_PARTS = ("reduce_dim", "pos_embed", "norm")

_RULES: tuple[Rule, ...] = (
    *(leaves(f"{name}.**", "for pre-training only") for name in ("cls_head", "cls_head_finetune", "lm_head")),
    leaves("mask_token", "for pre-training only"),
    takes("cls_token", "point_encoder.cls_token"),
    takes("cls_pos", "point_encoder.cls_pos"),
    # Their encoder of points with colour is the same with six channels.
    *(takes(f"{name}.**", "point_encoder.encoder.**") for name in ("encoder", "encoder_color")),
    *(takes(f"{name}.**", f"point_encoder.{name}.**") for name in _PARTS),
    takes("blocks.blocks.**", "point_encoder.blocks.blocks.**"),
)

_SIGNS = ("cls_pos", "reduce_dim.weight", "blocks.blocks.*.attn.qkv.weight")

POINT_BERT = Family(
    name="point-bert",
    about="Point-BERT, pre-trained on ShapeNet",
    rules=_RULES,
    signs=_SIGNS,
    prefixes=("module.transformer_q.", "transformer_q."),
)

# The files of these three say `module.point_encoder.`; a projection to CLIP's space beside it tells ULIP's apart.
_PREFIXES = ("module.point_encoder.", "point_encoder.")

ULIP = Family(
    name="ulip",
    about="Point-BERT of ULIP, learnt against CLIP",
    rules=_RULES,
    signs=_SIGNS,
    prefixes=_PREFIXES,
    beside_width=512,
)

ULIP2 = Family(
    name="ulip2",
    about="Point-BERT of ULIP-2, learnt against OpenCLIP",
    rules=_RULES,
    signs=_SIGNS,
    prefixes=_PREFIXES,
    beside_width=1280,
)

POINTLLM = Family(
    name="pointllm",
    about="Point-BERT of PointLLM",
    rules=_RULES,
    signs=_SIGNS,
    prefixes=_PREFIXES,
)
