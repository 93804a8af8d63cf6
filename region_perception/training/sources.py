"""Opens the data that a recipe names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from region_perception.data.source import Source
from region_perception.errors import InvalidRecipe
from region_perception.training.recipe import DataChoice


@dataclass(frozen=True)
class TrainingData:
    """What is learnt from and what is held back, by modality."""

    train: Mapping[str, Source]
    validation: Mapping[str, Source]


Opener = Callable[[DataChoice, str, str], Source]
"""(choice, modality, "train" or "val") -> source"""

KINDS: dict[str, Opener] = {}


def open_data(choice: DataChoice, modalities: tuple[str, ...]) -> TrainingData:
    """The sources of some modalities; an unknown kind of data is refused with the list of known ones."""
    if choice.kind not in KINDS:
        raise InvalidRecipe(f"no data are called {choice.kind!r}; known are {', '.join(sorted(KINDS)) or 'none'}")
    opener = KINDS[choice.kind]
    return TrainingData(
        train={name: opener(choice, name, "train") for name in modalities},
        validation={name: opener(choice, name, "val") for name in modalities} if choice.validation else {},
    )
