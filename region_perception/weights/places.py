"""Where models are looked for, and what is there. Imports no torch: listing models costs nothing."""

import contextlib
import difflib
import os
from dataclasses import dataclass
from pathlib import Path

from region_perception.errors import ModelNotFound, RegionPerceptionError
from region_perception.network.specs import ANY_BASE, SPECS
from region_perception.weights.folder import CONFIG, is_model_folder, read_config

# Holds folders of models, separated like the entries of PATH.
PLACES_VARIABLE = "REGION_PERCEPTION_MODELS"

_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class ModelListing:
    """One model that was found."""

    name: str
    folder: Path
    megabytes: float
    """Size on disk of all its files, in 10^6 bytes."""
    trained: tuple[str, ...]
    """The modalities whose weights have learnt something."""
    base: str
    """What an adapter-only model stands on; empty where the model is complete."""
    problem: str
    """Why it cannot be loaded; empty where nothing is known to be wrong."""


def model_places() -> list[Path]:
    """Folders of models, the first to be searched first.

    Those in $REGION_PERCEPTION_MODELS, then `models` inside the package (wheel, colcon) and beside it (checkout).
    """
    named = [_path(entry) for entry in os.environ.get(PLACES_VARIABLE, "").split(os.pathsep) if entry]
    return list(dict.fromkeys([*named, _PACKAGE / "models", _PACKAGE.parent / "models"]))


def list_models() -> list[ModelListing]:
    """Every model in the places; of two with one name only the first, which is the one that loads."""
    found: dict[str, ModelListing] = {}
    for place in model_places():
        for folder in _folders(place):
            if folder.name not in found and is_model_folder(folder):
                found[folder.name] = _listing(folder)
    return list(found.values())


def find_model(name: str | os.PathLike[str]) -> Path:
    """The folder of a model: `name` itself where it is a folder's path, else the model of that name in the places.

    A plain name that is also a folder in the working directory means that folder only if a `config.json` lies in it.
    """
    path = _path(name)
    plain = path.name == os.fspath(name)
    kind = _kind(path)
    if kind == "folder" and (not plain or (path / CONFIG).exists()) and os.fspath(name):
        return path
    if kind == "file" and not plain:
        raise ModelNotFound(f"{path} is a file; expected the folder of a model, which holds {CONFIG} and its weights")
    if plain:
        return find_named(path.name)
    raise ModelNotFound(
        f"{not_found_message(os.fspath(name))}\n  as a path it is {path.absolute()}, which is not there"
    )


def find_named(name: str) -> Path:
    """The folder of the model of that name in the places, and nowhere else."""
    for listing in list_models():
        if listing.name == name:
            return listing.folder
    raise ModelNotFound(not_found_message(name))


def not_found_message(name: str) -> str:
    """What to tell somebody who asked for a model that is not there: what was looked at and what could be meant."""
    here = [listing.name for listing in list_models()]
    close = difflib.get_close_matches(name, [*here, *SPECS, ANY_BASE], n=3)
    meant = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
    return "\n".join([f"no model {name!r} was found{meant}", *search_report()])


def search_report() -> list[str]:
    """Where models are looked for, what is there, and what else has a name: a line each."""
    here = [listing.name for listing in list_models()]
    return [
        "  looked in: " + ", ".join(f"{place}{'' if place.is_dir() else ' (missing)'}" for place in model_places()),
        "  found there: " + (", ".join(here) or "nothing"),
        "  networks known by name, which need a base or random weights: " + ", ".join([*SPECS, ANY_BASE]),
        f"  {PLACES_VARIABLE} names more folders to look in",
    ]


def megabytes_of(folder: Path) -> float:
    """Size on disk of all files in a folder, in 10^6 bytes."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def _path(name: str | os.PathLike[str]) -> Path:
    path = Path(name)
    with contextlib.suppress(RuntimeError):  # "~somebody" who is not known here
        path = path.expanduser()
    return path


def _kind(path: Path) -> str:
    """ "folder", "file", or "" for what is not there and for names that cannot be a path."""
    try:
        return "folder" if path.is_dir() else "file" if path.is_file() else ""
    except (OSError, ValueError):
        return ""


def _folders(place: Path) -> list[Path]:
    try:
        # Hidden folders are models that are being written.
        return sorted(entry for entry in place.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []


def _listing(folder: Path) -> ModelListing:
    size = megabytes_of(folder)
    try:
        config = read_config(folder)
    except RegionPerceptionError as error:
        return ModelListing(folder.name, folder, size, (), "", str(error))
    return ModelListing(folder.name, folder, size, config.trained, config.base or "", "")
