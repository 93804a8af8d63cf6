"""Confidence intervals: against the formula for means, over groups, and where there is next to nothing to draw."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from region_perception.errors import InvalidInput
from region_perception.evaluation import estimates
from region_perception.evaluation.estimates import Estimate, estimate, estimate_mean


def test_the_interval_of_a_mean_is_as_wide_as_the_formula_says() -> None:
    right = np.random.default_rng(0).random(2000) < 0.8
    found = estimate_mean(right)
    half = 1.96 * np.sqrt(0.8 * 0.2 / 2000)
    assert found.value == pytest.approx(right.mean())
    assert found.high - found.low == pytest.approx(2 * half, rel=0.1)
    assert found.low < found.value < found.high
    assert found.count == 2000


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(1)
    samples = (estimate_mean(random.random(100) < 0.7) for _ in range(200))
    held = sum(found.low <= 0.7 <= found.high for found in samples)
    assert 180 <= held <= 199


def test_what_goes_together_in_groups_makes_intervals_wider() -> None:
    right = np.repeat(np.random.default_rng(2).random(50) < 0.5, 20)
    together, alone = estimate_mean(right, np.repeat(range(50), 20).tolist()), estimate_mean(right)
    assert together.value == alone.value
    assert together.high - together.low > 3 * (alone.high - alone.low)


def test_the_same_numbers_give_the_same_interval() -> None:
    values = np.random.default_rng(3).random(30).tolist()
    assert estimate_mean(values) == estimate_mean(values)


def test_nothing_and_one_group() -> None:
    assert estimate_mean([]) == Estimate(None, None, None, 0)
    assert estimate_mean([1, 0], ["a", "a"]) == Estimate(0.5, None, None, 2)
    assert estimate_mean([True] * 9) == Estimate(1.0, 1.0, 1.0, 9)


def test_drawing_in_parts_draws_as_many(monkeypatch) -> None:
    values = np.random.default_rng(4).random(100).tolist()
    monkeypatch.setattr(estimates, "_MOST_DRAWN", 100 * 7)
    found = estimate_mean(values)
    assert found.low < found.value < found.high


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=2, max_size=20))
def test_intervals_lie_within_what_there_is(values: list[float]) -> None:
    found = estimate_mean(values)
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9


def test_several_scores_of_the_same_sums() -> None:
    items = np.array([[1.0, 2.0], [3.0, 2.0]])
    ratio, share = estimate(items, None, lambda sums: np.stack([sums[:, 0] / sums[:, 1], sums[:, 0]], axis=1))
    assert (ratio.value, share.value) == (1.0, 4.0)


def test_what_cannot_be_averaged_is_refused() -> None:
    with pytest.raises(InvalidInput, match="item 1 of 2"):
        estimate_mean([1.0, float("nan")])
    with pytest.raises(InvalidInput, match="1 groups for 2 items"):
        estimate_mean([1.0, 2.0], ["a"])
