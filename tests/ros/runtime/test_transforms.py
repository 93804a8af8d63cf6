"""Which motion takes a sensor's frame into an upright one, and what is refused."""

import math
from typing import Any

import numpy as np
import pytest
from conftest import Types

from ros_nodes.messages.frames import OPTICAL_TO_BODY, STILL, quaternion_of, rigid_from_pose
from ros_nodes.messages.refusals import Code, Refusal
from ros_nodes.runtime.transforms import Transforms

AHEAD = np.array([0.0, 0.0, 2.0])  # two metres in front of a camera, in its optical frame


class Tf:
    """Answers like TF: `camera_optical` hangs one metre above `base_link`, and looks forward."""

    def __init__(self, make: Types) -> None:
        self.asked: list[tuple[Any, ...]] = []
        x, y, z, w = quaternion_of(OPTICAL_TO_BODY.rotation)
        self.answer = make("geometry_msgs/TransformStamped")
        self.answer.transform.translation.z = 1.0
        turn = self.answer.transform.rotation
        turn.x, turn.y, turn.z, turn.w = x, y, z, w

    def __call__(self, *question: Any) -> Any:
        self.asked.append(question)
        if question[1] != "camera_optical":
            raise LookupError(f'"{question[1]}" passed to lookupTransform does not exist')
        return self.answer


def code_of(call: Any, *arguments: Any) -> Code:
    with pytest.raises(Refusal) as refused:
        call(*arguments)
    return refused.value.code


def test_tf_is_asked_at_the_stamp_of_the_sensor(make: Types):
    tf = Tf(make)
    motion = Transforms(tf, upright="base_link", timeout=0.3).upright("camera_optical", 12)
    assert tf.asked == [("base_link", "camera_optical", 12, 0.3)]
    assert motion.apply(AHEAD) == pytest.approx([2.0, 0.0, 1.0])


def test_a_frame_that_tf_does_not_know_is_refused(make: Types):
    transforms = Transforms(Tf(make), upright="base_link")
    with pytest.raises(Refusal, match=r"lidar.*does not exist") as refused:
        transforms.upright("lidar", 12)
    assert refused.value.code == Code.NO_TRANSFORM


def test_without_tf_frames_that_differ_are_refused():
    transforms = Transforms(None, upright="base_link")
    assert transforms.upright("base_link", 0) is STILL
    assert code_of(transforms.upright, "camera_optical", 0) == Code.NO_TRANSFORM
    assert code_of(transforms.between, "map", "", 0) == Code.NO_TRANSFORM
    with pytest.raises(Refusal, match="tf2_ros is not installed"):
        transforms.between("map", "odom", 0)


def test_a_pose_is_that_of_the_body_of_the_sensor():
    looks_down = (0.0, 0.0, 1.0, 0.0, math.pi / 2, 0.0)
    transforms = Transforms(None, pose=looks_down)
    assert transforms.upright("camera_optical", 0).apply(AHEAD) == pytest.approx([0.0, 0.0, -1.0])
    body = transforms.upright("camera_link", 0)
    assert body.apply(np.array([2.0, 0, 0])) == pytest.approx(rigid_from_pose(*looks_down).apply(np.array([2.0, 0, 0])))


def test_names_decide_last():
    assert Transforms(None).upright("camera_optical", 0) is OPTICAL_TO_BODY
    assert Transforms(None).upright("lidar", 0) is STILL
    assert Transforms(None, axes="optical").upright("lidar", 0) is OPTICAL_TO_BODY


def test_a_transform_that_is_none_is_refused(make: Types):
    tf = Tf(make)
    tf.answer.transform.rotation.w = 7.0
    assert code_of(Transforms(tf, upright="base_link").upright, "camera_optical", 0) == Code.NO_TRANSFORM
