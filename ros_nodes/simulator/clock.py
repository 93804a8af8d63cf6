"""Simulated time: from a start, at a speed, with jumps when they are asked for."""

from __future__ import annotations

import threading
import time


class SimulatedClock:
    """Goes on with each `advance`, by what has passed of the computer's time since the last."""

    def __init__(self, start: float) -> None:
        self._now = round(start * 1e9)
        self._then = time.monotonic()
        self._since_jump = 0.0
        self._lock = threading.Lock()

    def now(self) -> int:
        """Nanoseconds."""
        with self._lock:
            return self._now

    def advance(self, speed: float, jump_every: float = 0.0, jump: float = 0.0, passed: float | None = None) -> None:
        """passed: seconds of the computer's time; None for those since the last call. Time never falls below 1 s."""
        with self._lock:
            then, self._then = self._then, time.monotonic()
            passed = self._then - then if passed is None else passed
            self._now += round(passed * speed * 1e9)
            self._since_jump += passed
            if 0 < jump_every <= self._since_jump:
                self._since_jump = 0.0
                self._now += round(jump * 1e9)
            self._now = max(self._now, 1_000_000_000)
