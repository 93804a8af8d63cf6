"""Regions of a request in what was seen, without ROS: what is asked once, and what is kept of it."""

import gc
import weakref
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from region_perception.observations import observe_cloud
from ros_nodes.captioner.pointing import Found, Pointing, Wanted
from ros_nodes.captioner.sights import Sight
from ros_nodes.decoding import STILL, Code, Refusal
from ros_nodes.encoding import encode_region_3d
from ros_nodes.messages.classes import Header
from ros_nodes.runtime.transforms import Transforms


class Tf:
    """Knows nothing, and counts who asks."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, *question: Any) -> Any:
        self.asked += 1
        raise LookupError("no such frame")


def sight() -> Sight:
    cloud = observe_cloud(np.random.default_rng(0).random((64, 3), np.float32))
    return Sight(1, Header(frame_id="lidar"), cloud, STILL)


def find(seen: Sight, tf: Tf, *frames: str) -> Found:
    """The whole cloud in each of some frames, for a model that only knows regions of it."""
    spec = SimpleNamespace(modalities=("cloud_region",))
    model: Any = SimpleNamespace(name="test", spec=spec, trained=frozenset(spec.modalities))
    sights: Any = SimpleNamespace(image=None, cloud=None, pair=lambda sight: None)
    regions = [encode_region_3d(None, Header(frame_id=frame)) for frame in frames]
    for region in regions:
        region.kind = region.KIND_CLICK
    return Pointing(sights, model, Transforms(tf), both=True).find(Wanted(regions_3d=regions, sight=seen))


def test_a_transform_that_is_not_there_is_waited_for_once():
    tf = Tf()
    found = find(sight(), tf, "map", "map", "odom", "map")
    assert [each.refusal.code for each in found.regions if each.refusal] == [Code.NO_TRANSFORM] * 4
    assert tf.asked == 2


def test_a_mistake_of_the_program_is_told_and_keeps_no_other_region_from_its_answer():
    """Told as it was raised, so that the log can say where."""
    calls: list[str] = []
    failed: list[BaseException] = []

    def see(stamp: int, max_age: float) -> Any:
        calls.append("")
        if len(calls) == 1:
            raise ZeroDivisionError("oh")
        raise Refusal(Code.STALE, "old")

    sights: Any = SimpleNamespace(image=None, cloud=see)
    model: Any = None
    pointing = Pointing(sights, model, Transforms(None), both=True, failed=failed.append)
    found = pointing.find(Wanted(regions_3d=[encode_region_3d(None, Header()) for _ in range(2)]))
    assert [each.refusal.code for each in found.regions if each.refusal] == [Code.INTERNAL_ERROR, Code.STALE]
    assert [type(error) for error in failed] == [ZeroDivisionError]


def test_all_regions_of_a_request_are_of_one_frame():
    """While they are sought the next frame comes: those that say no stamp would each be of another."""
    asked: list[int] = []

    def see(stamp: int, max_age: float) -> Sight:
        asked.append(stamp)
        return sight()

    sights: Any = SimpleNamespace(image=None, cloud=see)
    model: Any = SimpleNamespace(name="test", spec=SimpleNamespace(modalities=()), trained=frozenset())
    regions = [encode_region_3d(None, Header()) for _ in range(4)]
    regions[2].header.stamp.sec = 5
    found = Pointing(sights, model, Transforms(None), both=False).find(Wanted(regions_3d=regions)).regions
    assert asked == [0, 5 * 10**9]
    assert found[0].sight is found[1].sight is found[3].sight is not found[2].sight


@pytest.fixture
def no_collector() -> Any:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
def test_refused_regions_let_go_of_what_they_were_about():
    """At once, and not when the collector comes by: frames are megabytes."""
    seen = sight()
    found = find(seen, Tf(), "map")
    gone = weakref.ref(seen)
    assert found.regions[0].refusal is not None
    del seen, found
    assert gone() is None
