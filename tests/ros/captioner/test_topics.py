"""Regions on topics: captioned on the frame that they were found in, or on every new one."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.ros


@pytest.fixture(autouse=True)
def running(captioner: Any, peer: Any) -> Iterator[None]:
    """All tests talk to one captioner, and leave it without regions."""
    from programs import until

    heard = peer.captions_heard()
    heard.clear()
    yield
    before = len(heard)
    peer.point()
    until(lambda: any(not array.captions for array in heard[before:]), "an empty array")


def of(heard: list[Any], stamp: Any) -> Any:
    """The captions of a frame, once they are there."""
    from programs import until

    return until(lambda: next((array for array in heard if array.header.stamp == stamp), None), "captions of a frame")


def test_regions_without_a_stamp_are_captioned_on_every_frame(peer: Any):
    from talking import box

    heard = peer.captions_heard()
    peer.look()
    peer.point(box("a"), box("b", 0, 0, 30, 30))
    for seed in (1, 2):
        stamp = peer.look(seed=seed)
        array = of(heard, stamp)
        assert [caption.region_id for caption in array.captions] == ["a", "b"]
        assert array.status.code == array.status.OK
        assert {caption.header.stamp.nanosec for caption in array.captions} == {stamp.nanosec}
        assert all(caption.region_stamp.sec == 0 for caption in array.captions)
    counts = [(array.header.stamp.sec, array.header.stamp.nanosec) for array in heard]
    assert len(counts) == len(set(counts))  # never twice the same


def test_regions_of_a_frame_are_captioned_once_on_that_frame(peer: Any):
    from talking import box, later

    heard = peer.captions_heard()
    first = peer.look()
    peer.caption(box(), stamp=first)
    peer.look(later(first, 0.2))
    peer.point(box("late"), stamp=first)
    array = of(heard, first)
    assert [caption.region_id for caption in array.captions] == ["late"]
    assert array.captions[0].region_stamp == first
    peer.caption(box(), stamp=peer.look())
    assert len(heard) == 1


def test_regions_may_come_before_their_frame(peer: Any):
    from talking import box, later

    heard = peer.captions_heard()
    stamp = later(peer.stamp(), 0.1)
    peer.point(box("early"), stamp=stamp)
    time.sleep(0.1)
    peer.look(stamp)
    assert [caption.region_id for caption in of(heard, stamp).captions] == ["early"]


def test_regions_whose_frame_never_comes_are_refused(peer: Any):
    from programs import until
    from talking import box, later

    heard = peer.captions_heard()
    peer.point(box("lost"), stamp=later(peer.stamp(), 100))
    array = until(lambda: heard[0] if heard else None, "a refusal")
    (caption,) = array.captions
    assert array.status.code == caption.status.code == caption.status.NO_OBSERVATION
    assert caption.region_id == "lost"
    assert array.header.stamp.sec == 0


def test_captions_are_shown_while_somebody_looks(peer: Any):
    from programs import until
    from sensor_msgs.msg import Image
    from talking import FRAME, box
    from visualization_msgs.msg import ImageMarker, MarkerArray

    peer.measure()
    seen = {
        topic: peer.hear(kind, topic)
        for topic, kind in (
            ("region_markers", MarkerArray),
            ("region_outlines", ImageMarker),
            ("annotated_image", Image),
        )
    }
    for topic in seen:
        until(lambda topic=topic: peer.node.count_publishers(topic), topic)
    peer.point(box("ball", 34, 22, 62, 50))
    for topic, heard in seen.items():
        until(lambda heard=heard: peer.measure() and heard, topic)
    markers = seen["region_markers"][-1].markers
    assert [marker.action for marker in markers] == [3, 0, 0]
    assert {marker.header.frame_id for marker in markers} == {FRAME}
    assert markers[1].pose.position.z == pytest.approx(1.5, abs=0.01)
    assert len(seen["region_outlines"][-1].points) == 8
    assert seen["annotated_image"][-1].encoding == "rgb8"


def test_2d_and_3d_regions_are_captioned_each_on_theirs(peer: Any):
    from region_perception_msgs.msg import Region3DArray
    from talking import box, box_3d

    heard = peer.captions_heard()
    peer.point(box("a"))
    peer.send(Region3DArray, "regions_3d", Region3DArray(regions=[box_3d("b")]))
    first, second = peer.look(), peer.scan()
    assert of(heard, first).captions[0].modality == "image_region"
    assert of(heard, second).captions[0].modality == "cloud_region"
    peer.send(Region3DArray, "regions_3d", Region3DArray())


def test_the_status_tells_what_comes_in(peer: Any):
    from programs import until

    stamp = peer.look()
    heard = peer.statuses()

    def image() -> Any:
        inputs = {each.name: each for each in heard[-1].inputs}
        return inputs["image"] if inputs["image"].last_stamp == stamp else None

    found = until(image, "the newest frame in the status")
    assert (found.topic, found.publishers, found.reliability) == ("/image", 1, "reliable")
    assert found.received > 0
    status = heard[-1]
    assert status.device == "cpu"
    assert list(status.modalities) == []  # it has learnt nothing
    assert status.answered > 0
    assert status.encoded > 0
