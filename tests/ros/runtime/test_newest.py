"""The newest message of a topic: what is kept, found by stamp, and counted."""

import math

from ros_nodes.runtime.newest import Newest


def filled(history: int, *stamps: int) -> Newest[str]:
    frames: Newest[str] = Newest(history)
    for stamp in stamps:
        frames.put(f"at {stamp}", stamp)
    return frames


def test_only_the_newest_is_kept_and_the_rest_is_counted():
    frames = filled(1, 1, 2, 3)
    frame = frames.newest()
    assert frame is not None
    assert (frame.value, frame.number, frames.received, frames.dropped) == ("at 3", 3, 3, 2)


def test_what_was_used_is_not_dropped():
    frames = filled(1, 1)
    frames.newest()
    frames.put("next", 2)
    assert frames.dropped == 0
    assert frames.peek() is not None
    frames.put("last", 3)
    assert frames.dropped == 1  # peeking is not using


def test_messages_are_found_by_the_nearest_stamp():
    second = 1_000_000_000
    frames = filled(3, 0 * second, 1 * second, 2 * second, 3 * second)
    near = frames.near(2 * second + 40_000_000, 0.05)
    assert near is not None
    assert near.stamp == 2 * second
    assert frames.near(2 * second + 60_000_000, 0.05) is None
    assert frames.near(0, 0.5) is None  # pushed out
    assert frames.stamps() == (1 * second, 3 * second)


def test_what_a_later_message_has_overtaken_is_not_waited_for():
    frames = filled(2, 10, 20)
    assert frames.has(20)
    assert frames.has(15)
    assert frames.has(0)
    assert not frames.has(21)
    assert not filled(2).has(0)


def test_history_can_shrink():
    frames = filled(4, 1, 2, 3, 4)
    frames.resize(2)
    assert frames.stamps() == (3, 4)
    assert frames.dropped == 2


def test_forgetting_keeps_the_counters():
    frames = filled(2, 1, 2, 3)
    frames.clear()
    assert frames.newest() is None
    assert frames.peek() is None
    assert frames.rate() == 0
    assert frames.silence() == math.inf
    assert (frames.received, frames.dropped) == (3, 1)
