"""The action: stages, feedback by region, two clients, and a goal that somebody stops."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.ros


@pytest.fixture(autouse=True)
def running(captioner: Any) -> None:
    """All tests talk to one captioner."""


@pytest.fixture
def action(peer: Any) -> Any:
    from programs import until
    from rclpy.action import ActionClient
    from region_perception_msgs.action import CaptionScene

    client = ActionClient(peer.node, CaptionScene, f"{peer.name}/caption_scene")
    until(client.server_is_ready, "the action")
    yield client
    client.destroy()


def arrive(peer: Any, stamp: Any, name: str = "image") -> None:
    """Returns when the captioner has a frame. Not by asking it to wait: the action has to know the frame by itself."""
    from programs import until

    heard = peer.statuses()
    until(lambda: any(each.last_stamp == stamp for each in heard[-1].inputs if each.name == name), f"{name} to arrive")


def plain_things(stamp: Any, rows: int = 1) -> Any:
    """A picture of three things on a table, in each of its rows: no two of one colour, which would be the table's."""
    import numpy as np
    from talking import header

    from ros_nodes.encoding import encode_image

    pixels = np.full((120 * rows, 160, 3), 200, np.uint8)
    for row in range(rows):
        for number, (light, dark) in enumerate([(0, 1), (1, 2), (2, 0)]):
            colour = np.full(3, 30 + 18 * row)
            colour[light], colour[dark] = 225 - 9 * row, 90 - 15 * row
            left, top = 20 + 45 * number, 40 + 120 * row
            pixels[top : top + 30, left : left + 30] = colour
    return encode_image(pixels, header(stamp))


def test_everything_in_a_picture_is_captioned(peer: Any, action: Any):
    from action_msgs.msg import GoalStatus
    from region_perception_msgs.action import CaptionScene
    from sensor_msgs.msg import Image

    stamp = peer.stamp()
    peer.send(Image, "image", plain_things(stamp))
    arrive(peer, stamp)
    seen: list[Any] = []
    goal = CaptionScene.Goal(source=CaptionScene.Goal.SOURCE_IMAGE, stamp=stamp, max_regions=8)
    handle = peer.act(action.send_goal_async, goal, lambda message: seen.append(message.feedback))
    assert handle.accepted
    answer = peer.act(handle.get_result_async)
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    result = answer.result
    assert result.status.code == result.status.OK, result.status
    assert result.header.stamp == stamp
    assert len(result.captions) == len(result.regions_2d) == 3
    assert [caption.region_id for caption in result.captions] == ["1", "2", "3"]
    assert {caption.status.code for caption in result.captions} == {0}
    # Who has the result hears no more feedback, so the last of it may be missed.
    stages = [feedback.stage for feedback in seen]
    assert stages == sorted(stages)
    assert stages[:1] == [CaptionScene.Feedback.STAGE_QUEUED]
    written = [feedback for feedback in seen if feedback.stage == CaptionScene.Feedback.STAGE_CAPTIONING]
    assert [feedback.done for feedback in written] == [1, 2, 3][: len(written)]
    assert all(len(feedback.captions) == 1 and feedback.total == 3 for feedback in written)


def test_questions_are_asked_about_everything(peer: Any, action: Any):
    from region_perception_msgs.action import CaptionScene
    from sensor_msgs.msg import Image

    stamp = peer.stamp()
    peer.send(Image, "image", plain_things(stamp))
    arrive(peer, stamp)
    goal = CaptionScene.Goal(source=1, stamp=stamp, max_regions=1, question="What is it?")
    result = peer.act(peer.act(action.send_goal_async, goal).get_result_async).result
    assert [caption.question for caption in result.captions] == ["What is it?"]


def test_a_question_that_is_none_aborts_the_goal_with_the_reason(peer: Any, action: Any):
    from action_msgs.msg import GoalStatus
    from region_perception_msgs.action import CaptionScene
    from sensor_msgs.msg import Image

    stamp = peer.stamp()
    peer.send(Image, "image", plain_things(stamp))
    arrive(peer, stamp)
    goal = CaptionScene.Goal(source=1, stamp=stamp, max_regions=1, question="why " * 1000)
    answer = peer.act(peer.act(action.send_goal_async, goal).get_result_async)
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert answer.result.status.code == answer.result.status.INVALID_TEXT


def test_things_of_a_cloud_are_captioned_in_its_frame(peer: Any, action: Any):
    from region_perception_msgs.action import CaptionScene

    stamp = peer.scan()
    arrive(peer, stamp, "points")
    goal = CaptionScene.Goal(source=CaptionScene.Goal.SOURCE_AUTO, stamp=stamp)
    result = peer.act(peer.act(action.send_goal_async, goal).get_result_async).result
    assert result.status.code == result.status.OK, result.status
    assert (result.header.frame_id, list(result.regions_2d)) == ("lidar", [])
    assert len(result.captions) == len(result.regions_3d) >= 1
    assert {caption.modality for caption in result.captions} == {"cloud_region"}
    assert result.captions[0].pose.position.x == pytest.approx(1.5, abs=0.1)


def test_a_frame_that_is_on_its_way_is_waited_for(peer: Any, action: Any, set_parameter: Any):
    from region_perception_msgs.action import CaptionScene
    from sensor_msgs.msg import Image

    set_parameter("regions_wait", 30.0)
    stamp = peer.stamp()
    goal = CaptionScene.Goal(source=CaptionScene.Goal.SOURCE_IMAGE, stamp=stamp, max_regions=1)
    handle = peer.act(action.send_goal_async, goal)
    peer.send(Image, "image", plain_things(stamp))
    result = peer.act(handle.get_result_async).result
    assert (result.status.code, result.header.stamp) == (result.status.OK, stamp)


