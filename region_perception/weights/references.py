"""What names a model: a folder's path, a bundled model's name, a hub id; and what an adapter-only folder keeps of it.

A user may leave open which of the three is meant; then the first that is there is taken, in the order above, and what
has the form of a hub id and is neither is one. What a folder keeps is never open:

    hub:owner/model      a hub id, with `@revision` where one was given
    name:model           a bundled model, sought in the places alone
    ../model, /a/model   a folder: relative to the one that keeps it, or absolute where they have no tree in common
"""

import os
from pathlib import Path

from region_perception.errors import ModelNotFound, WeightsError
from region_perception.weights.hub import download, is_hub_id
from region_perception.weights.places import find_model, find_named, model_places

HUB = "hub:"
NAME = "name:"


def locate(name: str) -> Path:
    """The folder of the model that a user names, downloaded if it is a hub model that is not here yet."""
    if name.startswith((HUB, NAME)):
        return _marked(name)
    try:
        return find_model(name)
    except ModelNotFound:
        if is_hub_id(name):
            return download(name)
        raise


def refer(base: str, folder: Path) -> str:
    """What `folder`, which need not be there yet, keeps of the base that a user names. Nothing is downloaded for it."""
    if base.startswith(HUB):
        if not is_hub_id(base.removeprefix(HUB)):
            raise WeightsError(f"base is {base!r}; expected {HUB}owner/model or {HUB}owner/model@revision")
        return base
    name = base.removeprefix(NAME)
    try:
        found = find_model(base) if name == base else find_named(name)
    except ModelNotFound:
        if is_hub_id(base):
            return HUB + base
        raise
    _refuse_itself(folder.resolve(), found.resolve())
    # A folder of the same name could be found in the base's stead, once it is in one of the places itself.
    if found.name == name != folder.name and found.parent in model_places():
        return NAME + name
    return _path_between(folder.resolve(), found.resolve())


def follow(reference: str, folder: Path) -> Path:
    """The folder of the base that `folder` keeps a reference to. A path is sought where it leads and nowhere else."""
    try:
        return _marked(reference) if reference.startswith((HUB, NAME)) else _folder_at(reference, folder)
    except ModelNotFound as error:
        raise ModelNotFound(
            f"the model in {folder} stands on {reference!r}, which was not found: {error}\n"
            "  base=<a folder, a name or a hub id> says where it is now"
        ) from error


def _marked(reference: str) -> Path:
    if reference.startswith(HUB):
        return download(reference.removeprefix(HUB))
    return find_named(reference.removeprefix(NAME))


def _folder_at(reference: str, folder: Path) -> Path:
    try:
        base = (folder / reference).resolve()
        if base.is_dir():
            return base
    except (OSError, ValueError, RuntimeError) as error:  # too long, a null byte, links that go round
        raise ModelNotFound(f"it is no path: {error}") from error
    raise ModelNotFound(f"looked at {base}, which is {'no folder' if base.exists() else 'not there'}")


def _refuse_itself(folder: Path, base: Path) -> None:
    if folder == base or folder in base.parents:
        raise WeightsError(f"the base {base} lies in {folder}, the folder that is to stand on it; name another folder")


def _path_between(folder: Path, base: Path) -> str:
    if folder.parts[:2] != base.parts[:2]:
        return base.as_posix()
    return Path(os.path.relpath(base, folder)).as_posix()
