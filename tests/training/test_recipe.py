"""Recipes: what does not go together is refused by name; nothing is lost on disk."""

import json
from dataclasses import replace

import pytest

from region_perception.errors import InvalidRecipe
from region_perception.training.recipe import (
    Augmentation,
    DataChoice,
    FeatureCache,
    LossWeights,
    Optimiser,
    Recipe,
    Share,
    differences,
    read_recipe,
    save_recipe,
)
from region_perception.training.recipes import RECIPES, named_recipe

SOME = Share(observations=4)


def recipe(**changes):
    return Recipe(**({"name": "test", "phase": "modalities", "cloud": SOME} | changes))


@pytest.mark.parametrize("name", RECIPES)
def test_every_known_recipe_comes_back_from_disk_as_it_was(tmp_path, name):
    save_recipe(named_recipe(name), tmp_path / "recipe.json")
    assert read_recipe(tmp_path / "recipe.json") == named_recipe(name)


def test_the_defaults_are_the_papers():
    paper = named_recipe("regionblip")
    assert paper.optimiser == Optimiser(
        peak=1e-4, floor=1e-5, warmup_start=1e-6, warmup_steps=200, betas=(0.9, 0.999), weight_decay=0.05, clip=0
    )
    assert paper.losses == LossWeights(contrast=1, match=1, write=1, language=1, box=1)
    assert paper.label_smoothing == 0.1
    assert paper.text_tokens == 32
    assert paper.order == "semi-hybrid"
    assert list(paper.shares) == ["image_region", "cloud", "cloud_region"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cloud": Share()}, "learns from nothing"),
        ({"image": SOME}, "phase 'modalities' does not train .'image'."),
        ({"phase": "base"}, "phase 'base' does not train .'cloud'.; it trains .'image'."),
        ({"accumulate": 3}, "accumulate=3 does not divide the observations of cloud"),
        ({"epochs": 0}, "Recipe.epochs is 0; expected 1 or above"),
        ({"augmentation": Augmentation(recolor=0.5)}, "recolor makes sentences about colours wrong"),
        ({"augmentation": Augmentation(zoom=1.5)}, "zoom makes sentences about places wrong"),
        ({"max_bad_share": 1.5}, "Recipe.max_bad_share is 1.5; expected 0 to 1"),
        ({"cache": FeatureCache(folder="x"), "augmentation": Augmentation(turn=5)}, "only while encoders are frozen"),
        (
            {"augmentation": Augmentation(recolor=0.1), "phase": "base", "cloud": Share(), "image": SOME},
            "for phase .encoders",
        ),
        ({"cache": FeatureCache(folder="x"), "phase": "encoders"}, "only while encoders are frozen"),
        ({"train_encoders": True}, "train_encoders is for phases base and whole, not modalities"),
        ({"dtype": "bfloat16", "phase": "whole"}, "dtype 'bfloat16' is for what is frozen, and in phase 'whole'"),
        ({"dtype": "bfloat16", "phase": "encoders"}, "precision 'bfloat16' saves time and memory"),
        ({"data": DataChoice(recolored=0.3)}, "data.recolored leaves no sentences to learn from"),
        (
            {"data": DataChoice(recolored=0.3), "losses": LossWeights(contrast=0, match=0, write=0)},
            "data.recolored needs questions; none are asked of .'cloud'.",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(changes, message):
    with pytest.raises(InvalidRecipe, match=message):
        recipe(**changes)


def test_where_regions_are_may_change_over_cached_features():
    cached = recipe(cache=FeatureCache(folder="x"), augmentation=Augmentation(jitter=0.1))
    assert cached.cached == ("cloud",)


def test_features_are_cached_of_what_the_augmentation_leaves_alone():
    both = {"image_region": SOME, "cache": FeatureCache(folder="x")}
    assert recipe(**both, augmentation=Augmentation(turn=5)).cached == ("image_region",)
    assert recipe(**both, augmentation=Augmentation(flip=0.5)).cached == ("cloud",)
    assert recipe(**both).cached == ("image_region", "cloud")
    assert recipe(image_region=SOME).cacheable == ("image_region", "cloud")
    assert recipe(image_region=SOME).cached == ()
    with pytest.raises(InvalidRecipe, match="only while encoders are frozen"):
        recipe(**both, augmentation=Augmentation(flip=0.5, drop=0.1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Share(observations=-1), "Share.observations is -1"),
        (lambda: Optimiser(peak=-1), "Optimiser.peak is -1"),
        (lambda: Optimiser(betas=(0.9, 1.0)), "betas"),
        (lambda: LossWeights(box=-0.5), "LossWeights.box is -0.5"),
        (lambda: Augmentation(scale=0.5), "Augmentation.scale is 0.5; expected 1 or above"),
    ],
)
def test_values_out_of_range_are_refused(make, message):
    with pytest.raises(InvalidRecipe, match=message):
        make()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.update(epoch=3), "unknown keys .'epoch'."),
        (lambda data: data["optimiser"].update(lr=3), "Recipe.optimiser has unknown keys .'lr'."),
        (lambda data: data.update(epochs="3"), "Recipe.epochs is '3'"),
        (lambda data: data.update(order="random"), "Recipe.order is 'random'; expected one of"),
        (lambda data: data.pop("phase"), "lacks .'phase'."),
    ],
)
def test_files_with_unknown_keys_or_wrong_values_are_refused(tmp_path, change, message):
    path = tmp_path / "recipe.json"
    save_recipe(recipe(), path)
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    with pytest.raises(InvalidRecipe, match=message):
        read_recipe(path)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(InvalidRecipe, match=r"no recipe is called 'table'; known are regionblip, .* tabletop-"):
        named_recipe("table")


def test_differences_name_the_field_and_both_values():
    one = recipe()
    assert differences(one, one) == []
    other = replace(one, seed=7, optimiser=replace(one.optimiser, peak=0.5))
    assert differences(one, other) == ["seed: 42, 7", "optimiser.peak: 0.0001, 0.5"]
