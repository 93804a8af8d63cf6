"""A picture of the tabletop world as the messages of an RGB-D camera, made once: each frame only changes stamps."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from geometry_msgs.msg import TransformStamped
from region_perception_msgs.msg import Region2DArray, Region3DArray
from std_msgs.msg import Header

from region_perception.simulation import Picture, Scene, picture_cloud, take_picture
from ros_nodes.encoding import encode_camera_info, encode_cloud, encode_image, encode_region_2d, encode_region_3d
from ros_nodes.messages.frames import OPTICAL_TO_BODY, STILL, Rigid, quaternion_of
from ros_nodes.simulator.faults import with_unknown
from ros_nodes.simulator.settings import SimulatorSettings

IMAGE, DEPTH, CAMERA_INFO, POINTS = "image", "depth", "camera_info", "points"
TRUE_2D, TRUE_3D = "true_regions_2d", "true_regions_3d"


@dataclass(eq=False)
class Shot:
    """messages: by topic, all with headers of their own. transforms: from the base frame down to the optical one.

    points: float32 [N, 3] or [H, W, 3] of the cloud, and depth: float32 [H, W], to break them.
    """

    scene: Scene
    messages: dict[str, Any]
    transforms: list[TransformStamped]
    points: np.ndarray
    colors: np.ndarray
    depth: np.ndarray

    def stamped(self, topic: str, stamp: Any) -> Any:
        """The message of a topic with this stamp. It is the same each time: publish it before the next."""
        message = self.messages[topic]
        message.header.stamp = stamp
        for region in getattr(message, "regions", ()):
            region.header.stamp = stamp
        return message

    @staticmethod
    def copied(message: Any) -> Any:
        """The message with a header that stays as it is, to be published later; large data are shared."""
        message = copy.copy(message)
        message.header = copy.deepcopy(message.header)
        if hasattr(message, "regions"):
            message.regions = copy.deepcopy(message.regions)
        return message

    def with_unknown(self, topic: str, stamp: Any, share: float, random: np.random.Generator) -> Any:
        """As `stamped`, with a share of depth or points NaN; other topics as they are."""
        message = self.stamped(topic, stamp)
        if topic == DEPTH:
            depth = with_unknown(self.depth.ravel(), share, random).reshape(self.depth.shape)
            return encode_image(_depth_values(depth, message.encoding == "16UC1"), message.header)
        if topic == POINTS:
            points = with_unknown(self.points.reshape(-1, 3), share, random).reshape(self.points.shape)
            return encode_cloud(points, message.header, self.colors)
        return message


def draw(scene: Scene, settings: SimulatorSettings) -> Shot:
    """Draws a scene, which takes a while, and writes all its messages."""
    picture = take_picture(scene, settings.width, settings.height)
    image = picture.image
    assert image.depth is not None
    assert image.intrinsics is not None
    points, colors, upright = _cloud(picture, settings)
    optical, cloud = settings.optical_frame, settings.base_frame
    if settings.points_frame == "camera":
        cloud = optical
    messages = {
        IMAGE: encode_image(image.pixels, Header(frame_id=optical)),
        DEPTH: encode_image(_depth_values(image.depth, settings.millimetres), Header(frame_id=optical)),
        CAMERA_INFO: encode_camera_info(image.intrinsics, (image.width, image.height), Header(frame_id=optical)),
        POINTS: encode_cloud(points, Header(frame_id=cloud), colors),
        TRUE_2D: Region2DArray(
            header=Header(frame_id=optical),
            regions=[
                encode_region_2d(
                    picture.box(thing.number), Header(frame_id=optical), id=str(thing.number), label=str(thing.kind)
                )
                for thing in picture.shown
            ],
        ),
        TRUE_3D: Region3DArray(
            header=Header(frame_id=cloud),
            regions=[
                encode_region_3d(
                    thing.box, Header(frame_id=cloud), id=str(thing.number), label=str(thing.kind), motion=upright
                )
                for thing in picture.shown
            ],
        ),
    }
    return Shot(scene, messages, _transforms(scene, settings), points, colors, image.depth)


def _cloud(picture: Picture, settings: SimulatorSettings) -> tuple[np.ndarray, np.ndarray, Rigid]:
    """Points and colours as they are published, and the motion from their frame to the base frame."""
    camera, image = picture.scene.camera, picture.image
    base = Rigid(camera.rotation, camera.position).after(OPTICAL_TO_BODY)
    if settings.workspace:
        seen = picture_cloud(picture).cloud
        points, colors = seen.points, seen.colors
        assert colors is not None
    else:
        points, colors = camera.to_base(image.back_project().reshape(-1, 3)), image.pixels / np.float32(255)
        points = points.reshape(*image.pixels.shape)
    if settings.points_frame == "camera":
        return base.inverse().apply(points), colors, base
    return points, colors, STILL


def _depth_values(depth: np.ndarray, millimetres: bool) -> np.ndarray:
    if not millimetres:
        return depth
    return np.clip(np.rint(np.nan_to_num(depth, nan=0.0) * 1000), 0, 65_535).astype(np.uint16)


def _transforms(scene: Scene, settings: SimulatorSettings) -> list[TransformStamped]:
    body = Rigid(scene.camera.rotation, scene.camera.position)
    return [
        _transform(settings.base_frame, settings.body_frame, body),
        _transform(settings.body_frame, settings.optical_frame, OPTICAL_TO_BODY),
    ]


def _transform(parent: str, child: str, motion: Rigid) -> TransformStamped:
    message = TransformStamped(header=Header(frame_id=parent), child_frame_id=child)
    move, turn = message.transform.translation, message.transform.rotation
    move.x, move.y, move.z = motion.translation.tolist()
    turn.x, turn.y, turn.z, turn.w = quaternion_of(motion.rotation)
    return message


def megabytes(settings: SimulatorSettings) -> float:
    """What one shot takes, about: messages, and the arrays beside them."""
    return settings.width * settings.height * (3 + 4 + 16 + 12 + 12 + 4) / 1e6
