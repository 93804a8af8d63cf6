"""TF as it is asked: a node of its own over real rclpy, with stand-ins for tf2_ros, which is not among the wheels."""

import sys
import threading
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any, ClassVar

import pytest

pytestmark = pytest.mark.ros
NAMED = ["--ros-args", "-r", "__node:=renamed", "-r", "__ns:=/space"]
PATIENCE = 30.0


class Buffer:
    """Knows one transform, as soon as it has been said."""

    def __init__(self) -> None:
        self.said: set[tuple[str, str]] = set()

    def lookup_transform(self, target: str, source: str, stamp: Any) -> Any:
        if (target, source) not in self.said:
            raise LookupError(f"{source} is not known")
        return target, source, stamp.nanoseconds

    def clear(self) -> None:
        self.said.clear()


class TransformListener:
    """Remembers what it was made with."""

    made: ClassVar[list[Any]] = []

    def __init__(self, buffer: Buffer, node: Any) -> None:
        self.buffer, self.node = buffer, node
        self.made.append(self)

    def unregister(self) -> None:
        self.made.remove(self)


@pytest.fixture
def node() -> Iterator[Any]:
    import rclpy

    context = rclpy.Context()
    rclpy.init(args=NAMED, context=context)
    node = rclpy.create_node("captioner", context=context)
    yield node
    node.destroy_node()
    context.try_shutdown()


@pytest.fixture
def asked(node: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What asks TF."""
    from ros_nodes.runtime import transforms

    tf2 = ModuleType("tf2_ros")
    tf2.Buffer, tf2.TransformListener = Buffer, TransformListener  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tf2_ros", tf2)
    monkeypatch.setattr(transforms.importlib.util, "find_spec", lambda name: tf2)
    lookup, end = transforms.tf2_lookup(node)
    yield lookup
    end()
    assert TransformListener.made == []


def test_the_node_that_hears_tf_has_a_name_of_its_own(node: Any):
    """However the program was named: two nodes of one name would answer each other's services."""
    from ros_nodes.runtime.transforms import listening_node

    own = listening_node(node)
    assert (node.get_fully_qualified_name(), own.get_fully_qualified_name()) == ("/space/renamed", "/space/renamed_tf")
    services = dict(own.get_service_names_and_types_by_node("renamed_tf", "/space"))
    assert not [name for name in services if "parameters" in name]
    own.destroy_node()


def test_a_transform_is_waited_for(asked: Any):
    (listener,) = TransformListener.made
    threading.Timer(0.1, listener.buffer.said.add, (("base", "camera"),)).start()
    assert asked("base", "camera", 7, PATIENCE) == ("base", "camera", 7)


def test_one_that_does_not_come_is_not_waited_for_longer(asked: Any):
    began = time.monotonic()
    with pytest.raises(LookupError, match="camera is not known"):
        asked("base", "camera", 7, 0.05)
    assert time.monotonic() - began < PATIENCE


def test_what_a_callback_raises_does_not_end_the_listening(asked: Any):
    (listener,) = TransformListener.made
    heard = threading.Event()
    calls = iter(range(10**6))

    def called() -> None:
        if next(calls) == 0:
            raise ValueError("oh")
        heard.set()

    listener.node.create_timer(0.01, called)
    assert heard.wait(PATIENCE)


def test_when_time_jumps_back_all_of_it_is_forgotten(asked: Any, node: Any):
    from rclpy.parameter import Parameter

    (listener,) = TransformListener.made
    listener.buffer.said.add(("base", "camera"))
    assert asked("base", "camera", 7, 0.0)
    node.set_parameters([Parameter("use_sim_time", value=True)])  # another clock is a jump, too
    with pytest.raises(LookupError):
        asked("base", "camera", 7, 0.0)
