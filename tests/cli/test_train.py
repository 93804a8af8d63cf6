"""`region-perception train`: recipes by name, every field a flag, nothing else."""

import json

import pytest

from region_perception.cli import main
from region_perception.training import loop
from region_perception.training.recipes import RECIPES, named_recipe


@pytest.fixture
def asked(monkeypatch):
    """What the engine is asked for, instead of its doing it."""
    calls = []

    def note(recipe, folder, *, cpu):
        calls.append((recipe, folder, cpu))
        return folder / "model"

    monkeypatch.setattr(loop, "train", note)
    return calls


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_starts_by_its_name(asked, capsys, name):
    assert main(["train", name]) == 0
    ((recipe, folder, cpu),) = asked
    assert recipe == named_recipe(name)
    assert str(folder) == f"runs/{name}"
    assert cpu is False
    assert capsys.readouterr().out == f"runs/{name}/model\n"


def test_fields_are_flags(asked):
    flags = "--optimiser.peak 0.5 --image-region.observations 8 --steps 3 --out there --cpu --losses.box 0"
    assert main(["train", "smoke", *flags.split()]) == 0
    ((recipe, folder, cpu),) = asked
    assert recipe.optimiser.peak == 0.5
    assert recipe.image_region.observations == 8
    assert recipe.image_region.regions == named_recipe("smoke").image_region.regions
    assert (recipe.steps, recipe.losses.box, str(folder), cpu) == (3, 0, "there", True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["smoke", "--optimiser.pek", "3"], "--optimiser.pek"),
        (["smoke", "--epochs", "many"], "many"),
        (["nosuch"], "regionblip"),
        (["smoke", "--order", "random"], "semi-hybrid"),
    ],
)
def test_unknown_flags_and_values_are_refused(asked, capsys, arguments, message):
    with pytest.raises(SystemExit) as stop:
        main(["train", *arguments])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not asked


def test_a_plan_starts_nothing_and_leaves_nothing(asked, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "smoke", "--plan", "--devices", "2", "--device-memory", "0.25", "--steps", "7"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("smoke: mini on 2 devices, phase modalities, float32 over float32\n7 steps, 48 an epoch")
    assert "64 (drawn)" in told
    assert "image_region" in told
    assert "fits: " in told
    assert not asked
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--plan --devices 3", "3 devices with accumulate=1 need a multiple of 3 observations"),
        ("--plan --device-memory 0", "--device-memory is 0.0; expected GiB above 0"),
        ("--devices 2", "--devices and --device-memory go with --plan"),
    ],
)
def test_plans_that_cannot_be_made_say_why(asked, capsys, flags, message):
    assert main(["train", "smoke", *flags.split()]) == 2
    assert message in capsys.readouterr().err
    assert not asked


def test_values_that_do_not_go_together_are_one_message(asked, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", "smoke", "--accumulate", "3"])
    assert stop.value.code == 2
    assert "accumulate=3 does not divide the observations" in capsys.readouterr().err
    assert not asked


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("--data.kind", "photographs", "no data are called 'photographs'; known are tabletop"),
        ("--data.kind", "refcoco,objaverse,scanrefer", "needs data.folder"),
        ("--start", "runs/nowhere/model", "runs/nowhere/model"),
    ],
)
def test_what_cannot_begin_leaves_no_run_behind(tmp_path, capsys, flag, value, message):
    assert main(["train", "smoke", flag, value, "--out", str(tmp_path / "run"), "--cpu"]) != 0
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_goes_from_the_command_to_a_model(tmp_path, capsys):
    """Drawn scenes, all three new modalities; the second call finds all done."""
    pytest.importorskip("open3d")
    flags = "--steps 3 --data.observations 4 --data.validation 0 --reports.no-tensorboard --reports.log-every 1 --cpu"
    for name in ("image-region", "cloud", "cloud-region"):
        flags += f" --{name}.observations 1"
    for _ in range(2):
        assert main(["train", "smoke", "--out", str(tmp_path), *flags.split()]) == 0
        assert capsys.readouterr().out == f"{tmp_path}/model\n"
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    trained = [line for line in lines if line["event"] == "train"]
    assert [line["step"] for line in trained] == [1, 2, 3]
    assert {key.split("/")[1] for line in trained for key in line if "/" in key} == {
        "image_region",
        "cloud",
        "cloud_region",
    }
    assert json.loads((tmp_path / "recipe.json").read_text())["steps"] == 3
