"""Callbacks that cannot end their node: whatever one raises is counted, logged a few times, and answered."""

from __future__ import annotations

import functools
import math
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from ros_nodes.messages.caption_messages import encode_status
from ros_nodes.messages.refusals import Code, Refusal, refusal_of

EVERY = 5.0  # seconds between two lines of the log about one matter


class Guard:
    """Wraps callbacks. An exception that left one would leave `spin`, too, and with it the node.

    logger: of the node. running: whether ROS is there; once it is not, all publishing fails, which is no mistake of
    anybody. `count` says how often something was caught, `last` what it was.
    """

    def __init__(self, logger: Any, running: Callable[[], bool] = lambda: True) -> None:
        self._logger, self._running = logger, running
        self._lock = threading.Lock()
        self._logged: dict[str, tuple[float, int]] = {}  # matter: when a line was written, how many were left out since
        self.count = 0
        self.last: Refusal | None = None
        self.last_at = -math.inf  # time.monotonic()

    def __call__(self, callback: Callable[..., Any], what: str) -> Callable[..., Any]:
        """The callback of a subscription, timer or event. what: names it in the log."""

        @functools.wraps(callback)
        def guarded(*arguments: Any) -> Any:
            try:
                return callback(*arguments)
            except Exception as error:
                self.caught(error, what)
                return None

        return guarded

    def service(self, callback: Callable[[Any, Any], Any], what: str) -> Callable[[Any, Any], Any]:
        """The callback of a service; an exception becomes the answer's `status`, where it has one."""

        @functools.wraps(callback)
        def guarded(request: Any, response: Any) -> Any:
            try:
                return callback(request, response)
            except Exception as error:
                refusal = self.caught(error, what)
                if hasattr(response, "status"):
                    response.status = encode_status(refusal)
                elif hasattr(response, "success"):
                    response.success = False
                return response

        return guarded

    def caught(self, error: BaseException, what: str) -> Refusal:
        """Counts and logs something that went wrong, once in a while; returns it as a refusal.

        A refusal is somebody else's mistake and a warning; anything else is one of the node, with its traceback.
        """
        refusal = refusal_of(error)
        if not self._running():
            return refusal
        with self._lock:
            self.count += 1
            self.last, self.last_at = refusal.bare(), time.monotonic()
        if refusal.code == Code.INTERNAL_ERROR and not isinstance(error, Refusal):
            trace = "".join(traceback.format_exception(error))
            self._log(what, f"{refusal}\n{trace}", severe=True)
        else:
            self._log(what, str(refusal))
        return refusal

    def warn(self, what: str, text: str) -> None:
        """A line of the log about a matter, at most one in a while."""
        self._log(what, text)

    def _log(self, what: str, text: str, *, severe: bool = False) -> None:
        now = time.monotonic()
        with self._lock:
            then, left_out = self._logged.get(what, (-EVERY, 0))
            if now - then < EVERY:
                self._logged[what] = (then, left_out + 1)
                return
            self._logged[what] = (now, 0)
        line = f"{what}: {text}" + (f" ({left_out} more like it since the last line)" if left_out else "")
        # Two lines, because rclpy refuses another severity from the same line of code.
        if severe:
            self._logger.error(line)
        else:
            self._logger.warning(line)
