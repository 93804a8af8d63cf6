"""The layout of transformers' `Blip2ForImageTextRetrieval`: BLIP-2 stage 1 without its word head."""

from region_perception.weights.layouts.rules import Family, leaves, takes

_LAYER = "qformer.encoder.layer.*."

BLIP2_ITM = Family(
    name="blip2-itm",
    about="BLIP-2 for image-text matching, of transformers",
    rules=(
        takes("query_tokens", "parts.image.queries", flat=True),
        takes("vision_model.**", "image_encoder.vision_model.**"),
        leaves("embeddings.position_ids", "computed, not learnt"),
        takes("embeddings.**", "qformer.embeddings.**"),
        takes("qformer.layernorm.*", "qformer.layernorm.*"),
        takes(f"{_LAYER}attention.**", f"{_LAYER}attention.**"),
        takes(f"{_LAYER}crossattention.**", f"{_LAYER}crossattention.**"),
        *(
            takes(f"{_LAYER}{part}.**", f"{_LAYER}{part}.**")
            for part in ("intermediate", "output", "intermediate_query", "output_query")
        ),
        takes("vision_projection.*", "parts.image.contrast.*"),
        takes("text_projection.*", "parts.image.text_contrast.*"),
        takes("itm_head.*", "parts.image.match_head.*"),
    ),
    signs=("query_tokens", "vision_projection.*", "itm_head.*"),
    norm_eps=1e-6,
    lacks={
        "qformer.word_head.**": "such files have no word head: nothing can be written with the text branch (ITG)",
        "parts.image.temperature": "such files have no temperature: ITC's training begins at 0.07",
    },
)
