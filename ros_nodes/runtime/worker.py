"""The one thread of a node that computes, so that callbacks return at once and the node always answers."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from ros_nodes.messages.refusals import Code, Refusal, refusal_of

R = TypeVar("R")

MOST = 8  # requests that may wait
IN_A_ROW = 4  # requests, before what comes by topics has its turn again


class Worker:
    """Runs jobs one by one: what somebody asks for, in order, and in between what comes by topics.

    A job that is asked for waits for the one that runs, for those asked for before it, and never for a queue of frames:
    there is none. `frames` is called once after any number of `wake`, with nothing to hand over: it looks for itself
    what is the newest. Whatever a job raises ends that job alone.
    """

    def __init__(
        self, frames: Callable[[], None] | None = None, *, most: int = MOST, failed: Callable[[BaseException], object]
    ) -> None:
        self._frames = frames
        self._most = most
        self._failed = failed
        self._asked: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._wake_at = math.inf  # time.monotonic()
        self._stopped = False
        self._in_a_row = 0
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Requests that have not begun."""
        with self._changed:
            return len(self._asked)

    def wake(self, after: float = 0.0) -> None:
        """There may be something for `frames` to do: now, or in so many seconds at the latest."""
        with self._changed:
            self._wake_at = min(self._wake_at, time.monotonic() + after)
            self._changed.notify()

    def submit(self, job: Callable[[], R]) -> Future[R]:
        """Has a job run in its turn. Refused with BUSY when too many wait, and with NOT_READY after the end.

        Whatever the job raises is a `Refusal` in the future.
        """
        future: Future[R] = Future()
        with self._changed:
            if self._stopped:
                raise Refusal(Code.NOT_READY, "the node is stopping")
            if len(self._asked) >= self._most:
                raise Refusal(Code.BUSY, f"{len(self._asked)} requests wait already, at most {self._most} may")
            self._asked.append((job, future))
            self._changed.notify()
        return future

    def ask(self, job: Callable[[], R]) -> R:
        """Has a job run in its turn, and waits for it. Never to be called from a job."""
        return self.submit(job).result()

    def stop(self, timeout: float = 10.0) -> bool:
        """Refuses what waits, lets the job that runs come to its end; whether it did in time."""
        with self._changed:
            self._stopped = True
            left = [future for _, future in self._asked]
            self._asked.clear()
            self._changed.notify()
        for future in left:
            if future.set_running_or_notify_cancel():
                future.set_exception(Refusal(Code.NOT_READY, "the node is stopping"))
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _next(self) -> tuple[Callable[[], Any], Future[Any] | None] | None:
        """The next job, when there is one; None at the end."""
        with self._changed:
            while not (self._asked or self._stopped) and (left := self._wake_at - time.monotonic()) > 0:
                self._changed.wait(None if left == math.inf else left)
            if self._stopped:
                return None
            if self._asked and not (self._wake_at <= time.monotonic() and self._in_a_row >= IN_A_ROW):
                self._in_a_row += 1
                return self._asked.popleft()
            self._wake_at, self._in_a_row = math.inf, 0
            return self._frames or (lambda: None), None

    def _run(self) -> None:
        while (item := self._next()) is not None:
            self._do(*item)
            del item  # nothing of a job is kept while the thread waits for the next: messages are large

    def _do(self, job: Callable[[], Any], future: Future[Any] | None) -> None:
        if future is not None and not future.set_running_or_notify_cancel():
            return
        try:
            result = job()
        except BaseException as error:  # the thread must outlive whatever a job does
            refusal = refusal_of(error).bare()
            if refusal.code == Code.INTERNAL_ERROR or future is None:
                self._failed(error)
            if future is not None:
                future.set_exception(refusal)
        else:
            if future is not None:
                future.set_result(result)
