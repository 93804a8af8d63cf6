"""Launch files, read with stand-ins for launch, name nodes, topics and parameters that there are."""

import re
import runpy
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from launch_stand_ins import INSTALLED, Made, context, named, stand_ins

from ros_nodes.launching import PROGRAMS, parameter_arguments, topic_arguments

ROOT = Path(__file__).parents[3]
SCRIPTS = re.findall(r'^(\w+) = "ros_nodes\.', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
CAPTIONER = PROGRAMS["region_captioner"]
FRAME = ["name", "namespace", "use_sim_time", "params_file"]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[Any]]:
    """What a launch file describes."""
    for name, module in stand_ins().items():
        monkeypatch.setitem(sys.modules, name, module)
    return lambda name: runpy.run_path(str(ROOT / "launch" / name))["generate_launch_description"]().items()


def defaults(items: list[Any]) -> dict[str, Any]:
    return {item.given[0]: item.named["default_value"] for item in named(items, "DeclareLaunchArgument")}


def node(items: list[Any], **given: str) -> Made:
    """The node that the launch file makes of arguments; those that are not given have their defaults."""
    (function,) = named(items, "OpaqueFunction")
    plain = {name: value for name, value in defaults(items).items() if isinstance(value, str)}
    (made,) = function.named["function"](context(**plain | given))
    return made


def test_every_topic_and_parameter_of_the_captioner_is_an_argument(load: Any):
    items = load("captioner.launch.py")
    arguments = [each.name for each in (*topic_arguments(CAPTIONER), *parameter_arguments(CAPTIONER))]
    assert list(defaults(items)) == [*FRAME, *arguments]
    assert all(item.named["description"] for item in named(items, "DeclareLaunchArgument"))


def test_only_parameters_that_were_given_are_set(load: Any):
    items = load("captioner.launch.py")
    file, given = node(items).named["parameters"]
    assert (file.given, given) == (("params_file",), {"use_sim_time": False})
    made = node(items, max_age="3", model="7", follow="False", sensor_pose="[1, 2, 3, 0, 0, 0.5]", use_sim_time="true")
    assert made.named["parameters"][1] == {
        "use_sim_time": True,
        "model": "7",
        "max_age": 3.0,
        "follow": False,
        "sensor_pose": [1, 2, 3, 0, 0, 0.5],
    }
    assert isinstance(made.named["parameters"][1]["max_age"], float)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"max_age": "soon"}, "max_age is 'soon'; expected such as 2.0"),
        ({"max_age": "-1"}, "max_age is -1; expected 0 to 3600"),
        ({"follow": "maybe"}, "follow is 'maybe'; expected such as true"),
        ({"image_transport": "theora"}, "expected one of raw, compressed"),
        ({"sensor_pose": "[1, 2]"}, "expected x y z roll pitch yaw"),
    ],
)
def test_what_a_parameter_cannot_be_is_said_before_the_node_starts(load: Any, given: dict[str, str], words: str):
    with pytest.raises(ValueError, match=words):
        node(load("captioner.launch.py"), **given)


def test_every_topic_is_remapped_by_its_argument(load: Any):
    remappings = node(load("captioner.launch.py")).named["remappings"]
    assert [(name, to.given) for name, to in remappings] == [(name, (name,)) for name in CAPTIONER.topics]


def test_the_xml_twin_has_the_same_arguments_but_lists(load: Any):
    root = ElementTree.parse(ROOT / "launch" / "captioner.launch.xml").getroot()
    lists = {each.name for each in parameter_arguments(CAPTIONER) if each.kind is tuple}
    names = [each.get("name") for each in root.findall("arg")]
    assert names == [name for name in defaults(load("captioner.launch.py")) if name not in lists]
    (started,) = root.findall("node")
    assert (started.get("pkg"), started.get("exec")) == ("region_perception", "region_captioner")
    assert {each.get("from") for each in started.findall("remap")} == set(CAPTIONER.topics)
    used = re.findall(r"\$\(var (\w+)\)", ElementTree.tostring(started, encoding="unicode"))
    assert set(used) == set(names)


def test_files_are_as_the_tables_have_it():
    files = runpy.run_path(str(ROOT / "scripts" / "ros_parameters.py"))["files"]()
    for path, text in files.items():
        assert path.read_text() == text, f"{path.name}: python scripts/ros_parameters.py"


