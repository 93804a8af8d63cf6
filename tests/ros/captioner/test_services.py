"""The services of the captioner, over real rclpy: what is answered, about which frame, in which order."""

import math
from typing import Any

import pytest

pytestmark = pytest.mark.ros


@pytest.fixture(autouse=True)
def running(captioner: Any) -> None:
    """All tests talk to one captioner."""


def test_regions_of_an_image_are_captioned(peer: Any):
    from region_perception_msgs.msg import RegionCaption, Status
    from talking import FRAME, box, spread

    stamp = peer.look()
    whole = box("whole")
    whole.kind = whole.KIND_WHOLE
    answer = peer.caption(box("a", label="mug"), whole, stamp=stamp)
    assert answer.status.code == Status.OK, answer.status
    assert [caption.region_id for caption in answer.captions] == ["a", "whole"]
    first, second = answer.captions
    assert (first.modality, second.modality) == (RegionCaption.MODALITY_IMAGE_REGION, RegionCaption.MODALITY_IMAGE)
    assert (first.header.stamp, first.header.frame_id, first.label) == (stamp, FRAME, "mug")
    assert (first.x1, first.y1, first.x2, first.y2) == (30, 20, 66, 52)
    assert first.pixel_count == 36 * 32
    assert spread(answer.captions)
    assert first.age >= 0
    assert first.inference_time > 0
    assert first.model.endswith("mini")


def test_a_frame_is_encoded_once(peer: Any):
    from talking import box

    stamp = peer.look()
    first = peer.caption(box(), stamp=stamp).captions[0]
    again = peer.caption(box(), stamp=stamp).captions[0]
    assert first.encoding_time > 0
    assert again.encoding_time == 0
    assert again.text == first.text


def test_regions_of_a_cloud_are_captioned(peer: Any):
    from region_perception_msgs.msg import RegionCaption
    from talking import box_3d

    stamp = peer.scan()
    answer = peer.caption(regions_3d=[box_3d("b"), box_3d("far", x=50.0)], stamp=stamp)
    near, far = answer.captions
    assert near.modality == RegionCaption.MODALITY_CLOUD_REGION
    assert near.header.frame_id == "lidar"
    assert near.point_count > 0
    assert near.pose.position.x == pytest.approx(1.5)
    assert near.size.x == pytest.approx(0.3)
    assert far.status.code == far.status.EMPTY_REGION
    assert far.header.stamp == stamp
    assert answer.status.code == far.status.OK  # one was answered


def test_with_depth_a_region_is_read_from_image_and_cloud(peer: Any):
    from region_perception_msgs.msg import RegionCaption
    from talking import FRAME, box

    stamp = peer.measure()
    answer = peer.caption(box("ball", 34, 22, 62, 50), stamp=stamp, max_alternatives=3)
    (caption,) = answer.captions
    assert caption.status.code == caption.status.OK, caption.status
    (other,) = caption.alternatives
    both = {RegionCaption.MODALITY_IMAGE_REGION, RegionCaption.MODALITY_CLOUD_REGION}
    assert {caption.modality, other.modality} == both
    assert caption.confidence >= other.confidence
    assert caption.header.frame_id == FRAME
    # The ball is before the wall; in the camera's own frame z is forward.
    assert caption.pose.position.z == pytest.approx(1.5, abs=0.01)
    assert caption.pose.position.x == pytest.approx(0.0, abs=0.02)
    assert caption.point_count == 20 * 20
    assert caption.pixel_count == 28 * 28
    none = peer.caption(box("ball", 34, 22, 62, 50), stamp=stamp)
    assert list(none.captions[0].alternatives) == []


def test_an_image_waits_for_its_depth(peer: Any):
    from talking import box

    peer.measure()
    stamp = peer.measure_later()
    (caption,) = peer.caption(box("ball", 34, 22, 62, 50), stamp=stamp, max_alternatives=1).captions
    assert len(caption.alternatives) == 1


def test_a_box_in_space_is_read_from_the_image_too(peer: Any):
    from talking import FRAME, box_3d

    stamp = peer.measure()
    region = box_3d("ball", frame=FRAME, side=0.5)
    region.pose.position.x, region.pose.position.z = 0.0, 1.5
    (caption,) = peer.caption(regions_3d=[region], stamp=stamp, max_alternatives=1).captions
    assert caption.status.code == caption.status.OK, caption.status
    assert len(caption.alternatives) == 1
    assert (caption.x1, caption.y1, caption.x2, caption.y2) == pytest.approx((38, 26, 58, 46))
    assert caption.pose.position.z == pytest.approx(1.5)


