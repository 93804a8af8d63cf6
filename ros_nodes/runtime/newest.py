"""The newest message of a topic, and a few before it: what a node works on, however fast messages come."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

RATE_OVER = 5.0  # seconds


@dataclass(eq=False)
class Frame(Generic[T]):
    """One message, as it came."""

    value: T
    stamp: int
    """Nanoseconds, of its header; 0 where it has none."""
    number: int
    """Counts the messages of its topic from 1."""
    arrived: float
    """time.monotonic()"""
    used: bool = False


class Newest(Generic[T]):
    """The last `history` messages of one topic; a new one pushes out the oldest, and nobody ever waits to put one in.

    Any thread may put and read. What is pushed out without ever having been used is counted as dropped.
    """

    def __init__(self, history: int = 1) -> None:
        self._frames: deque[Frame[T]] = deque()
        self._history = history
        self._lock = threading.Lock()
        self._arrivals: deque[float] = deque(maxlen=256)
        self.received = 0
        self.dropped = 0

    def put(self, value: T, stamp: int = 0) -> Frame[T]:
        """Keeps a message that came. stamp: nanoseconds, of its header."""
        with self._lock:
            self.received += 1
            frame = Frame(value, stamp, self.received, time.monotonic())
            self._arrivals.append(frame.arrived)
            self._frames.append(frame)
            while len(self._frames) > self._history:
                self.dropped += not self._frames.popleft().used
        return frame

    def peek(self) -> Frame[T] | None:
        """The newest message, which stays unused."""
        with self._lock:
            return self._frames[-1] if self._frames else None

    def newest(self) -> Frame[T] | None:
        """The newest message."""
        with self._lock:
            return self._use(self._frames[-1]) if self._frames else None

    def near(self, stamp: int, within: float) -> Frame[T] | None:
        """The message whose stamp is the nearest to `stamp` (nanoseconds), if it is within so many seconds."""
        with self._lock:
            frame = min(self._frames, key=lambda frame: abs(frame.stamp - stamp), default=None)
            if frame is None or abs(frame.stamp - stamp) > within * 1e9:
                return None
            return self._use(frame)

    def has(self, stamp: int) -> bool:
        """Whether the message of a stamp came, or a later one, so that it is not worth waiting for; 0 is any."""
        with self._lock:
            return bool(self._frames) and self._frames[-1].stamp >= stamp

    def stamps(self) -> tuple[int, int] | None:
        """Oldest and newest stamp that are kept."""
        with self._lock:
            return (self._frames[0].stamp, self._frames[-1].stamp) if self._frames else None

    def clear(self) -> None:
        """Forgets all messages: time has jumped, or the node stops listening. Counters stay."""
        with self._lock:
            self._frames.clear()
            self._arrivals.clear()

    def resize(self, history: int) -> None:
        """Keeps so many from now on."""
        with self._lock:
            self._history = history
            while len(self._frames) > history:
                self.dropped += not self._frames.popleft().used

    def silence(self) -> float:
        """Seconds since the last message; infinite before the first, and after `clear`."""
        with self._lock:
            return time.monotonic() - self._arrivals[-1] if self._arrivals else math.inf

    def rate(self) -> float:
        """Messages a second over the last seconds; 0 before the second message."""
        now = time.monotonic()
        with self._lock:
            recent = [at for at in self._arrivals if now - at <= RATE_OVER]
        return (len(recent) - 1) / (now - recent[0]) if len(recent) > 1 else 0.0

    @staticmethod
    def _use(frame: Frame[T]) -> Frame[T]:
        frame.used = True
        return frame
