"""A calibration belongs to weights: it is kept with them, goes where they go, and stays behind where they change."""

import json
import os
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from region_perception.captioner import load
from region_perception.cli import main
from region_perception.confidence import Calibration, Fit
from region_perception.errors import InvalidSpec, WeightsError
from region_perception.network.region_blip import RegionBlip
from region_perception.network.spec import PositionSpec
from region_perception.text import TextCodec
from region_perception.weights.folder import FolderConfig, read_config
from region_perception.weights.join import join_models
from region_perception.weights.load import load_model
from region_perception.weights.recalibrate import write_calibration
from region_perception.weights.respec import with_spec
from region_perception.weights.store import save_model

WHOLE = Calibration("caption", "image", 1.5, -0.25)
SCAN = Calibration("answer", "cloud", 0.5, 1.0)
SOUGHT = Calibration("find", "cloud_region", 2.0, 0.0)
ALL = (WHOLE, SCAN, SOUGHT)


@pytest.fixture
def calibrated(saved: Path) -> Path:
    return write_calibration(saved, saved, ALL, "likelihood")


def test_what_was_calibrated_is_saved_and_loaded(
    calibrated: Path, network: RegionBlip, codec: TextCodec, tmp_path: Path
) -> None:
    loaded = load_model(calibrated, device="cpu")
    assert (loaded.calibration, loaded.score_method) == (ALL, "likelihood")
    data = json.loads((calibrated / "config.json").read_text())
    assert data["calibration"][0] == {"task": "caption", "modality": "image", "slope": 1.5, "shift": -0.25}
    again = save_model(tmp_path / "m", network, codec, card="", trained=(), calibration=ALL, score_method="likelihood")
    assert read_config(again).calibration == ALL


def test_a_model_that_was_not_calibrated_says_nothing_of_it(saved: Path) -> None:
    loaded = load_model(saved, device="cpu")
    assert (loaded.calibration, loaded.score_method) == ((), None)
    assert not {"calibration", "score_method"} & set(json.loads((saved / "config.json").read_text()))


def test_in_place_only_the_config_changes(saved: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in saved.rglob("*") if path.is_file()}
    write_calibration(saved, saved, (WHOLE,), None)
    write_calibration(saved, saved, (SCAN,), None)
    assert read_config(saved).calibration == (SCAN,)
    changed = [path.name for path, then in before.items() if path.stat().st_mtime_ns != then]
    assert changed == ["config.json"]
    assert {path for path in saved.rglob("*") if path.is_file()} == set(before)


def test_a_copy_is_the_same_model(saved: Path, tmp_path: Path) -> None:
    (saved / "notes.txt").write_text("not the model's")
    copy = write_calibration(saved, tmp_path / "new" / "copy", (WHOLE,), None)
    assert read_config(saved).calibration == ()
    names = {path.name for path in saved.iterdir()} - {"notes.txt"}
    assert {path.name for path in copy.iterdir()} == names
    theirs = load_model(saved, device="cpu").network.state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in load_model(copy).network.state_dict().items())
    with pytest.raises(WeightsError, match="holds a model already"):
        write_calibration(saved, copy, ALL, "match")
    write_calibration(saved, copy, ALL, "match", overwrite=True)
    assert read_config(copy).score_method == "match"


def test_a_copy_of_adapters_finds_its_base(saved: Path, network: RegionBlip, codec: TextCodec, tmp_path: Path) -> None:
    adapters = save_model(tmp_path / "adapters", network, codec, card="", trained=(), base=saved)
    copy = write_calibration(adapters, tmp_path / "elsewhere" / "deep" / "copy", (WHOLE,), None)
    assert read_config(adapters).base == "../tiny"
    assert read_config(copy).base == "../../../tiny"
    assert load_model(copy).calibration == (WHOLE,)


def test_files_of_others_are_left_alone(saved: Path, tmp_path: Path) -> None:
    (saved / "config.json").rename(tmp_path / "blob")
    (saved / "config.json").symlink_to(tmp_path / "blob")
    before = (tmp_path / "blob").read_text()
    with pytest.raises(WeightsError, match="is a link"):
        write_calibration(saved, saved, ALL, "match")
    copy = write_calibration(saved, tmp_path / "copy", ALL, "match")
    assert not (copy / "config.json").is_symlink()
    assert (tmp_path / "blob").read_text() == before


def test_a_write_that_fails_leaves_the_old_config(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*names: object) -> None:
        raise OSError("disk full")

    files = set(saved.iterdir())
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_calibration(saved, saved, ALL, "match")
    assert read_config(saved).calibration == ()
    assert set(saved.iterdir()) == files