def test_without_a_frame_the_goal_is_aborted_with_the_reason(peer: Any, action: Any):
    from action_msgs.msg import GoalStatus
    from region_perception_msgs.action import CaptionScene
    from talking import later

    goal = CaptionScene.Goal(source=1, stamp=later(peer.stamp(), 1000))
    answer = peer.act(peer.act(action.send_goal_async, goal).get_result_async)
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert answer.result.status.code == answer.result.status.NO_OBSERVATION


def test_one_goal_at_a_time_and_it_can_be_stopped_while_others_are_answered(peer: Any, action: Any):
    """Two clients: the second is rejected, its service calls are not; the first cancels, and gets what was done."""
    from action_msgs.msg import GoalStatus
    from programs import until
    from rclpy.action import ActionClient
    from region_perception_msgs.action import CaptionScene
    from sensor_msgs.msg import Image
    from talking import CaptionerPeer, box

    stamp = peer.stamp()
    peer.send(Image, "image", plain_things(stamp, rows=6))
    other = CaptionerPeer(peer.name)
    assert other.caption(box(), stamp=stamp).status.code == 0
    asked: list[Any] = []
    begun = threading.Event()
    goal = CaptionScene.Goal(source=1, stamp=stamp)
    stages: list[int] = []

    def hear(message: Any) -> None:
        stages.append(message.feedback.stage)
        if message.feedback.stage == CaptionScene.Feedback.STAGE_CAPTIONING:
            begun.set()  # the first of many

    rival = ActionClient(other.node, CaptionScene, f"{peer.name}/caption_scene")
    try:
        until(rival.server_is_ready, "the action, for the other client")
        handle = peer.act(action.send_goal_async, goal, hear)
        assert begun.wait(60), stages
        rejected = other.act(rival.send_goal_async, goal)
        asking = threading.Thread(target=lambda: asked.append(other.caption(box(), stamp=stamp)))
        asking.start()
        canceling = peer.act(handle.cancel_goal_async)
        answer = peer.act(handle.get_result_async)
        asking.join(60)
    finally:
        rival.destroy()
        other.close()
    assert canceling.return_code in (canceling.ERROR_NONE, canceling.ERROR_GOAL_TERMINATED)
    if canceling.goals_canceling:  # else it had just come to its end
        assert not rejected.accepted
        assert answer.status == GoalStatus.STATUS_CANCELED
        assert answer.result.status.code == answer.result.status.CANCELED
        assert len(answer.result.captions) < 18
    assert asked[0].status.code == asked[0].status.OK
    again = peer.act(action.send_goal_async, goal)
    assert again.accepted
    assert len(peer.act(again.get_result_async).result.captions) == 18


@contextmanager
def alone(ready: Any = lambda: None, settings: Any = None, inputs: Any = None) -> Iterator[Any]:
    """The action on a node of its own, without a captioner."""
    import rclpy
    from rclpy.callback_groups import ReentrantCallbackGroup

    from ros_nodes.captioner.scene import SceneAction
    from ros_nodes.runtime.guards import Guard

    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("scene", context=context)
    told: Any = SimpleNamespace()
    group = ReentrantCallbackGroup()
    action = SceneAction(node, Guard(node.get_logger()), told, told, told, lambda: settings, ready, inputs or {}, group)
    try:
        yield action
    finally:
        action.destroy()
        node.destroy_node()
        context.try_shutdown()


def test_a_goal_that_never_begins_does_not_keep_others_out(monkeypatch: pytest.MonkeyPatch):
    """Its client went away before it was told that the goal is accepted, so that nobody asks for it to begin."""
    from rclpy.action import GoalResponse

    from ros_nodes.captioner import scene

    with alone() as action:
        assert action._accepts(None) == GoalResponse.ACCEPT
        assert action._accepts(None) == GoalResponse.REJECT
        monkeypatch.setattr(scene, "BEGINS_WITHIN", 0.0)
        assert action._accepts(None) == GoalResponse.ACCEPT
        with action._turn():
            assert action._accepts(None) == GoalResponse.REJECT
        assert action._accepts(None) == GoalResponse.ACCEPT


def test_a_goal_that_waits_for_its_frame_says_so_and_ends_with_the_node():
    from region_perception_msgs.action import CaptionScene

    from ros_nodes.captioner.scene import Run
    from ros_nodes.decoding import Code, Refusal
    from ros_nodes.runtime.newest import Newest

    Feedback = CaptionScene.Feedback
    stages: list[int] = []

    def ready() -> None:
        if stages[-1:] == [Feedback.STAGE_OBSERVING]:
            raise Refusal(Code.NOT_READY, "the node is stopping")

    handle = SimpleNamespace(
        request=CaptionScene.Goal(source=CaptionScene.Goal.SOURCE_IMAGE),
        is_cancel_requested=False,
        publish_feedback=lambda feedback: stages.append(feedback.stage),
    )
    settings, inputs = SimpleNamespace(regions_wait=60.0), {"image": SimpleNamespace(frames=Newest())}
    began = time.monotonic()
    with alone(ready, settings, inputs) as action, pytest.raises(Refusal, match="stopping"):
        action._caption(Run(handle))
    assert stages == [Feedback.STAGE_QUEUED, Feedback.STAGE_OBSERVING]
    assert time.monotonic() - began < 30
