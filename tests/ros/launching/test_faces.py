"""What the tables say of topics, services and actions is what the nodes really have, and nothing more."""

import importlib
import importlib.util
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ros_nodes.launching import PROGRAMS, Program
from ros_nodes.runtime.faces import ACTS, HEARS, SAYS, SERVES

pytestmark = pytest.mark.ros
CLASSES = {name: "".join(word.capitalize() for word in name.split("_")) for name in PROGRAMS}
# What every node has, or a lifecycle brings.
USUAL = {"/rosout", "/parameter_events", "/clock"}
LIFECYCLE = {"~/transition_event"}
PATIENCE = 30.0  # seconds
# Of two nodes with one full name the graph tells of either, and other tests have a captioner, too.
SPACE = "/faces"


@pytest.fixture(params=PROGRAMS)
def started(request: pytest.FixtureRequest) -> Iterator[tuple[Program, Any]]:
    """A node that nobody spins, with all that others see of it."""
    import rclpy

    program = PROGRAMS[request.param]
    rclpy.init(args=["--ros-args", "-r", f"__ns:={SPACE}", "-p", "autostart:=false", "-p", "clock:=true"])
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
    if name.startswith("/"):
        return name
    return f"{SPACE}/{node}/{name[2:]}" if name.startswith("~/") else f"{SPACE}/{name}"


def settled(read: Callable[[], Any], wanted: Any) -> Any:
    """What is read of the graph, as soon as that is what is wanted: the graph hears of a node a little later."""
    end = time.monotonic() + PATIENCE
    while (found := read()) != wanted and time.monotonic() < end:
        time.sleep(0.02)
    return found


def test_topics_that_are_said(started: tuple[Program, Any]):
    program, node = started
    extra = USUAL | {_full(name, program.name) for name in LIFECYCLE}
    expected = said(program, (SAYS,))

    def real() -> dict[str, str]:
        found = dict(node.get_publisher_names_and_types_by_node(program.name, SPACE))
        own = {name: kinds[0] for name, kinds in found.items() if name in expected or name not in extra}
        return {name: kind for name, kind in own.items() if "/_action/" not in name}

    assert settled(real, expected) == expected


def test_topics_that_are_heard(started: tuple[Program, Any]):
    program, node = started
    if hasattr(node, "trigger_activate"):
        pytest.skip("it hears nothing before it is active")
    expected = said(program, (HEARS,))

    def real() -> dict[str, str]:
        found = dict(node.get_subscriber_names_and_types_by_node(program.name, SPACE))
        return {name: kinds[0] for name, kinds in found.items() if name not in USUAL}

    assert settled(real, expected) == expected


def test_services_and_actions(started: tuple[Program, Any]):
    program, node = started
    expected = said(program, (SERVES,))
    goals = {f"{_full(face.name, program.name)}/_action/send_goal" for face in program.faces if face.kind == ACTS}

    def real() -> tuple[dict[str, str], set[str]]:
        found = dict(node.get_service_names_and_types_by_node(program.name, SPACE))
        return {name: kinds[0] for name, kinds in found.items() if name in expected}, goals & found.keys()

    assert settled(real, (expected, goals)) == (expected, goals)