def test_a_joined_modality_brings_its_own(
    calibrated: Path, network: RegionBlip, codec: TextCodec, tmp_path: Path
) -> None:
    theirs = (replace(WHOLE, slope=9.0), replace(SCAN, slope=9.0), replace(SOUGHT, slope=9.0))

    def donor(name: str, method: str) -> Path:
        return save_model(
            tmp_path / name, network, codec, card="", trained={"cloud"}, calibration=theirs, score_method=method
        )

    def joined(name: str, **parts: Path) -> set[Calibration]:
        return set(read_config(join_models(calibrated, parts, tmp_path / name, card="")).calibration)

    same, other = donor("same", "likelihood"), donor("other", "match")
    assert joined("a", cloud=same) == {WHOLE, theirs[1], SOUGHT}
    assert joined("b", cloud_region=same) == {WHOLE, SCAN, theirs[2]}
    assert joined("c", cloud_region=other) == {WHOLE, SCAN}  # what is found by another method says nothing of this one
    assert joined("d", clouds=same) == {WHOLE}
    assert joined("e", clouds=same, cloud=same) == {WHOLE, theirs[1]}
    assert read_config(tmp_path / "a").score_method == "likelihood"


def test_another_spec_is_not_calibrated(calibrated: Path, network: RegionBlip) -> None:
    model = load_model(calibrated, device="cpu")
    same = with_spec(model, network.spec)
    assert (same.calibration, same.score_method) == (ALL, "likelihood")
    bare = with_spec(model, replace(network.spec, position=PositionSpec(enabled=False)))
    assert (bare.calibration, bare.score_method) == ((), None)


@pytest.mark.parametrize(
    ("calibration", "method", "message"),
    [
        ((WHOLE, replace(WHOLE, slope=2.0)), None, "two entries for caption in image"),
        ((SOUGHT,), None, "no score_method"),
        ((replace(WHOLE, modality="sound"),), None, "'sound'"),
    ],
)
def test_what_means_nothing_is_not_written(saved: Path, calibration: tuple, method: None, message: str) -> None:
    with pytest.raises(InvalidSpec, match=message):
        write_calibration(saved, saved, calibration, method)
    assert read_config(saved).calibration == ()


def test_a_network_without_text_branch_compares_by_likelihood(network: RegionBlip) -> None:
    spec = replace(network.spec, qformer=replace(network.spec.qformer, text_branch=False))
    assert FolderConfig(spec, (), score_method="likelihood").score_method == "likelihood"
    with pytest.raises(InvalidSpec, match="'match', but without a text branch"):
        FolderConfig(spec, (), score_method="match")


def test_confidences_can_be_had_as_the_network_gives_them(calibrated: Path) -> None:
    assert load(calibrated).calibration == ALL
    raw = load(calibrated, calibrated=False)
    assert (raw.calibration, raw.score_method) == ((), "likelihood")


def test_the_command(
    network: RegionBlip,
    codec: TextCodec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fitting = pytest.importorskip("region_perception.evaluation.fitting")
    pytest.importorskip("open3d")
    # What a tiny network says is never right, so that is decided by lot; and one fit stands for all.
    monkeypatch.setattr(
        fitting, "is_right", lambda told, *how: told.task != "answer" and zlib.crc32(told.id.encode()) % 2
    )
    monkeypatch.setattr(fitting, "fit_calibration", lambda sure, right: Fit(2.0, -1.0))
    monkeypatch.setattr(fitting, "FEWEST", 2)
    model = save_model(
        tmp_path / "m", network, codec, card="# M", trained={"cloud_region"}, calibration=(WHOLE,), score_method="match"
    )
    assert main(["calibrate", str(model), "--scenes", "1", "--out", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr()
    loaded = load_model(tmp_path / "out")
    # What it was calibrated for before is gone with the modality that has not learnt.
    assert loaded.calibration == tuple(Calibration(task, "cloud_region", 2.0, -1.0) for task in ("caption", "find"))
    assert loaded.score_method in ("match", "contrast", "likelihood")
    assert read_config(model).calibration == (WHOLE,)
    for said in ("ECE before", "cloud region", "2.000", "-1.000", f"{loaded.score_method} (chosen)"):
        assert said in shown.out
    assert "answer of cloud_region is not calibrated: none of" in shown.err
    assert "config.json" in shown.err


def test_what_cannot_be_calibrated_is_refused_before_anything_is_shown(
    network: RegionBlip, codec: TextCodec, saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("open3d")
    pytest.importorskip("pycocoevalcap")
    blank = save_model(tmp_path / "blank", network, codec, card="", trained=())
    for arguments, words in (
        ([str(blank)], "has learnt no modality"),
        ([str(saved), "--out", str(blank)], "holds a model already"),
        ([str(saved), "--scenes", "0"], "at least one scene"),
        ([str(tmp_path / "nowhere")], "no model"),
    ):
        assert main(["calibrate", *arguments]) == 2
        assert words in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["calibrate", str(saved), "--split", "test"])
