"""The typed description of a training run. Data only: this module imports no torch.

A recipe is made by a function (`recipes`), changed on the command line, and saved with the run as `recipe.json`.
The defaults are the paper's: its optimiser, schedule and loss weights.
"""

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from region_perception.errors import InvalidRecipe, InvalidSpec
from region_perception.json_files import load_json
from region_perception.modalities import CLOUD_MODALITIES, IMAGE, MODALITIES
from region_perception.network.spec import spec_from_dict, spec_to_dict

Phase = Literal["encoders", "base", "modalities", "whole"]
Order = Literal["semi-hybrid", "interleaved", "mixed"]


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise InvalidRecipe(message)


def _require_range(item: Any, low: float, high: float, *names: str) -> None:
    for name in names:
        value = getattr(item, name)
        right = isinstance(value, int | float) and low <= value <= high
        upper = "" if high == math.inf else f" to {high}"
        _require(right, f"{type(item).__name__}.{name} is {value!r}; expected {low}{upper or ' or above'}")


@dataclass(frozen=True, kw_only=True)
class Share:
    """How much of one modality a run learns from."""

    observations: int = 0
    """Images or clouds in one step, over all processes and accumulated parts; 0 leaves the modality out."""
    regions: int = 4
    """At most so many regions of one observation are read in a step; they share its encoder pass."""
    questions: int = 0
    """At most so many questions are asked about each of those regions."""
    repeats: int = 1
    """How often an epoch goes through the modality's data."""

    def __post_init__(self) -> None:
        _require_range(self, 0, math.inf, "observations", "questions")
        _require_range(self, 1, math.inf, "regions", "repeats")


@dataclass(frozen=True, kw_only=True)
class Optimiser:
    """AdamW, with a linear warm-up and a cosine down to the floor, by step."""

    peak: float = 1e-4
    floor: float = 1e-5
    warmup_start: float = 1e-6
    warmup_steps: int = 200
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.05
    """Not on vectors: biases, norms, the temperature."""
    clip: float = 0.0
    """Largest norm of the gradient; 0 leaves it as it is, as in the paper."""

    def __post_init__(self) -> None:
        _require_range(self, 0, math.inf, "peak", "floor", "warmup_start", "warmup_steps", "weight_decay", "clip")
        _require(all(0 <= beta < 1 for beta in self.betas), f"Optimiser.betas is {self.betas}; expected 0 to below 1")


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """What each loss counts for; 0 leaves it out, and its pass through the network too."""

    contrast: float = 1.0
    """ITC: a region and its sentence are closer than others."""
    match: float = 1.0
    """ITM: whether a sentence belongs to a region."""
    write: float = 1.0
    """ITG: the Q-Former's text branch writes the sentence."""
    language: float = 1.0
    """The language model writes sentences and answers."""
    box: float = 1.0
    """The region's position, read back from the queries (L1)."""
    dense: float = 1.0
    """What is seen at each token of an encoder; phase `encoders` only."""
    things: float = 1.0
    """What each thing is, by the mean of the tokens that show it; phase `encoders` only."""
    place: float = 1.0
    """Where the thing is that a token shows (L1); phase `encoders` only."""
    background: float = 1.0
    """What a token that shows no thing counts for in `dense`, beside one that does."""

    def __post_init__(self) -> None:
        _require_range(self, 0, math.inf, *(item.name for item in dataclasses.fields(self)))


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Changes of what is seen under which its sentences stay true. The defaults change nothing."""

    flip: float = 0.0
    """Chance that an image is mirrored; `left` and `right` change places in its sentences."""
    turn: float = 0.0
    """Clouds turn about z by up to so many degrees either way, if no sentence depends on where one stands."""
    scale: float = 1.0
    """Clouds grow or shrink by a factor of up to this."""
    shift: float = 0.0
    """Clouds move by up to so much along each axis, in the network's units."""
    drop: float = 0.0
    """Up to this share of a cloud's points is left out."""
    jitter: float = 0.0
    """Boxes are read a little beside where they are: their sides move by up to this share of their own length."""
    part: float = 0.0
    """Chance that a region's box is read as that of a part of it, as clicks and strokes often select less than all."""
    recolor: float = 0.0
    """Phase `encoders`: chance of each thing to be seen in another colour, which then goes unasked."""
    zoom: float = 1.0
    """Phase `encoders`: half of the images grow or shrink by up to this factor, each side by its own, anywhere."""
    light: float = 0.0
    """Images get brighter or darker, and of more or less contrast, by up to this share."""

    def __post_init__(self) -> None:
        _require_range(self, 0, 1, "flip", "drop", "jitter", "part", "recolor", "light")
        _require_range(self, 0, 180, "turn")
        _require_range(self, 1, math.inf, "scale", "zoom")
        _require_range(self, 0, math.inf, "shift")

    def changes(self, modality: str) -> bool:
        """Whether anything changes what is seen in observations of a modality; where regions are may change besides."""
        if modality in CLOUD_MODALITIES:
            return bool(self.turn or self.scale > 1 or self.shift or self.drop or self.recolor)
        return bool(self.flip or self.recolor or self.zoom > 1 or self.light)