@pytest.mark.parametrize("name", PROGRAMS)
def test_files_of_parameters_hold_every_default(name: str):
    from ruamel.yaml import YAML

    read = YAML(typ="safe").load(ROOT / "config" / f"{name}.yaml")["/**"]["ros__parameters"]
    table = PROGRAMS[name].defaults()
    for argument in parameter_arguments(PROGRAMS[name]):
        if argument.kind is not tuple:
            assert read.pop(argument.name) == getattr(table, argument.name)
    assert read == {}


def test_programs_are_those_that_are_installed():
    assert set(PROGRAMS) == set(SCRIPTS)


def test_the_policy_allows_every_topic_of_the_captioner_but_those_of_vision_msgs():
    root = ElementTree.parse(ROOT / "config" / "sros2_policy.xml").getroot()
    (profile,) = root.iter("profile")
    assert profile.get("node") == "region_captioner"
    topics = {each.text for each in profile.iter("topic") if each.text is not None}
    own = {name for name in topics if not name.startswith(("/", "~"))}
    assert own == {name for name in CAPTIONER.topics if "detections" not in name}


def test_the_picture_of_the_graph_names_what_there_is():
    text = (ROOT / "docs" / "pictures" / "ros-graph.svg").read_text()
    shown = re.findall(r'class="topic"[^>]*>([^<]+)<', text)
    words = {word.strip(",") for line in shown for word in line.split()}
    known = {name for program in PROGRAMS.values() for name in program.topics}
    names = {word for word in words if "_" in word and not word.startswith(("~/", "/"))}
    assert names <= known, names - known
    titles = set(re.findall(r'class="title"[^>]*>(\w+)<', text))
    assert titles & set(SCRIPTS) == set(SCRIPTS) - {"scene_simulator"}


def demo_nodes(items: list[Any], **given: str) -> dict[str, Made]:
    """The nodes of the demo by their programs, the included captioner left out."""
    values = defaults(items) | given
    made = named(items, "Node")
    for function in named(items, "OpaqueFunction"):
        made += function.named["function"](context(**values))
    return {node.named["executable"]: node for node in made}


def test_the_demo_starts_every_node(load: Any):
    items = load("demo.launch.py")
    nodes = demo_nodes(items)
    (included,) = named(items, "IncludeLaunchDescription")
    (source,) = included.given
    assert source.given[0].given[0][1:] == ["launch", "captioner.launch.py"]
    assert dict(included.named["launch_arguments"]).keys() <= defaults(load("captioner.launch.py")).keys()
    assert {*nodes, "region_captioner"} == set(SCRIPTS)


def test_the_camera_of_the_demo_is_set_by_arguments_and_has_room_for_its_pictures(load: Any):
    camera = demo_nodes(load("demo.launch.py"), rate="5", scene="7", motion="camera")["scene_simulator"]
    (given,) = camera.named["parameters"]
    assert (given["rate"], given["scene"], given["motion"]) == (5.0, 7, "camera")
    (file,) = (value.given[0][-1] for value in camera.named["additional_env"].values())
    assert (ROOT / "config" / file).is_file()


def test_rviz_is_started_where_it_is_installed(load: Any, monkeypatch: pytest.MonkeyPatch):
    items = load("demo.launch.py")
    assert "rviz2" not in demo_nodes(items)
    with pytest.raises(KeyError, match="rviz2"):
        demo_nodes(items, rviz="true")
    monkeypatch.setitem(INSTALLED, "rviz2", "/opt/ros/jazzy")
    assert "rviz2" not in demo_nodes(items, rviz="false")
    arguments = demo_nodes(items)["rviz2"].named["arguments"]
    assert (ROOT / "rviz" / arguments[1].given[0][-1]).is_file()


def test_rviz_shows_what_the_nodes_say():
    from ruamel.yaml import YAML

    manager = YAML(typ="safe").load(ROOT / "rviz" / "region_perception.rviz")["Visualization Manager"]
    topics = {display["Topic"]["Value"] for display in manager["Displays"] if "Topic" in display}
    assert topics == {"/points", "/region_markers", "/selected/region_markers", "/annotated_image"}
    assert {topic[1:] for topic in topics} <= {name for each in PROGRAMS.values() for name in each.topics}
    (point,) = (tool for tool in manager["Tools"] if tool["Class"].endswith("PublishPoint"))
    assert point["Single click"] is False
    assert point["Topic"]["Value"] == "/clicked_point"
    assert manager["Global Options"]["Fixed Frame"] == PROGRAMS["scene_simulator"].defaults().base_frame
