"""What the simulator is made of, without ROS: poses over time, pictures drawn aside, simulated time, faults."""

import itertools
import threading
import time
from typing import Any

import numpy as np
import pytest
from conftest import Types
from test_clouds import PCL, cloud, columns

from region_perception.simulation import compose
from ros_nodes.decoding import Code, Refusal, check_age, decode_camera_info, decode_cloud, decode_image
from ros_nodes.runtime.settings import about, names
from ros_nodes.simulator.clock import SimulatedClock
from ros_nodes.simulator.faults import broken, ways_to_break, with_unknown
from ros_nodes.simulator.settings import SimulatorSettings
from ros_nodes.simulator.shots import Pose, Shots, pose_at, swung

PATIENCE = 30.0


def test_scenes_follow_each_other_and_swings_have_few_places():
    def at(seconds: float, **other: Any) -> Pose:
        return pose_at(seconds, **{"scene": 3, "change_every": 0, "moving": False, "period": 4, "steps": 5, **other})

    assert at(1e6) == Pose(3)
    assert [at(s, change_every=2.0).scene for s in (0, 1.9, 2, 7)] == [3, 3, 4, 6]
    places = [at(s / 100, moving=True).swing for s in range(400)]
    assert sorted(set(places)) == [-1, -0.5, 0, 0.5, 1]
    assert max(abs(a - b) for a, b in itertools.pairwise(places)) <= 0.5


def test_objects_swing_about_the_table_and_keep_to_each_other():
    scene = compose("test", 0)
    moved = swung(scene, "objects", 1.0)
    before = np.array([thing.position for thing in scene.things])
    after = np.array([thing.position for thing in moved.things])
    assert np.linalg.norm(after - before, axis=1).max() > 0.02
    between = [np.linalg.norm(each[:, None] - each, axis=2) for each in (before, after)]
    np.testing.assert_allclose(*between, atol=1e-9)
    assert moved.camera == scene.camera
    camera = swung(scene, "camera", 1.0)
    assert camera.things == scene.things
    assert camera.camera.height > scene.camera.height
    assert swung(scene, "none", 1.0) == scene


def test_what_is_not_drawn_yet_keeps_nobody_waiting():
    gate, drawn, failed = threading.Event(), [], []

    def draw(pose: Pose) -> str:
        if pose.scene == 9:
            raise ValueError("no such scene")
        if pose.scene:
            assert gate.wait(PATIENCE)
        drawn.append(pose)
        return f"scene {pose.scene}"

    shots = Shots(draw, most=2, failed=failed.append)
    try:
        assert shots.show(Pose(0)) is None
        _until(lambda: shots.show(Pose(0)) == "scene 0")
        assert shots.show(Pose(1)) == "scene 0"  # the last one, until it is there
        gate.set()
        _until(lambda: shots.show(Pose(1)) == "scene 1")
        assert shots.show(Pose(9), [Pose(2)]) == "scene 1"
        _until(lambda: failed)
        _until(lambda: shots.show(Pose(2)) == "scene 2")
        _until(lambda: shots.show(Pose(0)) == "scene 0")  # was forgotten, and is drawn again
        assert drawn == [Pose(0), Pose(1), Pose(2), Pose(0)]
    finally:
        gate.set()
        assert shots.stop()


def _until(wanted: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not wanted():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_simulated_time_goes_at_its_speed_and_jumps():
    clock = SimulatedClock(1000.0)
    assert clock.now() == 1000 * 10**9
    clock.advance(2.0, passed=1.5)
    assert clock.now() == 1003 * 10**9
    clock.advance(1.0, 2.0, -10.0, passed=1.0)
    assert clock.now() == 994 * 10**9
    clock.advance(1.0, 2.0, -10.0, passed=1.0)
    assert clock.now() == 995 * 10**9
    clock.advance(1.0, 1.0, -1e9, passed=1.0)
    assert clock.now() == 10**9


def image(make: Types) -> Any:
    return make(
        "sensor_msgs/Image",
        header=make("std_msgs/Header", frame_id="camera"),
        height=4,
        width=6,
        encoding="rgb8",
        step=18,
        data=_bytes(72),
    )


def camera_info(make: Types) -> Any:
    k = [5.0, 0.0, 3.0, 0.0, 5.0, 2.0, 0.0, 0.0, 1.0]
    return make("sensor_msgs/CameraInfo", header=make("std_msgs/Header"), width=6, height=4, k=k)


def _bytes(count: int) -> Any:
    from array import array

    return array("B", bytes(count))


@pytest.mark.parametrize("kind", ["image", "points", "camera_info"])
def test_every_way_to_break_a_message_is_noticed(make: Types, kind: str):
    whole = {"image": image, "points": lambda make: cloud(make, columns(), PCL), "camera_info": camera_info}[kind](make)
    whole.header.stamp.sec = 100
    read = {"image": decode_image, "points": decode_cloud, "camera_info": lambda each: decode_camera_info(each, (6, 4))}
    read[kind](whole)
    for number in range(len(ways_to_break(whole))):
        spoilt = broken(whole, _Choice(number))
        assert _refused(read[kind], spoilt) not in (Code.OK, Code.INTERNAL_ERROR), f"way {number}"
    read[kind](whole)  # only copies were broken
    assert whole.header.stamp.sec == 100


def _refused(read: Any, message: Any) -> Code:
    try:
        read(message)
        check_age(message.header.stamp, 100 * 10**9, 10.0)
    except Refusal as refusal:
        return refusal.code
    return Code.OK


class _Choice(np.random.Generator):
    """Chance that always chooses the same."""

    def __init__(self, number: int) -> None:
        super().__init__(np.random.PCG64(0))
        self._number = number

    def integers(self, *_: Any, **__: Any) -> Any:
        return self._number


def test_a_share_is_made_unknown():
    values = np.ones((10_000, 3), np.float32)
    holes = with_unknown(values, 0.2, np.random.default_rng(0))
    assert np.isnan(holes).all(axis=1).mean() == pytest.approx(0.2, abs=0.02)
    assert not np.isnan(values).any()
    assert np.isnan(with_unknown(values, 1.0, np.random.default_rng(0))).all()


def test_every_parameter_says_what_it_is():
    for name in names(SimulatorSettings):
        assert about(SimulatorSettings, name).text.endswith("."), name
