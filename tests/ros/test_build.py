"""What colcon finds and installs: both packages, programs where `ros2 run` looks, files where launch looks."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ["region_perception", "region_perception_msgs"]
pytestmark = pytest.mark.ros


def colcon_list(folder: Path, defaults: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "colcon", "--log-base", os.devnull, "list", "--names-only"],
        cwd=folder,
        env=os.environ | {"COLCON_DEFAULTS_FILE": str(defaults)},
        check=True,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    return sorted(done.stdout.split())


def test_both_packages_are_listed_in_the_repository():
    assert colcon_list(ROOT, ROOT / "colcon_defaults.yaml") == PACKAGES


def test_both_packages_are_listed_in_a_workspace(tmp_path: Path):
    """The repository somewhere in src/, in a folder of any name."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "any name").symlink_to(ROOT)
    assert colcon_list(tmp_path, tmp_path / "src" / "any name" / "colcon_defaults.yaml") == PACKAGES


def prefix(package: str) -> Path:
    """Where the package that is found first is installed, by the index that all of ROS looks in."""
    from ament_index_python.packages import get_package_prefix

    return Path(get_package_prefix(package))


@pytest.mark.parametrize("package", PACKAGES)
def test_both_packages_are_installed(package: str):
    share = prefix(package) / "share" / package
    assert (share / "package.xml").is_file()
    assert (share / "package.bash").is_file()


def test_programs_are_where_ros_runs_them():
    names = re.findall(r'^(\w+) = "ros_nodes\.', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert set(names) == {"region_captioner", "region_selector", "scene_simulator", "region_proposer"}
    for name in names:
        program = prefix(PACKAGES[0]) / "lib" / PACKAGES[0] / name
        assert os.access(program, os.X_OK), f"{program} cannot be run"
        assert sys.prefix in program.read_text().splitlines()[0]  # it runs in this environment, without activating it


@pytest.mark.parametrize(("folder", "pattern"), [("launch", "*.launch.*"), ("config", "*"), ("rviz", "*.rviz")])
def test_files_are_where_launch_finds_them(folder: str, pattern: str):
    share = prefix(PACKAGES[0]) / "share" / PACKAGES[0] / folder
    files = list((ROOT / folder).glob(pattern))
    assert files
    for file in files:
        assert (share / file.name).read_bytes() == file.read_bytes()
    assert folder != "config" or (share / "fastdds_large_messages.xml").is_file()


def test_definitions_are_installed():
    share = prefix(PACKAGES[1]) / "share" / PACKAGES[1]
    for file in ("msg/Region2D.msg", "srv/CaptionRegions.srv", "action/CaptionScene.action"):
        assert (share / file).is_file()


def test_the_library_is_that_of_this_repository():
    import region_perception
    import ros_nodes

    for module in (region_perception, ros_nodes):
        assert Path(str(module.__file__)).resolve().is_relative_to(ROOT)
