"""What lies in a model's folder, and its `config.json`.

    config.json            the spec, which modalities are trained, and the base that the model stands on
    base.safetensors       encoder of images, Q-Former, language model, and the parts of the `image` modality
    clouds.safetensors     point encoder (and the clouds' own Q-Former, where there is one)
    <modality>.safetensors LoRA pairs, queries, projections and heads of one more modality
    tokenizer/             the language model's tokenizer
    qformer_tokenizer/     the text branch's tokenizer, where it is another one
    README.md              the model card

A file above the shard size is split into `<owner>-00001-of-00003.safetensors` with `<owner>.safetensors.index.json`.
Tensors are named as the network's parameters are, without the `base_layer` that peft puts into adapted layers. A folder
without `base.safetensors` holds adapters only; in its `config.json` `base` says where the model lies that they stand on
(see `references`), and `base_samples` holds a few of that model's values, so that no other one is taken for it (see
`samples`). A model that was calibrated has `calibration` and `score_method`, too; without them its confidences are what
the network gives out.
"""

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from region_perception.confidence import Calibration, ScoreMethod
from region_perception.errors import InvalidSpec, WeightsError
from region_perception.json_files import load_json
from region_perception.network.spec import NetworkSpec, spec_from_dict, spec_to_dict

CONFIG = "config.json"
CARD = "README.md"
FORMAT = "region-perception"
VERSION = 1


@dataclass(frozen=True)
class Sample:
    """A few values of a tensor."""

    name: str
    """The tensor's name in files."""
    values: tuple[float, ...]
    """At even distances from its first value to its last."""


@dataclass(frozen=True)
class FolderConfig:
    """`config.json`, typed."""

    spec: NetworkSpec
    trained: tuple[str, ...]
    """The modalities whose weights have learnt something."""
    base: str | None = None
    """Where that lies what an adapter-only model stands on: a path, `name:model` or `hub:owner/model`."""
    base_samples: tuple[Sample, ...] = ()
    """What the base's weights are like; nothing where the model holds its base."""
    calibration: tuple[Calibration, ...] = ()
    """By task and modality, how confidences become chances of being right."""
    score_method: ScoreMethod | None = None
    """How texts and regions are compared where a user leaves it open; None: as the network's parts suggest."""

    def __post_init__(self) -> None:
        unknown = [name for name in self.trained if name not in self.spec.modalities]
        if unknown:
            raise InvalidSpec(f"trained names {unknown}, but the network has only {list(self.spec.modalities)}")
        if (self.base is None) != (not self.base_samples):
            raise InvalidSpec(
                f"base is {self.base!r} with {len(self.base_samples)} base_samples; expected both of them or neither"
            )
        _check_confidence(self.spec, self.calibration, self.score_method)


def is_model_folder(folder: Path) -> bool:
    """Whether `folder` holds a model of ours, readable or not."""
    try:
        return _read_json(folder / CONFIG).get("format") == FORMAT
    except WeightsError:
        return False


def read_config(folder: Path) -> FolderConfig:
    """The `config.json` of `folder`. One that is missing, foreign, newer than this library or wrong is refused."""
    path = folder / CONFIG
    data = dict(_read_json(path))
    layout = data.pop("format", None)
    if layout != FORMAT:
        raise WeightsError(_foreign(path, layout, data))
    version = data.pop("version", None)
    if type(version) is not int or not 1 <= version <= VERSION:
        raise WeightsError(
            f"{path} is written in version {version!r} of the format; this library reads up to {VERSION}. "
            "Install a newer region_perception to load it"
        )
    try:
        return spec_from_dict(FolderConfig, data, where=CONFIG)
    except InvalidSpec as error:
        raise InvalidSpec(f"{path}: {error}") from error


def write_config(folder: Path, config: FolderConfig) -> None:
    """Write `config.json` into `folder`, all of it or nothing."""
    data: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "spec": spec_to_dict(config.spec),
        "trained": list(config.trained),
        "base": config.base,
        "base_samples": [spec_to_dict(sample) for sample in config.base_samples],
    }
    # Libraries that know of neither read the models that have neither.
    if config.calibration:
        data["calibration"] = [spec_to_dict(each) for each in config.calibration]
    if config.score_method is not None:
        data["score_method"] = config.score_method
    draft = folder / f".{CONFIG}.{secrets.token_hex(4)}"
    try:
        draft.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
        os.replace(draft, folder / CONFIG)
    finally:
        draft.unlink(missing_ok=True)


def _check_confidence(spec: NetworkSpec, calibration: Sequence[Calibration], method: ScoreMethod | None) -> None:
    """That a model of `spec` can say what is calibrated, and compare by `method`."""
    known = [(each.task, each.modality) for each in calibration]
    for i, (task, modality) in enumerate(known):
        if modality not in spec.modalities:
            raise InvalidSpec(f"calibration names {modality!r}, but the network has only {list(spec.modalities)}")
        if (task, modality) in known[:i]:
            raise InvalidSpec(f"calibration has two entries for {task} in {modality}; expected one")
    if method is None and any(task == "find" for task, _ in known):
        raise InvalidSpec("calibration has an entry for find, but no score_method says whose scores are meant")
    if method not in (None, "likelihood") and not spec.qformer.text_branch:
        raise InvalidSpec(f"score_method is {method!r}, but without a text branch a network can only by 'likelihood'")


def _read_json(path: Path) -> dict[str, Any]:
    missing = f"{path.parent} is not a model folder: it has no {path.name}"
    return load_json(path, dict, missing=missing, refused=WeightsError)


def _foreign(path: Path, layout: Any, data: dict[str, Any]) -> str:
    if data.get("model_type") == "blip-2":
        return (
            f"{path.parent} is a BLIP-2 model of transformers, not one of ours; "
            f'load a network over it: load("regionblip", base="{path.parent}")'
        )
    return f"{path} has format {layout!r}; expected {FORMAT!r}"
