"""What goes wrong around the captioner: models that cannot be read, publishers of another kind, sudden ends, clocks."""

import pickle
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.ros

BEST_EFFORT, RELIABLE = "best_effort", "reliable"


def publish(peer: Any, topic: str, reliability: str) -> Any:
    """A publisher of images that need not be connected yet."""
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import Image

    policy = ReliabilityPolicy.BEST_EFFORT if reliability == BEST_EFFORT else ReliabilityPolicy.RELIABLE
    return peer.node.create_publisher(Image, topic, QoSProfile(depth=1, reliability=policy))


def heard_from(peer: Any, node: str, publisher: Any, reliability: str) -> None:
    """Publishes pictures until the node's status says that one has come, by a subscription of that reliability."""
    from programs import until
    from talking import picture

    before = len(peer.statuses(node))

    def come() -> bool:
        publisher.publish(picture(peer.stamp()))
        time.sleep(0.1)
        statuses = peer.statuses(node)[before:]
        images = [each for each in statuses[-1].inputs if each.name == "image"] if statuses else []
        return bool(images) and images[0].reliability == reliability and images[0].rate > 0

    until(come, f"pictures from a {reliability} publisher")


def test_publishers_of_either_reliability_are_heard(start: Any, peer: Any):
    """Best effort first, then reliable, while the node runs; it is killed and comes back; the camera falls silent."""
    from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
    from programs import until
    from talking import box

    topic, node = "/faults/image", "/faulty"
    program = start("faulty", remap={"image": topic})
    peer.active(program, node)
    camera = publish(peer, topic, BEST_EFFORT)
    heard_from(peer, node, camera, BEST_EFFORT)
    peer.node.destroy_publisher(camera)
    camera = publish(peer, topic, RELIABLE)
    heard_from(peer, node, camera, RELIABLE)
    program.kill()
    peer.statuses(node).clear()
    again = start("faulty", remap={"image": topic})
    peer.active(again, node)
    heard_from(peer, node, camera, RELIABLE)
    answer = peer.caption(box("a"), node=node)
    assert answer.status.code == 0, answer.status
    time.sleep(2.1)  # the camera is there, and silent: what it sent last is too old now
    refused = peer.caption(box("a"), node=node, timeout=0.0)
    assert refused.status.code == refused.status.STALE
    told = peer.hear(DiagnosticArray, "/diagnostics")

    def level(words: str) -> Any:
        """Of the node, as it says something of the kind."""
        of_node = [each for array in told for each in array.status if each.name == node[1:]]
        return of_node[-1].level if of_node and words in of_node[-1].message else None

    assert until(lambda: level("publishers, but no messages: image"), "diagnostics") == DiagnosticStatus.WARN
    heard_from(peer, node, camera, RELIABLE)
    assert until(lambda: level("active"), "diagnostics") == DiagnosticStatus.OK
    answer = peer.caption(box("a"), node=node, max_age=60.0)
    assert answer.status.code == 0, answer.status
    assert again.stop(signal.SIGINT) == 0, again.said()


