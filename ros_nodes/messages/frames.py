"""Frames: from the axes of a message to those that the library reads.

The library's clouds and 3D regions are metres with x forward, y left and z up, as REP 103 has it for bodies, and its
models have learnt from clouds whose z is up in the world. Messages come in the frame of their header. What takes them
over is a `Rigid` motion, and a node chooses it, the first that is there:

1. a transform, from TF at the stamp of the sensor, into a frame that stands upright (the node's parameter);
2. the sensor's pose, when a parameter says it, for robots and simulations without TF;
3. the axes alone: a frame whose name ends in `_optical` or `_optical_frame` (z forward, x right, y down, by REP 103) is
   turned into body axes, any other is taken as it is; a parameter can say `body` or `optical` instead. A camera that
   looks down stays tilted then.

Answers go back through the inverse, so that they are always in the frame of the header they carry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from region_perception.errors import InvalidObservation
from region_perception.observations import CloudObservation
from region_perception.observations.cloud_arrays import near_zero
from ros_nodes.messages.refusals import Code, Refusal

AXES = ("auto", "body", "optical")
OPTICAL_SUFFIXES = ("_optical", "_optical_frame")
UNIT = 1e-2  # how far from 1 the length of a quaternion may be: those written with three digits are taken


@dataclass(frozen=True, eq=False)
class Rigid:
    """A motion without stretching: p -> rotation @ p + translation.

    rotation: float64 [3, 3]. translation: float64 [3], metres.
    """

    rotation: np.ndarray
    translation: np.ndarray

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Points [..., 3] in metres, moved; floats keep their dtype."""
        rotation, translation = self.rotation.astype(points.dtype), self.translation.astype(points.dtype)
        return points @ rotation.T + translation

    def after(self, first: Rigid) -> Rigid:
        """`first`, and then this one."""
        return Rigid(self.rotation @ first.rotation, self.rotation @ first.translation + self.translation)

    def inverse(self) -> Rigid:
        """What takes points back."""
        return Rigid(self.rotation.T, -self.rotation.T @ self.translation)


STILL = Rigid(np.eye(3), np.zeros(3))
OPTICAL_TO_BODY = Rigid(np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), np.zeros(3))


def is_optical(frame_id: str, axes: str = "auto") -> bool:
    """Whether a frame has z forward: as `axes` says ("body" or "optical"), or by its name ("auto")."""
    if axes not in AXES:
        raise ValueError(f"axes is {axes!r}; expected one of {', '.join(AXES)}")
    return axes == "optical" or (axes == "auto" and frame_id.endswith(OPTICAL_SUFFIXES))


def to_body(frame_id: str, axes: str = "auto") -> Rigid:
    """From the axes of a frame to x forward, y left, z up, with the same origin."""
    return OPTICAL_TO_BODY if is_optical(frame_id, axes) else STILL


def rigid_from_transform(message: Any) -> Rigid:
    """A `Transform` or `TransformStamped`: from the child frame to the frame of its header."""
    transform = getattr(message, "transform", message)
    move = np.array([transform.translation.x, transform.translation.y, transform.translation.z], np.float64)
    if not np.isfinite(move).all():
        raise Refusal(Code.NO_TRANSFORM, f"transform: its translation is {move.tolist()}, expected finite metres")
    return Rigid(rotation_of(transform.rotation, Code.NO_TRANSFORM, "transform"), move)


def rigid_from_pose(x: float, y: float, z: float, roll: float, pitch: float, yaw: float) -> Rigid:
    """The pose of a frame in another, metres and radians, turned about x, then y, then z, as URDF writes it: what
    takes points of the frame into the other."""
    (cr, sr), (cp, sp), (cy, sy) = ((math.cos(angle), math.sin(angle)) for angle in (roll, pitch, yaw))
    rotation = np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )
    return Rigid(rotation, np.array([x, y, z], np.float64))


def rotation_of(quaternion: Any, code: Code, what: str) -> np.ndarray:
    """float64 [3, 3] of a `Quaternion`, which must have length 1; `code` and `what` are for the refusal."""
    q = np.array([quaternion.w, quaternion.x, quaternion.y, quaternion.z], np.float64)
    length = float(np.linalg.norm(q))
    if not abs(length - 1) <= UNIT:
        raise Refusal(code, f"{what}: its quaternion (x, y, z, w) has the length {length:g}, expected 1")
    w, x, y, z = q / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def quaternion_of(rotation: np.ndarray) -> tuple[float, float, float, float]:
    """(x, y, z, w) of length 1, w never negative, of a rotation [3, 3]."""
    # The largest of the four is found from the diagonal first, so that nothing is divided by something small.
    xx, yy, zz = np.diag(rotation)
    squares = np.array([1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz, 1 + xx + yy + zz])
    largest = int(np.argmax(squares))
    (_, a, b), (c, _, d), (e, f, _) = rotation  # [[., a, b], [c, ., d], [e, f, .]]
    products = np.array(
        [
            [squares[0], a + c, b + e, f - d],
            [a + c, squares[1], d + f, b - e],
            [b + e, d + f, squares[2], c - a],
            [f - d, b - e, c - a, squares[3]],
        ]
    )
    q = products[largest] / np.linalg.norm(products[largest])
    x, y, z, w = (q if q[3] >= 0 else -q).tolist()
    return x, y, z, w


def moved_cloud(cloud: CloudObservation, motion: Rigid) -> CloudObservation:
    """The same cloud in other axes, such as that of an image with depth, which is in the axes of the camera's body."""
    if motion is STILL:
        return cloud
    if cloud.origin.any():
        try:
            points, origin = near_zero(motion.apply(cloud.points + cloud.origin))
        except InvalidObservation as error:
            raise Refusal(Code.INVALID_CLOUD, str(error)) from error
    else:
        points, origin = motion.apply(cloud.points), cloud.origin
    return CloudObservation(points, cloud.colors, cloud.source_index, cloud.source_count, origin)
