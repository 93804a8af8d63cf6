"""Writes bags as a robot records them: a simulated camera over a table, and regions that somebody points at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from region_perception.regions import Box3D
from region_perception.simulation import Picture, compose, take_picture
from ros_nodes.decoding import OPTICAL_TO_BODY, Rigid
from ros_nodes.encoding import encode_camera_info, encode_cloud, encode_image, encode_region_2d, encode_region_3d
from ros_nodes.messages.classes import Header, message_class
from ros_nodes.messages.frames import quaternion_of
from ros_nodes.messages.plain import full_name, plain_class, serialise, typestore

START = 1_700_000_000_000_000_000
STEP = 100_000_000  # nanoseconds between frames
LATE = 30_000_000  # after which somebody has pointed at a frame
FRAME = "camera_optical_frame"
SIZE = (96, 72)

Message = tuple[str, int, str, bytes]  # topic, time, type, bytes


@dataclass
class Recorded:
    """A bag, and what is in it."""

    path: Path
    messages: list[Message] = field(default_factory=list)


@cache
def picture(index: int) -> Picture:
    """A scene of which at least two things are seen."""
    for number in range(10 * index, 10 * index + 10):
        taken = take_picture(compose("train", number), *SIZE)
        if len(taken.shown) >= 2:
            return taken
    raise AssertionError("ten scenes show nothing")


def header(stamp: int, frame_id: str = FRAME) -> Any:
    made = Header(frame_id=frame_id)
    made.stamp.sec, made.stamp.nanosec = divmod(stamp, 1_000_000_000)
    return made


def frame_messages(index: int, stamp: int, *, points: bool = True) -> list[Message]:
    """What a camera and a person send about one scene."""
    seen, late = picture(index), stamp + LATE
    assert seen.image.depth is not None
    assert seen.image.intrinsics is not None
    said = header(stamp)
    cloud = seen.image.cloud()
    optical = OPTICAL_TO_BODY.inverse().apply(cloud.points)
    things = seen.shown[:2]
    flat = [encode_region_2d(seen.box(thing.number), header(0, ""), id=str(thing.number)) for thing in things]
    solid = []
    for thing in things:
        own = seen.image.depth.ravel()[cloud.source_index] > 0
        own &= seen.instances.ravel()[cloud.source_index] == thing.number
        low, high = cloud.points[own].min(axis=0), cloud.points[own].max(axis=0)
        box = Box3D(tuple((low + high) / 2), tuple(high - low + 0.01))
        solid.append(encode_region_3d(box, header(0, ""), id=str(thing.number), label="thing", motion=OPTICAL_TO_BODY))
    made = {
        "/camera/image_raw": ("sensor_msgs/Image", stamp, encode_image(seen.image.pixels, said)),
        "/camera/depth/image_raw": ("sensor_msgs/Image", stamp, encode_image(seen.image.depth, said)),
        "/camera/camera_info": ("sensor_msgs/CameraInfo", stamp, encode_camera_info(seen.image.intrinsics, SIZE, said)),
        "/camera/points": ("sensor_msgs/PointCloud2", stamp, encode_cloud(optical, said, cloud.colors)),
        "/regions_2d": ("region_perception_msgs/Region2DArray", late, array("Region2DArray", said, flat)),
        "/regions_3d": ("region_perception_msgs/Region3DArray", late, array("Region3DArray", said, solid)),
        "/said": ("std_msgs/String", late, message_class("std_msgs/String")(data=f"frame {index}")),
    }
    if not points:
        del made["/camera/points"]
    return [(topic, time, kind, serialise(message, kind)) for topic, (kind, time, message) in made.items()]


def array(name: str, said: Any, regions: list[Any]) -> Any:
    return message_class(f"region_perception_msgs/{name}")(header=said, regions=regions)


def transforms(poses: dict[tuple[str, str], Rigid], stamp: int) -> bytes:
    """A TFMessage. poses: of the second frame in the first."""
    made = []
    for (parent, child), pose in poses.items():
        each = message_class("geometry_msgs/TransformStamped")(header=header(stamp, parent), child_frame_id=child)
        move, turn = each.transform.translation, each.transform.rotation
        move.x, move.y, move.z = pose.translation.tolist()
        turn.x, turn.y, turn.z, turn.w = quaternion_of(pose.rotation)
        made.append(each)
    kind = "tf2_msgs/TFMessage"
    return serialise(plain_class(kind)(transforms=made), kind)


def record(
    path: Path,
    storage: str = "mcap",
    frames: int = 3,
    *,
    points: bool = True,
    change: Callable[[list[Message]], list[Message]] = lambda messages: messages,
) -> Recorded:
    """Writes a folder. change: of the messages before they are written."""
    messages: list[Message] = []
    for index in range(frames):
        messages += frame_messages(index, START + index * STEP, points=points)
    messages = sorted(change(messages), key=lambda message: message[1])
    plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
    with Writer(path, version=9, storage_plugin=plugin) as writer:
        connections: dict[str, Any] = {}
        for topic, time, kind, raw in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, full_name(kind), typestore=typestore())
            writer.write(connections[topic], time, raw)
    return Recorded(path, messages)


def contents(path: Path) -> list[tuple[str, int, bytes]]:
    """Topic, time and bytes of every message."""
    with AnyReader([path], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
        return [(connection.topic, time, bytes(raw)) for connection, time, raw in reader.messages()]


def read(path: Path, topic: str) -> list[tuple[int, Any]]:
    """Time and message, by the definitions that the bag itself holds."""
    with AnyReader([path], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
        chosen = [connection for connection in reader.connections if connection.topic == topic]
        return [
            (time, reader.deserialize(raw, connection.msgtype))
            for connection, time, raw in reader.messages(connections=chosen)
        ]


def damaged(data: bytes, seed: int = 0) -> bytes:
    return bytes(np.random.default_rng(seed).integers(0, 256, len(data), np.uint8))
