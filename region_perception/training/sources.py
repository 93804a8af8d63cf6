"""Opens the data that a recipe names."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from region_perception.data.source import Source
from region_perception.errors import InvalidRecipe
from region_perception.network.spec import NetworkSpec
from region_perception.training.recipe import DataChoice


@dataclass(frozen=True)
class TrainingData:
    """What is learnt from and what is held back, by modality."""

    train: Mapping[str, Source]
    validation: Mapping[str, Source]


Opener = Callable[[DataChoice, str, str, int], Source]
"""(choice, modality, "train" or "val", how many observations) -> source"""


def _tabletop(choice: DataChoice, modality: str, split: str, size: int) -> Source:
    from region_perception.simulation.source import TabletopWorld

    keep = Path(choice.keep) / "pictures" if choice.keep else None
    return TabletopWorld(modality, split, size, side=choice.image_size, keep=keep)


KINDS: dict[str, Opener] = {"tabletop": _tabletop}


def open_data(choice: DataChoice, modalities: Iterable[str], spec: NetworkSpec) -> TrainingData:
    """The sources of some modalities for a network; an unknown kind of data is refused with the list of known ones."""
    if choice.kind not in KINDS:
        raise InvalidRecipe(f"no data are called {choice.kind!r}; known are {', '.join(sorted(KINDS))}")
    opener = KINDS[choice.kind]
    choice = replace(choice, image_size=choice.image_size or spec.image_encoder.image_size)
    return TrainingData(
        train={name: opener(choice, name, "train", choice.observations) for name in modalities},
        validation={name: opener(choice, name, "val", choice.validation) for name in modalities if choice.validation},
    )
