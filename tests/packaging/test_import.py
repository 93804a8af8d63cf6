"""Importing is light: nothing heavy is loaded before it is needed. `benchmarks/startup.py` measures what that saves."""

import json
import subprocess
import sys

import pytest

import region_perception

HEAVY = {"torch", "transformers", "peft", "tokenizers", "safetensors", "huggingface_hub"}
HEAVY |= {"scipy", "open3d", "PIL", "fpsample", "pycocotools", "laspy", "timm", "tyro", "rich"}


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that are loaded after the statement has run in a new Python process."""
    code = f"import json, sys\n{statement}\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize("room", ["", ".errors", ".regions", ".observations"])
def test_import_loads_nothing_heavy(room: str):
    loaded = loaded_by(f"import region_perception{room}")
    assert "region_perception" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_pointing_and_looking_load_nothing_heavy():
    names = "Box, Box3D, Click, Click3D, Mask, PointSet, Polygon, Scribble, observe, observe_cloud, observe_image"
    assert loaded_by(f"from region_perception import {names}").isdisjoint(HEAVY)


def test_every_public_name_is_there():
    missing = [name for name in region_perception.__all__ if not hasattr(region_perception, name)]
    assert len(region_perception.__all__) > 1
    assert not missing


def test_help_of_the_command_loads_no_network():
    show = "from region_perception.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit as end:\n"
    assert loaded_by(show + "    assert not end.code").isdisjoint(HEAVY - {"tyro", "rich"})
