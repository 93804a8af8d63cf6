"""Stamps of messages: whole nanoseconds, so that nothing is rounded when frames are looked up by stamp."""

from __future__ import annotations

from typing import Any

from ros_nodes.messages.refusals import Code, Refusal

MAX_AHEAD = 0.5  # seconds: clocks of two computers differ by a little; more is a clock that is wrong


def nanoseconds(stamp: Any) -> int:
    """A `builtin_interfaces/Time` or `Duration` as nanoseconds; 0 for one that was not set."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def header_of(region: Any, array: Any) -> Any:
    """The header that holds for a region, or a detection, of an array: an empty one means that of the array.

    Its stamp is that of the frame that the region was found in; 0 for the newest.
    """
    own = region.header
    return own if own.frame_id or nanoseconds(own.stamp) else array.header


def check_age(stamp: Any, now: int, max_age: float, *, max_ahead: float = MAX_AHEAD, what: str = "frame") -> float:
    """Seconds from `stamp` until `now` (nanoseconds of the node's clock, simulated or not); never below 0.

    Refuses with STALE what is older than `max_age` seconds (0: whatever its age), what has no stamp, and what is from
    the future by more than `max_ahead` seconds, as all stamps are for a while after simulated time has jumped back.
    """
    then = nanoseconds(stamp)
    if then == 0:
        raise Refusal(Code.STALE, f"{what}: its header has no stamp (0), so its age is not known")
    age = (now - then) / 1e9
    if age < -max_ahead:
        hint = "are the clocks of both computers set, and use_sim_time alike?"
        raise Refusal(Code.STALE, f"{what}: its stamp is {-age:.3f} s in the future; {hint}")
    if max_age > 0 and age > max_age:
        raise Refusal(Code.STALE, f"{what}: it is {age:.3f} s old, at most {max_age:g} s are allowed")
    return max(age, 0.0)
