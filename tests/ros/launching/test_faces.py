"""What the tables say of topics, services and actions is what the nodes really have, and nothing more."""

import importlib
import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest

from ros_nodes.launching import PROGRAMS, Program
from ros_nodes.runtime.faces import ACTS, HEARS, SAYS, SERVES

pytestmark = pytest.mark.ros
CLASSES = {name: "".join(word.capitalize() for word in name.split("_")) for name in PROGRAMS}
# What every node has, or a lifecycle brings.
USUAL = {"/rosout", "/parameter_events", "/clock"}
LIFECYCLE = {"~/transition_event"}


@pytest.fixture(params=PROGRAMS)
def started(request: pytest.FixtureRequest) -> Iterator[tuple[Program, Any]]:
    """A node that nobody spins, with all that others see of it."""
    import rclpy

    program = PROGRAMS[request.param]
    rclpy.init(args=["--ros-args", "-p", "autostart:=false", "-p", "clock:=true"])
    node = getattr(importlib.import_module(f"ros_nodes.{program.name}"), CLASSES[program.name])()
    yield program, node
    if hasattr(node, "stop"):
        node.stop(10.0)
    node.destroy_node()
    rclpy.try_shutdown()


def said(program: Program, kinds: tuple[str, ...]) -> dict[str, str]:
    """Name on the graph, and type, of what is there on this machine."""
    return {
        _full(face.name, program.name): face.type.replace("/", "/msg/" if face.kind in (HEARS, SAYS) else "/srv/")
        for face in program.faces
        if face.kind in kinds and not (face.needs and importlib.util.find_spec(face.needs) is None)
    }


def _full(name: str, node: str) -> str:
    return name if name.startswith("/") else f"/{node}/{name[2:]}" if name.startswith("~/") else f"/{name}"


def test_topics_that_are_said(started: tuple[Program, Any]):
    program, node = started
    found = dict(node.get_publisher_names_and_types_by_node(program.name, "/"))
    extra = USUAL | {_full(name, program.name) for name in LIFECYCLE}
    expected = said(program, (SAYS,))
    real = {name: kinds[0] for name, kinds in found.items() if name in expected or name not in extra}
    assert {name: kind for name, kind in real.items() if "/_action/" not in name} == expected


def test_topics_that_are_heard(started: tuple[Program, Any]):
    program, node = started
    if hasattr(node, "trigger_activate"):
        pytest.skip("it hears nothing before it is active")
    found = dict(node.get_subscriber_names_and_types_by_node(program.name, "/"))
    assert {name: kinds[0] for name, kinds in found.items() if name not in USUAL} == said(program, (HEARS,))


def test_services_and_actions(started: tuple[Program, Any]):
    program, node = started
    found = dict(node.get_service_names_and_types_by_node(program.name, "/"))
    for name, kind in said(program, (SERVES,)).items():
        assert found[name] == [kind]
    for face in program.faces:
        if face.kind == ACTS:
            assert f"{_full(face.name, program.name)}/_action/send_goal" in found
