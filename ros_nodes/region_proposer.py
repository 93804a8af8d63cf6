"""The node that points where nobody does: `region_proposer` publishes the things in what a robot sees as regions."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from region_perception_msgs.msg import Region2DArray, Region3DArray
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from region_perception.errors import InputWarning
from region_perception.observations import CloudObservation, ImageObservation
from region_perception.regions import Box, Box3D, Region
from region_perception.regions.proposals import propose
from ros_nodes.captioner.sights import Sight, Sights
from ros_nodes.decoding import Code, Refusal
from ros_nodes.encoding import encode_region_2d, encode_region_3d
from ros_nodes.proposer.numbers import Numbers
from ros_nodes.proposer.settings import ProposerSettings
from ros_nodes.runtime import diagnostics
from ros_nodes.runtime.guards import Guard
from ros_nodes.runtime.inputs import Input
from ros_nodes.runtime.parameters import Parameters
from ros_nodes.runtime.qos import RESULTS
from ros_nodes.runtime.running import run
from ros_nodes.runtime.sensors import transforms_by
from ros_nodes.runtime.time_jumps import on_jump
from ros_nodes.runtime.transforms import tf2_lookup
from ros_nodes.runtime.worker import Worker

LOOK_AROUND_EVERY = 1.0  # seconds
HISTORY = 4  # frames of each input, so that depth is found for an image that came before it


class RegionProposer(Node):
    """Looks at the newest frame when one came and somebody listens, not more often than it may."""

    def __init__(self) -> None:
        super().__init__("region_proposer")
        self._guard = Guard(self.get_logger(), self.context.ok)
        self._table = Parameters(self, ProposerSettings(), applied=self._apply)
        self._lookup, self._end_tf = tf2_lookup(self)
        self._make_transforms()
        self._worker = Worker(self._look, failed=lambda error: self._guard.caught(error, "worker"))
        self._inputs = self._make_inputs()
        self._sights = Sights(self._inputs, lambda: self.settings, lambda: self._transforms, self._now)
        self._out = {
            "image": self.create_publisher(Region2DArray, "regions_2d", RESULTS),
            "cloud": self.create_publisher(Region3DArray, "regions_3d", RESULTS),
        }
        self._numbers = {kind: Numbers() for kind in self._out}
        self._done: dict[str, int] = {}
        self._not_before = 0.0  # time.monotonic()
        self.proposed = self.seconds = 0.0
        self._jump = on_jump(self, self._guard(self._jumped, "clock"))
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = self.create_timer(LOOK_AROUND_EVERY, self._guard(self._look_around, "inputs"), clock=clock)
        self._diagnostics = diagnostics.Diagnostics(self, self._guard, self._diagnosis)
        for each in self._inputs.values():
            each.open()

    @property
    def settings(self) -> ProposerSettings:
        """The parameters as they are now."""
        return self._table.now

    def _make_inputs(self) -> dict[str, Input[Any]]:
        settings = self.settings
        squeezed = settings.image_transport == "compressed"
        topics: dict[str, tuple[type, str]] = {
            "image": (CompressedImage, "image/compressed") if squeezed else (Image, "image"),
            "depth": (Image, "depth"),
            "camera_info": (CameraInfo, "camera_info"),
            "points": (PointCloud2, "points"),
        }
        return {
            name: Input[Any](
                self,
                self._guard,
                name,
                kind,
                topic=topic if topic == name else f"{self.resolve_topic_name(name)}/compressed",
                reliability=getattr(settings, f"{name}_reliability"),
                history=HISTORY,
                came=lambda _: self._worker.wake(),
            )
            for name, (kind, topic) in topics.items()
        }

    def _make_transforms(self) -> None:
        self._transforms = transforms_by(self.settings, self._lookup)

    def _apply(self, before: ProposerSettings, after: ProposerSettings) -> None:
        for name, each in self._inputs.items():
            each.listen(getattr(after, f"{name}_reliability"))
        self._make_transforms()
        self._start_anew()

    def _jumped(self) -> None:
        for each in self._inputs.values():
            each.frames.clear()
        self._start_anew()

    def _start_anew(self) -> None:
        self._sights.clear()
        self._done.clear()
        self._worker.wake()

    def _now(self) -> int:
        return self.get_clock().now().nanoseconds

    # Looking, in the worker's thread ---------------------------------------------------------------------------------

    def _look(self) -> None:
        if (rest := self._not_before - time.monotonic()) > 0:
            self._worker.wake(rest)
            return
        for kind in self._sources():
            if not self.settings.only_if_heard or self._out[kind].get_subscription_count():
                self._look_at(kind)

    def _sources(self) -> list[str]:
        source = self.settings.source
        if source == "both":
            return ["image", "cloud"]
        if source != "auto":
            return [source]
        return ["cloud" if self._inputs["points"].frames.received else "image"]

    def _look_at(self, kind: str) -> None:
        """Proposes what is in the newest frame, once."""
        begun = time.monotonic()
        try:
            sight = self._sights.image() if kind == "image" else self._sights.cloud()
        except Refusal as refusal:
            if refusal.code != Code.NO_OBSERVATION:
                self._guard.warn(kind, str(refusal))
            return
        if self._done.get(kind) == sight.number:
            return
        self._done[kind] = sight.number
        self._not_before = begun + 1 / self.settings.max_rate
        self._publish(kind, sight)
        self.seconds = time.monotonic() - begun

    def _publish(self, kind: str, sight: Sight) -> None:
        settings, seen = self.settings, sight.observation
        regions = propose(seen, most=settings.most, exact=settings.exact, gap=settings.gap or None)
        numbers = self._numbers[kind].of([_place(region, seen) for region in regions])
        self.proposed += len(regions)
        header = sight.header
        if kind == "image":
            written = [encode_region_2d(r, header, id=str(n)) for r, n in zip(regions, numbers, strict=True)]
            self._out[kind].publish(Region2DArray(header=header, regions=written))
        else:
            written = [
                encode_region_3d(r, header, id=str(n), motion=sight.motion)
                for r, n in zip(regions, numbers, strict=True)
            ]
            self._out[kind].publish(Region3DArray(header=header, regions=written))

    # What it says of itself -------------------------------------------------------------------------------------------

    def _look_around(self) -> None:
        for each in self._inputs.values():
            each.look_around()
        self._worker.wake()  # somebody may listen by now

    def _diagnosis(self) -> diagnostics.Told:
        values: dict[str, Any] = {"proposed": int(self.proposed), "seconds": f"{self.seconds:.3f}"}
        values |= {"caught": self._guard.count}
        for name, each in self._inputs.items():
            frames = each.frames
            values[name] = f"{frames.received} received, {frames.dropped} dropped, {each.refused} refused"
        if not any(self._inputs[name].frames.received for name in ("image", "points")):
            return diagnostics.WARN, "nothing has come yet", values
        return diagnostics.OK, "proposing", values

    def stop(self, timeout: float) -> None:
        """The end of the worker, which is waited for so many seconds."""
        self._worker.stop(timeout)
        self._end_tf()


def _place(region: Region, seen: ImageObservation | CloudObservation) -> tuple[np.ndarray, np.ndarray]:
    """Middle and size of a region, in pixels or metres."""
    box: Any = region if isinstance(region, Box | Box3D) else region.locate(seen).box
    if isinstance(box, Box3D):
        return np.array(box.center), np.array(box.size)
    x1, y1, x2, y2 = (box.x1, box.y1, box.x2, box.y2) if isinstance(box, Box) else box
    return np.array([(x1 + x2) / 2, (y1 + y2) / 2]), np.array([x2 - x1, y2 - y1])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the node; the exit code."""
    warnings.simplefilter("ignore", InputWarning)  # adjusted input is normal here; refused input is told
    return run(RegionProposer, arguments, threads=2)


if __name__ == "__main__":
    sys.exit(main())