class Payload:
    """What a pickle runs when somebody reads it."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("fault", ["missing", "cut", "not a model", "a pickle"])
def test_a_model_that_cannot_be_read_is_told_and_can_be_put_right(
    start: Any, peer: Any, model: Any, tmp_path: Any, fault: str
):
    from lifecycle_msgs.msg import Transition
    from region_perception_msgs.msg import CaptionerStatus
    from talking import box

    broken, name = tmp_path / "broken", f"broken_{fault.replace(' ', '_')}"
    if fault != "missing":
        shutil.copytree(model, broken)
    if fault == "cut":
        weights = broken / "base.safetensors"
        weights.write_bytes(weights.read_bytes()[:100_000])
    elif fault == "not a model":
        (broken / "config.json").write_text("[1, 2")
    elif fault == "a pickle":
        (broken / "base.safetensors").write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    program = start(name, model=str(broken))
    status = peer.state(CaptionerStatus.STATE_FAILED, program, f"/{name}")
    assert status.last_error.code == status.last_error.MODEL_ERROR
    assert "broken" in status.last_error.message
    refused = peer.caption(box("a"), node=f"/{name}", timeout=0.0)
    assert refused.status.code == refused.status.NOT_READY
    assert not (tmp_path / "ran").exists()
    if fault == "cut":
        shutil.copytree(model, broken, dirs_exist_ok=True)
        assert peer.change_state(Transition.TRANSITION_CONFIGURE, f"/{name}")
        assert peer.change_state(Transition.TRANSITION_ACTIVATE, f"/{name}")
        peer.active(program, f"/{name}")
        weights.write_bytes(weights.read_bytes()[:100_000])
        swapped = peer.set_model(str(broken), f"/{name}")  # by the service, while the one that was read answers
        assert swapped.status.code == swapped.status.MODEL_ERROR
        assert peer.statuses(f"/{name}")[-1].state == CaptionerStatus.STATE_ACTIVE
    assert program.stop() == 0, program.said()


def test_simulated_time_may_jump(start: Any, peer: Any):
    """Forward and back: frames from before say nothing any more; the next ones, compressed, are answered, but for one
    that would not fit into any memory."""
    from builtin_interfaces.msg import Time
    from programs import until
    from region_perception_msgs.msg import Region2DArray, RegionCaptionArray
    from rosgraph_msgs.msg import Clock
    from sensor_msgs.msg import CompressedImage
    from talking import FRAME, box, header, huge_png, jpeg

    remap = {name: f"/simulated/{name}" for name in ("image", "regions_2d", "region_captions")}
    program = start("simulated", use_sim_time=True, max_age=1.0, image_transport="compressed", remap=remap)
    peer.active(program, "/simulated")
    clock = peer.publisher(Clock, "/clock", 10)
    told = peer.hear(RegionCaptionArray, "/simulated/region_captions")
    peer.send(Region2DArray, "/simulated/regions_2d", Region2DArray(regions=[box("t")]))  # to be followed

    def answered(second: int) -> Any:
        stamp = Time(sec=second)
        clock.publish(Clock(clock=stamp))
        time.sleep(0.1)
        message = CompressedImage(header=header(stamp, FRAME), format="jpeg", data=jpeg())
        peer.send(CompressedImage, "/simulated/image/compressed", message)
        answer = peer.caption(box("a"), node="/simulated", stamp=stamp, timeout=1.0)
        on_topic = any(caption.header.stamp == stamp for each in told for caption in each.captions)
        return answer if answer.status.code == 0 and on_topic else None

    for second in (100, 5000, 20):
        answer = until(lambda second=second: answered(second), f"an answer at {second} s of simulated time")
        assert answer.captions[0].header.stamp.sec == second
    clock.publish(Clock(clock=Time(sec=21)))
    bomb = CompressedImage(header=header(Time(sec=21), FRAME), format="png", data=huge_png())
    peer.send(CompressedImage, "/simulated/image/compressed", bomb)
    refused = peer.caption(box("a"), node="/simulated", stamp=Time(sec=21), timeout=60.0)
    assert refused.status.code == refused.status.TOO_LARGE, refused.status
    refused = peer.caption(box("a"), node="/simulated", stamp=Time(sec=5000), timeout=0.0)
    assert refused.status.code == refused.status.NO_OBSERVATION  # it was forgotten
    assert program.stop() == 0, program.said()


@pytest.mark.parametrize("wrong", [{"max_age": -3.0}, {"image_reliability": "perhaps"}, {"device": 7}])
def test_wrong_parameters_end_the_program_with_words(start: Any, wrong: dict[str, Any]):
    program = start("wrong", **wrong)
    assert program.process.wait(timeout=120) == 2
    assert "cannot start: " in program.said()
    assert next(iter(wrong)) in program.said()
    assert "Traceback" not in program.said()


def test_an_interrupt_while_the_model_is_read_ends_it_cleanly(start: Any):
    program = start("hurried")
    time.sleep(2.0)
    assert program.stop() in (0, -signal.SIGTERM)  # before ROS is there, nobody can be told
    assert "Traceback" not in program.said()