@dataclass(frozen=True, kw_only=True)
class DataChoice:
    """Which data a run learns from; `sources` opens them by `kind`."""

    kind: str = "tabletop"
    """The simulated world, or data on disk (`region-perception data list`): one, or several with commas between."""
    folder: str = ""
    """Where data on disk are; of several each is in the folder within it that has its name."""
    masks: bool = False
    """Regions of images by their outline where the data have both it and a box."""
    observations: int = 20_000
    """How many observations of each modality an epoch goes through, of the simulated world; of data on disk all."""
    validation: int = 256
    """How many unseen ones are held for validation."""
    image_size: int = 0
    """Height of the pictures that a simulated world draws, in pixels; 0: as large as the network reads them."""
    recolored: float = 0.0
    """Share of what is learnt from that is seen in other colours, if a tenth 0.1; of it only questions without colours
    are learnt. Kinds are then known in colours that they were never seen in."""
    keep: str = ""
    """A folder in which pictures and prepared observations are kept, so that they are drawn, read and prepared once."""

    def __post_init__(self) -> None:
        _require_range(self, 1, math.inf, "observations")
        _require_range(self, 0, math.inf, "validation", "image_size")
        _require_range(self, 0, 1, "recolored")


@dataclass(frozen=True, kw_only=True)
class FeatureCache:
    """Features of frozen encoders, kept on disk so that their pass is skipped, of those modalities whose observations
    the augmentation leaves as they are."""

    folder: str = ""
    """Empty: no cache."""
    dtype: Literal["float32", "bfloat16"] = "bfloat16"


