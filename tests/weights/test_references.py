"""What an adapter-only folder keeps of its base: never open to two readings, and good after a move."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from region_perception.errors import ModelNotFound, WeightsError
from region_perception.network.region_blip import RegionBlip
from region_perception.text import TextCodec
from region_perception.weights import references
from region_perception.weights.folder import read_config
from region_perception.weights.load import load_model
from region_perception.weights.references import follow, locate, refer
from region_perception.weights.store import save_model


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was to be downloaded, which in these tests ends in nowhere."""
    asked: list[str] = []

    def download(hub_id: str) -> Path:
        asked.append(hub_id)
        return Path("/nowhere")

    monkeypatch.setattr(references, "download", download)
    return asked


@pytest.fixture
def save(network: RegionBlip, codec: TextCodec) -> Any:
    def save(folder: Path, base: Any) -> str:
        return read_config(save_model(folder, network, codec, card="", trained=(), base=base)).base or ""

    return save


def test_folders_are_kept_relative_to_the_one_that_stands_on_them(
    saved: Path, save: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert save(tmp_path / "a", saved) == "../tiny"
    assert save(tmp_path / "deep" / "er" / "b", "./tiny") == "../../../tiny"
    assert save(Path("c"), "tiny") == "../tiny"  # a model in the working directory comes before a bundled one
    assert save(tmp_path / "tiny-adapters", Path("deep/../tiny")) == "../tiny"


def test_a_folder_on_another_tree_is_kept_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    assert refer(str(tmp_path / "base"), Path("/elsewhere/m")) == str((tmp_path / "base").resolve())


def test_models_that_move_together_stay_together(
    saved: Path, save: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, away = tmp_path / "home", tmp_path / "far" / "away"
    home.mkdir()
    shutil.move(saved, home / "tiny")
    save(home / "m", home / "tiny")
    away.parent.mkdir()
    shutil.move(home, away)
    monkeypatch.chdir(tmp_path / "far")
    assert load_model("away/m", device="cpu").source == "away/m"
    (tmp_path / "link").symlink_to(away / "m")
    assert load_model(tmp_path / "link", device="cpu").trained == frozenset()


def test_a_folder_reached_by_a_link_is_kept_by_where_it_is(saved: Path, save: Any, tmp_path: Path) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real" / "deep")
    assert save(tmp_path / "link" / "m", saved) == "../../../tiny"
    load_model(tmp_path / "link" / "m", device="cpu")


def test_a_path_that_is_gone_is_sought_nowhere_else(
    saved: Path, save: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, downloads: list[str]
) -> None:
    save(tmp_path / "deep" / "m", saved)
    (tmp_path / "cwd" / "x").mkdir(parents=True)
    shutil.move(saved, tmp_path / "cwd" / "tiny")
    monkeypatch.chdir(tmp_path / "cwd" / "x")
    monkeypatch.setenv("REGION_PERCEPTION_MODELS", str(tmp_path / "cwd"))
    assert (Path("..") / "tiny").is_dir()
    for reference, looked in (("../../tiny", saved), ("owner/model", tmp_path / "deep" / "m" / "owner" / "model")):
        path = tmp_path / "deep" / "m" / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"base": reference}))
        with pytest.raises(
            ModelNotFound, match=rf"stands on '{reference}', .*looked at {looked}, which is not there\n"
        ):
            load_model(tmp_path / "deep" / "m")
    assert not downloads


def test_bundled_names_are_sought_in_the_places_alone(
    saved: Path, save: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGION_PERCEPTION_MODELS", str(tmp_path))
    assert save(tmp_path / "deep" / "m", "tiny") == "name:tiny"
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    shutil.copytree(saved, "tiny")
    assert follow("name:tiny", tmp_path / "deep" / "m") == saved
    assert (locate("tiny"), locate("name:tiny")) == (Path("tiny"), saved)
    load_model(tmp_path / "deep" / "m", device="cpu")
    monkeypatch.delenv("REGION_PERCEPTION_MODELS")
    with pytest.raises(ModelNotFound, match=r"m stands on 'name:tiny', which was not found: no model 'tiny' was found"):
        load_model(tmp_path / "deep" / "m")


def test_hub_ids_are_marked_and_nothing_is_downloaded_to_save(
    saved: Path, save: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, downloads: list[str]
) -> None:
    assert save(tmp_path / "a", "somebody/tiny@v2") == "hub:somebody/tiny@v2"
    assert save(tmp_path / "b", "hub:somebody/tiny") == "hub:somebody/tiny"
    assert not downloads
    (tmp_path / "somebody").mkdir()
    shutil.copytree(saved, tmp_path / "somebody" / "tiny")
    monkeypatch.chdir(tmp_path)
    assert save(tmp_path / "c", "somebody/tiny") == "../somebody/tiny"
    assert follow("hub:somebody/tiny", tmp_path / "a") == Path("/nowhere")
    assert locate("hub:somebody/tiny") == Path("/nowhere")
    assert locate("somebody/tiny") == Path("somebody/tiny")
    assert downloads == ["somebody/tiny"] * 2


@pytest.mark.parametrize("base", ["../nowhere", "./a/b", "/a/b", "a/b/c", "nothing", "", "hub:", "hub:../a", "name:no"])
def test_a_base_that_is_not_there_is_not_saved(save: Any, tmp_path: Path, base: str, downloads: list[str]) -> None:
    with pytest.raises(WeightsError, match=r"looked in|expected hub:owner/model"):
        save(tmp_path / "m", base)
    assert not list(tmp_path.iterdir())
    assert not downloads


def test_paths_are_told_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelNotFound, match=f"as a path it is {tmp_path / 'some' / 'where' / 'else'}, which is not"):
        refer("some/where/else", tmp_path / "m")


@pytest.mark.parametrize("reference", ["x" * 5000, "null\0byte", "loop", "config.json", "hub:../x", "hub:", "name:"])
def test_hostile_references_are_not_found(saved: Path, reference: str) -> None:
    (saved / "loop").symlink_to("loop")
    with pytest.raises(ModelNotFound, match="stands on"):
        follow(reference, saved)


@pytest.mark.parametrize("base", ["tiny", "name:tiny", "../tiny"])
def test_a_model_cannot_stand_on_itself(
    saved: Path, network: RegionBlip, codec: TextCodec, monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    monkeypatch.setenv("REGION_PERCEPTION_MODELS", str(saved.parent))
    monkeypatch.chdir(saved)
    before = (saved / "base.safetensors").read_bytes()
    with pytest.raises(WeightsError, match=r"lies in .*, the folder that is to stand on it"):
        save_model(saved, network, codec, card="", trained=(), base=base, overwrite=True)
    assert (saved / "base.safetensors").read_bytes() == before


def test_a_model_of_its_base_s_name_is_not_taken_for_the_base(
    saved: Path, save: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nearer = tmp_path / "nearer"
    monkeypatch.setenv("REGION_PERCEPTION_MODELS", f"{nearer}{os.pathsep}{tmp_path}")
    assert save(nearer / "tiny", "tiny") == "../../tiny"
    assert load_model("tiny", device="cpu").source == str(nearer / "tiny")
