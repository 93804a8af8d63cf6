"""A toy world and a tiny network: everything that training needs, in milliseconds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from region_perception.data.record import Question, Record
from region_perception.data.source import THING, Labelled
from region_perception.errors import InvalidObservation
from region_perception.modalities import CLOUD_MODALITIES, REGION_MODALITIES
from region_perception.network.region_blip import RegionBlip
from region_perception.network.spec import ImageEncoderSpec, NetworkSpec, PointEncoderSpec, QFormerSpec
from region_perception.network.specs import named_spec
from region_perception.observations import CloudObservation, ImageObservation
from region_perception.regions import Box, Box3D
from region_perception.text import mini_codec
from region_perception.training.recipe import Optimiser, Recipe, Reports, Share
from region_perception.training.sources import TrainingData
from region_perception.weights.store import save_model

COLORS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 50, 220), "yellow": (230, 220, 40)}
SIDE = 32


class ToyWorld:
    """Pictures of two coloured squares, or clouds of two coloured cubes, side by side; `broken` ones cannot be read."""

    attributes: Mapping[str, Sequence[str]] = {"color": ("floor", *COLORS), "kind": ("floor", "box")}

    def __init__(self, modality: str, size: int = 12, seed: int = 0, broken: Sequence[int] = ()) -> None:
        self.modality = modality
        self.size = size
        self.seed = seed
        self.broken = frozenset(broken)
        self.fingerprint = f"toy {modality} {size} {seed}"

    def __len__(self) -> int:
        return self.size

    def look(self, index: int) -> Labelled:
        if index in self.broken:
            raise InvalidObservation(f"picture {index} is broken")
        observation, classes = self._seen(index)
        return Labelled(self._records(index, observation), classes)

    def _records(self, index: int, observation: Any) -> list[Record]:
        names = self._colors(index)
        if self.modality not in REGION_MODALITIES:
            text = f"a {names[0]} box left of a {names[1]} box"
            asked = (Question("how many boxes are there", "two"),)
            return [self._record(f"{index}", observation, None, (text, f"two boxes, {names[0]} left"), asked)]
        records = []
        for side, (color, word) in enumerate(zip(names, ("left", "right"), strict=True)):
            region: Any = Box(2 + 16 * side, 8, 14 + 16 * side, 24)
            if self.modality in CLOUD_MODALITIES:
                region = Box3D((0.0, 0.5 - side, 0.1), (0.4, 0.4, 0.4))
            asked = (Question("what color is it", color), Question("is it red", "yes" if color == "red" else "no"))
            texts = (f"a {color} box", f"the {color} box on the {word}")
            records.append(self._record(f"{index}-{side}", observation, region, texts, asked))
        return records[: 1 + index % 3]  # of every third only one region is known

    def _seen(self, index: int) -> tuple[Any, dict[str, np.ndarray]]:
        colors = [list(COLORS).index(name) for name in self._colors(index)]
        random = np.random.default_rng([self.seed, index])
        values = [np.array(list(COLORS.values())[color]) for color in colors]
        if self.modality in CLOUD_MODALITIES:
            points = [random.uniform(-0.2, 0.2, (30, 3)) + np.array([0.0, 0.5 - side, 0.1]) for side in range(2)]
            paint = np.repeat([value / 255 for value in values], 30, axis=0)
            cloud = CloudObservation(
                np.concatenate(points).astype(np.float32), paint.astype(np.float32), np.arange(60), 60
            )
            labels = np.repeat([color + 1 for color in colors], 30)
            return cloud, {"color": labels, "kind": np.ones(60, int), THING: np.repeat([1, 2], 30)}
        pixels = random.integers(90, 110, (SIDE, SIDE, 3)).astype(np.uint8)
        labels, things = np.zeros((2, SIDE, SIDE), int)
        for side, (color, value) in enumerate(zip(colors, values, strict=True)):
            here = np.s_[8:24, 2 + 16 * side : 14 + 16 * side]
            pixels[here], labels[here], things[here] = value, color + 1, side + 1
        return ImageObservation(pixels), {"color": labels, "kind": (labels > 0).astype(int), THING: things}

    def _colors(self, index: int) -> list[str]:
        return list(np.random.default_rng([self.seed, index, 1]).permutation(list(COLORS))[:2])

    def _record(self, name: str, observation: Any, region: Any, texts: tuple[str, ...], asked: Any) -> Record:
        return Record(
            id=f"{self.modality}/{name}",
            source="toy",
            split="train",
            modality=self.modality,
            observation=observation,
            region=region,
            sentences=texts,
            questions=asked,
        )


def toy_data(recipe: Recipe, size: int = 12, broken: Sequence[int] = ()) -> TrainingData:
    return TrainingData(
        train={name: ToyWorld(name, size, broken=broken) for name in recipe.shares},
        validation={name: ToyWorld(name, 4, seed=1) for name in recipe.shares},
    )


def tiny_spec() -> NetworkSpec:
    """All parts of `mini`, each as small as it goes."""
    spec, words = named_spec("mini"), 320
    return replace(
        spec,
        name="tiny",
        image_encoder=ImageEncoderSpec(kind="conv", image_size=SIDE, patch_size=8, width=16, depth=1),
        point_encoder=PointEncoderSpec(
            groups=6, group_size=4, width=16, depth=1, heads=2, encoder_width=8, points=64, color=True
        ),
        qformer=QFormerSpec(
            width=16,
            depth=2,
            heads=2,
            ffn_width=32,
            queries=4,
            vocab_size=words,
            max_text=24,
            contrast_width=8,
            start_id=1,
        ),
        language=replace(spec.language, vocab_size=words, width=16, depth=1, heads=2, ffn_width=32),
    )


def tiny_network(seed: int = 0) -> RegionBlip:
    """Weights large enough that what comes out depends on what goes in; adapters that do something."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = RegionBlip(tiny_spec())
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                if parameter.ndim > 1 and "lora_B" not in name:
                    parameter.mul_(5 if parameter.std() < 0.1 else 1)
                elif "lora_B" in name:
                    parameter.normal_(std=0.05)
    return network.eval()


