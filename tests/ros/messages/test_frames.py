"""Frames, stamps and refusals: the small things that everything else stands on."""

import math
from typing import Any

import numpy as np
import pytest
from conftest import Types
from hypothesis import given
from hypothesis import strategies as st
from test_images import refused

from region_perception.errors import InvalidObservation, InvalidRegion, InvalidText, MissingDependency, ModelNotFound
from ros_nodes.decoding import (
    OPTICAL_TO_BODY,
    STILL,
    Code,
    Refusal,
    check_age,
    is_optical,
    nanoseconds,
    printable,
    refusal_of,
    rigid_from_pose,
    rigid_from_transform,
    to_body,
)
from ros_nodes.messages.frames import quaternion_of, rotation_of


@pytest.mark.parametrize(
    ("frame", "axes", "optical"),
    [
        ("camera_optical_frame", "auto", True),
        ("camera_color_optical", "auto", True),
        ("optical_table", "auto", False),
        ("base_link", "auto", False),
        ("", "auto", False),
        ("base_link", "optical", True),
        ("camera_optical_frame", "body", False),
    ],
)
def test_axes_are_told_by_the_name_of_the_frame(frame: str, axes: str, optical: bool):
    assert is_optical(frame, axes) == optical
    assert to_body(frame, axes) is (OPTICAL_TO_BODY if optical else STILL)
    with pytest.raises(ValueError, match="auto, body, optical"):
        is_optical(frame, "upright")


angles = st.floats(-3.0, 3.0)


@given(angles, angles, angles)
def test_motions_come_back_and_follow_each_other(roll: float, pitch: float, yaw: float):
    first, second = rigid_from_pose(1, 2, 3, roll, pitch, yaw), rigid_from_pose(-1, 0, 2, yaw, roll, pitch)
    points = np.array([[0.1, 0.2, 0.3], [4, 5, 6]])
    np.testing.assert_allclose(first.inverse().apply(first.apply(points)), points, atol=1e-12)
    np.testing.assert_allclose(second.after(first).apply(points), second.apply(first.apply(points)), atol=1e-12)
    np.testing.assert_allclose(first.rotation @ first.rotation.T, np.eye(3), atol=1e-12)
    assert first.apply(points.astype(np.float32)).dtype == np.float32


@given(angles, angles, angles)
def test_quaternions_say_the_same_as_rotations(roll: float, pitch: float, yaw: float):
    rotation = rigid_from_pose(0, 0, 0, roll, pitch, yaw).rotation
    x, y, z, w = quaternion_of(rotation)
    assert w >= 0
    assert math.hypot(x, y, z, w) == pytest.approx(1)

    class Quaternion:
        pass

    quaternion: Any = Quaternion()
    quaternion.x, quaternion.y, quaternion.z, quaternion.w = x, y, z, w
    np.testing.assert_allclose(rotation_of(quaternion, Code.NO_TRANSFORM, "test"), rotation, atol=1e-9)


def test_known_turns():
    np.testing.assert_allclose(rigid_from_pose(0, 0, 0, 0, 0, math.pi / 2).apply(np.eye(3)[0]), [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(rigid_from_pose(0, 0, 0, 0, math.pi / 2, 0).apply(np.eye(3)[0]), [0, 0, -1], atol=1e-12)
    np.testing.assert_allclose(rigid_from_pose(0, 0, 0, math.pi / 2, 0, 0).apply(np.eye(3)[1]), [0, 0, 1], atol=1e-12)


def transform(make: Types, **rotation: float) -> Any:
    return make(
        "geometry_msgs/TransformStamped",
        transform=make(
            "geometry_msgs/Transform",
            translation=make("geometry_msgs/Vector3", x=1.0),
            rotation=make("geometry_msgs/Quaternion", **rotation),
        ),
    )


def test_transforms_take_the_child_to_its_parent(make: Types):
    half = math.sqrt(0.5)
    moved = rigid_from_transform(transform(make, z=half, w=half)).apply(np.array([1.0, 0, 0]))
    np.testing.assert_allclose(moved, [1, 1, 0], atol=1e-12)
    assert rigid_from_transform(transform(make).transform).apply(np.zeros(3)).tolist() == [1, 0, 0]


@pytest.mark.parametrize("rotation", [{"w": 0.0}, {"w": math.nan}, {"w": 1.1}, {"x": 0.5}])
def test_transforms_that_are_none(make: Types, rotation: dict[str, float]):
    assert refused(rigid_from_transform, transform(make, **rotation)).code == Code.NO_TRANSFORM
    lost = transform(make)
    lost.transform.translation.y = math.inf
    assert refused(rigid_from_transform, lost).code == Code.NO_TRANSFORM


def stamp(make: Types, seconds: int, nanosec: int = 0) -> Any:
    return make("builtin_interfaces/Time", sec=seconds, nanosec=nanosec)


def test_ages_are_measured_in_nanoseconds(make: Types):
    assert nanoseconds(stamp(make, 1_700_000_000, 123_456_789)) == 1_700_000_000_123_456_789
    now = 1_700_000_001_000_000_000
    assert check_age(stamp(make, 1_700_000_000, 500_000_000), now, 1.0) == pytest.approx(0.5)
    assert check_age(stamp(make, 5), now, 0) == pytest.approx(1_699_999_996)
    assert check_age(stamp(make, 1_700_000_001, 400_000_000), now, 1.0) == 0


@pytest.mark.parametrize("seconds", [0, 97, 102, 2**31 - 1, -5])
def test_frames_that_are_not_of_now(make: Types, seconds: int):
    problem = refused(check_age, stamp(make, seconds), 100_000_000_000, 2.0)
    assert problem.code == Code.STALE


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidText("the question is empty"), Code.INVALID_TEXT),
        (InvalidRegion("nothing"), Code.INVALID_REGION),
        (InvalidObservation("nothing"), Code.INVALID_IMAGE),
        (ModelNotFound("no model"), Code.MODEL_ERROR),
        (MissingDependency("needs open3d"), Code.UNSUPPORTED),
        (MemoryError(), Code.TOO_LARGE),
        (ZeroDivisionError("division by zero"), Code.INTERNAL_ERROR),
        (Refusal(Code.BUSY, "one goal at a time"), Code.BUSY),
    ],
)
def test_every_error_has_a_code_and_words(error: Exception, code: Code):
    refusal = refusal_of(error)
    assert refusal.code == code
    assert refusal.message
    assert str(refusal).startswith(code.name)


def test_a_bad_cloud_is_said_to_be_one():
    assert refusal_of(InvalidObservation("cloud"), Code.INVALID_CLOUD).code == Code.INVALID_CLOUD


@given(st.text(max_size=5000))
def test_messages_are_fit_for_a_terminal(text: str):
    shown = printable(text, 100)
    assert shown.isprintable()
    assert len(shown) <= 100
    assert Refusal(Code.OK, text).message == printable(text)
