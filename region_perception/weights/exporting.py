"""`export_model`: a model in the form that other people's tools read."""

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from region_perception.errors import WeightsError
from region_perception.weights.layouts.exporting import LAYOUTS, layouts_of, unsaid
from region_perception.weights.load import LoadedModel
from region_perception.weights.peft_export import write_peft, write_transformers
from region_perception.weights.store import swap

FORMS = (*LAYOUTS, "transformers", "peft")


@dataclass(frozen=True)
class Exported:
    """What was written."""

    folder: Path
    files: tuple[str, ...]
    names: dict[str, str]
    """Name here -> name there, of torch files; other forms keep the names of transformers."""
    unsaid: tuple[str, ...]
    """Names here that none of the torch files holds."""


def export_model(
    model: LoadedModel, form: str, folder: str | os.PathLike[str], *, image_token: int | None = None
) -> Exported:
    """Write `model` in `form`, one of FORMS, into a new `folder`, all of it or nothing.

    A model that the form has no words for is refused, with what stands in the way. `image_token`: of "transformers",
    the word that stands for a soft token.
    """
    if form not in FORMS:
        raise WeightsError(f"no form is called {form!r}; models are exported to {', '.join(FORMS)}")
    target = new_folder(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    draft.mkdir()
    try:
        names, left = _write(model, form, draft, image_token)
        files = tuple(sorted(path.name for path in draft.iterdir()))
        if target.exists():
            target.rmdir()  # it is empty
        swap(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Exported(target, files, names, left)


def new_folder(folder: str | os.PathLike[str]) -> Path:
    """Where to write; a folder with anything in it is refused."""
    target = Path(folder).expanduser().absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise WeightsError(f"{target} is there already; expected the name of a new folder")
    return target


def _write(
    model: LoadedModel, form: str, folder: Path, image_token: int | None
) -> tuple[dict[str, str], tuple[str, ...]]:
    if form == "transformers":
        write_transformers(folder, model.network, model.codec, image_token)
        return {}, ()
    if form == "peft":
        write_peft(folder, model.network)
        return {}, ()
    layouts = layouts_of(model.network, form)
    for layout in layouts:
        torch.save(layout.content, folder / layout.file)
    names = {ours: theirs for layout in layouts for ours, theirs in layout.names.items()}
    return names, tuple(unsaid(model.network, layouts))
