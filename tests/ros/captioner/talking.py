"""What the tests of the captioner say to it: pictures, clouds and regions, small ones."""

from __future__ import annotations

import io
import math
import struct
import time
import zlib
from itertools import count
from typing import Any

import numpy as np
import PIL.Image
from builtin_interfaces.msg import Time
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from programs import Peer, Program, until
from rclpy.qos import DurabilityPolicy, QoSProfile
from region_perception_msgs.msg import CaptionerStatus, Region2D, Region2DArray, Region3D, RegionCaptionArray
from region_perception_msgs.srv import AskRegion, CaptionRegions, FindRegion, SetModel
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header

from region_perception.observations import Intrinsics
from ros_nodes.encoding import encode_camera_info, encode_cloud, encode_image

WIDTH, HEIGHT = 96, 72
CAMERA = Intrinsics(80.0, 80.0, 47.5, 35.5)
FRAME = "camera_optical_frame"
_NUMBERS = count(1)
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def header(stamp: Any, frame: str = FRAME) -> Header:
    return Header(stamp=stamp, frame_id=frame)


def picture(stamp: Any, seed: int = 0, frame: str = FRAME) -> Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    return encode_image(pixels, header(stamp, frame))


def jpeg() -> bytes:
    """The file of a picture."""
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    PIL.Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def huge_png() -> bytes:
    """A file of a few bytes that says it holds 10,000 million pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    size = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def depth(stamp: Any, frame: str = FRAME) -> Image:
    """A wall two metres away, with a ball half a metre before it, in the middle."""
    metres = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    metres[26:46, 38:58] = 1.5
    return encode_image(metres, header(stamp, frame))


def camera_info(stamp: Any, frame: str = FRAME) -> CameraInfo:
    return encode_camera_info(CAMERA, (WIDTH, HEIGHT), header(stamp, frame))


def cloud(stamp: Any, frame: str = "lidar", count: int = 600) -> PointCloud2:
    """A table and a box on it, x forward, z up."""
    rng = np.random.default_rng(1)
    table = rng.uniform([1.0, -0.5, 0.0], [2.0, 0.5, 0.005], (count // 2, 3))
    box = rng.uniform([1.4, -0.1, 0.0], [1.6, 0.1, 0.2], (count - count // 2, 3))
    points = np.concatenate([table, box]).astype(np.float32)
    return encode_cloud(points, header(stamp, frame), rng.random((count, 3)).astype(np.float32))


def box(id: str = "a", x1: float = 30, y1: float = 20, x2: float = 66, y2: float = 52, **fields: Any) -> Region2D:
    return Region2D(id=id, kind=Region2D.KIND_BOX, x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), **fields)


def box_3d(id: str = "b", x: float = 1.5, frame: str = "", side: float = 0.3) -> Region3D:
    region = Region3D(id=id, kind=Region3D.KIND_BOX, header=Header(frame_id=frame))
    region.pose.position.x, region.pose.position.z = x, 0.1
    region.size.x = region.size.y = region.size.z = side
    return region


def later(stamp: Any, seconds: float) -> Time:
    nanoseconds = stamp.sec * 1_000_000_000 + stamp.nanosec + round(seconds * 1e9)
    return Time(sec=nanoseconds // 1_000_000_000, nanosec=nanoseconds % 1_000_000_000)


class CaptionerPeer(Peer):
    """Publishes frames and regions, and asks. node: the full name of the captioner."""

    def __init__(self, node: str) -> None:
        super().__init__(f"peer_{next(_NUMBERS)}")
        self.name = node
        self._publishers: dict[tuple[str, Any], Any] = {}
        self._heard: dict[str, list[Any]] = {}

    def statuses(self, node: str | None = None) -> list[CaptionerStatus]:
        """All that it has said of itself, since this was asked for first."""
        topic = f"{node or self.name}/status"
        if topic not in self._heard:
            self._heard[topic] = self.hear(CaptionerStatus, topic, LATCHED)
        return self._heard[topic]

    def state(self, wanted: int, program: Program, node: str | None = None) -> CaptionerStatus:
        """Its newest status, once that is in a state."""
        heard = self.statuses(node)

        def found() -> CaptionerStatus | None:
            assert program.process.poll() is None, program.said()
            return heard[-1] if heard and heard[-1].state == wanted else None

        return until(found, f"state {wanted}; it said:\n{program.said()}")

    def active(self, program: Program, node: str | None = None) -> CaptionerStatus:
        return self.state(CaptionerStatus.STATE_ACTIVE, program, node)

    def change_state(self, transition: int, node: str | None = None) -> bool:
        request = ChangeState.Request(transition=Transition(id=transition))
        return self.call(ChangeState, f"{node or self.name}/change_state", request).success

    def renew(self) -> None:
        """Has it stop listening and begin again, so that it knows no frames."""
        self.silence()
        assert self.change_state(Transition.TRANSITION_DEACTIVATE)
        assert self.change_state(Transition.TRANSITION_ACTIVATE)

    def send(self, kind: type, topic: str, message: Any, qos: Any = 1) -> None:
        key = (topic, str(qos))
        if key not in self._publishers:
            self._publishers[key] = self.publisher(kind, topic, qos)
        self._publishers[key].publish(message)

    def silence(self) -> None:
        """Publishes no more."""
        for publisher in self._publishers.values():
            self.node.destroy_publisher(publisher)
        self._publishers.clear()

    def look(self, stamp: Any = None, seed: int = 0) -> Any:
        """Sends a picture; its stamp."""
        stamp = stamp or self.stamp()
        self.send(Image, "image", picture(stamp, seed))
        return stamp

    def scan(self, stamp: Any = None, frame: str = "lidar") -> Any:
        """Sends a cloud; its stamp."""
        stamp = stamp or self.stamp()
        self.send(PointCloud2, "points", cloud(stamp, frame))
        return stamp

    def measure(self, stamp: Any = None) -> Any:
        """Sends a picture with depth and calibration; its stamp."""
        stamp = stamp or self.stamp()
        self.send(CameraInfo, "camera_info", camera_info(stamp))
        self.send(Image, "depth", depth(stamp))
        time.sleep(0.1)  # topics come in any order
        return self.look(stamp)

    def measure_later(self, stamp: Any = None) -> Any:
        """The same, with the depth after the picture."""
        stamp = stamp or self.stamp()
        self.look(stamp)
        time.sleep(0.01)
        self.send(Image, "depth", depth(stamp))
        return stamp

    def captions_heard(self) -> list[RegionCaptionArray]:
        if "captions" not in self._heard:
            self._heard["captions"] = self.hear(RegionCaptionArray, "region_captions")
            until(lambda: self.node.count_publishers("region_captions"), "captions")
        return self._heard["captions"]

    def point(self, *regions: Region2D, stamp: Any = None) -> None:
        self.send(Region2DArray, "regions_2d", Region2DArray(header=header(stamp or Time(), ""), regions=regions))

    def caption(self, *regions_2d: Region2D, node: str | None = None, **fields: Any) -> Any:
        request = CaptionRegions.Request(regions_2d=regions_2d, **{"timeout": 20.0, **fields})
        return self.call(CaptionRegions, f"{node or self.name}/caption_regions", request)

    def ask(self, question: str, *regions: Region2D, **fields: Any) -> Any:
        request = AskRegion.Request(question=question, regions_2d=regions, **{"timeout": 20.0, **fields})
        return self.call(AskRegion, f"{self.name}/ask_region", request)

    def find(self, text: str, *regions: Region2D, **fields: Any) -> Any:
        request = FindRegion.Request(text=text, regions_2d=regions, **{"timeout": 20.0, **fields})
        return self.call(FindRegion, f"{self.name}/find_region", request)

    def set_model(self, model: str, node: str | None = None, device: str = "") -> Any:
        return self.call(SetModel, f"{node or self.name}/set_model", SetModel.Request(model=model, device=device))


def spread(captions: Any) -> bool:
    """Whether all confidences are numbers from 0 to 1."""
    return all(not math.isnan(caption.confidence) and 0 <= caption.confidence <= 1 for caption in captions)
