"""A robot's RGB-D camera over a table that is not there: `scene_simulator`.

Pictures are drawn by one thread and sent by another, which keeps the rate whatever drawing or listeners take. What goes
wrong with real cameras can be asked for: messages that are lost, late, full of holes or broken.
"""

from __future__ import annotations

import heapq
import importlib.util
import itertools
import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from rclpy.node import Node
from region_perception_msgs.msg import Region2DArray, Region3DArray
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from region_perception.simulation import compose
from ros_nodes.runtime import diagnostics
from ros_nodes.runtime.guards import Guard
from ros_nodes.runtime.parameters import InvalidParameters, Parameters
from ros_nodes.runtime.qos import FRAMES, LATCHED, RESULTS
from ros_nodes.runtime.running import run
from ros_nodes.simulator.clock import SimulatedClock
from ros_nodes.simulator.faults import broken
from ros_nodes.simulator.messages import CAMERA_INFO, DEPTH, IMAGE, POINTS, TRUE_2D, TRUE_3D, Shot, draw, megabytes
from ros_nodes.simulator.settings import SimulatorSettings
from ros_nodes.simulator.shots import Pose, Shots, pose_at, swung

MEMORY = 600.0  # megabytes that drawn pictures may take
CLOCK_EVERY = 0.01  # seconds of the computer between two messages of simulated time
KINDS = {
    CAMERA_INFO: CameraInfo,
    IMAGE: Image,
    DEPTH: Image,
    POINTS: PointCloud2,
    TRUE_2D: Region2DArray,
    TRUE_3D: Region3DArray,
}


