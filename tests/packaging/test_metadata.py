"""What the files around the package say of it agrees, and every dependency says why it is there."""

import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import region_perception

ROOT = Path(__file__).parents[2]


def dependency_lines() -> list[str]:
    """The lines of pyproject.toml that name one dependency each."""
    text = (ROOT / "pyproject.toml").read_text()
    lists = text[text.index("dependencies = [") : text.index("[project.scripts]")]
    return [line.strip() for line in lists.splitlines() if line.strip().startswith('"')]


def pin_lines(file: str = "constraints.txt") -> list[str]:
    """The lines of a file that pin something."""
    lines = (ROOT / file).read_text().splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def ranges() -> dict[str, Requirement]:
    """What the package asks for, extras included, by normalised name."""
    parsed = [Requirement(line.split('"')[1]) for line in dependency_lines()]
    return {canonicalize_name(requirement.name): requirement for requirement in parsed}


@pytest.mark.parametrize("line", [*dependency_lines(), *pin_lines(), *pin_lines("ros-constraints.txt")])
def test_every_dependency_has_its_reason_beside_it(line: str):
    requirement, _, reason = line.partition("#")
    assert requirement.strip()
    assert len(reason.split()) >= 3, f"no reason beside {requirement.strip()!r}"


@pytest.mark.parametrize("line", pin_lines())
def test_every_pin_is_in_the_range_that_the_package_asks_for(line: str):
    pin = Requirement(line.partition("#")[0].strip())
    (version,) = (specifier.version for specifier in pin.specifier)
    assert {specifier.operator for specifier in pin.specifier} == {"=="}
    asked = ranges().get(canonicalize_name(pin.name))
    assert asked is None or asked.specifier.contains(version)


def test_no_two_files_pin_the_same():
    names = [
        {canonicalize_name(Requirement(line.partition("#")[0]).name) for line in pin_lines(file)}
        for file in ("constraints.txt", "ros-constraints.txt")
    ]
    assert names[0].isdisjoint(names[1])


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_every_dependency_is_pinned_once_for_every_python(python: str):
    pins = [Requirement(line.partition("#")[0].strip()) for line in pin_lines()]
    valid = [pin for pin in pins if pin.marker is None or pin.marker.evaluate({"python_version": python})]
    names = [canonicalize_name(pin.name) for pin in valid]
    assert len(names) == len(set(names))
    assert set(ranges()) - set(names) <= {"setuptools"}  # torch asks for a newer one; any builds the wheel


def test_version_is_the_same_everywhere():
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    interfaces = ElementTree.parse(ROOT / "interfaces/region_perception_msgs/package.xml").getroot()
    changes = re.search(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert changes is not None
    assert region_perception.__version__ == package.findtext("version") == changes.group(1)
    assert interfaces.findtext("version") == region_perception.__version__


def test_this_python_is_one_of_those_promised():
    text = (ROOT / "setup.py").read_text()
    (promised,) = re.findall(r'python_requires="([^"]+)"', text)
    assert Requirement(f"python{promised}").specifier.contains(f"{sys.version_info.major}.{sys.version_info.minor}")


def test_launch_folder_hides_no_package_of_ros():
    assert not (ROOT / "launch" / "__init__.py").exists()
