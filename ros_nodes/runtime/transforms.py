"""From the frames of messages into an upright one: by TF where it is installed, else by parameters and names."""

from __future__ import annotations

import importlib.util
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from ros_nodes.messages.frames import OPTICAL_TO_BODY, STILL, Rigid, rigid_from_pose, rigid_from_transform, to_body
from ros_nodes.messages.refusals import Code, Refusal, printable

LOOK_EVERY = 0.01  # seconds, while a transform is waited for

Lookup = Callable[[str, str, int, float], Any]
"""(target, source, nanoseconds, seconds to wait) -> TransformStamped from source to target; raises what it likes."""


class Transforms:
    """Motions between frames. upright: the frame that stands upright, empty for none. pose: of the sensor's body in it
    (x y z in metres, roll pitch yaw in radians), empty for none. axes: `auto`, `body` or `optical`.

    lookup: asks TF; None where tf2 is not installed.
    """

    def __init__(
        self,
        lookup: Lookup | None,
        *,
        upright: str = "",
        pose: Sequence[float] = (),
        axes: str = "auto",
        timeout: float = 0.2,
    ) -> None:
        self._lookup, self._timeout = lookup, timeout
        self._upright, self._pose, self._axes = upright, tuple(pose), axes

    def upright(self, frame_id: str, stamp: int, *, camera: bool = False) -> Rigid:
        """From a sensor's frame at a stamp (nanoseconds) into axes with z up; refused with NO_TRANSFORM if unknown.

        camera: the frame is that of an image, which has z forward whatever it is called.
        """
        if self._upright:
            return self.between(self._upright, frame_id, stamp)
        body = OPTICAL_TO_BODY if camera else to_body(frame_id, self._axes)
        return rigid_from_pose(*self._pose).after(body) if self._pose else body

    def between(self, target: str, source: str, stamp: int) -> Rigid:
        """From `source` into `target`, as they were at a stamp (nanoseconds)."""
        if target == source:
            return STILL
        what = f"from {printable(source, 80)!r} to {printable(target, 80)!r}"
        if not target or not source:
            raise Refusal(Code.NO_TRANSFORM, f"{what}: a frame has no name")
        if self._lookup is None:
            raise Refusal(Code.NO_TRANSFORM, f"{what}: the frames differ, and tf2_ros is not installed to ask")
        try:
            found = self._lookup(target, source, stamp, self._timeout)
        except Exception as error:
            raise Refusal(Code.NO_TRANSFORM, f"{what}, at {stamp / 1e9:.3f} s: {error}") from error
        return rigid_from_transform(found)


def tf2_lookup(node: Any) -> tuple[Lookup | None, Callable[[], None]]:
    """What asks TF, and what ends it. TF is heard by a node of its own in a thread of its own: whoever waits for a
    transform would keep its own node from hearing it."""
    if importlib.util.find_spec("tf2_ros") is None:
        return None, lambda: None
    import tf2_ros
    from rclpy.time import Time

    from ros_nodes.runtime.time_jumps import on_jump

    own, ended = listening_node(node), threading.Event()
    buffer = tf2_ros.Buffer()
    listener = tf2_ros.TransformListener(buffer, own)
    thread = threading.Thread(target=_listen, args=(own, ended), name="tf", daemon=True)
    thread.start()
    # What was said before time jumped back is younger than all that comes, which would not be believed.
    jump = on_jump(node, buffer.clear)

    def lookup(target: str, source: str, stamp: int, timeout: float) -> Any:
        # Waited for by the computer's own clock: simulated time may stand still.
        until = time.monotonic() + timeout
        while True:
            try:
                return buffer.lookup_transform(target, source, Time(nanoseconds=stamp))
            except Exception:
                if time.monotonic() >= until:
                    raise
            time.sleep(LOOK_EVERY)

    def end() -> None:
        ended.set()
        thread.join(timeout=1.0)
        jump.unregister()
        listener.unregister()
        own.destroy_node()

    return lookup, end


def listening_node(node: Any) -> Any:
    """The node that hears TF for another: `<name>_tf`. It has nothing to be set, and offers nothing."""
    import rclpy

    name = f"{node.get_name()}_tf"
    # A name that the program was started with, as by launch, is that of all its nodes, unless one says otherwise.
    named = ["--ros-args", "-r", f"__node:={name}"]
    return rclpy.create_node(
        name, cli_args=named, context=node.context, namespace=node.get_namespace(), start_parameter_services=False
    )


def _listen(node: Any, ended: threading.Event) -> None:
    """Spins a node until it is told to end, whatever its callbacks raise."""
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    while node.context.ok() and not ended.is_set():
        try:
            executor.spin_once(timeout_sec=0.1)
        except ExternalShutdownException:
            return
        except Exception as error:
            if node.context.ok():
                node.get_logger().error(f"{type(error).__name__}: {error}", throttle_duration_sec=5.0)
            time.sleep(LOOK_EVERY)
    executor.shutdown(timeout_sec=1.0)
