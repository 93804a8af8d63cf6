"""JSON of others: every way in which a file can be none is said in words, wherever it is read."""

import json
import os
from pathlib import Path

import pytest

from region_perception import json_files
from region_perception.data.sets import named_set
from region_perception.errors import InvalidInput, InvalidRecipe, RegionPerceptionError, WeightsError
from region_perception.evaluation.predictions import read_run
from region_perception.evaluation.protocols.detections import read_detections
from region_perception.json_files import load_json, parse_json
from region_perception.training.recipe import read_recipe
from region_perception.weights.blip2_spec import is_blip2_folder, read_blip2_config
from region_perception.weights.files import read_index
from region_perception.weights.folder import read_config

BROKEN = {
    b"": "is it cut off",
    b'{"a": [1, 2': "is it cut off",
    b'{"a": 1} x': "is it cut off",
    b'{"a": "caf\xe9"}': r"not UTF-8 \(byte 0xe9 at 10\)",
    b"\xff\xfe{\x00}\x00": r"not UTF-8 \(byte 0xff at 0\)",
    b"[" * 100_000: "lists within lists",
    b'{"a":' * 100_000: "lists within lists",
    b"1" * 5000: "digits",
    b"\x00": "is it cut off",
}


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_json_is_said_in_the_same_words_everywhere(tmp_path, content) -> None:
    for name in ("run.json", "config.json", "recipe.json"):
        (tmp_path / name).write_bytes(content)
    for read, path in (
        (load_json, tmp_path / "run.json"),
        (read_detections, tmp_path / "run.json"),
        (read_run, tmp_path),
        (read_config, tmp_path),
        (read_recipe, tmp_path / "recipe.json"),
        (read_index, tmp_path / "run.json"),
    ):
        with pytest.raises(RegionPerceptionError, match=f"json cannot be read: it is no JSON: .*{BROKEN[content]}"):
            read(path)
    assert not is_blip2_folder(tmp_path)
    (tmp_path / "scenes").mkdir()
    (tmp_path / "run.json").rename(tmp_path / "scenes" / "0.json")
    (flaw,) = named_set("exported").read(tmp_path, "train", False)
    assert "0.json cannot be read" in flaw.message


def test_the_error_is_the_one_that_is_asked_for(tmp_path) -> None:
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(WeightsError, match=r"a\.json holds list; expected an object"):
        load_json(tmp_path / "a.json", dict, refused=WeightsError)
    with pytest.raises(InvalidRecipe, match=r"a\.json holds list; expected an object"):
        read_recipe(tmp_path / "a.json")
    with pytest.raises(InvalidInput, match=r"^--flag is missing"):
        load_json(tmp_path / "none.json", name="--flag")
    with pytest.raises(WeightsError, match="no BLIP-2"):
        read_blip2_config(tmp_path)


@pytest.mark.parametrize(("read", "missing"), [(read_config, "is not a model folder"), (read_run, "no evaluation")])
def test_folders_that_cannot_be_looked_into_are_refused_in_words(tmp_path, read, missing) -> None:
    with pytest.raises(RegionPerceptionError, match=missing):
        read(tmp_path)
    with pytest.raises(RegionPerceptionError, match="cannot be read: File name too long"):
        read(tmp_path / ("x" * 300))


def test_what_is_no_plain_file_is_not_waited_for(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(InvalidInput, match="no plain file"):
            load_json(path)
    for path in (Path("a\0b"), tmp_path / ("x" * 300)):
        with pytest.raises(InvalidInput):
            load_json(path)


def test_long_files_are_refused_unread(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(json_files, "LONGEST", 100)
    (tmp_path / "a.json").write_text(json.dumps("a" * 98))
    assert load_json(tmp_path / "a.json") == "a" * 98
    (tmp_path / "a.json").write_text(json.dumps("a" * 99))
    with pytest.raises(InvalidInput, match="longer than 100 bytes"):
        load_json(tmp_path / "a.json")


def test_a_mark_of_byte_order_is_passed_over() -> None:
    assert parse_json("\ufeff[1]".encode(), "it") == [1]
