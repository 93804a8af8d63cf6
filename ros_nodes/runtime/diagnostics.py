"""What /diagnostics hears of a node, once a second."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node

from ros_nodes.messages.marker_messages import encode_diagnostic
from ros_nodes.runtime.guards import Guard

EVERY = 1.0  # seconds
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR

Told = tuple[bytes, str, Mapping[str, Any]]
"""Level, a sentence, and values."""


class Diagnostics:
    """Publishes what `tell` returns, on `/diagnostics`, where every robot has them.

    The timer goes by the computer's own clock: a simulation that stands still is worth knowing of.
    """

    def __init__(
        self, node: Node, guard: Guard, tell: Callable[[], Told], *, group: CallbackGroup | None = None, about: str = ""
    ) -> None:
        self._node, self._tell, self._about = node, tell, about
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(EVERY, guard(self._publish, "diagnostics"), callback_group=group, clock=clock)

    def _publish(self) -> None:
        level, message, values = self._tell()
        name = self._node.get_fully_qualified_name().lstrip("/") + (f": {self._about}" if self._about else "")
        message = DiagnosticArray(status=[encode_diagnostic(name, level, message, values, hardware_id="none")])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)
