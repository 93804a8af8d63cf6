"""Clouds brought to a budget."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from region_perception.errors import InvalidInput
from region_perception.observations import observe_cloud, sample_cloud


def surface(count: int, seed: int = 0) -> np.ndarray:
    """float32 [count, 3]: a wavy ground, five times as dense in one corner."""
    points = np.random.default_rng(seed).uniform(-20, 20, (count, 3))
    points[: count // 2, :2] = points[: count // 2, :2] / 4 + 15
    points[:, 2] = np.sin(points[:, 0])
    return points.astype(np.float32)


def coverage_radius(points: np.ndarray, kept: np.ndarray) -> float:
    """Metres from the point that is served worst to the nearest kept one."""
    return cKDTree(points[kept]).query(points)[0].max()


@pytest.mark.parametrize("count", [1, 2, 99, 100])
def test_what_fits_is_kept_whole(count: int) -> None:
    assert sample_cloud(surface(count), 100).tolist() == list(range(count))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3000), st.integers(1, 300), st.integers(0, 5))
def test_the_budget_is_met_exactly_with_distinct_points_in_order(count: int, budget: int, seed: int) -> None:
    kept = sample_cloud(surface(count, seed), budget)
    assert kept.dtype == np.int64
    assert len(kept) == min(count, budget)
    assert (np.diff(kept) > 0).all()
    assert kept[0] >= 0
    assert kept[-1] < count


@pytest.mark.parametrize("count", [3000, 60_000])
def test_coverage_is_near_that_of_farthest_points_and_far_better_than_chance(count: int) -> None:
    import fpsample

    points = surface(count)
    radius = coverage_radius(points, sample_cloud(points, 500))
    farthest = coverage_radius(points, fpsample.fps_sampling(points, 500, start_idx=0).astype(np.int64))
    chance = coverage_radius(points, np.random.default_rng(0).choice(count, 500, replace=False))
    assert radius < 1.25 * farthest
    assert radius < 0.6 * chance


def test_the_same_points_give_the_same_answer() -> None:
    points = surface(20_000)
    first = sample_cloud(points, 512)
    np.testing.assert_array_equal(first, sample_cloud(points.copy(), 512))
    np.testing.assert_array_equal(first, sample_cloud(observe_cloud(points), 512))


def test_points_that_coincide_are_kept_once() -> None:
    assert sample_cloud(np.ones((10_000, 3)), 64).tolist() == [0]
    corners = np.random.default_rng(0).integers(0, 2, (10_000, 3))
    kept = sample_cloud(corners, 64)
    assert len(kept) == 8
    assert len(np.unique(corners[kept], axis=0)) == 8


def test_one_point_in_many_copies_does_not_crowd_out_the_rest() -> None:
    points = np.concatenate((np.zeros((50_000, 3)), surface(1000))).astype(np.float32)
    kept = sample_cloud(points, 500)
    assert len(kept) == 500
    assert (kept >= 50_000).sum() == 499


def test_a_stray_point_far_away_does_not_merge_the_rest() -> None:
    points = surface(30_000)
    alone = coverage_radius(points[1:], sample_cloud(points[1:], 500))
    points[0] = 10_000
    kept = sample_cloud(points, 500)
    assert 0 in kept
    assert coverage_radius(points, kept) < 1.3 * alone


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e6])
def test_every_scale_is_sampled(scale: float) -> None:
    assert len(sample_cloud(surface(5000) * np.float32(scale), 64)) == 64


def test_a_line_is_sampled_evenly() -> None:
    points = np.zeros((100_000, 3), np.float32)
    points[:, 1] = np.random.default_rng(0).uniform(0, 1, 100_000)
    kept = sample_cloud(points, 128)
    assert np.diff(np.sort(points[kept, 1])).max() < 2 / 128


@pytest.mark.parametrize("budget", [0, -1, 2.5, True, "10", None])
def test_the_budget_must_be_a_positive_whole_number(budget: object) -> None:
    with pytest.raises(InvalidInput, match="budget must be a whole number"):
        sample_cloud(surface(10), budget)


def test_points_to_sample_have_three_coordinates() -> None:
    with pytest.raises(InvalidInput, match=r"\[N, 3\], got \[4, 2\]"):
        sample_cloud(np.zeros((4, 2)), 2)