def test_questions_are_answered(peer: Any):
    from talking import box

    stamp = peer.look()
    answer = peer.ask("What \x07\x1bcolour\nis it?", box(), stamp=stamp)
    (caption,) = answer.answers
    assert caption.status.code == caption.status.OK
    assert caption.question == "What colour is it?"


@pytest.mark.parametrize("question", ["", " \n\t", "why " * 1000])
def test_questions_that_are_none_are_refused(peer: Any, question: str):
    from talking import box

    answer = peer.ask(question, box("a"), box("b"), stamp=peer.look())
    assert answer.status.code == answer.status.INVALID_TEXT
    assert answer.status.message
    assert [caption.region_id for caption in answer.answers] == ["a", "b"]
    assert {caption.status.code for caption in answer.answers} == {answer.status.INVALID_TEXT}
    found = peer.find(question, box("a"), stamp=peer.look())
    assert found.status.code == found.status.INVALID_TEXT
    assert list(found.ranking) == []


def test_candidates_are_ranked_and_refused_ones_come_last(peer: Any):
    from talking import box

    stamp = peer.look()
    answer = peer.find("the red mug", box("out", 200, 200, 220, 220), box("a"), box("b", 0, 0, 20, 20), stamp=stamp)
    assert answer.status.code == answer.status.OK, answer.status
    assert answer.header.stamp == stamp
    assert {match.region_id for match in answer.ranking[:2]} == {"a", "b"}
    assert answer.ranking[0].score >= answer.ranking[1].score
    last = answer.ranking[2]
    assert (last.region_id, last.index, last.status.code) == ("out", 0, last.status.EMPTY_REGION)
    assert math.isnan(last.score)
    assert sum(match.confidence for match in answer.ranking[:2]) == pytest.approx(1, abs=1e-3)


def test_candidates_of_both_kinds_are_compared(peer: Any):
    from talking import box, box_3d

    stamp = peer.look()
    peer.scan(stamp)
    answer = peer.find("the red mug", box("a"), regions_3d=[box_3d("b")], stamp=stamp)
    assert sorted((match.index, match.region_id) for match in answer.ranking) == [(0, "a"), (1, "b")]
    assert {match.modality for match in answer.ranking} == {"image_region", "cloud_region"}


def test_the_frame_of_a_stamp_is_found_among_the_last(peer: Any):
    from talking import box

    stamps = []
    for seed in range(4):
        stamps.append(peer.look(seed=seed))
        peer.caption(box(), stamp=stamps[-1])  # once it is answered, the frame has come
    for stamp in reversed(stamps):
        (caption,) = peer.caption(box(), stamp=stamp).captions
        assert caption.header.stamp == stamp
    region = box()
    region.header.stamp = stamps[1]
    (caption,) = peer.caption(region).captions
    assert (caption.header.stamp, caption.region_stamp) == (stamps[1], stamps[1])


def test_a_request_waits_for_its_frame(peer: Any):
    import threading

    from talking import box, later

    stamp = later(peer.stamp(), 0.4)
    threading.Timer(0.3, peer.look, (stamp,)).start()
    (caption,) = peer.caption(box(), stamp=stamp).captions
    assert caption.header.stamp == stamp
    refused = peer.caption(box(), stamp=later(stamp, 100), timeout=0.1)
    assert refused.status.code == refused.status.NO_OBSERVATION
    assert "what is kept goes from" in refused.status.message


def test_too_many_regions_are_refused_as_a_whole(peer: Any):
    from talking import box

    answer = peer.caption(*[box(str(i)) for i in range(65)], stamp=peer.look())
    assert answer.status.code == answer.status.TOO_LARGE
    assert "65 regions, at most 64" in answer.status.message


def test_no_regions_are_no_mistake(peer: Any):
    answer = peer.caption(stamp=peer.look())
    assert answer.status.code == answer.status.OK
    assert list(answer.captions) == []


def test_another_model_answers_once_it_is_there(peer: Any, model: Any, tmp_path: Any):
    from talking import box

    stamp = peer.look()
    missing = peer.set_model(str(tmp_path / "nothing"))
    assert missing.status.code == missing.status.MODEL_ERROR
    assert missing.model == str(model)
    assert math.isnan(missing.load_time)
    assert peer.caption(box(), stamp=stamp).status.code == 0
    again = peer.set_model("")
    assert again.status.code == again.status.OK, again.status
    assert again.load_time > 0
    # Its views are its own: the frame is encoded again.
    assert peer.caption(box(), stamp=stamp).captions[0].encoding_time > 0
