"""The largest plane in a cloud."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from region_perception.observations.planes import largest_plane


def table(count: int, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """float32 [count, 3]: 1.2 x 0.8 m at height 0.7."""
    random = np.random.default_rng(seed)
    points = random.uniform((-0.6, -0.4, 0.7), (0.6, 0.4, 0.7), (count, 3))
    return (points + random.normal(scale=noise, size=(count, 3))).astype(np.float32)


def ball(count: int, seed: int = 1) -> np.ndarray:
    """float32 [count, 3]: the surface of a ball of 20 cm that floats above the table."""
    points = np.random.default_rng(seed).normal(size=(count, 3))
    points *= 0.1 / np.linalg.norm(points, axis=1, keepdims=True)
    return (points + np.array((0.1, 0.1, 0.85))).astype(np.float32)


def turned(points: np.ndarray, seed: int) -> np.ndarray:
    return points @ np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0].T.astype(np.float32)


def test_a_table_is_found_with_its_height_and_share() -> None:
    points = np.concatenate((table(4000), ball(1000)))
    plane = largest_plane(points)
    assert plane is not None
    assert abs(plane.normal[2]) == pytest.approx(1, abs=1e-6)
    assert plane.middle[2] == pytest.approx(0.7, abs=1e-5)
    assert plane.holds(points).tolist() == [True] * 4000 + [False] * 1000
    assert 0.7 < plane.share < 0.95


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([1e-6, 1.0, 1e5]), st.floats(0, 0.001))
def test_turns_scales_and_noise_do_not_matter(seed: int, scale: float, noise: float) -> None:
    points = turned(np.concatenate((table(3000, noise, seed), ball(900, seed))), seed) * np.float32(scale)
    plane = largest_plane(points)
    assert plane is not None
    assert np.linalg.norm(plane.normal) == pytest.approx(1)
    held = plane.holds(points)
    assert held[:3000].mean() > 0.98
    assert held[3000:].mean() < 0.02


def test_tolerance_follows_the_noise_so_that_flat_things_stand_out() -> None:
    plate = table(500) * np.float32([0.2, 0.2, 1]) + np.float32([0, 0, 0.006])
    for noise in (0.0, 0.001):
        points = np.concatenate((table(6000, noise), plate))
        plane = largest_plane(points)
        assert plane is not None
        assert plane.holds(points)[6000:].mean() < 0.05
        assert plane.holds(points)[:6000].mean() > 0.99


def test_of_two_parallel_planes_the_larger_is_found() -> None:
    points = np.concatenate((table(2000), (table(6000) * np.float32([2, 2, 1])) - np.float32([0, 0, 0.5])))
    plane = largest_plane(points)
    assert plane is not None
    assert plane.holds(points).tolist() == [False] * 2000 + [True] * 6000


def test_a_crowded_corner_has_no_more_say_than_a_sparse_table() -> None:
    wall = np.random.default_rng(0).uniform((0.5, 0, 0.7), (0.5, 0.1, 0.9), (30_000, 3)).astype(np.float32)
    plane = largest_plane(np.concatenate((wall, table(2500))))
    assert plane is not None
    assert abs(plane.normal[2]) > 0.999


def test_the_same_points_give_the_same_plane() -> None:
    points = np.concatenate((table(80_000, 0.001), ball(4000)))
    first, second = largest_plane(points), largest_plane(points.copy())
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.holds(points), second.holds(points))
    assert (first.tolerance, first.share) == (second.tolerance, second.share)


def test_things_without_a_plane_share_little_with_any() -> None:
    plane = largest_plane(ball(8000))
    assert plane is not None
    assert plane.share < 0.05


@pytest.mark.parametrize("points", [np.ones((1, 3)), np.ones((5000, 3)), np.arange(3000).repeat(3).reshape(-1, 3)])
def test_a_place_and_a_line_have_no_plane(points: np.ndarray) -> None:
    assert largest_plane(points.astype(np.float32)) is None


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_a_few_points_do_no_harm(count: int) -> None:
    points = np.random.default_rng(0).uniform(size=(count, 3)).astype(np.float32)
    plane = largest_plane(points)
    assert (plane is None) == (count < 3)
    if plane is not None:
        assert plane.holds(points).sum() >= 3


def test_stray_points_far_away_do_not_hide_the_table() -> None:
    strays = np.random.default_rng(0).uniform(-1000, 1000, (20, 3)).astype(np.float32)
    points = np.concatenate((table(4000), ball(1000), strays))
    plane = largest_plane(points)
    assert plane is not None
    assert plane.holds(points)[:4000].all()
    assert plane.holds(points)[4000:].mean() < 0.02
