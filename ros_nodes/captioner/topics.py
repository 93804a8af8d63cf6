"""Regions that come on topics: captioned on the frame that they were found in, or on every new one."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from region_perception_msgs.msg import RegionCaptionArray
from std_msgs.msg import Header

from ros_nodes.captioner.answering import Answering, Answers
from ros_nodes.captioner.pointing import Wanted
from ros_nodes.captioner.settings import CaptionerSettings
from ros_nodes.decoding import nanoseconds, refusal_of
from ros_nodes.encoding import encode_captions, encode_status
from ros_nodes.messages.stamps import header_of
from ros_nodes.runtime.inputs import FLOWING, Input
from ros_nodes.runtime.newest import Frame

KINDS = ("regions_2d", "regions_3d")
SENSORS = {"regions_2d": ("image",), "regions_3d": ("points", "image")}  # of which regions are, the first that comes

LOOK_EVERY = 0.02  # seconds, while somebody waits for a frame

Key = tuple[str, int]  # a frame, by its input and its number


@dataclass
class Due:
    """An array of regions whose turn it is. number: of its message. frame: the newest, that it is to be captioned on;
    None for the one that it was found in."""

    kind: str
    array: Any
    number: int
    frame: Key | None


@dataclass
class Done:
    """Which array was captioned last, and on which frames: the one that was the newest when its turn came, and one that
    came in between."""

    number: int
    frames: set[Key | None]


class Topics:
    """What the worker does between requests. publish: takes the captions of a round by kind, and how to draw them.

    wake: has the worker come back after so many seconds. now: nanoseconds of the node's clock. failed: is told what
    goes wrong.
    """

    def __init__(
        self,
        inputs: Mapping[str, Input[Any]],
        answering: Answering,
        settings: Callable[[], CaptionerSettings],
        publish: Callable[[Mapping[str, RegionCaptionArray], Answers], None],
        wake: Callable[[float], None],
        now: Callable[[], int],
        failed: Callable[[BaseException], object],
    ) -> None:
        self._inputs, self._answering, self._settings = inputs, answering, settings
        self._publish, self._wake, self._now, self._failed = publish, wake, now, failed
        self._done: dict[str, Done] = {}
        self._not_before = 0.0  # time.monotonic()

    def forget(self) -> None:
        """Begins anew: time has jumped, or the node has been set up again. Regions without a stamp stay."""
        self._done.clear()
        for kind in KINDS:
            frame = self._inputs[kind].frames.peek()
            if frame is not None and any(_stamps(frame.value)):
                self._inputs[kind].frames.clear()

    def run(self) -> None:
        """Captions what is due, 2D and 3D in one batch."""
        if (rest := self._not_before - time.monotonic()) > 0:
            self._wake(rest)
            return
        due = [each for kind in KINDS if (each := self._due(kind)) is not None]
        if not due:
            return
        self._not_before = time.monotonic() + self._settings().min_interval
        if sum(len(each.array.regions) for each in due) <= self._settings().max_regions:
            self._caption(due)
            return
        for each in due:
            self._caption([each])

    def _caption(self, due: list[Due]) -> None:
        arrays = {each.kind: each.array.regions for each in due}
        wanted = Wanted(arrays.get(KINDS[0], ()), arrays.get(KINDS[1], ()))
        wanted.alternatives = self._settings().max_alternatives
        try:
            answers, refusal = self._answering.say(wanted), None
        except Exception as error:  # all of it is refused, and not tried again
            answers, refusal = Answers(), refusal_of(error).bare()
            self._failed(error)
        said = iter(answers.messages)
        messages: dict[str, RegionCaptionArray] = {}
        for each in due:
            captions = [next(said) for _ in each.array.regions] if refusal is None else []
            header = next((item.header for item in captions if nanoseconds(item.header.stamp)), Header())
            self._done[each.kind] = self._done_with(each, nanoseconds(header.stamp))
            message = encode_captions(captions, header)
            if refusal is not None:
                message.status = encode_status(refusal)
            messages[each.kind] = message
        self._publish(messages, answers)

    def _due(self, kind: str) -> Due | None:
        """The newest array of a kind, if there is something to be said about it that was not said before."""
        frame, before = self._inputs[kind].frames.newest(), self._done.get(kind)
        if frame is None:
            return None
        array = frame.value
        stamps = _stamps(array)
        if stamps == {0} and self._settings().follow:
            on, _ = self._newest(kind)
        else:
            on = None
        if before is not None and before.number == frame.number and (on is None or on in before.frames):
            return None
        if on is None and not all(arrived(self._inputs, kind, stamp) for stamp in stamps) and self._waits(frame):
            return None
        for region in array.regions:
            region.header = header_of(region, array)
        return Due(kind, array, frame.number, on)

    def _newest(self, kind: str) -> tuple[Key | None, int]:
        """The newest frame that regions of a kind may be about, and its stamp. An old cloud is not answered about, so
        where clouds have stopped an image's depth is."""
        found = [(name, each) for name in SENSORS[kind] if (each := self._inputs[name].frames.peek())]
        if not found:
            return None, 0
        max_age = self._settings().max_age
        fresh = (pair for pair in found if not max_age or self._now() - pair[1].stamp <= max_age * 1e9)
        name, frame = next(fresh, found[0])
        return (name, frame.number), frame.stamp

    def _done_with(self, due: Due, stamp: int) -> Done:
        """stamp: of the frame that answered, which may have come after the turn had begun."""
        frames = {due.frame}
        newest, of = self._newest(due.kind)
        if of == stamp:
            frames.add(newest)
        return Done(due.number, frames)

    def _waits(self, frame: Frame[Any]) -> bool:
        """Whether an array still waits for its frame, which comes by another way."""
        rest = self._settings().regions_wait - (time.monotonic() - frame.arrived)
        if rest > 0:
            self._wake(rest)
        return rest > 0


def arrived(inputs: Mapping[str, Input[Any]], kind: str, stamp: int) -> bool:
    """Whether the frame of a stamp has come that regions of a kind are about, or is not worth waiting for; any, for the
    stamp 0. An image says nothing of a cloud that is still on its way."""
    names = SENSORS[kind]
    if stamp and inputs[names[0]].frames.silence() < FLOWING:
        names = names[:1]
    return any(inputs[name].frames.has(stamp) for name in names)


def wait_for(
    inputs: Mapping[str, Input[Any]], needed: Collection[tuple[str, int]], timeout: float, check: Callable[[], None]
) -> None:
    """Until the frames have come that regions of a kind and a stamp are about, or so many seconds. check: raises where
    nobody waits any longer."""
    until = time.monotonic() + timeout
    while time.monotonic() < until and not all(arrived(inputs, kind, stamp) for kind, stamp in needed):
        check()
        time.sleep(LOOK_EVERY)


def _stamps(array: Any) -> set[int]:
    """Nanoseconds of the frames that the regions of an array were found in; 0 for any."""
    return {nanoseconds(header_of(region, array).stamp) for region in array.regions}
