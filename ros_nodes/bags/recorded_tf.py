"""The transforms that a bag holds, asked for as TF is: between any two frames of a tree, at any stamp."""

from __future__ import annotations

import math
from bisect import bisect_left
from types import SimpleNamespace
from typing import Any

import numpy as np

from ros_nodes.decoding import STILL, Rigid, nanoseconds, rigid_from_transform
from ros_nodes.messages.frames import quaternion_of

TYPE = "tf2_msgs/msg/TFMessage"
STATIC = "tf_static"  # how the topic of what holds for all time ends
BEYOND = (
    100_000_000  # nanoseconds before the first and after the last of a moving frame that it is taken to stand still
)


class Joint:
    """Where one frame is in its parent."""

    def __init__(self, parent: str) -> None:
        self.parent = parent
        self.fixed: Rigid | None = None
        self._poses: list[tuple[int, Rigid]] = []
        self._stamps: list[int] = []

    def add(self, stamp: int, pose: Rigid) -> None:
        self._poses.append((stamp, pose))

    def at(self, stamp: int) -> Rigid:
        """As it was then, in between of what was recorded."""
        if self.fixed is not None:
            return self.fixed
        if len(self._stamps) < len(self._poses):
            self._poses.sort(key=lambda pose: pose[0])
            self._stamps = [each for each, _ in self._poses]
        first, last = self._stamps[0], self._stamps[-1]
        if not first - BEYOND <= stamp <= last + BEYOND:
            raise LookupError(f"what was recorded goes from {first / 1e9:.3f} s to {last / 1e9:.3f} s")
        after = bisect_left(self._stamps, stamp)
        if after in (0, len(self._stamps)):
            return self._poses[min(after, len(self._stamps) - 1)][1]
        (earlier, before), (later, behind) = self._poses[after - 1], self._poses[after]
        return between(before, behind, (stamp - earlier) / (later - earlier))


class RecordedTransforms:
    """All that was said on topics of TF."""

    def __init__(self) -> None:
        self._joints: dict[str, Joint] = {}

    def add(self, message: Any, *, static: bool) -> None:
        """A `TFMessage`. Refused where a transform in it is none."""
        for each in message.transforms:
            child, parent = each.child_frame_id.lstrip("/"), each.header.frame_id.lstrip("/")
            joint = self._joints.get(child)
            if joint is None or joint.parent != parent:
                joint = self._joints[child] = Joint(parent)
            pose = rigid_from_transform(each)
            if static:
                joint.fixed = pose
            else:
                joint.add(nanoseconds(each.header.stamp), pose)

    def lookup(self, target: str, source: str, stamp: int, timeout: float) -> Any:
        """What takes points of `source` to `target`, as a `TransformStamped` has it. Nothing is waited for."""
        up, down = self._to_root(source, stamp), self._to_root(target, stamp)
        common = next((frame for frame in up if frame in down), None)
        if common is None:
            raise LookupError("the bag holds no transforms between them")
        motion = down[common].inverse().after(up[common])
        x, y, z = motion.translation.tolist()
        qx, qy, qz, qw = quaternion_of(motion.rotation)
        return SimpleNamespace(
            transform=SimpleNamespace(
                translation=SimpleNamespace(x=x, y=y, z=z), rotation=SimpleNamespace(x=qx, y=qy, z=qz, w=qw)
            )
        )

    def _to_root(self, frame: str, stamp: int) -> dict[str, Rigid]:
        """The frame and all above it, each with the motion into it."""
        frame = frame.lstrip("/")
        found = {frame: STILL}
        motion = STILL
        while (joint := self._joints.get(frame)) is not None:
            motion, frame = joint.at(stamp).after(motion), joint.parent
            if frame in found:
                raise LookupError(f"{frame!r} is above itself")
            found[frame] = motion
        return found


def between(first: Rigid, second: Rigid, share: float) -> Rigid:
    """A share of the way from one motion to another: straight, and turning evenly."""
    a, b = np.array(quaternion_of(first.rotation)), np.array(quaternion_of(second.rotation))
    if (cosine := float(a @ b)) < 0:
        b, cosine = -b, -cosine
    angle = math.acos(min(cosine, 1.0))
    if angle < 1e-6:
        weights = (1 - share, share)
    else:
        weights = (math.sin((1 - share) * angle) / math.sin(angle), math.sin(share * angle) / math.sin(angle))
    x, y, z, w = weights[0] * a + weights[1] * b
    tx, ty, tz = (1 - share) * first.translation + share * second.translation
    return rigid_from_transform(
        SimpleNamespace(translation=SimpleNamespace(x=tx, y=ty, z=tz), rotation=SimpleNamespace(x=x, y=y, z=z, w=w))
    )
