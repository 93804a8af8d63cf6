"""The state of a marker server against the protocol, by a client that keeps to it; and a box that is pulled at."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ros_nodes.interactive.box import HANDLES, LEAST_SIDE, HeldBox
from ros_nodes.interactive.store import HOLD, MarkerStore, Update


def marker(name: str, pose: Any = 0) -> Any:
    return SimpleNamespace(name=name, pose=pose)


class Client:
    """What viewers do: all markers with a number first, then update by update; a missing number is an error."""

    def __init__(self, store: MarkerStore) -> None:
        self.number, markers = store.all()
        self.markers = {each.name: each.pose for each in markers}

    def hear(self, update: Update) -> None:
        if update.number <= self.number:
            return
        assert update.number == self.number + 1, "an update was missed"
        self.number = update.number
        self.markers |= {each.name: each.pose for each in update.markers}
        for name, pose in update.poses.items():
            assert name in self.markers, "a marker moves that was never heard of"
            self.markers[name] = pose
        for name in update.erased:
            assert self.markers.pop(name, None) is not None, "a marker goes that was never heard of"


def test_numbers_have_no_gaps_and_are_only_used_by_what_is_sent():
    store = MarkerStore()
    assert store.apply() is None
    assert store.all() == (0, [])
    store.insert(marker("a"))
    assert store.all() == (0, [])  # not sent yet
    update = store.apply()
    assert update is not None
    assert (update.number, [each.name for each in update.markers]) == (1, ["a"])
    assert store.apply() is None
    assert store.all()[0] == 1
    store.move("a", 5)
    update = store.apply()
    assert update is not None
    assert (update.number, update.poses, update.markers) == (2, {"a": 5}, [])
    assert [each.pose for each in store.all()[1]] == [5]


def test_numbers_may_begin_anywhere_and_an_update_may_hold_nothing():
    store = MarkerStore(7)
    client = Client(store)
    assert store.all() == (7, [])
    update = store.apply(always=True)
    assert update == Update(8)
    assert store.apply() is None
    client.hear(update)
    assert client.number == store.all()[0] == 8


def test_what_comes_and_goes_between_two_updates_is_never_told():
    store = MarkerStore()
    store.insert(marker("a"))
    store.erase("a")
    assert store.apply() is None
    assert not store.erase("a")
    assert not store.move("a", 1)
    store.insert(marker("a", 1))
    store.move("a", 2)
    update = store.apply()
    assert update is not None
    assert [each.pose for each in update.markers] == [2]
    assert update.poses == {}
    store.erase("a")
    assert store.names == []
    store.insert(marker("a", 3))
    update = store.apply()
    assert update is not None
    assert update.erased == []
    assert [each.pose for each in update.markers] == [3]


steps = st.lists(
    st.tuples(
        st.sampled_from(["insert", "move", "erase", "apply", "join"]), st.sampled_from("abc"), st.integers(0, 99)
    ),
    max_size=40,
)


@given(steps)
def test_every_client_sees_the_same_whenever_it_comes(steps: list[tuple[str, str, int]]):
    store, clients, wanted = MarkerStore(), [], {}
    for what, name, value in steps:
        if what == "insert":
            store.insert(marker(name, value))
            wanted[name] = value
        elif what == "move":
            assert store.move(name, value) == (name in wanted)
            if name in wanted:
                wanted[name] = value
        elif what == "erase":
            assert store.erase(name) == (wanted.pop(name, None) is not None)
        elif what == "join":
            clients.append(Client(store))
        elif (update := store.apply()) is not None:
            for client in clients:
                client.hear(update)
        assert sorted(store.names) == sorted(wanted)
    if (update := store.apply()) is not None:
        for client in clients:
            client.hear(update)
    for client in (*clients, Client(store)):
        assert client.markers == wanted


def test_a_marker_belongs_to_one_hand_at_a_time():
    store = MarkerStore()
    store.insert(marker("a"))
    store.insert(marker("b"))
    assert store.takes("a", "first", 10.0)
    assert not store.takes("a", "second", 10.0 + HOLD / 2)
    assert store.takes("b", "second", 10.0)
    assert store.takes("a", "first", 10.0 + HOLD / 2)
    assert not store.takes("a", "second", 10.0 + HOLD)
    assert store.takes("a", "second", 10.0 + 1.5 * HOLD)
    assert not store.takes("c", "first", 10.0)


def box(yaw: float = 0.0) -> HeldBox:
    cos, sin = math.cos(yaw), math.sin(yaw)
    rotation = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    return HeldBox("base", np.array([1.0, 2.0, 3.0]), rotation, np.array([0.4, 0.2, 0.1]))


@pytest.mark.parametrize("name", HANDLES)
@given(pull=st.floats(-0.5, 1.0), aside=st.floats(-0.3, 0.3), yaw=st.floats(-3, 3))
def test_a_face_follows_its_handle_and_the_one_across_stays(name: str, pull: float, aside: float, yaw: float):
    before = box(yaw)
    axis, direction = HANDLES[name]
    outwards = direction * before.rotation[:, axis]
    point = before.handle(name) + pull * outwards + aside * before.rotation[:, (axis + 1) % 3]
    after = before.pulled(name, point)
    across = [each.middle - outwards * each.sides[axis] / 2 for each in (before, after)]
    np.testing.assert_allclose(*across, atol=1e-9)
    if after.sides[axis] > LEAST_SIDE:
        off = (after.handle(name) - point) @ outwards
        assert off == pytest.approx(0, abs=1e-9)
    np.testing.assert_array_equal(np.delete(after.sides, axis), np.delete(before.sides, axis))
    again = after.pulled(name, point)  # the same feedback once more changes nothing
    np.testing.assert_allclose(again.sides, after.sides, atol=1e-9)
    np.testing.assert_allclose(again.middle, after.middle, atol=1e-9)
