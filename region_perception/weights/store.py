"""The native store: write a network into a model's folder, and read it back. See `folder` for what lies in it."""

import os
import re
import secrets
import shutil
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from region_perception.confidence import Calibration, ScoreMethod
from region_perception.errors import InvalidInput, WeightsError
from region_perception.network.region_blip import RegionBlip
from region_perception.network.spec import NetworkSpec
from region_perception.text import TextCodec
from region_perception.weights.assemble import check_tensors, empty_network, fill, owned_tensors
from region_perception.weights.blip2 import read_blip2_base
from region_perception.weights.blip2_spec import is_blip2_folder
from region_perception.weights.compare import refuse_other_base
from region_perception.weights.files import has_tensors, read_tensors, write_tensors
from region_perception.weights.folder import (
    CARD,
    CONFIG,
    FolderConfig,
    is_model_folder,
    read_config,
    write_config,
)
from region_perception.weights.references import HUB, follow, refer
from region_perception.weights.samples import refuse_other_weights, sample_base

MAX_SHARD_SIZE = "4GB"

# What a model's folder is made of; anything else in it belongs to somebody else.
OWN_FILES = re.compile(
    r"config\.json|README\.md|(qformer_)?tokenizer|[a-z_]+(-\d+-of-\d+)?\.safetensors(\.index\.json)?"
)


def save_model(
    folder: str | os.PathLike[str],
    network: RegionBlip,
    codec: TextCodec,
    *,
    card: str,
    trained: Collection[str],
    base: str | os.PathLike[str] | None = None,
    calibration: Sequence[Calibration] = (),
    score_method: ScoreMethod | None = None,
    overwrite: bool = False,
    max_shard_size: int | str = MAX_SHARD_SIZE,
) -> Path:
    """Write a model's folder, all of it or nothing.

    `card` is the text of its README.md; `trained` names the modalities whose weights have learnt something. With `base`
    (a folder, a bundled model's name or a hub id; BLIP-2 or native) only what stands on that model is written, and one
    base serves many such folders. A base on this machine has to be the network's own. `calibration` and `score_method`
    are those that were found out for these very weights. An older model in `folder` is replaced only with `overwrite`;
    anything else there is never touched.
    """
    target = Path(folder).expanduser().absolute()
    refuse_to_overwrite(target, overwrite)
    owners = owned_tensors(network)
    learnt = tuple(name for name in network.spec.modalities if name in trained)
    if len(learnt) != len(set(trained)):
        raise InvalidInput(f"trained is {sorted(trained)}; the network has {list(network.spec.modalities)}")
    config = FolderConfig(network.spec, learnt, calibration=tuple(calibration), score_method=score_method)
    if base is not None:
        config = replace(config, base=refer(os.fspath(base), target), base_samples=sample_base(owners.pop("base")))
        _refuse_base_of_others(target, config)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    draft.mkdir()
    try:
        write_config(draft, config)
        (draft / CARD).write_text(card, encoding="utf-8")
        codec.save(draft)
        for owner, tensors in owners.items():
            write_tensors(draft, owner, tensors, max_shard_size)
        for file in draft.glob("*.safetensors"):
            # safetensors lets only its writer read them; they are as readable as the rest of the folder.
            shutil.copymode(draft / CONFIG, file)
        swap(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def read_model(
    folder: Path, base: dict[str, Tensor] | None, device: torch.device, dtype: torch.dtype
) -> tuple[RegionBlip, TextCodec]:
    """The network and codec in `folder`; `base` holds the base's tensors where the folder has adapters only."""
    config = read_config(folder)
    codec = TextCodec.load(config.spec, folder)
    network = empty_network(config.spec)
    expected = owned_tensors(network)
    _refuse_strangers(folder, set(expected))
    for owner, wanted in expected.items():
        given = base if owner == "base" and base is not None else read_tensors(folder, owner)
        check_tensors(wanted, given, f"{folder} ({owner})")
        fill(network, given, device, dtype)
    return network.to(device).eval(), codec


def read_base(folder: Path, spec: NetworkSpec) -> dict[str, Tensor]:
    """The tensors of the base in a folder, BLIP-2 or native, which has to have the sizes of `spec`'s."""
    if is_blip2_folder(folder):
        return read_blip2_base(folder, spec)
    refuse_other_base(folder, spec, read_config(folder).spec)
    if not has_tensors(folder, "base"):
        config = read_config(folder)
        stands_on = (
            "" if config.base is None else f"; it stands on {config.base!r} (as seen from there), name that as the base"
        )
        raise WeightsError(f"{folder} has no base weights to build on{stands_on}")
    return read_tensors(folder, "base")


def _refuse_base_of_others(target: Path, config: FolderConfig) -> None:
    """Adapters that are written over another base than the network's could never be loaded.

    A hub model is not asked: it need not be here, where the network may have been made on a copy of it.
    """
    if config.base is not None and not config.base.startswith(HUB):
        where = follow(config.base, target)
        refuse_other_weights(target, config.base_samples, where, read_base(where, config.spec))


def refuse_to_overwrite(target: Path, overwrite: bool) -> None:
    """Raise where a model that is written to `target` would replace what it may not."""
    if not target.exists():
        return
    if not target.is_dir():
        raise WeightsError(f"{target} is a file; expected the folder to write the model into")
    entries = sorted(entry.name for entry in target.iterdir())
    if not entries:
        return
    strangers = [name for name in entries if not OWN_FILES.fullmatch(name)]
    if strangers or not is_model_folder(target):
        raise WeightsError(
            f"{target} holds something else than a model: {', '.join(strangers or entries)}; left as it is"
        )
    if not overwrite:
        raise WeightsError(f"{target} holds a model already; overwrite=True would replace all of: {', '.join(entries)}")


def _refuse_strangers(folder: Path, owners: set[str]) -> None:
    """Weights in the folder that the spec has no use for mean that spec and weights do not belong together."""
    strangers = [
        path.name
        for path in sorted(folder.glob("*.safetensors*"))
        if re.split(r"-\d+-of-|\.safetensors", path.name)[0] not in owners
    ]
    if strangers:
        raise WeightsError(f"{folder} holds weights that its network does not have: {', '.join(strangers)}")


def swap(draft: Path, target: Path) -> None:
    """Put `draft` where `target` is. If something stops in between, the old folder lies beside it, complete."""
    if not target.exists():
        draft.rename(target)
        return
    old = draft.with_name(draft.name + ".old")
    target.rename(old)
    try:
        draft.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old)