def save_tiny(folder: Path) -> Path:
    return save_model(folder, tiny_network(), mini_codec(tiny_spec()), card="tiny", trained={"image"})


def toy_recipe(start: Path | str, /, **changes: Any) -> Recipe:
    """The three modalities over a frozen base, for a few steps."""
    settings: dict[str, Any] = {
        "name": "toy",
        "phase": "modalities",
        "start": str(start),
        "image_region": Share(observations=4, regions=2, questions=1),
        "cloud": Share(observations=4, regions=1, questions=1),
        "cloud_region": Share(observations=4, regions=2, questions=1),
        "order": "interleaved",
        "steps": 6,
        "reports": Reports(
            log_every=1, checkpoint_every=2, validate_every=0, validation_steps=0, samples=0, tensorboard=False
        ),
    }
    return Recipe(**(settings | changes))


# The last step is no multiple of the two steps between checkpoints, and rates are large enough to leave a mark.
LONG: dict[str, Any] = {"steps": 11, "optimiser": Optimiser(peak=1e-2, warmup_steps=2)}

# What several processes do together; a record more or less makes their shares of a step unequal.
SHARED: dict[str, Any] = {
    "image_region": Share(observations=4, regions=2, questions=2),
    "cloud": Share(),
    "cloud_region": Share(observations=4, regions=1),
    "order": "mixed",
    "steps": 5,
    "optimiser": Optimiser(peak=1e-2, warmup_steps=1, clip=1.0),
    "max_bad_share": 0.5,
    "reports": Reports(
        log_every=1, checkpoint_every=2, validate_every=0, validation_steps=2, samples=1, tensorboard=False
    ),
}


@pytest.fixture
def shared_recipe(start: Path) -> Recipe:
    return toy_recipe(start, **SHARED)


@pytest.fixture
def long_recipe(start: Path) -> Recipe:
    return toy_recipe(start, **LONG)


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model."""
    return save_tiny(tmp_path_factory.mktemp("start") / "model")


@pytest.fixture(scope="session")
def make_recipe(start: Path) -> Callable[..., Recipe]:
    return lambda **changes: toy_recipe(start, **changes)


@pytest.fixture(scope="session")
def make_data() -> Callable[..., TrainingData]:
    return toy_data


@pytest.fixture(scope="session")
def world() -> type[ToyWorld]:
    return ToyWorld


@pytest.fixture
def network() -> RegionBlip:
    return tiny_network()
