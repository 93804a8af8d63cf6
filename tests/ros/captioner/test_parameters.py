"""Parameters of the running captioner: described, refused with words, applied at once; and its transitions."""

from typing import Any

import pytest

pytestmark = pytest.mark.ros


def test_parameters_are_described(captioner: Any, peer: Any):
    from rcl_interfaces.srv import DescribeParameters

    from ros_nodes.captioner.settings import CaptionerSettings
    from ros_nodes.runtime.settings import names

    request = DescribeParameters.Request(names=names(CaptionerSettings))
    described = peer.call(DescribeParameters, f"{peer.name}/describe_parameters", request).descriptors
    by_name = {each.name: each for each in described}
    assert set(by_name) == set(names(CaptionerSettings))
    assert all(each.description for each in described)
    assert by_name["max_regions"].integer_range[0].to_value == 4096
    assert by_name["max_age"].floating_point_range[0].to_value == 3600
    assert by_name["autostart"].read_only
    assert by_name["image_reliability"].additional_constraints == "auto, reliable, best_effort"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("max_age", -1.0, "max_age"),
        ("max_age", float("nan"), "max_age"),
        ("max_regions", 0, "max_regions"),
        ("points_reliability", "sometimes", "auto, reliable, best_effort"),
        ("device", "toaster", "expected auto, cpu"),
        ("sensor_pose", [1.0, 2.0], "x y z roll pitch yaw"),
        ("model", " ", "expected the name of a model"),
        ("autostart", False, "read-only"),
    ],
)
def test_values_that_cannot_be_are_refused_with_words(set_parameter: Any, name: str, value: Any, words: str):
    result = set_parameter(name, value)
    assert not result.successful
    assert words in result.reason


def test_limits_are_applied_at_once(set_parameter: Any, peer: Any):
    from talking import box

    stamp = peer.look()
    assert peer.caption(box("a"), box("b"), stamp=stamp).status.code == 0
    assert set_parameter("max_regions", 1).successful
    refused = peer.caption(box("a"), box("b"), stamp=stamp)
    assert refused.status.code == refused.status.TOO_LARGE


def test_whole_numbers_are_floats_too(set_parameter: Any, peer: Any):
    import time

    from talking import box

    stamp = peer.look()
    assert set_parameter("max_age", 1).successful
    peer.caption(box(), stamp=stamp)
    time.sleep(1.1)
    refused = peer.caption(box(), stamp=stamp, timeout=0.0)
    assert refused.status.code == refused.status.STALE
    assert "at most 1 s" in refused.status.message
    assert peer.caption(box(), stamp=stamp, max_age=1000.0).status.code == 0


def test_rounds_keep_their_distance(set_parameter: Any, peer: Any):
    import time

    from programs import until
    from talking import box

    heard = peer.captions_heard()
    assert set_parameter("min_interval", 1.0).successful
    heard.clear()
    peer.point(box())
    began = time.monotonic()
    while time.monotonic() - began < 1.5:
        peer.look()
        time.sleep(0.05)
    assert 1 <= len(heard) <= 3  # of thirty frames
    assert set_parameter("min_interval", 0.0).successful
    assert set_parameter("follow", False).successful
    peer.point(box("once"))
    until(lambda: any(array.captions and array.captions[0].region_id == "once" for array in heard), "captions")
    heard.clear()
    peer.caption(box(), stamp=peer.look())
    assert heard == []
    peer.point()


def test_a_pose_stands_clouds_upright(set_parameter: Any, peer: Any):
    from talking import box_3d

    stamp = peer.scan()
    assert set_parameter("sensor_pose", [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]).successful
    (caption,) = peer.caption(regions_3d=[box_3d()], stamp=stamp).captions
    assert caption.status.code == 0
    assert caption.pose.position.z == pytest.approx(0.1)  # in the frame of the sensor, as it was asked


def test_another_model_by_its_parameter(set_parameter: Any, peer: Any, model: Any, tmp_path: Any):
    """One that is missing leaves the present one, and the parameter says so."""
    from programs import until
    from rcl_interfaces.srv import GetParameters

    def named() -> str:
        request = GetParameters.Request(names=["model"])
        return peer.call(GetParameters, f"{peer.name}/get_parameters", request).values[0].string_value

    assert set_parameter("model", str(tmp_path / "missing")).successful
    until(lambda: named() == str(model), "the parameter to tell what answers")
    code = peer.statuses()[-1].last_error.MODEL_ERROR
    status = until(lambda: next((s for s in peer.statuses()[-3:] if s.last_error.code == code), None), "the reason")
    assert "missing" in status.last_error.message
    assert status.model == str(model)


def test_a_node_that_is_not_active_says_so(captioner: Any, peer: Any):
    from lifecycle_msgs.msg import Transition
    from talking import box

    assert peer.change_state(Transition.TRANSITION_DEACTIVATE)
    refused = peer.caption(box("a"), timeout=0.0)
    assert refused.status.code == refused.captions[0].status.code == refused.status.NOT_READY
    assert "not active" in refused.status.message
    found = peer.find("mug", box("a"), timeout=0.0)
    assert found.status.code == found.status.NOT_READY
    assert not peer.change_state(Transition.TRANSITION_CONFIGURE)  # not from here, and it answers all the same
    assert peer.change_state(Transition.TRANSITION_ACTIVATE)
    peer.silence()
    assert peer.caption(box("a"), stamp=peer.look()).status.code == 0