@dataclass(frozen=True, kw_only=True)
class Reports:
    """What a run writes, and how often, in steps. 0 means never, but for the last step."""

    log_every: int = 10
    """And before each checkpoint."""
    checkpoint_every: int = 500
    keep: int = 3
    """How many checkpoints are kept."""
    validate_every: int = 1000
    validation_steps: int = 8
    samples: int = 4
    """How many observations of each modality are captioned, with pictures, when validating."""
    tensorboard: bool = True

    def __post_init__(self) -> None:
        _require_range(self, 1, math.inf, "log_every", "keep")
        _require_range(self, 0, math.inf, "checkpoint_every", "validate_every", "validation_steps", "samples")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole training run."""

    name: str
    phase: Phase
    """encoders: dense classes; base: image and text; modalities: everything but the base, one modality or several;
    whole: base and modalities at once, where no base has seen enough yet to be adapted."""
    start: str = "mini"
    """The model to go on from (folder, bundled name, hub id), or the name of a network to begin with random weights."""
    base: str | None = None
    """The model that `start` stands on, where it needs one."""
    image: Share = Share()
    image_region: Share = Share()
    cloud: Share = Share()
    cloud_region: Share = Share()
    order: Order = "semi-hybrid"
    """semi-hybrid: each modality in turn, in every epoch; interleaved: from step to step; mixed: all in every step."""
    epochs: int = 30
    steps: int = 0
    """How many steps to train; 0 means all of the epochs."""
    seed: int = 42
    optimiser: Optimiser = Optimiser()
    losses: LossWeights = LossWeights()
    label_smoothing: float = 0.1
    """Of ITC and ITG."""
    sentence: Literal["first", "any"] = "any"
    """Which of a record's sentences the language model learns to write."""
    language_items: Literal["words", "texts"] = "words"
    """What counts alike in the language model's loss: every word, as is usual; or every text, so that an answer of one
    word counts as much as a long caption."""
    negatives: Literal["batch", "observation"] = "batch"
    """Where ITM takes its negatives from: all rows of a part, or, where there are any, regions beside the row's own.

    A reference means one region of its own observation; of others it may be true, too.
    """
    text_tokens: int = 32
    """Longest text that the text branch reads."""
    train_encoders: bool = False
    """Phases `base` and `whole`: whether the image encoder learns, too."""
    dropout: float = 0.0
    """In the parts of the base that learn."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16: autocast."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of encoders and language model, where both are frozen: in phase `modalities`."""
    accumulate: int = 1
    """Parts that a step's observations are read in, one after the other, to save memory."""
    recompute: bool = False
    """Gradient checkpointing: activations are computed again in the backward pass instead of kept."""
    workers: int = 0
    """Processes that prepare batches; 0 prepares them in between."""
    augmentation: Augmentation = Augmentation()
    cache: FeatureCache = FeatureCache()
    data: DataChoice = DataChoice()
    reports: Reports = Reports()
    max_bad_share: float = 0.01
    """A run stops when more than this share of its samples cannot be read."""

    def __post_init__(self) -> None:
        _require_range(self, 1, math.inf, "epochs", "accumulate", "text_tokens")
        _require_range(self, 0, math.inf, "steps", "seed", "workers")
        _require_range(self, 0, 1, "label_smoothing", "dropout", "max_bad_share")
        _require(bool(self.shares), f"recipe {self.name!r} learns from nothing: no modality has observations")
        uneven = [name for name, share in self.shares.items() if share.observations % self.accumulate]
        _require(not uneven, f"accumulate={self.accumulate} does not divide the observations of {', '.join(uneven)}")
        allowed = self._allowed()
        wrong = sorted(set(self.shares) - set(allowed))
        _require(not wrong, f"phase {self.phase!r} does not train {wrong}; it trains {list(allowed)}")
        with_base = self.phase in ("base", "whole")
        _require(with_base or not self.train_encoders, f"train_encoders is for phases base and whole, not {self.phase}")
        _require(
            self.phase == "modalities" or self.dtype == "float32",
            f"dtype {self.dtype!r} is for what is frozen, and in phase {self.phase!r} that is not all; "
            "precision 'bfloat16' saves time and memory there",
        )
        told = self.phase != "encoders"
        recolors, zooms = self.augmentation.recolor > 0, self.augmentation.zoom > 1
        _require(
            not (told and recolors),
            "augmentation.recolor makes sentences about colours wrong; it is for phase 'encoders'",
        )
        _require(
            not (told and zooms), "augmentation.zoom makes sentences about places wrong; it is for phase 'encoders'"
        )
        texts = [name for name in ("contrast", "match", "write") if getattr(self.losses, name)]
        _require(
            not (self.data.recolored and (texts or not told)),
            "data.recolored leaves no sentences to learn from; it is for recipes that contrast, match, write nothing",
        )
        silent = [name for name, share in self.shares.items() if not share.questions]
        _require(not (self.data.recolored and silent), f"data.recolored needs questions; none are asked of {silent}")
        _require(
            not self.cache.folder or bool(self.cached),
            "features can be cached only while encoders are frozen and nothing is augmented but where regions are",
        )

    @property
    def shares(self) -> dict[str, Share]:
        """The modalities that take part, in the order of `MODALITIES`."""
        shares: dict[str, Share] = {name: getattr(self, name) for name in MODALITIES}
        return {name: share for name, share in shares.items() if share.observations}

    @property
    def encoders_learn(self) -> bool:
        return self.phase == "encoders" or self.train_encoders

    @property
    def cacheable(self) -> tuple[str, ...]:
        """The modalities whose frozen features stay what they are from one epoch to the next."""
        if self.encoders_learn:
            return ()
        return tuple(name for name in self.shares if not self.augmentation.changes(name))

    @property
    def cached(self) -> tuple[str, ...]:
        """The modalities whose features a run keeps on disk; the others are encoded in every step."""
        return self.cacheable if self.cache.folder else ()

    def _allowed(self) -> tuple[str, ...]:
        if self.phase in ("encoders", "whole"):
            return MODALITIES
        return (IMAGE,) if self.phase == "base" else tuple(name for name in MODALITIES if name != IMAGE)


def save_recipe(recipe: Recipe, path: Path) -> None:
    """Write the recipe, every field of it, as JSON."""
    path.write_text(json.dumps(spec_to_dict(recipe), indent=2) + "\n", encoding="utf-8")


def read_recipe(path: Path) -> Recipe:
    """Read what `save_recipe` wrote; unknown keys, wrong types and values are refused by name."""
    written = load_json(path, dict, refused=InvalidRecipe)
    try:
        return spec_from_dict(Recipe, written)
    except (ValueError, InvalidSpec) as error:
        raise InvalidRecipe(f"{path}: {error}") from error


def differences(one: Recipe, other: Recipe) -> list[str]:
    """Every field in which two recipes differ: "optimiser.peak: 0.0001, 0.001"."""
    left, right = _flat(spec_to_dict(one)), _flat(spec_to_dict(other))
    return [f"{name}: {left[name]!r}, {right[name]!r}" for name in left if left[name] != right[name]]


def _flat(data: dict[str, Any], where: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in data.items():
        flat |= _flat(value, f"{where}{name}.") if isinstance(value, dict) else {where + name: value}
    return flat
