"""The proposer as a program, shown clouds and images over real rclpy."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from programs import Peer, Program, until

from region_perception.observations import Intrinsics
from ros_nodes.decoding import OPTICAL_TO_BODY, decode_region_3d, nanoseconds
from ros_nodes.encoding import encode_camera_info, encode_cloud, encode_image

pytestmark = pytest.mark.ros
CAMERA = Intrinsics(150.0, 150.0, 79.5, 59.5)
SIZE = (160, 120)


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    peer = Peer("shower")
    yield peer
    peer.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    started: list[Program] = []

    def begin(namespace: str, **parameters: Any) -> Program:
        values = {"max_rate": 20.0} | parameters
        started.append(Program("region_proposer", tmp_path / "log", {"__ns": f"/{namespace}"}, **values))
        return started[-1]

    yield begin
    for program in started:
        assert program.killed or program.stop() == 0, program.said()


def header(stamp: Any, frame: str) -> Any:
    from std_msgs.msg import Header

    return Header(stamp=stamp, frame_id=frame)


def table() -> np.ndarray:
    """A table with two boxes: [N, 3] metres, z up."""
    random = np.random.default_rng(0)
    parts = [np.column_stack((random.uniform(-0.5, 0.5, (4000, 2)), np.zeros(4000)))]
    for x, y in ((0.2, 0.2), (-0.2, -0.1)):
        side = random.uniform(-0.05, 0.05, (600, 2))
        parts += [np.column_stack((x + side[:, 0], y + side[:, 1], np.full(600, 0.1)))]
        parts += [np.column_stack((np.full(300, x - 0.05), y + side[:300, 0], random.uniform(0, 0.1, 300)))]
    return np.concatenate(parts).astype(np.float32)


def test_things_of_a_cloud_are_boxes_in_its_frame_and_keep_their_names(peer: Peer, start: Callable[..., Program]):
    from region_perception_msgs.msg import Region3DArray
    from sensor_msgs.msg import PointCloud2

    heard = peer.hear(Region3DArray, "/clouds/regions_3d")
    start("clouds", max_age=0.0, sensor_pose=[0.0] * 6)
    publisher = peer.publisher(PointCloud2, "/clouds/points")
    optical = OPTICAL_TO_BODY.inverse().apply(table())
    stamps = []
    for shift in (0.0, 0.01):
        stamps.append(peer.stamp())
        moved = optical + np.array([shift, 0, 0], np.float32)
        count = len(heard)
        publisher.publish(encode_cloud(moved, header(stamps[-1], "lidar_optical")))
        until(lambda before=count: len(heard) > before, "regions")
    assert [nanoseconds(each.header.stamp) for each in heard] == [nanoseconds(each) for each in stamps]
    for message in heard:
        assert message.header.frame_id == "lidar_optical"
        assert [region.id for region in message.regions] == ["1", "2"] or {r.id for r in message.regions} == {"1", "2"}
        boxes = {region.id: decode_region_3d(region, OPTICAL_TO_BODY) for region in message.regions}
        middles = np.array([box.center for box in boxes.values()])
        assert min(np.linalg.norm(middles - (0.2, 0.2, 0.05), axis=1)) < 0.03
        assert min(np.linalg.norm(middles - (-0.2, -0.1, 0.05), axis=1)) < 0.03
    names = [{r.id: round(r.pose.position.x, 1) for r in message.regions} for message in heard]
    assert names[0] == names[1]


def test_an_image_with_depth_gives_masks_when_asked(peer: Peer, start: Callable[..., Program]):
    from region_perception_msgs.msg import Region2D, Region2DArray
    from sensor_msgs.msg import CameraInfo, Image

    heard = peer.hear(Region2DArray, "/images/regions_2d")
    start("images", exact=True)
    out = {
        name: peer.publisher(kind, f"/images/{name}")
        for name, kind in (("image", Image), ("depth", Image), ("camera_info", CameraInfo))
    }
    depth = np.full((SIZE[1], SIZE[0]), 2.0, np.float32)
    depth[30:70, 20:50] = depth[50:100, 90:130] = 1.6
    depth += np.random.default_rng(0).normal(0, 0.002, depth.shape).astype(np.float32)

    def show() -> bool:
        said = header(peer.stamp(), "camera_optical_frame")
        out["camera_info"].publish(encode_camera_info(CAMERA, SIZE, said))
        out["depth"].publish(encode_image(depth, said))
        out["image"].publish(encode_image(np.full((SIZE[1], SIZE[0], 3), 90, np.uint8), said))
        return any(message.regions for message in heard)

    until(show, "regions")
    message = next(message for message in heard if message.regions)
    assert message.header.frame_id == "camera_optical_frame"
    assert [region.kind for region in message.regions] == [Region2D.KIND_MASK] * 2
    assert [(round(r.x1), round(r.y1), round(r.x2), round(r.y2)) for r in message.regions] == [
        (90, 50, 130, 100),
        (20, 30, 50, 70),
    ]


def test_broken_frames_do_not_end_it(peer: Peer, start: Callable[..., Program]):
    from region_perception_msgs.msg import Region3DArray
    from sensor_msgs.msg import PointCloud2

    heard = peer.hear(Region3DArray, "/broken/regions_3d")
    program = start("broken")
    publisher = peer.publisher(PointCloud2, "/broken/points")
    good = encode_cloud(table(), header(peer.stamp(), "base"))
    for wrong in ({"width": 0}, {"row_step": 1}, {"fields": []}):
        spoilt = encode_cloud(table(), header(peer.stamp(), "base"))
        for name, value in wrong.items():
            setattr(spoilt, name, value)
        publisher.publish(spoilt)

    def show() -> bool:
        good.header.stamp = peer.stamp()
        publisher.publish(good)
        return bool(heard)

    until(show, "regions of the good cloud")
    assert program.process.poll() is None


def test_time_may_jump_back(peer: Peer, start: Callable[..., Program]):
    """Far on and back: the frames of the new time are looked at, and nothing of the time before."""
    from builtin_interfaces.msg import Time
    from region_perception_msgs.msg import Region3DArray
    from rosgraph_msgs.msg import Clock
    from sensor_msgs.msg import PointCloud2

    heard = peer.hear(Region3DArray, "/jumps/regions_3d")
    start("jumps", use_sim_time=True, max_age=1.0)
    clock = peer.publisher(Clock, "/clock", 10)
    points = peer.publisher(PointCloud2, "/jumps/points")
    cloud = encode_cloud(table(), header(Time(), "base"))

    def proposed(second: int) -> bool:
        clock.publish(Clock(clock=Time(sec=second)))
        cloud.header.stamp.sec = second
        points.publish(cloud)
        time.sleep(0.1)
        return bool(heard) and heard[-1].header.stamp.sec == second

    for second in (100, 5000, 20):
        until(lambda second=second: proposed(second), f"regions at {second} s")
    seconds = [message.header.stamp.sec for message in heard]
    assert seconds == sorted(seconds, key=(100, 5000, 20).index)
