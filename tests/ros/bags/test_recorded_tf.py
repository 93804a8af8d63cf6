"""Transforms out of a bag: through a tree, between stamps, and not beyond what was recorded."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ros_nodes.bags.recorded_tf import RecordedTransforms, between
from ros_nodes.decoding import Rigid, rigid_from_pose, rigid_from_transform
from ros_nodes.messages.frames import quaternion_of

SECOND = 1_000_000_000
A = rigid_from_pose(1, 2, 3, 0.1, -0.4, 2.0)
B = rigid_from_pose(-1, 0, 0.5, 0.7, 0.2, -1.0)
POINT = np.array([0.3, -0.6, 1.2])


def message(*poses: tuple[str, str, Rigid], seconds: float = 0) -> Any:
    """A TFMessage: of the second frame in the first."""
    made = []
    for parent, child, pose in poses:
        x, y, z = pose.translation.tolist()
        qx, qy, qz, qw = quaternion_of(pose.rotation)
        move, turn = SimpleNamespace(x=x, y=y, z=z), SimpleNamespace(x=qx, y=qy, z=qz, w=qw)
        stamp = SimpleNamespace(sec=int(seconds), nanosec=round(seconds % 1 * SECOND))
        header = SimpleNamespace(stamp=stamp, frame_id=parent)
        transform = SimpleNamespace(translation=move, rotation=turn)
        made.append(SimpleNamespace(header=header, child_frame_id=child, transform=transform))
    return SimpleNamespace(transforms=made)


def motion(tf: RecordedTransforms, target: str, source: str, seconds: float = 0) -> Rigid:
    return rigid_from_transform(tf.lookup(target, source, round(seconds * SECOND), 0.0))


def test_frames_are_found_through_the_one_above_both():
    tf = RecordedTransforms()
    tf.add(message(("base", "camera", A), ("base", "lidar", B), ("/camera", "optical", B)), static=True)
    np.testing.assert_allclose(motion(tf, "base", "camera").apply(POINT), A.apply(POINT))
    np.testing.assert_allclose(motion(tf, "base", "optical").apply(POINT), A.apply(B.apply(POINT)))
    np.testing.assert_allclose(motion(tf, "lidar", "camera").apply(POINT), B.inverse().apply(A.apply(POINT)))
    np.testing.assert_allclose(motion(tf, "optical", "base").apply(A.apply(B.apply(POINT))), POINT, atol=1e-12)


def test_a_moving_frame_is_where_it_was_in_between():
    tf = RecordedTransforms()
    quarter = rigid_from_pose(2, 0, 0, 0, 0, math.pi / 2)
    tf.add(message(("odom", "base", quarter), seconds=10), static=False)
    tf.add(message(("odom", "base", rigid_from_pose(0, 0, 0, 0, 0, 0)), seconds=8), static=False)  # out of order
    half = motion(tf, "odom", "base", 9)
    expected = rigid_from_pose(1, 0, 0, 0, 0, math.pi / 4)
    np.testing.assert_allclose(half.rotation, expected.rotation, atol=1e-12)
    np.testing.assert_allclose(half.translation, expected.translation)
    np.testing.assert_allclose(motion(tf, "odom", "base", 10.05).translation, [2, 0, 0])
    for seconds in (7, 11):
        with pytest.raises(LookupError, match=r"goes from 8\.000 s to 10\.000 s"):
            motion(tf, "odom", "base", seconds)


def test_turning_takes_the_short_way():
    first, second = rigid_from_pose(0, 0, 0, 0, 0, 3.0), rigid_from_pose(0, 0, 0, 0, 0, -3.0)
    middle = between(first, second, 0.5)
    np.testing.assert_allclose(middle.rotation, rigid_from_pose(0, 0, 0, 0, 0, math.pi).rotation, atol=1e-12)
    np.testing.assert_allclose(between(first, first, 0.3).rotation, first.rotation, atol=1e-12)


def test_frames_without_a_common_one_and_loops_are_told():
    tf = RecordedTransforms()
    tf.add(message(("base", "camera", A), ("ring", "chain", A), ("chain", "ring", B)), static=True)
    with pytest.raises(LookupError, match="no transforms between them"):
        motion(tf, "map", "camera")
    with pytest.raises(LookupError, match="above itself"):
        motion(tf, "base", "ring")
