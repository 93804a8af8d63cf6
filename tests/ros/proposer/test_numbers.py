"""Regions keep their numbers while they move a little, and no two have the same."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ros_nodes.proposer.numbers import Numbers
from ros_nodes.proposer.settings import ProposerSettings
from ros_nodes.runtime.settings import about, names


def place(x: float, y: float, side: float = 10) -> tuple[np.ndarray, np.ndarray]:
    return np.array([x, y]), np.array([side, side])


def test_what_moves_a_little_keeps_its_number_whatever_the_order():
    numbers = Numbers()
    assert numbers.of([place(0, 0), place(50, 0)]) == [1, 2]
    assert numbers.of([place(52, 1), place(1, 1)]) == [2, 1]
    assert numbers.of([place(200, 0), place(52, 1)]) == [3, 2]
    assert numbers.of([place(0, 0)]) == [4]  # was gone
    assert numbers.of([]) == []


def test_something_of_quite_another_size_is_something_else():
    numbers = Numbers()
    assert numbers.of([place(0, 0, 10)]) == [1]
    assert numbers.of([place(0, 0, 40)]) == [2]


places = st.lists(
    st.tuples(st.floats(-50, 50), st.floats(-50, 50), st.floats(0, 30)).map(lambda v: place(*v)), max_size=6
)


@given(st.lists(places, max_size=5))
def test_no_two_of_one_frame_have_the_same_number(frames: list[list[tuple[np.ndarray, np.ndarray]]]):
    numbers = Numbers()
    for frame in frames:
        given_numbers = numbers.of(frame)
        assert len(set(given_numbers)) == len(frame)


def test_every_parameter_says_what_it_is():
    for name in names(ProposerSettings):
        assert about(ProposerSettings, name).text.endswith("."), name