class SceneSimulator(Node):
    """Publishes from the moment on that the first picture is drawn."""

    def __init__(self) -> None:
        super().__init__("scene_simulator")
        if importlib.util.find_spec("open3d") is None:
            raise InvalidParameters("the simulated camera needs open3d: pip install 'region_perception[cloud]'")
        self._guard = Guard(self.get_logger(), self.context.ok)
        self._table = Parameters(self, SimulatorSettings(), applied=self._apply)
        settings = self.settings
        self._random = np.random.default_rng(settings.seed)
        self._publishers_of = {topic: self.create_publisher(kind, topic, FRAMES) for topic, kind in KINDS.items()}
        self._tf = self._transform_publishers()
        self._simulated = SimulatedClock(settings.clock_start) if settings.clock else None
        self._time_publisher = self.create_publisher(Clock, "/clock", RESULTS) if settings.clock else None
        most = max(2, int(MEMORY / megabytes(settings)))
        self._shots: Shots[Shot] = Shots(self._draw, most=most, failed=lambda error: self._guard.caught(error, "draw"))
        self._late: list[tuple[float, int, str, Any]] = []
        self._numbers = itertools.count()
        self._sent_of: Shot | None = None
        self.frames = self.missed = self.faults = 0
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._send, name="frames", daemon=True)]
        if self._simulated is not None:
            self._threads.append(threading.Thread(target=self._tick, name="clock", daemon=True))
        self._diagnostics = diagnostics.Diagnostics(self, self._guard, self._diagnosis)
        for thread in self._threads:
            thread.start()

    @property
    def settings(self) -> SimulatorSettings:
        """The parameters as they are now."""
        return self._table.now

    def _draw(self, pose: Pose) -> Shot:
        settings = self.settings
        return draw(swung(compose(settings.split, pose.scene), settings.motion, pose.swing), settings)

    def _apply(self, before: SimulatorSettings, after: SimulatorSettings) -> None:
        if before.motion != after.motion:
            self._shots.forget()

    # Time -------------------------------------------------------------------------------------------------------------

    def _stamp(self) -> Time:
        if self._simulated is None:
            return self.get_clock().now().to_msg()
        now = self._simulated.now()
        return Time(sec=now // 1_000_000_000, nanosec=now % 1_000_000_000)

    def _tick(self) -> None:
        """Simulated time goes on, and jumps when that is asked for."""
        assert self._simulated is not None
        assert self._time_publisher is not None
        while not self._stopping.wait(CLOCK_EVERY):
            try:
                settings = self.settings
                self._simulated.advance(settings.clock_speed, settings.clock_jump_every, settings.clock_jump)
                self._time_publisher.publish(Clock(clock=self._stamp()))
            except Exception as error:
                self._caught(error, "clock")

    # Frames -----------------------------------------------------------------------------------------------------------

    def _send(self) -> None:
        """One frame after the other, at times that do not depend on how long the last one took."""
        begun = due = time.monotonic()
        while not self._stopping.is_set():
            try:
                self._send_frame(time.monotonic() - begun)
            except Exception as error:
                self._caught(error, "frames")
            every = 1 / self.settings.rate
            due += every
            behind = time.monotonic() - due
            if behind > every:  # what cannot be caught up with is left out, not sent in a burst
                left_out = int(behind / every)
                self.missed += left_out
                due += left_out * every
            self._wait_until(due)

    def _wait_until(self, due: float) -> None:
        """Waits, and sends what was held back when its time has come."""
        while not self._stopping.is_set():
            now = time.monotonic()
            while self._late and self._late[0][0] <= now:
                _, _, topic, message = heapq.heappop(self._late)
                self._publishers_of[topic].publish(message)
            until = min(due, self._late[0][0]) if self._late else due
            if now >= due:
                return
            self._stopping.wait(max(until - now, 0.0))

    def _send_frame(self, seconds: float) -> None:
        settings = self.settings
        shot = self._shots.show(*self._poses(seconds, settings))
        if shot is None:
            return
        stamp = self._stamp()
        self._send_transforms(shot, stamp)
        for topic in KINDS:
            if topic == DEPTH and not settings.publish_depth:
                continue
            if topic == POINTS and not settings.publish_points:
                continue
            self._send_one(topic, shot, stamp, settings)
        self.frames += 1

    def _poses(self, seconds: float, settings: SimulatorSettings) -> tuple[Pose, list[Pose]]:
        """What is to be seen now, and what soon."""

        def at(later: float) -> Pose:
            return pose_at(
                seconds + later,
                scene=settings.scene,
                change_every=settings.change_every,
                moving=settings.motion != "none",
                period=settings.period,
                steps=settings.steps,
            )

        soon = [at(later) for later in (1 / settings.rate, 0.5, 1.0, 2.0)]
        return at(0), list(dict.fromkeys(soon))

    def _send_one(self, topic: str, shot: Shot, stamp: Time, settings: SimulatorSettings) -> None:
        chance = self._random.random(3)  # the same numbers whatever the faults, so that one does not change another
        if chance[0] < settings.drop:
            self.faults += 1
            return
        if settings.nan > 0:
            message = shot.with_unknown(topic, stamp, settings.nan, self._random)
        else:
            message = shot.stamped(topic, stamp)
        if chance[1] < settings.corrupt:
            self.faults += 1
            message = broken(message, self._random)
        if settings.delay > 0:
            message = shot.copied(message)
            due = time.monotonic() + chance[2] * settings.delay
            heapq.heappush(self._late, (due, next(self._numbers), topic, message))
        else:
            self._publishers_of[topic].publish(message)

    # Transforms -------------------------------------------------------------------------------------------------------

    def _transform_publishers(self) -> dict[bool, Any]:
        """Of what moves (True) and what stands still; none without tf2_msgs."""
        if importlib.util.find_spec("tf2_msgs") is None:
            self.get_logger().info("tf2_msgs is not installed: the camera's pose is not published")
            return {}
        from tf2_msgs.msg import TFMessage

        return {
            True: self.create_publisher(TFMessage, "/tf", RESULTS),
            False: self.create_publisher(TFMessage, "/tf_static", LATCHED),
        }

    def _send_transforms(self, shot: Shot, stamp: Time) -> None:
        if not self._tf:
            return
        from tf2_msgs.msg import TFMessage

        for transform in shot.transforms:
            transform.header.stamp = stamp
        moving = self.settings.motion == "camera"
        if moving:
            self._tf[True].publish(TFMessage(transforms=shot.transforms[:1]))
        if shot is not self._sent_of and (self._sent_of is None or not moving):
            self._tf[False].publish(TFMessage(transforms=shot.transforms[1:] if moving else shot.transforms))
        self._sent_of = shot

    # What it says of itself -------------------------------------------------------------------------------------------

    def _caught(self, error: BaseException, what: str) -> None:
        if not self._stopping.is_set():  # publishing fails while ROS shuts down
            self._guard.caught(error, what)

    def _diagnosis(self) -> diagnostics.Told:
        values = {"frames": self.frames, "missed": self.missed, "faults": self.faults, "caught": self._guard.count}
        if self.frames == 0:
            return diagnostics.WARN, "the first picture is being drawn", values
        return diagnostics.OK, "publishing", values

    def stop(self, timeout: float) -> None:
        """The end of all threads, which is waited for so many seconds: a picture that is being drawn takes longer."""
        until = time.monotonic() + timeout
        self._stopping.set()
        self._shots.stop(timeout)
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0.0))


def large_messages() -> Path | None:
    """The profile of Fast DDS for messages of this size, in the checkout or where it was installed."""
    shares = [
        Path(each) / "share/region_perception" for each in os.environ.get("AMENT_PREFIX_PATH", "").split(":") if each
    ]
    folders = [Path(__file__).resolve().parents[1], *shares]
    files = (folder / "config" / "fastdds_large_messages.xml" for folder in folders)
    return next((file for file in files if file.is_file()), None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the node; the exit code."""
    # Without it one listener that hangs keeps the pictures from all others, too.
    if (profile := large_messages()) is not None:
        os.environ.setdefault("FASTRTPS_DEFAULT_PROFILES_FILE", str(profile))
    return run(SceneSimulator, arguments, threads=2)


if __name__ == "__main__":
    sys.exit(main())
