"""The action of the node: finds the things in a frame, and describes them one by one, between what others ask."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from region_perception_msgs.action import CaptionScene
from region_perception_msgs.msg import RegionCaption

from region_perception.observations import ImageObservation
from ros_nodes.captioner.answering import Answering
from ros_nodes.captioner.pointing import Wanted
from ros_nodes.captioner.settings import CaptionerSettings
from ros_nodes.captioner.sights import Sight, Sights
from ros_nodes.captioner.topics import wait_for
from ros_nodes.decoding import Code, Refusal, nanoseconds
from ros_nodes.encoding import encode_region_2d, encode_region_3d, encode_status
from ros_nodes.runtime.guards import Guard
from ros_nodes.runtime.inputs import Input
from ros_nodes.runtime.worker import Worker

R = TypeVar("R")

RESULT_TIMEOUT = 30  # seconds that a result is kept for whoever fetches it late
BEGINS_WITHIN = 5.0  # seconds: an accepted goal never begins if its client goes away before it is told
NO_CLOUD = (Code.NO_OBSERVATION, Code.STALE, Code.NO_CALIBRATION)  # what comes of looking for one where none comes
Goal = CaptionScene.Goal
Feedback = CaptionScene.Feedback


class Canceled(Refusal):
    """Somebody wants the rest no more."""

    def __init__(self) -> None:
        super().__init__(Code.CANCELED, "the goal was cancelled")


@dataclass
class Run:
    """One goal on its way."""

    handle: Any
    result: Any = field(default_factory=CaptionScene.Result)

    def check(self) -> None:
        """To be called between two stages."""
        if self.handle.is_cancel_requested:
            raise Canceled

    def tell(self, stage: int, done: int = 0, total: int = 0, captions: list[RegionCaption] | None = None) -> None:
        self.check()
        self.handle.publish_feedback(Feedback(stage=stage, done=done, total=total, captions=captions or []))


class SceneAction:
    """One goal at a time; others are rejected. ready: refuses with NOT_READY while the node does not answer."""

    def __init__(
        self,
        node: Node,
        guard: Guard,
        worker: Worker,
        answering: Answering,
        sights: Sights,
        settings: Callable[[], CaptionerSettings],
        ready: Callable[[], None],
        inputs: Mapping[str, Input[Any]],
        group: CallbackGroup,
    ) -> None:
        self._guard, self._worker, self._answering, self._sights = guard, worker, answering, sights
        self._settings, self._ready, self._inputs = settings, ready, inputs
        self._busy = threading.Lock()
        self._accepted = -math.inf  # time.monotonic() of the goal that has not begun
        self._server = ActionServer(
            node,
            CaptionScene,
            "~/caption_scene",
            self._execute,
            goal_callback=self._accepts,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=group,
            result_timeout=RESULT_TIMEOUT,
        )

    def destroy(self) -> None:
        """Before the node is."""
        self._server.destroy()

    def _accepts(self, goal: Any) -> GoalResponse:
        try:
            self._ready()
            if self._busy.locked() or time.monotonic() - self._accepted < BEGINS_WITHIN:
                raise _busy()
            self._accepted = time.monotonic()
        except Refusal as refusal:
            self._guard.caught(refusal, "caption_scene")
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def _execute(self, handle: Any) -> Any:
        run = Run(handle)
        try:
            with self._turn():
                self._caption(run)
            run.check()
            handle.succeed()
        except Canceled as refusal:
            run.result.status = encode_status(refusal)
            handle.canceled()
        except Exception as error:
            run.result.status = encode_status(self._guard.caught(error, "caption_scene"))
            handle.abort()
        return run.result

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One goal at a time, even if two were accepted at once."""
        if not self._busy.acquire(blocking=False):
            raise _busy()
        self._accepted = -math.inf
        try:
            yield
        finally:
            self._busy.release()

    def _caption(self, run: Run) -> None:
        goal = run.handle.request
        run.tell(Feedback.STAGE_QUEUED)
        run.tell(Feedback.STAGE_OBSERVING)
        self._wait(run)
        sight = self._ask(lambda: self._see(goal))
        run.result.header = sight.header
        run.tell(Feedback.STAGE_PROPOSING)
        self._propose(run, sight)
        regions = [*run.result.regions_2d, *run.result.regions_3d]
        if regions:
            run.tell(Feedback.STAGE_ENCODING, 0, len(regions))
            self._ask(lambda: self._answering.look(sight))
        for region in regions:
            run.check()
            captions = self._worker.ask(partial(self._answering.say, self._one(region, goal, sight))).messages
            run.result.captions += captions
            run.tell(Feedback.STAGE_CAPTIONING, len(run.result.captions), len(regions), captions)

    def _wait(self, run: Run) -> None:
        """Until the frame of a goal has come, as long as regions on topics wait for theirs."""
        goal = run.handle.request
        kind = "regions_2d" if goal.source == Goal.SOURCE_IMAGE else "regions_3d"

        def check() -> None:
            self._ready()
            run.check()

        wait_for(self._inputs, [(kind, nanoseconds(goal.stamp))], self._settings().regions_wait, check)

    def _ask(self, job: Callable[[], R]) -> R:
        self._ready()
        return self._worker.ask(job)

    def _see(self, goal: Any) -> Sight:
        """The frame that a goal is about."""
        stamp, max_age = nanoseconds(goal.stamp), float(goal.max_age) if goal.max_age > 0 else 0.0
        if goal.source == Goal.SOURCE_IMAGE:
            return self._sights.image(stamp, max_age)
        try:
            return self._sights.cloud(stamp, max_age)
        except Refusal as refusal:
            if goal.source == Goal.SOURCE_CLOUD or refusal.code not in NO_CLOUD:
                raise
            return self._sights.image(stamp, max_age)

    def _propose(self, run: Run, sight: Sight) -> None:
        """Looks for things, in this thread: the worker goes on with what others ask."""
        from region_perception.regions.proposals import propose

        most = int(run.handle.request.max_regions) or self._settings().scene_regions
        regions = propose(sight.observation, most=min(most, 256))
        for number, region in enumerate(regions, start=1):
            if isinstance(sight.observation, ImageObservation):
                run.result.regions_2d.append(encode_region_2d(region, sight.header, id=str(number)))
            else:
                run.result.regions_3d.append(
                    encode_region_3d(region, sight.header, id=str(number), motion=sight.motion)
                )

    def _one(self, region: Any, goal: Any, sight: Sight) -> Wanted:
        """One region of the frame that the goal began with, however old that is by now."""
        alternatives = self._settings().max_alternatives
        wanted = Wanted(question=goal.question or None, alternatives=alternatives, sight=sight)
        if isinstance(sight.observation, ImageObservation):
            wanted.regions_2d = [region]
        else:
            wanted.regions_3d = [region]
        return wanted


def _busy() -> Refusal:
    return Refusal(Code.BUSY, "another goal is being worked on")
