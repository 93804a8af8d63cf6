"""The simulated camera as a program, heard over real rclpy: what it sees is true, on time, and as broken as asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from programs import Peer, Program, until

from region_perception.regions import Box, Box3D
from region_perception.simulation import compose, take_picture
from ros_nodes.decoding import (
    STILL,
    Refusal,
    decode_cloud,
    decode_image,
    decode_region_2d,
    decode_region_3d,
    nanoseconds,
    rigid_from_pose,
)

pytestmark = pytest.mark.ros
pytest.importorskip("open3d")
SIZE = (96, 72)


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    peer = Peer("viewer")
    yield peer
    peer.close()


@pytest.fixture
def start(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Program]]:
    """Starts simulators of a test's own, each in a namespace of its own."""
    started: list[Program] = []

    def begin(namespace: str, **parameters: Any) -> Program:
        values = {"width": SIZE[0], "height": SIZE[1], "rate": 20.0} | parameters
        started.append(Program("scene_simulator", tmp_path / "log", {"__ns": f"/{namespace}"}, **values))
        return started[-1]

    yield begin
    for program in started:
        assert program.stop() == 0, program.said()


def hear(peer: Peer, namespace: str) -> dict[str, list[Any]]:
    from region_perception_msgs.msg import Region2DArray, Region3DArray
    from sensor_msgs.msg import CameraInfo, Image, PointCloud2

    kinds = {"image": Image, "depth": Image, "camera_info": CameraInfo, "points": PointCloud2}
    kinds |= {"true_regions_2d": Region2DArray, "true_regions_3d": Region3DArray}
    return {topic: peer.hear(kind, f"/{namespace}/{topic}") for topic, kind in kinds.items()}


def test_what_it_sends_is_the_picture_of_the_scene(peer: Peer, start: Callable[..., Program]):
    heard = hear(peer, "plain")
    start("plain", scene=4)
    until(lambda: all(heard.values()), "every topic")
    stamps = [{nanoseconds(each.header.stamp) for each in messages} for messages in heard.values()]
    stamp = max(until(lambda: set.intersection(*stamps), "a frame of which all was heard"))
    frame = {
        topic: next(each for each in messages if nanoseconds(each.header.stamp) == stamp)
        for topic, messages in heard.items()
    }
    picture = take_picture(compose("test", 4), *SIZE)
    image = decode_image(frame["image"], depth=frame["depth"], camera_info=frame["camera_info"])
    np.testing.assert_array_equal(image.pixels, picture.image.pixels)
    np.testing.assert_array_equal(image.depth, picture.image.depth)
    assert image.intrinsics == picture.image.intrinsics

    cloud = decode_cloud(frame["points"], STILL)
    assert frame["points"].header.frame_id == "base"
    for message in frame["true_regions_3d"].regions:
        box, thing = decode_region_3d(message, STILL, cloud), picture.scene.thing(int(message.id))
        assert isinstance(box, Box3D)
        assert box.center == pytest.approx(thing.box.center)
        assert message.label == thing.kind
        assert box.contains(cloud.points).any()
    for message in frame["true_regions_2d"].regions:
        box = decode_region_2d(message, SIZE)
        assert isinstance(box, Box)
        assert box == picture.box(int(message.id))
    assert len(frame["true_regions_2d"].regions) == len(frame["true_regions_3d"].regions) == len(picture.shown)


def test_a_cloud_in_the_frame_of_the_camera_is_the_same_one(peer: Peer, start: Callable[..., Program]):
    heard = hear(peer, "optical")
    start("optical", scene=4, points_frame="camera", workspace=False, millimetres=True)
    until(lambda: heard["points"] and heard["true_regions_3d"] and heard["depth"], "points and regions")
    scene = compose("test", 4)
    message = heard["points"][0]
    assert (message.width, message.height) == SIZE
    assert message.header.frame_id == "camera_optical_frame"
    camera = scene.camera
    motion = rigid_from_pose(0, 0, camera.height, 0, 0, 0)
    motion = type(motion)(camera.rotation, camera.position).after(_optical())
    cloud = decode_cloud(message, motion)
    assert abs(np.median(cloud.points[:, 2])) < 0.05  # most of it is the table
    for region in heard["true_regions_3d"][0].regions:
        box = decode_region_3d(region, motion, cloud)
        assert isinstance(box, Box3D)
        assert box.center == pytest.approx(scene.thing(int(region.id)).box.center, abs=1e-6)
    assert heard["depth"][0].encoding == "16UC1"


