"""The services of the node: each is a request to the worker, and answers with a status whatever happens."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from region_perception_msgs.msg import RegionCaption, Status
from region_perception_msgs.srv import AskRegion, CaptionRegions, FindRegion, SetModel
from std_msgs.msg import Header

from ros_nodes.captioner.answering import Answering
from ros_nodes.captioner.model import Model
from ros_nodes.captioner.pointing import Wanted
from ros_nodes.captioner.settings import CaptionerSettings
from ros_nodes.captioner.topics import KINDS, wait_for
from ros_nodes.decoding import Code, Refusal, nanoseconds
from ros_nodes.encoding import encode_refused, encode_status
from ros_nodes.runtime.guards import Guard
from ros_nodes.runtime.inputs import Input
from ros_nodes.runtime.worker import Worker

R = TypeVar("R")

LONGEST_WAIT = 60.0  # seconds for a frame; more is asked again


class Services:
    """ready: refuses with NOT_READY while the node does not answer."""

    def __init__(
        self,
        node: Node,
        guard: Guard,
        worker: Worker,
        answering: Answering,
        model: Model,
        settings: Callable[[], CaptionerSettings],
        ready: Callable[[], None],
        inputs: Mapping[str, Input[Any]],
        set_model: Callable[[str, str], None],
        group: CallbackGroup,
    ) -> None:
        self._worker, self._answering, self._model = worker, answering, model
        self._settings, self._ready, self._inputs, self._set_model = settings, ready, inputs, set_model
        self._guard = guard
        self._room = threading.BoundedSemaphore(settings().max_requests)
        for kind, name, answer in (
            (CaptionRegions, "caption_regions", self._caption_regions),
            (AskRegion, "ask_region", self._ask_region),
            (FindRegion, "find_region", self._find_region),
            (SetModel, "set_model", self._change_model),
        ):
            node.create_service(kind, f"~/{name}", guard.service(answer, name), callback_group=group)

    def _caption_regions(self, request: Any, response: Any) -> Any:
        wanted = _wanted(request)
        wanted.alternatives = int(request.max_alternatives)
        response.captions, response.status = self._say(wanted, request, "caption_regions")
        return response

    def _ask_region(self, request: Any, response: Any) -> Any:
        wanted = _wanted(request)
        wanted.question = request.question
        response.answers, response.status = self._say(wanted, request, "ask_region")
        return response

    def _find_region(self, request: Any, response: Any) -> Any:
        wanted = _wanted(request)
        header, ranking = self._asked(wanted, request.timeout, lambda: self._answering.match(request.text, wanted))
        response.header, response.ranking = header, ranking
        response.status = _overall([match.status for match in ranking])
        return response

    def _change_model(self, request: Any, response: Any) -> Any:
        response.load_time = math.nan
        try:
            self._set_model(request.model or self._model.name, request.device or self._model.device)
            response.load_time = float(self._model.load_time)
        except Refusal as refusal:
            self._guard.warn("set_model", str(refusal))
            response.status = encode_status(refusal)
        captioner = self._model.captioner
        if captioner is not None:
            response.model, response.modalities = self._model.name, sorted(captioner.trained)
        return response

    def _say(self, wanted: Wanted, request: Any, what: str) -> tuple[list[RegionCaption], Status]:
        """Captions of all regions, those that were refused, too: of all of them where the request was."""
        try:
            answers = self._asked(wanted, request.timeout, lambda: self._answering.say(wanted))
            return answers.messages, _overall([caption.status for caption in answers.messages])
        except Refusal as refusal:
            self._guard.caught(refusal, what)
            regions = [*wanted.regions_2d, *wanted.regions_3d][: self._settings().max_regions]
            return [encode_refused(refusal, Header(), region) for region in regions], encode_status(refusal)

    def _asked(self, wanted: Wanted, timeout: float, job: Callable[[], R]) -> R:
        """What the worker makes of a job, once the frames are there, or would have been."""
        self._ready()
        if not self._room.acquire(blocking=False):
            raise Refusal(Code.BUSY, f"{self._settings().max_requests} requests are being answered; try again")
        try:
            self._wait(wanted, min(timeout, LONGEST_WAIT) if timeout > 0 else 0.0)  # NaN does not wait
            self._ready()
            return self._worker.ask(job)
        finally:
            self._room.release()

    def _wait(self, wanted: Wanted, timeout: float) -> None:
        needed = {
            (kind, wanted.stamp or nanoseconds(region.header.stamp))
            for kind, regions in zip(KINDS, (wanted.regions_2d, wanted.regions_3d), strict=True)
            for region in regions
        }
        wait_for(self._inputs, needed, timeout, self._ready)


def _wanted(request: Any) -> Wanted:
    """What a request asks. A negative age, or none that is a number, is that of the node's parameter."""
    max_age = float(request.max_age) if request.max_age > 0 else 0.0
    return Wanted(request.regions_2d, request.regions_3d, nanoseconds(request.stamp), max_age)


def _overall(statuses: Sequence[Status]) -> Status:
    """OK when one of them is, or there are none; else the first."""
    if not statuses or any(status.code == Code.OK for status in statuses):
        return Status()
    return statuses[0]
