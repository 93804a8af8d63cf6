"""The layout of LAVIS's BLIP-2 files, which RegionBLIP's and RegionVLM's files share.

Stage 1 learnt to match and to write with the Q-Former alone; stage 2 put it before a language model, whose projection
it adds, and left the text branch out. Image encoder and language model lie in files of their own, but for models that
were fine-tuned whole.
"""

from region_perception.weights.layouts.rules import Family, Rule, leaves, takes

_ENCODER = "image_encoder.vision_model."
_COMPUTED = "computed, not learnt"


def vision_rules(prefix: str, group: str = "the image encoder") -> tuple[Rule, ...]:
    """EVA's ViT, whose names begin with `prefix`: query and value have a bias, key has none."""
    block, ours = f"{prefix}blocks.*.", f"{_ENCODER}encoder.layers.*."
    return (
        takes(f"{prefix}cls_token", f"{_ENCODER}embeddings.class_embedding", group=group),
        takes(f"{prefix}pos_embed", f"{_ENCODER}embeddings.position_embedding", group=group),
        takes(f"{prefix}patch_embed.proj.*", f"{_ENCODER}embeddings.patch_embedding.*", group=group),
        takes(f"{block}norm1.*", f"{ours}layer_norm1.*", group=group),
        takes(f"{block}norm2.*", f"{ours}layer_norm2.*", group=group),
        takes(f"{block}attn.qkv.weight", f"{ours}self_attn.qkv.weight", group=group),
        takes(f"{block}attn.q_bias", f"{ours}self_attn.qkv.bias", third=0, group=group),
        takes(f"{block}attn.v_bias", f"{ours}self_attn.qkv.bias", third=2, group=group),
        takes(f"{block}attn.proj.*", f"{ours}self_attn.projection.*", group=group),
        takes(f"{block}mlp.**", f"{ours}mlp.**", group=group),
    )


def qformer_rules(theirs: str, ours: str) -> tuple[Rule, ...]:
    """What both stages hold of a Q-Former: everything but text."""
    layer, own = f"{theirs}bert.encoder.layer.*.", f"{ours}encoder.layer.*."
    return (
        takes(f"{theirs}bert.embeddings.LayerNorm.*", f"{ours}layernorm.*"),
        takes(f"{layer}attention.self.**", f"{own}attention.attention.**"),
        takes(f"{layer}attention.output.**", f"{own}attention.output.**"),
        takes(f"{layer}crossattention.self.**", f"{own}crossattention.attention.**"),
        takes(f"{layer}crossattention.output.**", f"{own}crossattention.output.**"),
        takes(f"{layer}intermediate_query.**", f"{own}intermediate_query.**"),
        takes(f"{layer}output_query.**", f"{own}output_query.**"),
        leaves(f"{theirs}bert.embeddings.position_ids", _COMPUTED),
    )


def text_rules(theirs: str, ours: str, group: str = "") -> tuple[Rule, ...]:
    """A Q-Former's text branch."""
    layer, own = f"{theirs}bert.encoder.layer.*.", f"{ours}encoder.layer.*."
    words, head = f"{theirs}bert.embeddings.word_embeddings.weight", f"{theirs}cls.predictions."
    return (
        takes(words, f"{ours}embeddings.word_embeddings.weight", group=group),
        takes(
            f"{theirs}bert.embeddings.position_embeddings.weight",
            f"{ours}embeddings.position_embeddings.weight",
            group=group,
        ),
        takes(f"{layer}intermediate.**", f"{own}intermediate.**", group=group),
        takes(f"{layer}output.**", f"{own}output.**", group=group),
        takes(f"{head}transform.dense.*", f"{ours}word_head.dense.*", group=group),
        takes(f"{head}transform.LayerNorm.*", f"{ours}word_head.norm.*", group=group),
        takes(f"{head}bias", f"{ours}word_head.bias", group=group),
        Rule(f"{head}decoder.weight", why="the word embeddings once more", tied=words),
        Rule(f"{head}decoder.bias", why="the word head's bias once more", tied=f"{head}bias"),
    )


TEXT_HEADS = (
    takes("vision_proj.*", "parts.image.contrast.*"),
    takes("text_proj.*", "parts.image.text_contrast.*"),
    takes("itm_head.*", "parts.image.match_head.*"),
    takes("temp", "parts.image.temperature"),
)

# The norm over the image encoder's tokens. LAVIS lets it have torch's own epsilon, transformers has 1e-6 throughout.
_NORM = takes("ln_vision.*", f"{_ENCODER}post_layernorm.*")
LN_VISION_EPS = 1e-5

_LANGUAGE = tuple(
    takes(f"{model}.**", "language.model.**", group="the language model") for model in ("opt_model", "t5_model")
)

STAGE1 = Family(
    name="lavis-stage1",
    about="BLIP-2 stage 1 of LAVIS: a Q-Former with its text branch, matching and contrast heads",
    rules=(
        takes("query_tokens", "parts.image.queries", flat=True),
        _NORM,
        *qformer_rules("Qformer.", "qformer."),
        *text_rules("Qformer.", "qformer."),
        *TEXT_HEADS,
        *vision_rules("visual_encoder."),
    ),
    signs=("query_tokens", "Qformer.cls.predictions.**", "text_proj.*"),
    norm_eps=LN_VISION_EPS,
)

STAGE2 = Family(
    name="lavis-stage2",
    about="BLIP-2 stage 2 of LAVIS: a Q-Former and its projection to a language model",
    rules=(
        takes("query_tokens", "parts.image.queries", flat=True),
        _NORM,
        *qformer_rules("Qformer.", "qformer."),
        *(takes(f"{kind}_proj.*", "parts.image.to_language.*") for kind in ("opt", "t5")),
        *vision_rules("visual_encoder."),
        *_LANGUAGE,
    ),
    signs=("query_tokens", "*_proj.weight", "Qformer.bert.**"),
    strangers=("text_proj.*",),
    norm_eps=LN_VISION_EPS,
)

# RegionBLIP begins with a stage 2 file in which two names were changed; the script that did so was never published.
RENAMED = Family(
    name="regionblip-base",
    about="BLIP-2 stage 2 as RegionBLIP's code wants it: two names changed",
    rules=(
        takes("query_tokens_img", "parts.image.queries", flat=True),
        *(takes(f"{kind}_proj_img.*", "parts.image.to_language.*") for kind in ("opt", "t5")),
        *(rule for rule in STAGE2.rules if rule.theirs not in ("query_tokens", "opt_proj.*", "t5_proj.*")),
        # Whether the authors' file had one is not known; without it their code begins with BERT's.
        *text_rules("Qformer.", "qformer.", group="the text branch"),
    ),
    signs=("query_tokens_img", "*_proj_img.weight", "Qformer.bert.**"),
    strangers=("pc_adapter.*",),
    norm_eps=LN_VISION_EPS,
)

EVA = Family(
    name="eva-vit",
    about="EVA-CLIP ViT-g/14 (eva_vit_g.pth), the image encoder of BLIP-2",
    rules=(
        leaves("blocks.39.**", "BLIP-2 leaves the last of the forty blocks out"),
        *(leaves(f"{name}.*", "BLIP-2 leaves it out") for name in ("norm", "fc_norm", "head")),
        *vision_rules("", group=""),
    ),
    signs=("blocks.*.attn.q_bias", "patch_embed.proj.weight"),
)
