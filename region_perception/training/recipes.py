"""The recipes known by name. Each is a function that returns a whole run, with what matters in sight."""

from collections.abc import Callable
from dataclasses import replace

from region_perception.errors import InvalidRecipe
from region_perception.training.recipe import Augmentation, DataChoice, LossWeights, Optimiser, Recipe, Reports, Share


def _region_blip(name: str) -> Recipe:
    """The paper's: three new modalities over the frozen BLIP-2 of the network `name`, each in turn in every epoch.

    16 pairs of each modality on each of 8 GPUs, 30 epochs (the released script's), ScanRefer twice. The paper goes
    through sentences, this library through images and clouds: `repeats` are such that an epoch has as many pairs.
    """
    return Recipe(
        name=name,
        phase="modalities",
        start=name,
        # 113,000 sentences about 19,213 images; 36,665, twice, about 562 scenes.
        image_region=Share(observations=128, regions=1, repeats=6),
        cloud=Share(observations=128, regions=1),
        cloud_region=Share(observations=128, regions=1, repeats=130),
        epochs=30,
        precision="bfloat16",
        dtype="bfloat16",
        # Turning scenes would make sentences about sides and distances wrong; clouds turn where sentences allow it.
        augmentation=Augmentation(turn=180, scale=1.25, shift=0.1, drop=0.875),
        data=DataChoice(kind="refcoco-google,objaverse,scanrefer"),
        workers=4,
    )


def regionblip() -> Recipe:
    """RegionBLIP as published, over a BLIP-2 of any size, which `base` or `start` names."""
    return _region_blip("regionblip")


def regionblip_opt_2_7b() -> Recipe:
    """RegionBLIP as published, over BLIP-2 OPT-2.7b."""
    return _region_blip("regionblip-opt-2.7b")


def regionblip_opt_6_7b() -> Recipe:
    """RegionBLIP as published, over BLIP-2 OPT-6.7b."""
    return _region_blip("regionblip-opt-6.7b")


def regionblip_flan_t5_xl() -> Recipe:
    """RegionBLIP as published, over BLIP-2 Flan-T5-XL."""
    return _region_blip("regionblip-flan-t5-xl")


def regionblip_flan_t5_xxl() -> Recipe:
    """RegionBLIP as published, over BLIP-2 Flan-T5-XXL."""
    return _region_blip("regionblip-flan-t5-xxl")


def tabletop_encoders() -> Recipe:
    """The encoders of the small model learn to name what is seen at each patch and each group of points, and where.

    Images and clouds may as well learn in runs of their own, side by side; `region-perception join` then makes one
    model of both.
    """
    return Recipe(
        name="tabletop-encoders",
        phase="encoders",
        image=Share(observations=32),
        cloud=Share(observations=16),
        cloud_region=Share(observations=16),
        order="mixed",
        epochs=8,
        optimiser=Optimiser(peak=2e-3, floor=1e-5, clip=1.0),
        # Nine of ten patches show table and room; places are off by tenths where classes are off by whole ones.
        losses=LossWeights(background=0.1, things=3.0, place=5.0),
        # Without other colours they learn which colours a kind goes with, and miss it in others; without other light
        # and other distances they miss it where a camera stands elsewhere.
        augmentation=Augmentation(flip=0.5, recolor=0.5, zoom=1.35, light=0.4, turn=180, scale=1.1, drop=0.3),
        precision="bfloat16",
    )


def tabletop_base() -> Recipe:
    """The base of the small model over frozen encoders: images and sentences, BLIP-2's losses."""
    return Recipe(
        name="tabletop-base",
        phase="base",
        start="runs/tabletop-encoders/model",
        # A scene has many questions, and each of them asks for other things in it.
        image=Share(observations=32, regions=1, questions=8),
        epochs=15,
        optimiser=Optimiser(peak=1e-3, floor=1e-5, clip=1.0),
    )


def tabletop_modalities() -> Recipe:
    """The three other modalities of the small model, over its frozen base."""
    return Recipe(
        name="tabletop-modalities",
        phase="modalities",
        start="runs/tabletop-base/model",
        image_region=Share(observations=32, regions=4, questions=2),
        cloud=Share(observations=32, regions=1, questions=2),
        cloud_region=Share(observations=32, regions=4, questions=2),
        order="interleaved",
        # The language model writes; that the text branch learns to write, too, would take a quarter of the time.
        losses=LossWeights(write=0.0),
        # The one that tells all. References leave out colour or position, and a greedy decoder would write what most of
        # them have in common.
        sentence="first",
        # Many a reference ("the red mug") is true of a region in another scene of the step, too.
        negatives="observation",
        # Clicks and scribbles give boxes that are less tight than the world's own, or of a part of a thing.
        augmentation=Augmentation(jitter=0.05, part=0.2),
        epochs=15,
        optimiser=Optimiser(peak=1e-3, floor=1e-5, clip=1.0),
    )


def tabletop_whole() -> Recipe:
    """All modalities of the small model and its base at once, over frozen encoders.

    Whole scenes alone teach a base of this size the language long before they teach it where to look, and adapters over
    such a base learn little.
    """
    regions = Share(observations=24, regions=4, questions=4, repeats=2)
    return replace(
        tabletop_modalities(),
        name="tabletop-whole",
        phase="whole",
        start="runs/tabletop-encoders/model",
        # Pictures have the most tokens, and whole ones the most questions.
        image=Share(observations=16, regions=1, questions=4),
        image_region=regions,
        cloud=Share(observations=24, regions=1, questions=2),
        cloud_region=regions,
        # Else a yes or no is lost among the words of captions, and never learnt.
        language_items="texts",
        # Contrast and match take half of the time; finding can go by the likelihood of what would be written.
        losses=LossWeights(contrast=0.0, match=0.0, write=0.0),
        # Else they learn from frozen features which colours a kind goes with.
        data=DataChoice(recolored=0.25),
        precision="bfloat16",
    )


def smoke() -> Recipe:
    """A minute on one core, to see that everything runs; its model knows nothing."""
    small = tabletop_modalities()
    return replace(
        small,
        name="smoke",
        start="mini",
        image_region=Share(observations=4, regions=2),
        cloud=Share(observations=4, regions=1),
        cloud_region=Share(observations=4, regions=2),
        losses=LossWeights(),
        steps=30,
        data=replace(small.data, observations=64, validation=8),
        reports=Reports(log_every=5, checkpoint_every=10, validate_every=15, validation_steps=1, samples=1),
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    "regionblip": regionblip,
    "regionblip-opt-2.7b": regionblip_opt_2_7b,
    "regionblip-opt-6.7b": regionblip_opt_6_7b,
    "regionblip-flan-t5-xl": regionblip_flan_t5_xl,
    "regionblip-flan-t5-xxl": regionblip_flan_t5_xxl,
    "tabletop-encoders": tabletop_encoders,
    "tabletop-base": tabletop_base,
    "tabletop-modalities": tabletop_modalities,
    "tabletop-whole": tabletop_whole,
    "smoke": smoke,
}


def named_recipe(name: str) -> Recipe:
    """The recipe known as `name`; an unknown name is refused with the list of known ones."""
    if name not in RECIPES:
        raise InvalidRecipe(f"no recipe is called {name!r}; known are {', '.join(RECIPES)}")
    return RECIPES[name]()
