"""The layout of RegionBLIP's released files: what was trained, over a BLIP-2 that lies elsewhere.

Theirs are four modalities under other names, a LoRA pair for each in every adapted layer, and a second Q-Former for
clouds. The image modality was never trained: its own heads there are random numbers, and so is the matching head.
"""

from region_perception.modalities import CLOUD, CLOUD_MODALITIES, CLOUD_REGION, IMAGE, IMAGE_REGION
from region_perception.weights.layouts.lavis import qformer_rules, text_rules
from region_perception.weights.layouts.rules import Family, Rule, leaves, takes

# Their name of each modality.
NAMES = {IMAGE: "img", IMAGE_REGION: "img_region", CLOUD: "pc", CLOUD_REGION: "pc_region"}
ADAPTED = {modality: name for modality, name in NAMES.items() if modality != IMAGE}

_NEVER = "never trained, random numbers"
_NO_PAIR = "a LoRA pair that is never used: the modality is read by the other Q-Former"
_IMAGE_PAIR = "the image modality's LoRA pair, which stays at zero"


# Of the point encoder only what no gradient reaches is in the file; its learnt numbers are Point-BERT's.
_STATISTICS = tuple(
    takes(name, name, group="the point encoder's statistics")
    for layer in ("first_conv", "second_conv")
    for kind in ("running_mean", "running_var", "num_batches_tracked")
    for name in [f"point_encoder.encoder.{layer}.1.{kind}"]
)


def _modality_rules(modality: str, name: str) -> tuple[Rule, ...]:
    own = f"parts.{modality}."
    return (
        takes(f"query_tokens_{name}", f"{own}queries", flat=True),
        *(takes(f"{kind}_proj_{name}.*", f"{own}to_language.*") for kind in ("opt", "t5")),
        takes(f"stage1_proj_{name}.*", f"{own}contrast.*"),
    )


def _lora_rules(theirs: str, ours: str, modality: str) -> tuple[Rule, ...]:
    """The two matrices of one modality in the layers below a name."""
    name = NAMES[modality]
    return tuple(takes(f"{theirs}.lora_{side}_{name}", f"{ours}.lora_{side}.{modality}.weight") for side in "AB")


def _qformer_lora(theirs: str, ours: str, modalities: tuple[str, ...]) -> tuple[Rule, ...]:
    """Pairs of the modalities that a Q-Former reads; those of the others are left."""
    layer, own = f"{theirs}bert.encoder.layer.*.", f"{ours}encoder.layer.*."
    rules = [
        rule
        for modality in modalities
        for attention in ("attention", "crossattention")
        for rule in _lora_rules(f"{layer}{attention}.self.*", f"{own}{attention}.attention.*", modality)
    ]
    others = [name for modality, name in ADAPTED.items() if modality not in modalities]
    for name, why in [("img", _IMAGE_PAIR), *((name, _NO_PAIR) for name in others)]:
        rules += [leaves(f"{layer}*.self.*.lora_{side}_{name}", why) for side in "AB"]
    return tuple(rules)


def _language_lora() -> tuple[Rule, ...]:
    layers = {
        "opt_model.model.decoder.layers.*.self_attn.*": "language.model.model.decoder.layers.*.self_attn.*",
        "t5_model.*.block.*.layer.*.*.*": "language.model.*.block.*.layer.*.*.*",
    }
    pairs = tuple(
        rule for theirs, ours in layers.items() for modality in ADAPTED for rule in _lora_rules(theirs, ours, modality)
    )
    return pairs + tuple(leaves(f"{theirs}.lora_{side}_img", _IMAGE_PAIR) for theirs in layers for side in "AB")


def _rules(*, separate: bool) -> tuple[Rule, ...]:
    clouds = tuple(modality for modality in ADAPTED if modality in CLOUD_MODALITIES)
    second = (
        *_qformer_lora("Qformer_pc.", "cloud_qformer.", clouds),
        *qformer_rules("Qformer_pc.", "cloud_qformer."),
        *text_rules("Qformer_pc.", "cloud_qformer."),
    )
    return (
        *(rule for modality, name in ADAPTED.items() for rule in _modality_rules(modality, name)),
        *_qformer_lora("Qformer.", "qformer.", (IMAGE_REGION,) if separate else tuple(ADAPTED)),
        leaves("Qformer.bert.embeddings.position_ids", "computed, not learnt"),
        *(second if separate else ()),
        *_language_lora(),
        takes("pc_adapter.*", *(f"parts.{modality}.from_points.*" for modality in clouds)),
        takes("stage1_proj_text.*", *(f"parts.{modality}.text_contrast.*" for modality in ADAPTED)),
        takes("temp", *(f"parts.{modality}.temperature" for modality in ADAPTED)),
        takes("img_region_posembed.**", "parts.image_region.position.**"),
        takes("pc_region_posembed.**", "parts.cloud_region.position.**"),
        takes("reg_img_region.*", "parts.image_region.box_head.*", group="the boxes' auxiliary heads"),
        takes("reg_pc_region.*", "parts.cloud_region.box_head.*", group="the boxes' auxiliary heads"),
        *_STATISTICS,
        leaves("stage1_proj_img.*", _NEVER),
        leaves("img_itm_head.*", _NEVER),
    )


SEPARATE = Family(
    name="regionblip",
    about="RegionBLIP, released: three modalities over a BLIP-2, with a Q-Former of the clouds' own",
    rules=_rules(separate=True),
    signs=("query_tokens_pc", "pc_adapter.*", "Qformer_pc.**"),
)

SHARED = Family(
    name="regionblip",
    about="RegionBLIP, trained with one Q-Former for all (enable_pointcloud_qformer: False)",
    rules=_rules(separate=False),
    signs=("query_tokens_pc", "pc_adapter.*"),
    strangers=("Qformer_pc.**",),
)
