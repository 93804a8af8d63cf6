"""The message, service and action files: complete, commented, and the same as what the nodes know of them."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from conftest import real_class
from stand_ins import ros_tables

from ros_nodes.messages.refusals import Code
from ros_nodes.messages.region_kinds import Kind2D, Kind3D

ROOT = Path(__file__).parents[2]
FILES = ros_tables.interface_files()
INTERFACES = [ros_tables.read_interface(path) for path in FILES]
ITEMS = [(interface.name, item) for interface in INTERFACES for section in interface.sections for item in section]
WANTED = {
    "msg": "CaptionAlternative CaptionerStatus InputStatus Region2D Region2DArray Region3D Region3DArray RegionCaption "
    "RegionCaptionArray RegionMatch Status",
    "srv": "AskRegion CaptionRegions FindRegion SetModel",
    "action": "CaptionScene",
}


@pytest.mark.parametrize("kind", WANTED)
def test_every_interface_is_there_and_is_built(kind: str):
    names = [interface.name for interface in INTERFACES if interface.kind == kind]
    assert names == WANTED[kind].split()
    built = (ros_tables.INTERFACES / "CMakeLists.txt").read_text()
    assert re.findall(rf'"{kind}/(\w+)\.{kind}"', built) == names


@pytest.mark.parametrize("interface", INTERFACES, ids=lambda interface: interface.name)
def test_interfaces_say_what_they_are(interface: Any):
    assert len(interface.about) > 20
    assert len(interface.sections) == len(ros_tables.SECTIONS[interface.kind])


@pytest.mark.parametrize(("owner", "item"), ITEMS, ids=lambda value: getattr(value, "name", value))
def test_every_field_and_constant_says_what_it_means(owner: str, item: Any):
    assert len(item.about.split()) >= 1
    assert item.about.endswith("."), f"{owner}.{item.name}: {item.about!r}"
    assert "|" not in item.about  # would end a cell of the table
    assert "[" not in item.about  # rosidl reads brackets as a unit
    if item.type in ("float32", "float64") and item.name not in ("confidence", "score", "rate"):
        assert re.search(r"pixels|metres|[Ss]econds|As RegionCaption|edge", item.about), f"{owner}.{item.name}: no unit"


@pytest.mark.parametrize(
    ("message", "prefix", "known"), [("Status", "", Code), ("Region2D", "KIND_", Kind2D), ("Region3D", "KIND_", Kind3D)]
)
def test_constants_are_those_that_the_nodes_know(message: str, prefix: str, known: Any):
    (interface,) = (interface for interface in INTERFACES if interface.name == message)
    written = {
        item.name.removeprefix(prefix): int(item.value)
        for item in interface.constants()
        if item.name.startswith(prefix)
    }
    assert written == {member.name: member.value for member in known}


def test_packages_depend_on_what_they_name():
    package = ElementTree.parse(ros_tables.INTERFACES / "package.xml").getroot()
    named = {item.type.split("/")[0] for _, item in ITEMS if "/" in item.type}
    assert named <= {element.text for element in package.iter("depend")}
    assert {"rosidl_interface_packages"} == {element.text for element in package.iter("member_of_group")}


@pytest.mark.parametrize("file", [ROOT / "package.xml", ros_tables.INTERFACES / "package.xml"], ids=str)
def test_maintainers_can_be_read(file: Path):
    """A package whose maintainer's address does not parse is ignored by colcon, with a warning."""
    root = ElementTree.parse(file).getroot()
    assert root.attrib["format"] == "3"
    (maintainer,) = root.iter("maintainer")
    assert re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", maintainer.attrib["email"])
    versions = {
        ElementTree.parse(path / "package.xml").getroot().findtext("version") for path in (ROOT, ros_tables.INTERFACES)
    }
    assert len(versions) == 1


def test_documented_tables_are_those_of_the_files():
    page = (ROOT / "docs" / "ros.md").read_text(encoding="utf-8")
    assert ros_tables.BEGIN in page
    assert ros_tables.page_with_tables(page) == page, "type: python scripts/ros_tables.py"


@pytest.mark.ros
@pytest.mark.parametrize("interface", INTERFACES, ids=lambda interface: interface.name)
def test_built_classes_have_the_fields_of_the_files(interface: Any):
    classes = _classes(interface)
    assert len(classes) == len(interface.sections)
    for section, cls in enumerate(classes):
        assert set(cls.get_fields_and_field_types()) == {item.name for item in interface.fields(section)}
        for constant in interface.constants(section):
            assert str(getattr(cls, constant.name)) == constant.value


@pytest.mark.ros
def test_a_message_comes_back_as_it_was_sent():
    from rclpy.serialization import deserialize_message, serialize_message

    message = real_class("region_perception_msgs/RegionCaption")(text="a red mug", confidence=0.5, x2=3.0)
    message.status.code = int(Code.STALE)
    again = deserialize_message(serialize_message(message), type(message))
    assert again == message


def _classes(interface: Any) -> list[Any]:
    if interface.kind == "msg":
        return [real_class(f"region_perception_msgs/{interface.name}")]
    import region_perception_msgs.action
    import region_perception_msgs.srv

    module = getattr(region_perception_msgs, interface.kind)
    whole = getattr(module, interface.name)
    names = ("Request", "Response") if interface.kind == "srv" else ("Goal", "Result", "Feedback")
    return [getattr(whole, name) for name in names]
