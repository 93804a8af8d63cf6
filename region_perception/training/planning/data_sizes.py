"""How many observations a recipe learns from: counted where the data are, else as published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from region_perception.data.sets import DataSet
from region_perception.errors import InvalidRecipe
from region_perception.modalities import CLOUD, CLOUD_REGION, IMAGE, IMAGE_REGION
from region_perception.training.recipe import Recipe
from region_perception.training.sources import TABLETOP, data_names, folder_of, no_data, sets_by_modality, source_of

# Images, clouds or scenes of "train", as their authors count them; of Objaverse what Cap3D describes, but for what is
# held back.
PUBLISHED: Mapping[tuple[str, str], int] = {
    ("refcoco", IMAGE_REGION): 16_994,
    ("refcoco-google", IMAGE_REGION): 19_213,
    ("refcoco+", IMAGE_REGION): 16_992,
    ("refcocog", IMAGE_REGION): 21_899,
    ("refcocog-google", IMAGE_REGION): 24_698,
    ("objaverse", CLOUD): 661_577 - 20_000 - 2_000,
    ("scanrefer", CLOUD_REGION): 562,
    ("coco-captions", IMAGE): 113_287,
}


@dataclass(frozen=True)
class DataSize:
    """Observations of one modality, and how that is known."""

    observations: int
    known: str


def data_sizes(recipe: Recipe) -> dict[str, DataSize]:
    """By modality. Data on disk are indexed for it, as a run does; none of their images and clouds is opened."""
    choice = recipe.data
    if data_names(choice) == [TABLETOP]:
        return {name: DataSize(choice.observations, "drawn") for name in recipe.shares}
    wanted = sets_by_modality(choice, recipe.shares)
    return {name: _size(recipe, sets, name) for name, sets in wanted.items()}


def _size(recipe: Recipe, sets: Sequence[DataSet], modality: str) -> DataSize:
    total, sayings = 0, []
    for each in sets:
        folder = folder_of(recipe.data, each)
        if folder is None or not folder.is_dir():
            count = _published(each.name, modality, folder)
            known = "as published" if folder is None else f"as published, for want of {folder}"
        else:
            count, known = len(source_of(each, folder, modality, recipe.data, recipe.max_bad_share)), "on disk"
        total += count
        sayings.append(f"{each.name} {known}")
    if not total:
        raise no_data(recipe.data, sets, modality)
    return DataSize(total, ", ".join(sayings))


def _published(name: str, modality: str, folder: Path | None) -> int:
    if (name, modality) not in PUBLISHED:
        where = "data.folder says nowhere" if folder is None else f"there is no folder {folder}"
        known = ", ".join(dict.fromkeys(known for known, _ in PUBLISHED))
        raise InvalidRecipe(
            f"how many observations of {modality} {name!r} has is not known: {where}, and published numbers are known "
            f"of {known} only"
        )
    return PUBLISHED[name, modality]
