"""What a plan says of work and activations, against what torch counts and autograd keeps."""

from dataclasses import replace

import pytest

from region_perception.network.spec import (
    ImageEncoderSpec,
    LanguageSpec,
    LoraSpec,
    NetworkSpec,
    PointEncoderSpec,
    QFormerSpec,
)
from region_perception.network.specs import named_spec
from region_perception.training.planning.step_work import Reading, step_work
from region_perception.training.recipe import Augmentation, FeatureCache, LossWeights, Recipe, Share

SOME = Share(observations=2, regions=2)
RECIPE = Recipe(name="x", phase="modalities", image_region=SOME, cloud=SOME, cloud_region=SOME, text_tokens=16)
BASE = Recipe(name="x", phase="base", image=SOME, text_tokens=16)
OPT = LanguageSpec(
    kind="opt", vocab_size=320, width=96, depth=3, heads=4, ffn_width=384, pad_id=0, bos_id=2, eos_id=3, stop_id=3,
    image_prefix="", cloud_prefix="", max_positions=128,
)  # fmt: skip
T5 = replace(OPT, kind="t5", activation="gelu", head_width=16, tied_embeddings=False)
LLAMA = replace(OPT, kind="llama", activation="silu", kv_heads=2, tied_embeddings=False)


def published(language: LanguageSpec, separate: bool = False) -> NetworkSpec:
    """RegionBLIP's layers at small sizes."""
    return NetworkSpec(
        name="small",
        image_encoder=ImageEncoderSpec(
            kind="blip2", image_size=56, patch_size=14, width=64, depth=3, heads=4, mlp_width=128
        ),
        point_encoder=PointEncoderSpec(
            groups=16, group_size=8, width=48, depth=2, heads=4, points=128, encoder_width=32, point_width=16,
            feature_width=32,
        ),
        qformer=QFormerSpec(
            width=96, depth=4, heads=4, ffn_width=384, queries=8, vocab_size=320, max_text=64, contrast_width=32,
            start_id=1, separate_for_clouds=separate,
        ),
        language=language,
        lora=LoraSpec(language_targets=("q", "v") if language.kind == "t5" else ("q_proj", "v_proj")),
    )  # fmt: skip


def estimated(spec, recipe, modality):
    works = step_work(recipe, spec, Reading(modality, recipe.shares[modality].observations)).values()
    return [sum(getattr(work, name) for work in works) for name in ("forward", "backward", "kept")]


@pytest.mark.parametrize(
    ("spec", "recipe", "modality"),
    [
        (published(OPT), RECIPE, "image_region"),
        (published(OPT, separate=True), RECIPE, "cloud"),
        (published(OPT), replace(RECIPE, precision="bfloat16", dtype="bfloat16"), "cloud_region"),
        (published(OPT), replace(RECIPE, precision="bfloat16"), "image_region"),
        (published(T5), RECIPE, "image_region"),
        (published(T5), replace(RECIPE, precision="bfloat16", dtype="bfloat16"), "image_region"),
        (published(LLAMA), RECIPE, "cloud"),
        (published(OPT), replace(RECIPE, losses=LossWeights(contrast=0, write=0, match=0)), "image_region"),
        (published(OPT), replace(BASE, train_encoders=True), "image"),
    ],
)
def test_operations_and_activations_are_those_of_a_step(measure, spec, recipe, modality):
    found = measure(spec, recipe, modality)
    forward, backward, kept = estimated(spec, recipe, modality)
    assert forward == pytest.approx(found.forward, rel=0.02)
    assert backward == pytest.approx(found.backward, rel=0.02)
    assert kept == pytest.approx(found.kept, rel=0.1)


def test_the_small_networks_own_parts_are_counted_too(measure):
    """Convolutions, adapters of every layer, preferred tokens, references that are asked for."""
    recipe = replace(RECIPE, image_region=Share(observations=1, regions=2))
    found = measure(named_spec("mini"), recipe, "image_region")
    forward, backward, kept = estimated(named_spec("mini"), recipe, "image_region")
    assert forward == pytest.approx(found.forward, rel=0.02)
    assert backward == pytest.approx(found.backward, rel=0.02)
    assert kept == pytest.approx(found.kept, rel=0.25)


def test_layers_that_run_again_cost_work_and_save_memory(measure):
    spec, again = published(OPT), replace(RECIPE, recompute=True)
    found = measure(spec, again, "image_region")
    forward, backward, kept = estimated(spec, again, "image_region")
    # torch stops running a layer again where it has all that it needs.
    assert (forward, backward) == pytest.approx((found.forward, found.backward), rel=0.05)
    assert kept < estimated(spec, RECIPE, "image_region")[2] / 2


def test_cached_features_are_not_encoded():
    cached = replace(RECIPE, cache=FeatureCache(folder="x"), augmentation=Augmentation(turn=180))
    spec = published(OPT)
    works = {name: step_work(cached, spec, Reading(name, 2)) for name in cached.shares}
    assert works["image_region"]["encoder"].forward == 0
    assert works["cloud"]["encoder"].forward > 0, "what turns is encoded anew"
    assert works["image_region"]["Q-Former"].forward == step_work(RECIPE, spec, Reading("image_region", 2))[
        "Q-Former"
    ].forward  # fmt: skip


def test_processes_remember_what_others_look_at():
    spec = published(OPT)
    alone, together = (step_work(RECIPE, spec, Reading("image_region", 2, count))["Q-Former"] for count in (1, 2))
    assert together.forward > alone.forward
    unmatched = replace(RECIPE, losses=LossWeights(contrast=0, match=0))
    alone, together = (step_work(unmatched, spec, Reading("image_region", 2, count))["Q-Former"] for count in (1, 2))
    assert together.forward == alone.forward
