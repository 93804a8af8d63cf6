"""`write_calibration`: the same model with other confidences. No tensor is read for it."""

import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from region_perception.confidence import Calibration, ScoreMethod
from region_perception.errors import WeightsError
from region_perception.weights.folder import CONFIG, FolderConfig, read_config, write_config
from region_perception.weights.references import HUB, NAME, follow, refer
from region_perception.weights.store import OWN_FILES, refuse_to_overwrite, swap


def refuse_to_recalibrate(folder: Path, target: Path, *, overwrite: bool = False) -> None:
    """Raise where `write_calibration` could not write, before work is done that it would keep."""
    read_config(folder)
    if target.resolve() != folder.resolve():
        refuse_to_overwrite(target, overwrite)
    elif (folder / CONFIG).is_symlink():
        raise WeightsError(f"{folder / CONFIG} is a link to a file that others may use; write into another folder")
    elif not os.access(folder, os.W_OK):
        raise WeightsError(f"{folder} cannot be written; write into another folder")


def write_calibration(
    folder: Path,
    target: Path,
    calibration: Sequence[Calibration],
    score_method: ScoreMethod | None,
    *,
    base: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the model in `folder` with these into `target`, all of it or nothing; in place where both are the same.

    `base`: where the base of a model that holds adapters only lies, if not where that says. An older model in another
    `target` is replaced only with `overwrite`.
    """
    refuse_to_recalibrate(folder, target, overwrite=overwrite)
    config = replace(read_config(folder), calibration=tuple(calibration), score_method=score_method)
    if target.resolve() == folder.resolve():
        write_config(folder, config)
        return folder
    target = target.expanduser().absolute()
    config = replace(config, base=_base_seen_from(target, folder, config, base))
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    draft.mkdir()
    try:
        for entry in folder.iterdir():
            if OWN_FILES.fullmatch(entry.name):
                (shutil.copytree if entry.is_dir() else shutil.copy)(entry, draft / entry.name)
        write_config(draft, config)
        swap(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def _base_seen_from(
    target: Path, folder: Path, config: FolderConfig, base: str | os.PathLike[str] | None
) -> str | None:
    """What `target` keeps of the base of the model in `folder`: a path leads elsewhere from there."""
    if config.base is None or (base is None and config.base.startswith((HUB, NAME))):
        return config.base
    return refer(os.fspath(base) if base is not None else str(follow(config.base, folder)), target)
