"""What a node is told of its time: by a clock over real rclpy, which goes on, goes back, and stands still."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.ros


@pytest.fixture
def peer() -> Iterator[Any]:
    from programs import Peer

    peer = Peer("timed")
    yield peer
    peer.close()


@pytest.fixture
def at(peer: Any) -> Callable[[float], None]:
    """Sets the time of the peer's node, by a message on /clock."""
    from builtin_interfaces.msg import Time
    from programs import until
    from rclpy.parameter import Parameter
    from rosgraph_msgs.msg import Clock

    peer.node.set_parameters([Parameter("use_sim_time", value=True)])
    clock = peer.publisher(Clock, "/clock", 10)

    def set_time(seconds: float) -> None:
        wanted = round(seconds * 1e9)

        def there() -> bool:
            clock.publish(Clock(clock=Time(sec=wanted // 10**9, nanosec=wanted % 10**9)))
            return bool(peer.node.get_clock().now().nanoseconds == wanted)

        until(there, f"the time to be {seconds}")

    return set_time


def test_time_that_goes_back_is_told_and_nothing_else(peer: Any, at: Callable[[float], None]):
    from ros_nodes.runtime.time_jumps import on_jump

    at(100.0)
    told: list[int] = []
    jump = on_jump(peer.node, lambda: told.append(1))
    for seconds in (100.5, 5000.0, 4999.95):  # on, far on, and back by less than clocks differ
        at(seconds)
    assert told == []
    at(20.0)
    assert told == [1]
    at(21.0)
    assert told == [1]
    jump.unregister()
    at(1.0)
    assert told == [1]


def test_another_kind_of_time_is_a_jump(peer: Any):
    from rclpy.parameter import Parameter

    from ros_nodes.runtime.time_jumps import on_jump

    told: list[int] = []
    jump = on_jump(peer.node, lambda: told.append(1))
    peer.node.set_parameters([Parameter("use_sim_time", value=True)])
    assert told == [1]
    peer.node.set_parameters([Parameter("use_sim_time", value=False)])
    assert told == [1, 1]
    jump.unregister()
