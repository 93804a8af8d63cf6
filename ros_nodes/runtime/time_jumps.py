"""Simulated time that jumps: what a node kept from before means nothing after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.clock import JumpThreshold
from rclpy.duration import Duration

JUMP_BACK = -0.1  # seconds: time that goes back further starts anew


def on_jump(node: Any, forget: Callable[[], object]) -> Any:
    """Calls `forget` when the node's time goes back, or becomes simulated, or the computer's own again.

    What comes of it must be kept as long as that is wanted; its `unregister` ends it. Time that jumps forward needs
    nothing: what was kept is too old then.
    """
    threshold = JumpThreshold(min_forward=None, min_backward=Duration(seconds=JUMP_BACK), on_clock_change=True)
    return node.get_clock().create_jump_callback(threshold, post_callback=lambda _: forget())
