"""The table of what others see of the captioner, which the page and launch files are made of, against the graph."""

import importlib
import importlib.util
from typing import Any

import pytest

from ros_nodes.captioner.faces import FACES
from ros_nodes.runtime.faces import ACTS, HEARS, SAYS, SERVES, Face, markdown, topics

SPACE, NAME = "/", "region_captioner"


def full(face: Face) -> str:
    """The name in the graph."""
    return face.name.replace("~/", f"{SPACE}{NAME}/") if face.name[0] in "~/" else SPACE + face.name


def graph_type(face: Face) -> str:
    """The type in the graph."""
    package, _, name = face.type.partition("/")
    return f"{package}/{'srv' if face.kind == SERVES else 'msg'}/{name}"


def test_launch_files_get_what_may_be_remapped():
    names = list(topics(FACES))
    assert names[:2] == ["image", "camera_info"]
    assert not [name for name in names if name.startswith(("~", "/"))]


def test_the_page_says_all_of_it():
    face = Face(HEARS, "image", "sensor_msgs/Image", "Images.", "auto", "camera", "vision_msgs")
    line = "| hears | `image` | `sensor_msgs/Image` | auto | camera | Images. Only where vision_msgs is installed. |"
    assert markdown([face]).splitlines()[2] == line


@pytest.mark.ros
def test_the_graph_has_all_of_it_and_nothing_else(captioner: Any, peer: Any):
    """Beside what rclpy itself brings."""
    from programs import until

    node = peer.node
    until(lambda: peer.statuses(), "the captioner")
    found = {
        HEARS: dict(node.get_subscriber_names_and_types_by_node(NAME, SPACE)),
        SAYS: dict(node.get_publisher_names_and_types_by_node(NAME, SPACE)),
        SERVES: dict(node.get_service_names_and_types_by_node(NAME, SPACE)),
    }
    for kind, names in found.items():
        wanted = {full(face): graph_type(face) for face in FACES if face.kind == kind and not face.needs}
        assert {name: names.get(name) for name in wanted} == {name: [each] for name, each in wanted.items()}
        ours = {name for name, types in names.items() if "region_perception_msgs" in types[0] and "_action" not in name}
        assert ours <= set(wanted)


@pytest.mark.ros
def test_types_exist():
    for face in FACES:
        if face.needs and importlib.util.find_spec(face.needs) is None:
            continue
        package, _, name = face.type.partition("/")
        module = {SERVES: "srv", ACTS: "action"}.get(face.kind, "msg")
        assert hasattr(importlib.import_module(f"{package}.{module}"), name)
