"""The node that says what regions of a robot's images and clouds show: `region_captioner`.

One model answers for images and clouds, on topics, by services and by an action. A frame is decoded and encoded when
something asks about it, in one thread; callbacks only put messages where that thread finds them. docs/ros.md says what
it listens to, what it says, and what can be set.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNodeMixin, LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn as Result
from rclpy.node import Node
from rclpy.parameter import Parameter
from region_perception_msgs.msg import CaptionerStatus, Region2DArray, Region3DArray
from region_perception_msgs.msg import CaptionerStatus as State
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from region_perception.errors import InputWarning
from ros_nodes.captioner import vision
from ros_nodes.captioner.answering import Answering
from ros_nodes.captioner.model import Model, use_threads
from ros_nodes.captioner.outputs import Outputs
from ros_nodes.captioner.scene import SceneAction
from ros_nodes.captioner.services import Services
from ros_nodes.captioner.settings import CaptionerSettings
from ros_nodes.captioner.sights import Sights, settling
from ros_nodes.captioner.topics import Topics
from ros_nodes.decoding import Code, Refusal
from ros_nodes.encoding import encode_status
from ros_nodes.runtime import diagnostics
from ros_nodes.runtime.guards import Guard
from ros_nodes.runtime.inputs import Input
from ros_nodes.runtime.newest import Frame
from ros_nodes.runtime.parameters import Parameters
from ros_nodes.runtime.qos import LATCHED
from ros_nodes.runtime.running import run
from ros_nodes.runtime.sensors import transforms_by
from ros_nodes.runtime.time_jumps import on_jump
from ros_nodes.runtime.transforms import tf2_lookup
from ros_nodes.runtime.worker import Worker

STATUS_EVERY = 1.0  # seconds
SILENT = 0.2  # messages a second: fewer are worth a warning
SENSORS = ("image", "depth", "camera_info", "points")
STATES = ("unconfigured", "loading", "inactive", "active", "failed")


class RegionCaptioner(LifecycleNodeMixin, Node):
    """configure reads the model, activate begins to listen. With `autostart` it does both by itself."""

    def __init__(self) -> None:
        Node.__init__(self, "region_captioner")
        self._guard = Guard(self.get_logger(), self.context.ok)
        self._table = Parameters(self, CaptionerSettings(), applied=self._apply)
        self._state = State.STATE_UNCONFIGURED
        self._model = Model()
        self._stopping = threading.Event()
        self._lookup, self._end_tf = tf2_lookup(self)
        # Requests wait for the worker in threads of the executor, of which there are more than may wait.
        self._request_group = ReentrantCallbackGroup()
        self._make_transforms()
        # All who may wait, and the action.
        self._worker = Worker(self._frames, most=self.settings.max_requests + 1, failed=self._failed)
        self._inputs = self._make_inputs()
        settle = settling(self._inputs, self._settings_now)
        self._sights = Sights(self._inputs, self._settings_now, lambda: self._transforms, self._now, settle)
        self._answering = Answering(
            self._model, self._sights, self._settings_now, lambda: self._transforms, self._now, self._failed
        )
        self._make_faces()
        LifecycleNodeMixin.__init__(self, callback_group=self._request_group)
        change = self._service_change_state
        change.callback = self._guard.service(self._allowed(change.callback), "change_state")
        if self.settings.autostart:
            threading.Thread(target=self._autostart, name="autostart", daemon=True).start()

    @property
    def settings(self) -> CaptionerSettings:
        """The parameters as they are now."""
        return self._table.now

    # Made at the start ------------------------------------------------------------------------------------------------

    def _make_inputs(self) -> dict[str, Input[Any]]:
        settings = self.settings
        squeezed = {"image": settings.image_transport, "depth": settings.depth_transport}
        kinds: dict[str, type] = {"image": Image, "depth": Image, "camera_info": CameraInfo, "points": PointCloud2}
        kinds |= {"regions_2d": Region2DArray, "regions_3d": Region3DArray}
        inputs = {}
        for name, kind in kinds.items():
            transport = squeezed.get(name, "raw")
            topic = name if transport == "raw" else f"{self.resolve_topic_name(name)}/{transport}"
            inputs[name] = Input[Any](
                self,
                self._guard,
                name,
                kind if transport == "raw" else CompressedImage,
                topic=topic,
                reliability=getattr(settings, f"{name}_reliability"),
                history=settings.history if name in SENSORS else 1,
                came=self._came,
            )
        for dimensions, kind in vision.array_classes().items():
            name = f"detections_{dimensions}"
            take = self._take_detections_2d if dimensions == "2d" else self._take_detections_3d
            inputs[name] = Input[Any](self, self._guard, name, kind, came=take)
        return inputs

    def _make_faces(self) -> None:
        """Everything that others see of the node."""
        settings = self._settings_now
        self._outputs = Outputs(self, settings)
        self._topics = Topics(
            self._inputs, self._answering, settings, self._outputs.publish, self._worker.wake, self._now, self._failed
        )
        self._requests = Services(
            self,
            self._guard,
            self._worker,
            self._answering,
            self._model,
            settings,
            self._ready,
            self._inputs,
            self._set_model,
            self._request_group,
        )
        self._scene = SceneAction(
            self,
            self._guard,
            self._worker,
            self._answering,
            self._sights,
            settings,
            self._ready,
            self._inputs,
            self._request_group,
        )
        self._status = self.create_publisher(CaptionerStatus, "~/status", LATCHED)
        watch = MutuallyExclusiveCallbackGroup()
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = self.create_timer(STATUS_EVERY, self._guard(self._watch, "status"), watch, clock)
        self._diagnostics = diagnostics.Diagnostics(self, self._guard, self._diagnosis, group=watch)
        self._jump = on_jump(self, self._guard(self._jumped, "clock"))
        self._tell()

    def _settings_now(self) -> CaptionerSettings:
        return self.settings

    def _make_transforms(self) -> None:
        self._transforms = transforms_by(self.settings, self._lookup)

    # Messages ---------------------------------------------------------------------------------------------------------

    def _came(self, frame: Frame[Any]) -> None:
        self._worker.wake()

    def _take_detections_2d(self, frame: Frame[Any]) -> None:
        self._inputs["regions_2d"].frames.put(vision.regions_2d(frame.value), frame.stamp)
        self._worker.wake()

    def _take_detections_3d(self, frame: Frame[Any]) -> None:
        self._inputs["regions_3d"].frames.put(vision.regions_3d(frame.value), frame.stamp)
        self._worker.wake()

    def _frames(self) -> None:
        if self._state == State.STATE_ACTIVE:
            self._topics.run()

    def _ready(self) -> None:
        """Refuses while the node does not answer."""
        if self._stopping.is_set():
            raise Refusal(Code.NOT_READY, "the node is stopping")
        if self._state != State.STATE_ACTIVE:
            names = ("not configured", "reading its model", "not active", "active", "without a model, see ~/status")
            raise Refusal(Code.NOT_READY, f"the node is {names[self._state]}")

    def _failed(self, error: BaseException) -> None:
        if not self._stopping.is_set():  # else it came too late to be said to anybody
            self._guard.caught(error, "worker")

    def _now(self) -> int:
        return self.get_clock().now().nanoseconds

    def _jumped(self) -> None:
        """Stamps from before say nothing about ages any more."""
        for name in SENSORS:
            self._inputs[name].frames.clear()
        self._sights.clear()
        self._topics.forget()

    # Parameters and the model -----------------------------------------------------------------------------------------

    def _apply(self, before: CaptionerSettings, after: CaptionerSettings) -> None:
        """Parameters have changed; most are read anew each time anyway."""
        for name, each in self._inputs.items():
            if name in SENSORS:
                each.frames.resize(after.history)
            if hasattr(after, f"{name}_reliability"):
                each.listen(getattr(after, f"{name}_reliability"))
        self._make_transforms()
        moved = ("upright_frame", "sensor_pose", "axes", "rectified", "max_pixels", "max_points", "min_points")
        if any(getattr(before, name) != getattr(after, name) for name in moved):
            self._sights.clear()
        # Not at other changes: until a model is there that a service asks for, its name is not the parameter's.
        if (after.model, after.device) != (before.model, before.device):
            self._follow_parameters()

    def _follow_parameters(self) -> None:
        """Begins to read the model that parameters name, if another answers."""
        wanted, present = (self.settings.model, self.settings.device), (self._model.name, self._model.device)
        if self._model.captioner is not None and wanted != present:
            threading.Thread(target=self._swap, args=wanted, name="swap", daemon=True).start()

    def _swap(self, model: str, device: str) -> None:
        """Another model by its parameter: which tells the truth again, if that fails."""
        try:
            self._set_model(model, device)
        except Refusal as refusal:
            self._guard.caught(refusal, "model")
            self._tell_parameters()
        self._tell()

    def _set_model(self, model: str, device: str) -> None:
        if self._model.captioner is None:
            raise Refusal(Code.NOT_READY, "the node is not configured; set its parameter `model` instead")
        self._model.load(model, device)
        self._sights.clear()  # what was encoded holds the model that did it
        self._tell_parameters()
        self._tell()

    def _tell_parameters(self) -> None:
        """Parameters say what answers."""
        said, name, device = self.settings, self._model.name, self._model.device
        if (said.model, said.device) != (name, device) and name:
            self.set_parameters_atomically([Parameter("model", value=name), Parameter("device", value=device)])

    # Transitions ------------------------------------------------------------------------------------------------------

    def _allowed(self, change: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        """A transition that the state does not allow raises: its client would wait for an answer for ever."""

        def changed(request: Any, response: Any) -> Any:
            try:
                return change(request, response)
            except RuntimeError as error:
                wanted = request.transition.label or request.transition.id
                raise Refusal(
                    Code.NOT_READY, f"transition {wanted!r} is not allowed while {STATES[self._state]}"
                ) from error

        return changed

    def _autostart(self) -> None:
        try:
            if self.trigger_configure() == Result.SUCCESS and not self._stopping.is_set():
                self.trigger_activate()
        except Exception as error:
            if not self._stopping.is_set():
                self._guard.caught(error, "autostart")

    def on_configure(self, state: LifecycleState) -> Result:
        """Reads the model. While that takes its time, the other threads of the executor answer."""
        self._become(State.STATE_LOADING)
        try:
            use_threads(self.settings.threads)
            self._model.load(self.settings.model, self.settings.device)
        except Exception as error:
            self._guard.caught(error, "configure")
            self._become(State.STATE_FAILED)
            return Result.FAILURE
        source = self._model.need().source
        self.get_logger().info(f"model {self._model.name} from {source}, in {self._model.load_time:.1f} s")
        self._become(State.STATE_INACTIVE)
        self._follow_parameters()  # they may have been changed meanwhile
        return Result.SUCCESS

    def on_activate(self, state: LifecycleState) -> Result:
        """Begins to listen, and to answer."""
        return self._transition("activate", self._activate)

    def on_deactivate(self, state: LifecycleState) -> Result:
        """Listens no more; the model stays."""
        return self._transition("deactivate", self._deactivate)

    def on_cleanup(self, state: LifecycleState) -> Result:
        """Lets go of the model."""
        return self._transition("cleanup", self._clean_up)

    def on_shutdown(self, state: LifecycleState) -> Result:
        """For good."""
        return self._transition("shutdown", self._clean_up)

    def on_error(self, state: LifecycleState) -> Result:
        """After a mistake in a transition: unconfigured, so that it can be tried again."""
        return self._transition("error", self._clean_up)

    def _transition(self, name: str, do: Any) -> Result:
        try:
            do()
        except Exception as error:
            self._guard.caught(error, name)
            return Result.ERROR
        return Result.SUCCESS

    def _activate(self) -> None:
        self._topics.forget()
        for each in self._inputs.values():
            each.open()
        self._become(State.STATE_ACTIVE)
        self.get_logger().info(f"listening; services and captions under {self.get_fully_qualified_name()}")

    def _deactivate(self) -> None:
        self._become(State.STATE_INACTIVE)
        for each in self._inputs.values():
            each.close()
        self._sights.clear()

    def _clean_up(self) -> None:
        for each in self._inputs.values():
            each.close()
        self._model.forget()
        self._become(State.STATE_UNCONFIGURED)
        self._sights.clear()

    def _become(self, state: int) -> None:
        self._state = state
        self._tell()

    # What it says of itself -------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        for each in self._inputs.values():
            each.look_around()
        self._tell()

    def _tell(self) -> None:
        tally, captioner = self._answering.tally, self._model.captioner
        status = CaptionerStatus(state=self._state, model=self._model.name)
        status.header.stamp = self.get_clock().now().to_msg()
        if captioner is not None:
            status.device, status.modalities = str(captioner.device), sorted(captioner.trained)
            status.calibrated = [f"{each.task}/{each.modality}" for each in captioner.calibration]
        if self._state == State.STATE_ACTIVE:
            status.inputs = [each.status() for each in self._inputs.values()]
        status.answered, status.refused, status.encoded = tally.answered, tally.refused, tally.encoded
        status.inference_time, status.age = float(tally.inference_time), float(tally.age)
        status.waiting = self._worker.waiting
        newer = self._guard.last_at >= tally.refused_at
        status.last_error = encode_status(self._guard.last if newer else tally.last_refusal)
        self._status.publish(status)

    def _diagnosis(self) -> diagnostics.Told:
        tally = self._answering.tally
        values: dict[str, Any] = {"state": STATES[self._state], "model": self._model.name}
        values |= {"answered": tally.answered, "refused": tally.refused, "encoded": tally.encoded}
        values |= {
            "inference_time": f"{tally.inference_time:.3f}",
            "age": f"{tally.age:.3f}",
            "caught": self._guard.count,
        }
        silent = []
        for name, each in self._inputs.items():
            publishers, frames = each.publishers(), each.frames
            values[name] = f"{frames.received} received, {frames.dropped} dropped, {each.refused} refused"
            if name in ("image", "points") and publishers and frames.rate() < SILENT:
                silent.append(name)
        if self._state == State.STATE_FAILED:
            return diagnostics.ERROR, str(self._guard.last), values
        if self._state == State.STATE_ACTIVE and silent:
            return diagnostics.WARN, f"publishers, but no messages: {', '.join(silent)}", values
        return diagnostics.OK, STATES[self._state], values

    def stop(self, timeout: float) -> None:
        """The end: nobody waits any longer, and what runs is waited for so many seconds."""
        self._stopping.set()
        self._worker.stop(timeout)
        self._end_tf()
        self._scene.destroy()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the node; the exit code."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a node downloads nothing that it was not asked for
    warnings.simplefilter("ignore", InputWarning)  # adjusted input is normal here; refused input is told
    return run(RegionCaptioner, arguments)


if __name__ == "__main__":
    sys.exit(main())
