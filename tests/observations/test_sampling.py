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


def tabletop(count: int = 20_000, seed: int = 0) -> np.ndarray:
    """float32 [count, 3]: a table of 1.2 x 0.8 m; the last tenth of the points, a pillar of 5 x 5 x 20 cm on it."""
    random = np.random.default_rng(seed)
    points = random.uniform((-0.6, -0.4, 0), (0.6, 0.4, 0), (count, 3)) + random.normal(scale=0.0005, size=(count, 3))
    pillar = count // 10
    points[-pillar:] = random.uniform((0, 0, 0.01), (0.05, 0.05, 0.2), (pillar, 3))
    return points.astype(np.float32)


def box(count: int, size: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """float32 [count, 3] on the surface of a box, and which of its six faces each is on."""
    random = np.random.default_rng(0)
    areas = np.prod(size) / np.repeat(size, 2)
    face = random.choice(6, count, p=areas / areas.sum())
    points = random.uniform(-0.5, 0.5, (count, 3))
    points[np.arange(count), face // 2] = face % 2 - 0.5
    return (points * size).astype(np.float32), face


def test_a_plane_gets_its_share_and_what_stands_on_it_the_rest() -> None:
    points = tabletop()
    evenly, thinned = sample_cloud(points, 500), sample_cloud(points, 500, plane_share=0.2)
    assert (evenly < 18_000).sum() > 350
    assert (thinned < 18_000).sum() == pytest.approx(100, abs=10)  # the noise leaves a few beside the plane
    assert len(thinned) == 500
    for rows in (thinned[thinned < 18_000], thinned[thinned >= 18_000]):
        part = np.arange(18_000) if rows[0] < 18_000 else np.arange(18_000, 20_000)
        radius = cKDTree(points[rows]).query(points[part])[0].max()
        assert radius < 1.3 * coverage_radius(points[part], sample_cloud(points[part], len(rows)))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3000), st.integers(1, 300), st.floats(0, 1), st.integers(0, 3))
def test_thinning_meets_the_budget_with_distinct_points_in_order(
    count: int, budget: int, share: float, seed: int
) -> None:
    for points in (surface(count, seed), tabletop(max(count, 10), seed)):
        kept = sample_cloud(points, budget, share)
        assert kept.dtype == np.int64
        assert len(kept) == min(len(points), budget)
        assert (np.diff(kept) > 0).all()
        assert kept[0] >= 0
        assert kept[-1] < len(points)
        np.testing.assert_array_equal(kept, sample_cloud(points.copy(), budget, share))


def test_a_share_of_one_and_clouds_that_fit_are_as_without_planes() -> None:
    points = tabletop()
    np.testing.assert_array_equal(sample_cloud(points, 500, 1.0), sample_cloud(points, 500))
    assert sample_cloud(points, 20_000, 0.2).tolist() == list(range(20_000))


def test_what_few_others_leave_over_goes_to_the_plane() -> None:
    grid = np.stack(np.meshgrid(np.arange(40), np.arange(40), [0]), axis=-1).reshape(-1, 3)
    post = np.stack((np.full(30, 5), np.full(30, 5), 1 + np.arange(30)), axis=1)
    kept = sample_cloud(np.concatenate((grid, post)), 100, plane_share=0.2)
    assert (kept >= 1600).sum() == 30
    assert (kept < 1600).sum() == 70


def test_what_a_sparse_plane_leaves_over_goes_to_the_others() -> None:
    random = np.random.default_rng(0)
    table = random.uniform((0, 0, 0), (1, 1, 0), (1000, 3))
    crowd = random.uniform((0.4, 0.4, 0.2), (0.5, 0.5, 0.3), (20_000, 3))
    # Of few points spread evenly a quarter lies on the table; of as many as these, less, as the table has no more.
    kept = sample_cloud(np.concatenate((table, crowd)), 6000, plane_share=0.2)
    assert (kept < 1000).sum() == 1000
    assert (kept >= 1000).sum() == 5000


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_a_cloud_that_is_all_plane_is_sampled_evenly(share: float) -> None:
    points = tabletop()
    points[:, 2] = 0
    kept = sample_cloud(points, 500, share)
    assert len(kept) == 500
    assert coverage_radius(points, kept) < 1.3 * coverage_radius(points, sample_cloud(points, 500))


def test_no_face_of_a_box_is_lost() -> None:
    cube, _ = box(20_000, (0.2, 0.2, 0.2))
    np.testing.assert_array_equal(sample_cloud(cube, 1000, 0.2), sample_cloud(cube, 1000))
    book, face = box(20_000, (0.3, 0.2, 0.03))
    evenly = np.bincount(face[sample_cloud(book, 1000)], minlength=6)
    thinned = np.bincount(face[sample_cloud(book, 1000, 0.2)], minlength=6)
    # One cover gives up half of its points, which every other face gains; it still keeps its share.
    assert sorted(thinned < evenly) == [False] * 5 + [True]
    assert thinned[thinned < evenly][0] >= 190


def test_of_two_parallel_planes_one_is_thinned() -> None:
    points = tabletop()
    points[:, 2] = np.where(np.arange(20_000) < 12_000, 0, 0.3)
    kept = sample_cloud(points, 500, 0.2)
    assert len(kept) == 500
    assert (kept < 12_000).sum() == 100


def test_thinning_knows_no_unit_and_no_place() -> None:
    points = tabletop()
    for moved in (points * np.float32(1e-6), points * np.float32(1000) + np.float32(5e4)):
        assert (sample_cloud(moved, 500, 0.2) < 18_000).sum() == pytest.approx(100, abs=15)


def test_thinning_copes_with_points_that_coincide() -> None:
    assert sample_cloud(np.ones((10_000, 3)), 64, 0.2).tolist() == [0]
    points = np.concatenate((tabletop(), np.zeros((5000, 3)))).astype(np.float32)
    assert len(sample_cloud(points, 500, 0.2)) == 500


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), "0.2", None])
def test_the_share_of_a_plane_is_a_share(share: object) -> None:
    with pytest.raises(InvalidInput, match="plane_share must be a number from 0 to 1"):
        sample_cloud(surface(10), 5, share)
