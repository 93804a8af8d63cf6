"""Ten thousand messages, most of them broken at random: the captioner counts them, and answers the next good frame."""

import time
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.ros

MESSAGES = 10_000
BROKEN = 0.8  # share
PAUSE = 0.001  # seconds: more at once would only be dropped
SPACE = "/flooded"


def kinds() -> dict[str, tuple[type, Any]]:
    """Topics, with the type and what makes a good message of a stamp."""
    from region_perception_msgs.msg import Region2DArray, Region3DArray
    from sensor_msgs.msg import CameraInfo, Image, PointCloud2
    from talking import box, box_3d, camera_info, cloud, depth, header, picture

    return {
        "image": (Image, picture),
        "depth": (Image, depth),
        "camera_info": (CameraInfo, camera_info),
        "points": (PointCloud2, cloud),
        "regions_2d": (Region2DArray, lambda stamp: Region2DArray(header=header(stamp), regions=[box("a")])),
        "regions_3d": (Region3DArray, lambda stamp: Region3DArray(regions=[box_3d("b"), box_3d("c", x=50.0)])),
    }


def test_ten_thousand_broken_messages_leave_it_as_it_was(start: Any, peer: Any):
    from programs import until
    from talking import box, box_3d

    from ros_nodes.simulator.faults import broken

    node = f"{SPACE}/region_captioner"
    program = start("region_captioner", remap={"__ns": SPACE}, max_age=30.0)
    peer.active(program, node)
    heard, random, made = peer.statuses(node), np.random.default_rng(0), kinds()
    publishers = {name: peer.publisher(kind, f"{SPACE}/{name}") for name, (kind, _) in made.items()}
    for number, name in enumerate(random.choice(list(made), MESSAGES)):
        message = made[name][1](peer.stamp())
        publishers[name].publish(broken(message, random) if random.random() < BROKEN else message)
        time.sleep(PAUSE)
        if number % 1000 == 500:  # whatever it says, it answers
            answer = peer.caption(box("a"), node=node, regions_3d=[box_3d("b")], timeout=0.0)
            assert len(answer.captions) == 2
    assert program.process.poll() is None, program.said()
    inputs = {each.name: each for each in heard[-1].inputs}
    assert sum(each.received for each in inputs.values()) > MESSAGES / 20
    assert min(inputs[name].refused for name in ("image", "points")) > 5
    assert "Traceback" not in program.said()

    def answered() -> bool:
        """By the frame of this stamp, as if nothing had been."""
        stamp = peer.stamp()
        for name in ("camera_info", "depth", "points", "image"):
            publishers[name].publish(made[name][1](stamp))
        answer = peer.caption(box("a"), node=node, regions_3d=[box_3d("b")], stamp=stamp, timeout=2.0)
        return [caption.status.code for caption in answer.captions] == [0, 0]

    until(answered, "an answer about a good frame")
    assert program.stop() == 0, program.said()
