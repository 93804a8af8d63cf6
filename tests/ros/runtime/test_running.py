"""A node that was told to stop hears of it, even where nothing else comes."""

import threading
from typing import Any

import pytest

pytestmark = pytest.mark.ros


class WokenTooEarly:
    """An executor that was woken before its context ended, found nothing, and waits on; `spin_once` as rclpy's."""

    def __init__(self) -> None:
        self.context = self
        self._told = threading.Event()

    def ok(self) -> bool:
        return not self._told.is_set()

    def spin_once(self, timeout_sec: float | None = None) -> None:
        self._told.set()
        threading.Event().wait(timeout_sec)


def test_what_is_woken_too_early_looks_again():
    from ros_nodes.runtime.running import _spin

    node: Any = None
    thread = threading.Thread(target=_spin, args=(WokenTooEarly(), node), daemon=True)
    thread.start()
    thread.join(10.0)
    assert not thread.is_alive()
