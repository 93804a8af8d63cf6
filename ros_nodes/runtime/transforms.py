"""From the frames of messages into an upright one: by TF where it is installed, else by parameters and names."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

from ros_nodes.messages.frames import OPTICAL_TO_BODY, STILL, Rigid, rigid_from_pose, rigid_from_transform, to_body
from ros_nodes.messages.refusals import Code, Refusal, printable

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
    import rclpy
    import tf2_ros
    from rclpy.duration import Duration
    from rclpy.parameter import Parameter
    from rclpy.time import Time

    simulated = [Parameter("use_sim_time", value=bool(node.get_parameter("use_sim_time").value))]
    own = rclpy.create_node(f"{node.get_name()}_tf", namespace=node.get_namespace(), parameter_overrides=simulated)
    buffer = tf2_ros.Buffer(node=own)
    listener = tf2_ros.TransformListener(buffer, own, spin_thread=True)

    def lookup(target: str, source: str, stamp: int, timeout: float) -> Any:
        at = Time(nanoseconds=stamp, clock_type=own.get_clock().clock_type)
        return buffer.lookup_transform(target, source, at, Duration(seconds=timeout))

    def end() -> None:
        listener.executor.shutdown()
        listener.dedicated_listener_thread.join(timeout=1.0)
        own.destroy_node()

    return lookup, end
