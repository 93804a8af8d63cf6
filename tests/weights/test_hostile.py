"""Folders that are broken, foreign or hostile: each is refused, with what is wrong and where."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from region_perception.errors import InvalidSpec, RegionPerceptionError, WeightsError
from region_perception.text import word_tokenizer
from region_perception.weights.load import load_model


def _truncate(folder: Path) -> None:
    path = folder / "base.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _cut_header(folder: Path) -> None:
    path = folder / "base.safetensors"
    path.write_bytes(path.read_bytes()[:20])


def _empty(folder: Path) -> None:
    (folder / "cloud.safetensors").write_bytes(b"")


def _pickle(folder: Path) -> None:
    (folder / "clouds.safetensors").write_bytes(pickle.dumps({"a": 1}))


def _torch_pickle(folder: Path) -> None:
    torch.save({"a": torch.zeros(3)}, folder / "clouds.safetensors")


def _huge_header(folder: Path) -> None:
    (folder / "cloud.safetensors").write_bytes((2**62).to_bytes(8, "little") + b"{}")


def _lose(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _edit(file: str, change: Callable[[dict[str, Tensor]], Any]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        tensors = {name: tensor.clone() for name, tensor in load_file(folder / file).items()}
        change(tensors)
        save_file(tensors, folder / file)

    return edit


def _reshape(tensors: dict[str, Tensor]) -> None:
    tensors["parts.cloud.queries"] = torch.zeros(5, 16)
    del tensors["parts.cloud.to_language.bias"]
    tensors["parts.cloud.ears"] = torch.zeros(1)


def _integers(tensors: dict[str, Tensor]) -> None:
    tensors["parts.cloud.queries"] = tensors["parts.cloud.queries"].to(torch.int32)


def _misplace(folder: Path) -> None:
    (folder / "cloud.safetensors").rename(folder / "smell.safetensors")


def _configure(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def configure(folder: Path) -> None:
        data = json.loads((folder / "config.json").read_text())
        change(data)
        (folder / "config.json").write_text(json.dumps(data))

    return configure


def _calibrate(**changes: Any) -> Callable[[Path], None]:
    entry = {"task": "caption", "modality": "image", "slope": 1.0, "shift": 0.0} | changes
    return _configure(lambda data: data.update(calibration=[entry]))


def _write_config(text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "config.json").write_text(text)


def _index(text: str) -> Callable[[Path], None]:
    def index(folder: Path) -> None:
        (folder / "base.safetensors").unlink()
        (folder / "base.safetensors.index.json").write_text(text)

    return index


def _folder_for_file(folder: Path) -> None:
    (folder / "base.safetensors").unlink()
    (folder / "base.safetensors").mkdir()


def _write_tokenizer(folder: Path, model: str) -> None:
    text = f'{{"version": "1.0", "added_tokens": [], "model": {{{model}}}}}'
    (folder / "tokenizer" / "tokenizer.json").write_text(text)


HOSTILE = {
    "truncated": (_truncate, WeightsError, "base.safetensors is truncated or no safetensors"),
    "header cut": (_cut_header, WeightsError, "base.safetensors is truncated or no safetensors"),
    "empty file": (_empty, WeightsError, "cloud.safetensors is truncated or no safetensors"),
    "pickle": (_pickle, WeightsError, "clouds.safetensors is truncated or no safetensors"),
    "torch pickle": (_torch_pickle, WeightsError, "clouds.safetensors is truncated or no safetensors"),
    "header of 2^62 bytes": (_huge_header, WeightsError, "cloud.safetensors is truncated or no safetensors"),
    "folder in place of a file": (_folder_for_file, WeightsError, "base.safetensors cannot be read"),
    "no base": (_lose("base.safetensors"), WeightsError, "neither base.safetensors nor base.safetensors.index"),
    "no modality": (_lose("cloud_region.safetensors"), WeightsError, "neither cloud_region.safetensors"),
    "shape": (
        _edit("cloud.safetensors", _reshape),
        WeightsError,
        r"queries is float32 \[5, 16\]; expected .* \[4, 16\]",
    ),
    "missing": (_edit("cloud.safetensors", _reshape), WeightsError, r"missing \(1\):\n +parts.cloud.to_language.bias"),
    "unexpected": (_edit("cloud.safetensors", _reshape), WeightsError, r"unexpected \(1\):\n +parts.cloud.ears"),
    "integers": (_edit("cloud.safetensors", _integers), WeightsError, "parts.cloud.queries is int32"),
    "unknown owner": (_misplace, WeightsError, "does not have: smell.safetensors"),
    "no config": (_lose("config.json"), WeightsError, "is not a model folder: it has no config.json"),
    "config is no JSON": (_write_config("{"), WeightsError, "config.json cannot be read"),
    "config is binary": (_write_config("\x00"), WeightsError, "config.json cannot be read"),
    "config nests deeply": (_write_config("[" * 100_000), WeightsError, "config.json cannot be read"),
    "config is a list": (_write_config("[]"), WeightsError, "holds list; expected an object"),
    "foreign config": (_write_config("{}"), WeightsError, "format None; expected 'region-perception'"),
    "a BLIP-2": (_write_config('{"model_type": "blip-2"}'), WeightsError, r'load\("regionblip", base='),
    "newer": (_configure(lambda data: data.update(version=2)), WeightsError, "version 2 .* reads up to 1"),
    "version is text": (_configure(lambda data: data.update(version="1")), WeightsError, "version '1'"),
    "version is true": (_configure(lambda data: data.update(version=True)), WeightsError, "version True"),
    "unknown key": (_configure(lambda data: data.update(mood=1)), InvalidSpec, r"unknown keys \['mood'\]"),
    "unknown spec key": (_configure(lambda data: data["spec"].update(ears=2)), InvalidSpec, r"unknown keys \['ears'\]"),
    "no spec": (_configure(lambda data: data.pop("spec")), InvalidSpec, r"lacks \['spec'\]"),
    "wrong type": (
        _configure(lambda data: data["spec"]["qformer"].update(width="16")),
        InvalidSpec,
        "qformer.width is '16'",
    ),
    "other size": (_configure(lambda data: data["spec"]["qformer"].update(ffn_width=48)), WeightsError, r"\[48, 16\]"),
    "trained is unknown": (_configure(lambda data: data.update(trained=["sound"])), InvalidSpec, r"\['sound'\]"),
    "base unlike anything": (
        _configure(lambda data: data.update(base="..")),
        InvalidSpec,
        "base is '..' with 0 base_samp",
    ),
    "like something": (
        _configure(lambda data: data.update(base_samples=[{"name": "x", "values": [1.0]}])),
        InvalidSpec,
        "base is None with 1 base_samples",
    ),
    "like NaN": (
        _configure(lambda data: data.update(base="..", base_samples=[{"name": "x", "values": [float("nan")]}])),
        InvalidSpec,
        "expected a finite number",
    ),
    "calibration is a number": (_configure(lambda data: data.update(calibration=1)), InvalidSpec, "expected a list"),
    "calibration of NaN": (_calibrate(slope=float("nan")), InvalidSpec, "slope is nan; expected a finite number"),
    "calibration without end": (_calibrate(shift=float("inf")), InvalidSpec, "shift is inf; expected a finite number"),
    "calibration upside down": (_calibrate(slope=-1), InvalidSpec, r"slope -1\.0; expected one above 0"),
    "calibration in words": (_calibrate(shift="much"), InvalidSpec, "shift is 'much'"),
    "calibration of nothing": (_calibrate(modality="sound"), InvalidSpec, "calibration names 'sound'"),
    "calibration of no task": (_calibrate(task="sing"), InvalidSpec, "task is 'sing'; expected one of"),
    "calibration with more": (_calibrate(mood=1), InvalidSpec, r"unknown keys \['mood'\]"),
    "score method": (
        _configure(lambda data: data.update(score_method="luck")),
        InvalidSpec,
        "score_method is 'luck'; expected one of",
    ),
    "index is no JSON": (_index("{"), WeightsError, "base.safetensors.index.json cannot be read"),
    "index has no map": (_index("{}"), WeightsError, "base.safetensors.index.json has no map"),
    "index maps to numbers": (_index('{"weight_map": {"a": 1}}'), WeightsError, "has no map from tensors"),
    "index leads outside": (_index('{"weight_map": {"a": "../../x"}}'), WeightsError, r"outside its own folder: \.\./"),
    "shard is missing": (
        _index('{"weight_map": {"a": "base-1.safetensors"}}'),
        WeightsError,
        "base-1.safetensors is miss",
    ),
    "shard lacks a tensor": (_index('{"weight_map": {"a": "cloud.safetensors"}}'), WeightsError, "promises .*: a"),
    "tokenizer missing": (lambda folder: shutil.rmtree(folder / "tokenizer"), WeightsError, "has no tokenizer/ folder"),
    "tokenizer empty": (_lose("tokenizer/tokenizer.json"), WeightsError, "the tokenizer in .* cannot be read"),
    "tokenizer broken": (
        lambda folder: (folder / "tokenizer" / "tokenizer.json").write_text('{"version": "1.0"}'),
        WeightsError,
        "the tokenizer in .* cannot be read",
    ),
    "tokenizer's ids are text": (
        lambda folder: _write_tokenizer(folder, '"vocab": {"a": "b"}, "unk_token": "a", "type": "WordPiece"'),
        WeightsError,
        "the tokenizer in .* cannot be read",
    ),
    "tokenizer is no JSON": (
        lambda folder: (folder / "tokenizer" / "tokenizer.json").write_text("{"),
        WeightsError,
        "the tokenizer in .* cannot be read",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_folders_are_refused(saved: Path, case: str) -> None:
    harm, error, message = HOSTILE[case]
    harm(saved)
    with pytest.raises(error, match=message) as caught:
        load_model(saved)
    assert isinstance(caught.value, RegionPerceptionError)
    assert str(saved) in str(caught.value)


def test_every_difference_is_told_at_once(saved: Path) -> None:
    _edit("cloud.safetensors", _reshape)(saved)
    with pytest.raises(WeightsError) as caught:
        load_model(saved)
    for name in ("parts.cloud.queries", "parts.cloud.to_language.bias", "parts.cloud.ears"):
        assert name in str(caught.value)


def test_the_tokenizer_of_another_model_is_refused(saved: Path, tmp_path: Path) -> None:
    shutil.rmtree(saved / "tokenizer")
    word_tokenizer([], size=400).save_pretrained(saved / "tokenizer")
    with pytest.raises(WeightsError, match="ids up to 399, but the language model has only 320 words"):
        load_model(saved)


def test_code_beside_a_tokenizer_is_not_run(saved: Path, tmp_path: Path) -> None:
    (saved / "tokenizer" / "tokenizer.json").unlink()
    (saved / "tokenizer" / "evil.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\nclass Evil: pass\n")
    settings = {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}}
    (saved / "tokenizer" / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(WeightsError, match=r"the tokenizer in .* cannot be read"):
        load_model(saved)
    assert not (tmp_path / "sprung").exists()
