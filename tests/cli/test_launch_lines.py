"""The lines of docs/training.md that start processes, and their settings, as accelerate and torch read them."""

import re
import shlex
from pathlib import Path

import pytest
from accelerate.commands.config.config_args import ClusterConfig, load_config_from_file
from accelerate.commands.launch import launch_command_parser
from torch.distributed.run import get_args_parser

from region_perception.cli import main
from region_perception.training import loop
from region_perception.training.recipes import RECIPES

ROOT = Path(__file__).parents[2]
SETTINGS = ROOT / "region_perception" / "training" / "launch"
LINES = re.findall(
    r"^(?:accelerate launch|torchrun) .*$", (ROOT / "docs" / "training.md").read_text(), flags=re.MULTILINE
)


def started(line: str) -> list[str]:
    """The arguments of our own command in a line, once whatever starts it has taken its own."""
    words = shlex.split(line, comments=True)
    if words[0] == "torchrun":
        given = get_args_parser().parse_args(words[1:])
    else:
        given = launch_command_parser().parse_args(words[2:])
        if given.config_file:
            load_config_from_file(str(ROOT / given.config_file))
    assert given.module
    assert given.training_script == "region_perception.cli"
    return given.training_script_args


def test_there_are_lines_for_every_setting():
    assert len(LINES) >= 7
    for path in SETTINGS.glob("*.yaml"):
        assert any(path.relative_to(ROOT).as_posix() in line for line in LINES), path.name


@pytest.mark.parametrize("line", LINES)
def test_lines_start_what_they_say(line, monkeypatch):
    asked = []
    monkeypatch.setattr(loop, "train", lambda recipe, folder, *, cpu: asked.append(recipe) or folder)
    arguments = started(line)
    assert main(arguments) == 0
    (recipe,) = asked
    assert recipe.name in RECIPES
    for share in recipe.shares.values():
        assert share.observations % (processes(line) * recipe.accumulate) == 0


def processes(line: str) -> int:
    """How many a line starts on all machines."""
    words = shlex.split(line, comments=True)
    if words[0] == "torchrun":
        given = get_args_parser().parse_args(words[1:])
        return int(given.nnodes.partition(":")[0]) * int(given.nproc_per_node)
    given = launch_command_parser().parse_args(words[2:])
    settings = load_config_from_file(str(ROOT / given.config_file)) if given.config_file else None
    return given.num_processes or settings.num_processes


@pytest.mark.parametrize(
    ("name", "machines", "count", "kind"),
    [("1-gpu", 1, 1, "NO"), ("8-gpus", 1, 8, "MULTI_GPU"), ("2x8-gpus", 2, 16, "MULTI_GPU")],
)
def test_settings_are_what_accelerate_expects(name, machines, count, kind):
    settings = load_config_from_file(str(SETTINGS / f"{name}.yaml"))
    assert isinstance(settings, ClusterConfig)
    assert (settings.num_machines, settings.num_processes, settings.distributed_type) == (machines, count, kind)
    assert settings.mixed_precision == "no", "the recipe decides"
    assert not settings.use_cpu
