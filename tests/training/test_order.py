"""The order of a run is a function of seed and step, and goes through all data."""

from collections import Counter

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


def test_repeats_lengthen_an_epoch(make_recipe):
    recipe = make_recipe()
    from dataclasses import replace

    twice = replace(recipe, cloud_region=replace(recipe.cloud_region, repeats=2), steps=0)
    assert Counter(turns(Schedule(twice, SIZES)))[("cloud_region",)] == 2
