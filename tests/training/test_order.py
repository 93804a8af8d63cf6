"""The order of a run is a function of seed and step, and goes through all data."""

from collections import Counter

import numpy as np
import pytest

from region_perception.training.order import Draws, Schedule, drawn_index

SIZES = {"image_region": 12, "cloud": 8, "cloud_region": 4}


def turns(schedule):
    return [tuple(draws.modality for draws in schedule.draws(step)) for step in range(schedule.steps_per_epoch)]


def test_semi_hybrid_takes_each_modality_in_turn_in_every_epoch(make_recipe):
    schedule = Schedule(make_recipe(order="semi-hybrid", steps=0, epochs=2), SIZES)
    assert turns(schedule) == [("image_region",)] * 3 + [("cloud",)] * 2 + [("cloud_region",)]
    assert schedule.steps == 12
    assert schedule.draws(6) == [Draws("image_region", 12, 4)], "the second epoch begins anew"


def test_interleaved_spreads_the_same_turns(make_recipe):
    schedule = Schedule(make_recipe(order="interleaved"), SIZES)
    assert Counter(turns(schedule)) == {("image_region",): 3, ("cloud",): 2, ("cloud_region",): 1}
    assert turns(schedule)[:3] != [("image_region",)] * 3


def test_mixed_takes_all_in_every_step_and_small_data_again(make_recipe):
    schedule = Schedule(make_recipe(order="mixed"), SIZES)
    assert turns(schedule) == [tuple(SIZES)] * 3
    assert schedule.draws(4) == [Draws(name, 16, 4) for name in SIZES]


@pytest.mark.parametrize("order", ["semi-hybrid", "interleaved", "mixed"])
def test_no_draw_is_taken_twice_or_left_out(make_recipe, order):
    schedule = Schedule(make_recipe(order=order, steps=0, epochs=3), SIZES)
    taken = {name: [] for name in SIZES}
    for step in range(schedule.steps):
        for name, first, count in schedule.draws(step):
            taken[name] += range(first, first + count)
    for draws in taken.values():
        assert draws == list(range(len(draws)))


def test_every_lap_goes_through_all_observations_in_another_order():
    laps = [[drawn_index(7, "cloud", 10, lap * 10 + i) for i in range(10)] for lap in range(3)]
    assert all(sorted(lap) == list(range(10)) for lap in laps)
    assert laps[0] != laps[1] != laps[2]
    assert laps[0] != [drawn_index(8, "cloud", 10, i) for i in range(10)]
    assert laps[0] != [drawn_index(7, "image", 10, i) for i in range(10)]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 16, 17, 1000, 4097])
def test_every_size_is_gone_through_whole(size):
    assert sorted(drawn_index(0, "cloud", size, draw) for draw in range(size)) == list(range(size))


def test_the_order_is_as_good_as_random():
    """Neighbours go far apart, and each place is as likely as any other, over many laps."""
    order = np.array([drawn_index(0, "cloud", 5000, draw) for draw in range(5000)])
    assert abs(np.corrcoef(order, np.arange(5000))[0, 1]) < 0.05
    assert abs(np.corrcoef(order[1:], order[:-1])[0, 1]) < 0.05
    assert np.abs(np.diff(order)).mean() == pytest.approx(5000 / 3, rel=0.05)
    firsts = Counter(drawn_index(0, "cloud", 6, 6 * lap) for lap in range(6000))
    assert len(firsts) == 6
    assert all(count == pytest.approx(1000, abs=150) for count in firsts.values())


def test_a_long_order_takes_no_memory():
    """The order of as many observations as no memory holds, at once."""
    drawn = {drawn_index(0, "cloud", 10**15, draw) for draw in range(100)}
    assert len(drawn) == 100
    assert max(drawn) > 9 * 10**14


def test_repeats_lengthen_an_epoch(make_recipe):
    recipe = make_recipe()
    from dataclasses import replace

    twice = replace(recipe, cloud_region=replace(recipe.cloud_region, repeats=2), steps=0)
    assert Counter(turns(Schedule(twice, SIZES)))[("cloud_region",)] == 2
