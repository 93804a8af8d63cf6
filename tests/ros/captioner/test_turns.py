"""Whose turn it is, of regions on topics: with real messages, and without a model."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.ros
SECOND = 1_000_000_000


class Bench:
    """Topics whose inputs are filled by hand. during: what happens while the model answers."""

    def __init__(self) -> None:
        from ros_nodes.captioner.settings import CaptionerSettings
        from ros_nodes.captioner.topics import KINDS, Topics
        from ros_nodes.runtime.newest import Newest

        names = (*KINDS, "image", "points")
        self.inputs: Any = {name: SimpleNamespace(frames=Newest[Any](8)) for name in names}
        self.published: list[tuple[str, int]] = []
        self.codes: list[int] = []
        self.failed: list[BaseException] = []
        self.now = 0  # seconds
        self.during: Callable[[], None] = lambda: None
        table = CaptionerSettings(max_regions=2)
        answering: Any = SimpleNamespace(say=self._say)
        self.topics = Topics(
            self.inputs,
            answering,
            lambda: table,
            self._publish,
            lambda seconds: None,
            lambda: self.now * SECOND,
            self.failed.append,
        )

    def see(self, second: int, sensor: str = "image") -> None:
        self.inputs[sensor].frames.put(sensor, second * SECOND)

    def point(self, kind: str, count: int = 1, second: int = 0, own: str = "") -> None:
        """second: of the array. own: the frame that its regions name themselves."""
        from region_perception_msgs.msg import Region2D, Region2DArray, Region3D, Region3DArray

        array, region = (Region2DArray, Region2D) if kind == "regions_2d" else (Region3DArray, Region3D)
        message = array(regions=[region() for _ in range(count)])
        for each in message.regions:
            each.header.frame_id = own
        message.header.stamp.sec = second
        self.inputs[kind].frames.put(message)

    def _say(self, wanted: Any) -> Any:
        """Every region is answered on the newest image, once that has been looked at."""
        from region_perception_msgs.msg import RegionCaption

        self.during()
        stamp = self.inputs["image"].frames.newest().stamp
        captions = [RegionCaption() for _ in (*wanted.regions_2d, *wanted.regions_3d)]
        for caption in captions:
            caption.header.stamp.sec = stamp // SECOND
        return SimpleNamespace(messages=captions)

    def _publish(self, said: Any, answers: Any) -> None:
        self.published += [(kind, message.header.stamp.sec) for kind, message in said.items()]
        self.codes += [message.status.code for message in said.values()]


def test_a_frame_that_comes_while_the_model_answers_is_captioned_once():
    bench = Bench()
    bench.see(1)
    bench.point("regions_2d")
    bench.during = lambda: bench.see(2)
    bench.topics.run()
    bench.during = lambda: None
    bench.topics.run()
    assert bench.published == [("regions_2d", 2)]
    bench.see(3)
    bench.topics.run()
    bench.topics.run()
    assert bench.published == [("regions_2d", 2), ("regions_2d", 3)]


@pytest.mark.parametrize(("second", "own", "follows"), [(0, "", True), (1, "", False), (1, "camera", True)])
def test_regions_without_a_stamp_are_captioned_until_others_come(second: int, own: str, follows: bool):
    """A region whose own header is not empty does not have the stamp of the array. Bags are captioned the same way: see
    `tests/ros/bags/test_captioning.py`."""
    bench = Bench()
    bench.see(1)
    bench.point("regions_2d", second=second, own=own)
    seen = []
    for later in (1, 2, 3):
        bench.see(later)
        bench.topics.run()
        seen.append(("regions_2d", later))
    assert bench.published == (seen if follows else seen[:1])
    bench.point("regions_2d", count=0)
    bench.topics.run()
    bench.see(4)
    bench.topics.run()
    assert len(bench.published) == (len(seen) if follows else 1) + 1  # that there are none any more is said once


def test_what_goes_wrong_is_told_for_every_array_and_not_tried_again():
    from region_perception_msgs.msg import Status

    def fail() -> None:
        raise ZeroDivisionError("oh")

    bench = Bench()
    bench.see(1)
    bench.point("regions_2d", 2)
    bench.point("regions_3d", 2)  # one by one: both together are more than allowed
    bench.during = fail
    bench.topics.run()
    assert [kind for kind, _ in bench.published] == ["regions_2d", "regions_3d"]
    assert bench.codes == [Status.INTERNAL_ERROR] * 2
    assert [type(error) for error in bench.failed] == [ZeroDivisionError] * 2  # with its traceback, for the log
    bench.topics.run()
    assert len(bench.published) == 2


def test_an_image_says_nothing_of_a_cloud_that_is_on_its_way():
    bench = Bench()
    bench.see(1, "points")
    bench.point("regions_3d", second=2)
    bench.see(2)
    bench.topics.run()
    assert bench.published == []
    bench.see(2, "points")
    bench.topics.run()
    assert bench.published == [("regions_3d", 2)]


def test_where_no_clouds_come_regions_in_space_wait_for_the_image():
    bench = Bench()
    bench.point("regions_3d", second=2)
    bench.topics.run()
    assert bench.published == []
    bench.see(2)
    bench.topics.run()
    assert bench.published == [("regions_3d", 2)]


def test_regions_in_space_are_followed_in_images_where_clouds_have_stopped():
    bench = Bench()
    bench.see(1, "points")
    bench.see(1)
    bench.now = 1
    bench.point("regions_3d")
    bench.topics.run()
    bench.see(2)
    bench.now = 2
    bench.topics.run()  # the cloud may still be answered about, and was
    assert bench.published == [("regions_3d", 1)]
    for second in (10, 11):
        bench.see(second)
        bench.now = second
        bench.topics.run()
        bench.topics.run()
    assert bench.published == [("regions_3d", second) for second in (1, 10, 11)]
    bench.see(12, "points")
    bench.see(12)
    bench.now = 12
    bench.topics.run()
    bench.topics.run()
    assert bench.published == [("regions_3d", second) for second in (1, 10, 11, 12)]


@pytest.mark.parametrize("code", ["NO_OBSERVATION", "STALE", "NO_CALIBRATION"])
def test_things_are_looked_for_in_the_image_where_no_clouds_come(code: str):
    from region_perception_msgs.action import CaptionScene

    from ros_nodes.captioner.scene import SceneAction
    from ros_nodes.decoding import Code, Refusal

    def cloud(stamp: int, max_age: float) -> Any:
        raise Refusal(Code[code], "no cloud")

    action: Any = SimpleNamespace(_sights=SimpleNamespace(cloud=cloud, image=lambda stamp, max_age: "image"))
    assert SceneAction._see(action, CaptionScene.Goal()) == "image"
    with pytest.raises(Refusal, match="no cloud"):
        SceneAction._see(action, CaptionScene.Goal(source=CaptionScene.Goal.SOURCE_CLOUD))
