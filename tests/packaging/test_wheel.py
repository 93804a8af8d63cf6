"""What a wheel holds: built from a copy of the checkout in which one model lies."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ["region_perception", "ros_nodes", "interfaces", "models", "tests", "docs"]
SOURCES += ["launch", "config", "rviz", "resource"]
FILES = ["pyproject.toml", "setup.py", "setup.cfg", "package.xml", "README.md", "LICENSE"]
MODEL = ["config.json", "base.safetensors", "tokenizer/tokenizer.json", "README.md"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a wheel's files are unpacked into."""
    folder = tmp_path_factory.mktemp("wheel")
    checkout = folder / "a checkout"
    for name in SOURCES:
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
    for name in FILES:
        shutil.copy(ROOT / name, checkout / name)
    for name in MODEL:
        path = checkout / "models" / "some-mini" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--wheel-dir", str(folder), str(checkout)], check=True, stdin=subprocess.DEVNULL)
    (wheel,) = folder.glob("*.whl")
    assert wheel.name.startswith("region_perception-")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def test_wheel_has_every_module_of_the_library(installed: Path):
    written = {path.relative_to(ROOT) for path in (ROOT / "region_perception").rglob("*.py")}
    assert len(written) > 1
    assert written <= {path.relative_to(installed) for path in installed.rglob("*.py")}


def test_wheel_says_that_it_is_typed(installed: Path):
    assert (installed / "region_perception" / "py.typed").is_file()


def test_wheel_has_the_settings_that_accelerate_launches_with(installed: Path):
    written = {path.name: path.read_text() for path in (ROOT / "region_perception/training/launch").glob("*.yaml")}
    assert len(written) > 1
    found = (installed / "region_perception/training/launch").glob("*.yaml")
    assert {path.name: path.read_text() for path in found} == written


def test_wheel_has_the_models_inside_the_package(installed: Path):
    model = installed / "region_perception" / "models" / "some-mini"
    for name in MODEL:
        assert (model / name).read_text() == name


def test_wheel_installs_no_other_package(installed: Path):
    top = {path.name for path in installed.iterdir()}
    version = next(name for name in top if name.endswith(".dist-info")).removesuffix(".dist-info")
    assert top - {"ros_nodes"} == {"region_perception", f"{version}.dist-info", f"{version}.data"}
    assert not list(installed.rglob("test_*.py"))


def test_wheel_brings_its_command_and_licence(installed: Path):
    (points,) = installed.glob("*.dist-info/entry_points.txt")
    assert "region-perception = region_perception.cli:main" in points.read_text()
    assert list(installed.glob("*.dist-info/**/LICENSE"))


def test_wheel_brings_the_nodes(installed: Path):
    written = {path.relative_to(ROOT) for path in (ROOT / "ros_nodes").rglob("*.py")}
    assert len(written) > 1
    assert written <= {path.relative_to(installed) for path in installed.rglob("*.py")}
    (points,) = installed.glob("*.dist-info/entry_points.txt")
    assert "region_captioner = ros_nodes.region_captioner:main" in points.read_text()


def test_wheel_has_the_definitions_that_bags_are_written_with(installed: Path):
    written = {path.name: path.read_text() for path in (ROOT / "interfaces/region_perception_msgs/msg").glob("*.msg")}
    assert len(written) > 1
    found = (installed / "ros_nodes/messages/definitions").glob("*.msg")
    assert {path.name: path.read_text() for path in found} == written


def test_wheel_has_what_a_ros_workspace_looks_for(installed: Path):
    (share,) = installed.glob("*.data/data/share")
    assert (share / "ament_index/resource_index/packages/region_perception").is_file()
    assert (share / "region_perception/package.xml").is_file()
    for name in ("config/fastdds_large_messages.xml", "launch/demo.launch.py", "rviz/region_perception.rviz"):
        assert (share / "region_perception" / name).is_file()
