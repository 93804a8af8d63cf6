"""Opens the data that a recipe names."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from region_perception.data.indexed import IndexedSource, JoinedSource
from region_perception.data.kept_indexes import usable_index
from region_perception.data.sets import DATA_SETS, DataSet
from region_perception.data.source import Source
from region_perception.errors import InvalidRecipe
from region_perception.network.spec import NetworkSpec
from region_perception.training.recipe import DataChoice

TABLETOP = "tabletop"


@dataclass(frozen=True)
class TrainingData:
    """What is learnt from and what is held back, by modality."""

    train: Mapping[str, Source]
    validation: Mapping[str, Source]


def open_data(
    choice: DataChoice, modalities: Iterable[str], spec: NetworkSpec, *, max_bad_share: float = 0.01
) -> TrainingData:
    """The sources of some modalities for a network; an unknown kind of data is refused with the list of known ones.

    max_bad_share: data on disk are refused if a larger share of their rows cannot be used.
    """
    names = data_names(choice)
    if names == [TABLETOP]:
        choice = replace(choice, image_size=choice.image_size or spec.image_encoder.image_size)
        learnt, held = (partial(_tabletop, choice, split) for split in ("train", "val"))
        return TrainingData(
            train={name: learnt(name, choice.observations) for name in modalities},
            validation={name: held(name, choice.validation) for name in modalities if choice.validation},
        )
    wanted = sets_by_modality(choice, modalities)
    opened = partial(_from_disk, choice, max_bad_share)
    return TrainingData(
        train={name: opened(sets, name, None) for name, sets in wanted.items()},
        validation={name: opened(sets, name, choice.validation) for name, sets in wanted.items() if choice.validation},
    )


def data_names(choice: DataChoice) -> list[str]:
    """The tabletop world alone, or data sets on disk; what is unknown or not mixed is refused."""
    names = list(dict.fromkeys(name.strip() for name in choice.kind.split(",")))
    unknown = [name for name in names if name != TABLETOP and name not in DATA_SETS]
    if unknown:
        raise InvalidRecipe(f"no data are called {unknown[0]!r}; known are {', '.join([TABLETOP, *DATA_SETS])}")
    if TABLETOP in names and len(names) > 1:
        raise InvalidRecipe(f"data.kind {choice.kind!r}: the tabletop world is not mixed with data on disk")
    return names


def _tabletop(choice: DataChoice, split: str, modality: str, size: int) -> Source:
    from region_perception.simulation.source import TabletopWorld

    keep = Path(choice.keep) / "pictures" if choice.keep else None
    return TabletopWorld(modality, split, size, side=choice.image_size, keep=keep)


def sets_by_modality(choice: DataChoice, modalities: Iterable[str]) -> dict[str, list[DataSet]]:
    """Which data sets on disk each modality is learnt from; a modality that none of them has is refused."""
    sets = [DATA_SETS[name] for name in data_names(choice)]
    wanted = {name: [each for each in sets if name in each.modalities] for name in modalities}
    for name, having in wanted.items():
        if not having:
            have = "; ".join(f"{each.name} has {', '.join(each.modalities)}" for each in sets)
            raise InvalidRecipe(f"no data of {name}: {have}; leave it out (--{name.replace('_', '-')}.observations 0)")
        silent = [each.name for each in having if each.only_questions]
        if silent:
            raise InvalidRecipe(f"{silent[0]} has questions and no sentences, which every step of a training needs")
    return wanted


def folder_of(choice: DataChoice, data: DataSet) -> Path | None:
    """Where one of the data sets of a choice is; None where the choice does not say."""
    if not choice.folder:
        return None
    return Path(choice.folder) / data.name if len(data_names(choice)) > 1 else Path(choice.folder)


def no_data(choice: DataChoice, sets: Sequence[DataSet], modality: str) -> InvalidRecipe:
    """What is wrong where sets that may have some of a modality have none."""
    return InvalidRecipe(f"{', '.join(each.name for each in sets)} in {choice.folder}: there are no data of {modality}")


def source_of(
    data: DataSet, folder: Path, modality: str, choice: DataChoice, max_bad_share: float, held_back: int | None = None
) -> IndexedSource:
    """What one data set in a folder has of a modality, which may be nothing; see `_from_disk`."""
    split = data.splits[0] if held_back is None else data.held_back
    index = usable_index(data, folder, split, masks=choice.masks, max_bad_share=max_bad_share)
    return IndexedSource(index, folder, modality, held_back)


def _from_disk(
    choice: DataChoice, max_bad_share: float, sets: Sequence[DataSet], modality: str, held_back: int | None
) -> Source:
    """What some data sets have of a modality: all of "train", or the first so many of what is held back."""
    found = []
    for each in sets:
        folder = folder_of(choice, each)
        if folder is None:
            raise InvalidRecipe(f"data.kind {choice.kind!r} needs data.folder, the folder that the data are in")
        found.append(source_of(each, folder, modality, choice, max_bad_share, held_back))
    sources = [source for source in found if len(source)]
    if not sources:
        raise no_data(choice, sets, modality)
    return sources[0] if len(sources) == 1 else JoinedSource(sources)