def _optical() -> Any:
    from ros_nodes.decoding import OPTICAL_TO_BODY

    return OPTICAL_TO_BODY


def test_it_keeps_its_rate_while_pictures_are_drawn_and_a_listener_sleeps(peer: Peer, start: Callable[..., Program]):
    from sensor_msgs.msg import Image

    heard = hear(peer, "busy")["image"]
    peer.node.create_subscription(Image, "/busy/image", lambda _: time.sleep(0.02), 1)
    start("busy", motion="objects", period=2.0, steps=5, change_every=3.0, rate=10.0)
    until(lambda: len(heard) > 60, "sixty images")
    stamps = np.array([nanoseconds(each.header.stamp) for each in heard[-50:]]) / 1e9
    assert np.median(np.diff(stamps)) == pytest.approx(0.1, abs=0.05)
    assert len({bytes(each.data) for each in heard}) > 3  # it moves


def test_faults_are_as_many_as_asked_for(peer: Peer, start: Callable[..., Program]):
    heard = hear(peer, "faulty")
    start("faulty", drop=0.3, corrupt=0.5, nan=0.4, rate=40.0)
    until(lambda: len(heard["points"]) > 60 and len(heard["image"]) > 60, "messages")
    shares = []
    for messages, read in ((heard["image"], decode_image), (heard["points"], lambda each: decode_cloud(each, STILL))):
        refused = 0
        for message in messages:
            try:
                read(message)
            except Refusal:
                refused += 1
        shares.append(refused / len(messages))
    assert all(0.15 < share < 0.75 for share in shares)  # a stamp that is wrong is read all the same
    good = [each for each in heard["depth"] if each.encoding == "32FC1" and len(each.data) == 4 * SIZE[0] * SIZE[1]]
    depth = np.frombuffer(good[0].data, np.float32)
    assert np.isnan(depth).mean() > 0.3


def test_late_messages_keep_the_stamp_of_their_frame(peer: Peer, start: Callable[..., Program]):
    arrived: list[tuple[int, int]] = []
    from sensor_msgs.msg import CameraInfo

    def come(message: Any) -> None:
        arrived.append((peer.node.get_clock().now().nanoseconds, nanoseconds(message.header.stamp)))

    peer.node.create_subscription(CameraInfo, "/late/camera_info", come, 10)
    start("late", delay=0.5)
    until(lambda: len(arrived) > 40, "messages")
    ages = np.array([(now - stamp) / 1e9 for now, stamp in arrived])
    assert ages.max() - ages.min() > 0.2
    assert len({stamp for _, stamp in arrived}) == len(arrived)


def test_simulated_time_is_published_and_jumps(peer: Peer, start: Callable[..., Program]):
    from rosgraph_msgs.msg import Clock

    clock = peer.hear(Clock, "/clock")
    images = hear(peer, "clocked")["image"]
    start("clocked", clock=True, clock_start=500.0, clock_speed=2.0, clock_jump_every=1.0, clock_jump=-5.0)
    until(lambda: len(images) > 40 and len(clock) > 100, "time")
    times = np.array([nanoseconds(each.clock) for each in clock]) / 1e9
    assert 400 < times.min() < times.max() < 600
    assert (np.diff(times) < -3).any()
    assert all(400 < nanoseconds(each.header.stamp) / 1e9 < 600 for each in images)


def test_parameters_are_told_apart_from_mistakes(peer: Peer, tmp_path: Path):
    program = Program("scene_simulator", tmp_path / "log", {"__ns": "/wrong"}, motion="sideways")
    assert program.process.wait(timeout=120) == 2
    assert "motion is 'sideways'; expected one of none, camera, objects" in program.said()


def test_it_finds_the_profile_for_messages_of_its_size():
    from ros_nodes.scene_simulator import large_messages

    profile = large_messages()
    assert profile is not None
    assert "large_shared_memory" in profile.read_text()
