"""Qualities of service, each with its reason; nothing else of the nodes chooses one."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

# What nodes say: nothing is lost, and whoever comes late has missed what was said before.
RESULTS = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE)
# What holds until it is said otherwise: whoever comes late gets it at once.
LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# Pictures and clouds that nodes publish: reliable, because best effort loses messages of this size; the newest counts.
FRAMES = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE)
# What people do with a mouse, in bursts of which the last must not be lost.
FEEDBACK = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE)


def newest_only(best_effort: bool) -> QoSProfile:
    """Of an input: the newest message is worth more than all before it."""
    reliability = ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
    return QoSProfile(depth=1, history=HistoryPolicy.KEEP_LAST, reliability=reliability)
