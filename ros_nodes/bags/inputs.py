"""What a node hears of a sensor, out of a bag: one message, or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ros_nodes.bags.jobs import Key, Problem
from ros_nodes.decoding import Refusal, nanoseconds
from ros_nodes.messages.classes import Header
from ros_nodes.runtime.newest import Frame

BESIDE = ("depth", "camera_info")  # what an image can do without


class BagInput:
    """Stands where a node has its `ros_nodes.runtime.inputs.Input`, and holds the message of the job at hand."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.topic = ""
        self.frames = self
        self.received = 0
        self._key: Key | None = None
        self._frame: Frame[Any] | None = None
        self._broken: Refusal | None = None
        self._problems: list[Problem] = []

    def hold(self, key: Key | None, messages: Mapping[Key, Any], order: Mapping[Key, int]) -> None:
        """The message of the next job; None where there is none. order: of all messages."""
        self._key, self._frame, self._broken, self._problems = key, None, None, []
        if key is None:
            return
        self.topic, self.received = key.topic, self.received + 1
        message = messages[key]
        if isinstance(message, Refusal):
            self._broken = message
        else:
            message = with_plain_headers(message)
            self._frame = Frame(message, nanoseconds(message.header.stamp), order[key], 0.0)

    def near(self, stamp: int, within: float) -> Frame[Any] | None:
        """The message, which is that of the stamp; refused where its bytes were none."""
        if self._broken is not None:
            self.refuse(self._broken, None)
            if self.name not in BESIDE:
                raise self._broken
        return self._frame

    def newest(self) -> Frame[Any] | None:
        """The message, where its stamp is 0."""
        return self.near(0, 0.0)

    def stamps(self) -> None:
        """Others are not at hand."""
        return

    def publishers(self) -> int:
        return 0

    def refuse(self, refusal: Refusal, frame: Frame[Any] | None) -> None:
        """Notes what is wrong with the message, once."""
        if self._key is not None and not self._problems:
            self._problems.append(Problem(self._key.topic, self._key.time, str(refusal)))

    def problems(self) -> list[Problem]:
        """What was wrong with the message of this job."""
        return self._problems

    def header(self) -> Any:
        """Of the message; None without one."""
        return None if self._frame is None else self._frame.value.header


def with_plain_headers(message: Any) -> Any:
    """The message, with headers of the classes that messages are written with: rosbags reads them into its own."""
    message.header = _plain(message.header)
    for element in getattr(message, "regions", None) or getattr(message, "detections", None) or ():
        element.header = _plain(element.header)
    return message


def _plain(header: Any) -> Any:
    written = Header(frame_id=header.frame_id)
    written.stamp.sec, written.stamp.nanosec = int(header.stamp.sec), int(header.stamp.nanosec)
    return written
