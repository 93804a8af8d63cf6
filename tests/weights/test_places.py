"""Where models are looked for, in which order, and what is told about what is there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import region_perception
from region_perception.errors import ModelNotFound
from region_perception.network.region_blip import RegionBlip
from region_perception.text import TextCodec
from region_perception.weights.places import find_model, list_models, model_places
from region_perception.weights.store import save_model


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved: Path) -> Path:
    """A folder of models: `tiny`, a broken one, one that is none, and a draft of a save that was cut short."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text('{"format": "region-perception", "version": 9}')
    (tmp_path / "photos").mkdir()
    saved.with_name(".tiny.0a1b2c3d").mkdir()
    (saved.with_name(".tiny.0a1b2c3d") / "config.json").write_text((saved / "config.json").read_text())
    monkeypatch.setenv("REGION_PERCEPTION_MODELS", str(tmp_path))
    return tmp_path


def test_the_order_of_the_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = Path(region_perception.__file__).parent
    own = [package / "models", package.parent / "models"]
    assert model_places() == own
    named = os.pathsep.join([str(tmp_path / "b"), "", str(tmp_path / "a"), str(own[1])])
    monkeypatch.setenv("REGION_PERCEPTION_MODELS", named)
    assert model_places() == [tmp_path / "b", tmp_path / "a", own[1], own[0]]


def test_models_are_found_by_name_and_by_path(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_model("tiny") == place / "tiny"
    assert find_model(place / "tiny") == place / "tiny"
    assert find_model(str(place / "photos")) == place / "photos"  # taken as it is; loading says what is wrong
    monkeypatch.delenv("REGION_PERCEPTION_MODELS")
    monkeypatch.chdir(place)
    assert find_model("tiny") == Path("tiny")
    with pytest.raises(ModelNotFound):
        find_model("photos")  # a name, and the folder of that name here is no model


def test_the_first_place_wins(
    place: Path, network: RegionBlip, codec: TextCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = save_model(place / "nearer" / "tiny", network, codec, card="", trained=())
    monkeypatch.setenv("REGION_PERCEPTION_MODELS", f"{place / 'nearer'}{os.pathsep}{place}")
    assert find_model("tiny") == other
    assert [listing.folder for listing in list_models() if listing.name == "tiny"] == [other]


def test_listing_tells_size_modalities_and_problems(place: Path) -> None:
    tiny, broken = sorted(
        (item for item in list_models() if item.folder.parent == place), key=lambda item: -len(item.trained)
    )
    assert (tiny.name, tiny.folder, tiny.trained, tiny.base, tiny.problem) == (
        "tiny",
        place / "tiny",
        ("image", "cloud"),
        "",
        "",
    )
    sizes = [path.stat().st_size for path in (place / "tiny").rglob("*") if path.is_file()]
    assert tiny.megabytes == pytest.approx(sum(sizes) / 1e6)
    assert broken.name == "broken"
    assert "version 9" in broken.problem


def test_what_is_not_there_is_told_with_what_is(place: Path) -> None:
    with pytest.raises(ModelNotFound, match="did you mean 'tiny'") as caught:
        find_model("tinny")
    message = str(caught.value)
    for expected in (str(place), "models (missing)", "found there: broken, tiny", "regionblip-opt-2.7b", "need a base"):
        assert expected in message


@pytest.mark.parametrize("name", ["", "no such model", "../nowhere/else", "x" * 5000, "null\0byte", "~nobody-at-all/m"])
def test_odd_names_are_not_found(name: str) -> None:
    with pytest.raises(ModelNotFound):
        find_model(name)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_text("")
    with pytest.raises(ModelNotFound, match=r"model.safetensors is a file; expected the folder"):
        find_model(tmp_path / "model.safetensors")


def test_listing_needs_no_torch() -> None:
    code = (
        "import sys; from region_perception.weights import places; places.list_models(); print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=_ROOT)
    assert run.stdout.strip() == "False"


_ROOT = Path(region_perception.__file__).parents[1]
