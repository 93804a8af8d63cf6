"""Our types over real rclpy and Fast DDS: between two processes, on a topic, by a service and by an action."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.ros
PATIENCE = 60.0  # seconds: discovery takes one, and a busy machine many


@pytest.fixture(scope="module")
def node() -> Iterator[Any]:
    import rclpy

    # In a namespace of their own: a captioner of other tests may still answer what comes without.
    command = [sys.executable, str(Path(__file__).with_name("echoing.py")), "--ros-args", "-r", "__ns:=/talking"]
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    rclpy.init()
    node = rclpy.create_node("asking", namespace="/talking")
    yield node
    node.destroy_node()
    rclpy.try_shutdown()
    server.terminate()
    assert server.wait(timeout=PATIENCE) is not None


def done(node: Any, future: Any) -> Any:
    import rclpy

    rclpy.spin_until_future_complete(node, future, timeout_sec=PATIENCE)
    assert future.done(), "no answer"
    return future.result()


def test_regions_come_back_by_a_service(node: Any):
    from region_perception_msgs.msg import Region2D
    from region_perception_msgs.srv import CaptionRegions

    client = node.create_client(CaptionRegions, "caption_regions")
    assert client.wait_for_service(timeout_sec=PATIENCE)
    regions = [Region2D(id=str(i), kind=Region2D.KIND_BOX, x2=float(i)) for i in range(50)]
    answer = done(node, client.call_async(CaptionRegions.Request(regions_2d=regions)))
    assert [caption.region_id for caption in answer.captions] == [str(i) for i in range(50)]
    assert [caption.x2 for caption in answer.captions] == list(range(50))


def test_captions_come_back_on_a_topic(node: Any):
    from rclpy.task import Future
    from region_perception_msgs.msg import Region3D, Region3DArray, RegionCaptionArray

    arrived = Future()
    node.create_subscription(RegionCaptionArray, "region_captions", arrived.set_result, 10)
    publisher = node.create_publisher(Region3DArray, "regions_3d", 10)
    regions = Region3DArray(regions=[Region3D(id="7", indices=[5, 2**32 - 1])])
    node.create_timer(0.5, lambda: publisher.publish(regions))
    assert [caption.point_count for caption in done(node, arrived).captions] == [2]


def test_a_scene_is_captioned_by_an_action(node: Any):
    from rclpy.action import ActionClient
    from region_perception_msgs.action import CaptionScene

    seen: list[Any] = []
    client = ActionClient(node, CaptionScene, "caption_scene")
    assert client.wait_for_server(timeout_sec=PATIENCE)
    goal = CaptionScene.Goal(max_regions=3)
    handle = done(node, client.send_goal_async(goal, lambda message: seen.append(message.feedback)))
    result = done(node, handle.get_result_async()).result
    assert len(result.captions) == 3
    # Who has the result hears no more feedback, so the last of it may be missed.
    assert [feedback.done for feedback in seen] == [1, 2, 3][: max(len(seen), 1)]
    client.destroy()
