"""What the library says, as `RegionCaption` and its kin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from region_perception import Caption
from region_perception.regions import CloudFootprint, Footprint
from ros_nodes.messages.classes import CaptionAlternative, Header, RegionCaption, RegionCaptionArray, Status
from ros_nodes.messages.frames import STILL, Rigid, quaternion_of
from ros_nodes.messages.refusals import Code, Refusal, printable

MAX_TEXT = 2_000  # characters of one sentence


def encode_status(refusal: Refusal | None = None) -> Status:
    """Why not, or OK."""
    return Status() if refusal is None else Status(code=int(refusal.code), message=refusal.message)


def encode_caption(
    caption: Caption,
    header: Header,
    region: Any = None,
    *,
    alternatives: Sequence[Caption] = (),
    model: str = "",
    age: float = math.nan,
    inference_time: float = math.nan,
    encoding_time: float = math.nan,
    motion: Rigid = STILL,
    origin: np.ndarray | None = None,
) -> RegionCaption:
    """A caption or an answer, with where its region lies.

    header: of the image or cloud that was read. region: the message that pointed (`Region2D`, `Region3D`), if one did.
    motion, origin: of the observation, see `place`.
    """
    message = _about(region, header, caption.question or "")
    message.modality = caption.modality
    message.text = printable(caption.text, MAX_TEXT)
    message.confidence = float(caption.confidence)
    message.alternatives = [
        CaptionAlternative(
            text=printable(other.text, MAX_TEXT), confidence=float(other.confidence), modality=other.modality
        )
        for other in alternatives
    ]
    message.model = model
    message.age = float(age)
    message.inference_time = float(inference_time)
    message.encoding_time = float(encoding_time)
    if caption.footprint is not None:
        place(message, caption.footprint, motion, origin)
    return message


def encode_refused(refusal: Refusal, header: Header, region: Any = None, *, question: str = "") -> RegionCaption:
    """A caption without text, and why. header: of the image or cloud that was read; an empty one where none was."""
    message = _about(region, header, question)
    message.status = encode_status(refusal)
    return message


def encode_captions(captions: Sequence[RegionCaption], header: Header) -> RegionCaptionArray:
    """All captions of one frame; refused as a whole where every one of them is, for the reason of the first."""
    message = RegionCaptionArray(header=header, captions=list(captions))
    if captions and all(caption.status.code != Code.OK for caption in captions):
        message.status = captions[0].status
    return message


def place(
    message: RegionCaption, footprint: Footprint, motion: Rigid = STILL, origin: np.ndarray | None = None
) -> None:
    """Writes where a region lies into its caption: pixels for an image, a box in space for a cloud.

    A region that was located in both may be placed twice. motion: from the frame of `message.header` to that of the
    observation, which the box is taken back through. origin: `CloudObservation.origin` of the cloud.
    """
    if not isinstance(footprint, CloudFootprint):
        message.x1, message.y1, message.x2, message.y2 = (float(edge) for edge in footprint.box)
        message.pixel_count = int(footprint.pixel_count)
        return
    box = footprint.box
    cos, sin = math.cos(box.yaw), math.sin(box.yaw)
    upright = Rigid(np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]), np.array(box.center))
    if origin is not None:
        upright = Rigid(upright.rotation, upright.translation + origin)
    write_pose(message.pose, motion.inverse().after(upright))
    message.size.x, message.size.y, message.size.z = (float(side) for side in box.size)
    message.point_count = int(footprint.point_count)


def write_pose(pose: Any, rigid: Rigid) -> None:
    """Writes a motion into a `Pose`: that of a thing whose own axes it takes into the frame."""
    pose.position.x, pose.position.y, pose.position.z = rigid.translation.tolist()
    turn = pose.orientation
    turn.x, turn.y, turn.z, turn.w = quaternion_of(rigid.rotation)


def _about(region: Any, header: Header, question: str) -> RegionCaption:
    """A caption with what is known before anything was said."""
    message = RegionCaption(header=header, question=printable(question, MAX_TEXT))
    message.confidence = message.age = message.inference_time = message.encoding_time = math.nan
    if region is not None:
        message.region_id, message.label = region.id, region.label
        message.region_stamp = region.header.stamp
    return message
