"""Grouping: farthest-point centres and nearest neighbours, against plain NumPy versions of both."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from region_perception.errors import InvalidObservation
from region_perception.network.grouping import _group_on_device, _group_on_host, group_clouds, group_points


def on_host(points, groups, group_size):
    return _group_on_host(points, groups, group_size)


def on_device(points, groups, group_size):
    """The accelerator's way, which runs in CPU memory just as well; in a batch, as that is its difficult case."""
    company = torch.rand(len(points) + 37, 3)
    return _group_on_device([company, points, company[:1]], groups, group_size)[1]


WAYS = pytest.mark.parametrize("group", [on_host, on_device])


def make_cloud(kind, total=2000, seed=0):
    random = np.random.default_rng(seed)
    points = random.random((total, 3))
    if kind == "sphere":
        points = random.normal(size=(total, 3))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
    elif kind == "table":
        points[: total // 2, 2] *= 0.01
    elif kind == "line":
        points[:, 1:] = 0
    elif kind == "far":
        points += [500.0, -300.0, 40.0]
    return torch.from_numpy(points.astype(np.float32))


def distances(points, centres):
    """float64 [G, N]."""
    return np.linalg.norm(centres.numpy().astype(float)[:, None] - points.numpy().astype(float)[None], axis=-1)


def greedy_farthest(points, count, start):
    """Farthest-point sampling as it is written in books: rows, and how far each was from those before it."""
    array = points.numpy().astype(float)
    rows, gaps = [start], [np.inf]
    nearest = np.linalg.norm(array - array[start], axis=1)
    for _ in range(count - 1):
        rows.append(int(nearest.argmax()))
        gaps.append(nearest.max())
        nearest = np.minimum(nearest, np.linalg.norm(array - array[rows[-1]], axis=1))
    return rows, gaps, nearest.max()


@WAYS
@pytest.mark.parametrize("kind", ["cube", "sphere", "table", "line", "far"])
def test_every_centre_is_the_farthest_point_from_those_before(group, kind):
    """True farthest-point sampling, from whichever point it starts."""
    points = make_cloud(kind)
    result = group(points, 64, 4)
    between = distances(points, result.centres)  # [G, N]
    for step in range(1, 64):
        to_taken = between[:step].min(axis=0)
        gap = np.linalg.norm(result.centres[step].numpy().astype(float) - result.centres[:step].numpy(), axis=1).min()
        assert gap == pytest.approx(to_taken.max(), abs=1e-4)


@pytest.mark.parametrize("kind", ["cube", "sphere", "table"])
def test_centres_cover_the_cloud_as_well_as_from_any_other_start(kind):
    points = make_cloud(kind, total=8192)
    covered = distances(points, on_host(points, 256, 4).centres).min(axis=0).max()
    radii = [greedy_farthest(points, 256, start)[2] for start in (0, 1, 2)]
    assert covered <= 1.05 * np.mean(radii)


def test_device_way_takes_the_same_rows_as_the_plain_version():
    points = make_cloud("cube", total=300)
    rows, _, _ = greedy_farthest(points, 40, start=0)
    assert torch.equal(on_device(points, 40, 1).centres, points[rows])


@WAYS
@pytest.mark.parametrize("kind", ["cube", "sphere", "line", "far"])
def test_neighbours_are_the_nearest_and_in_order(group, kind):
    points = make_cloud(kind)
    result = group(points, 50, 16)
    between = distances(points, result.centres)
    found = np.take_along_axis(between, result.index.numpy(), axis=1)
    np.testing.assert_allclose(found, np.sort(between, axis=1)[:, :16], atol=1e-4)
    assert (found[:, 0] == 0).all()
    assert all(len(set(row)) == 16 for row in result.index.tolist())


@WAYS
@settings(deadline=None, max_examples=60)
@given(
    total=st.integers(1, 70),
    groups=st.integers(1, 40),
    group_size=st.integers(1, 40),
    places=st.integers(1, 70),
    seed=st.integers(0, 99),
)
def test_any_size_with_repeated_points(group, total, groups, group_size, places, seed):
    random = np.random.default_rng(seed)
    points = torch.from_numpy(random.random((places, 3), dtype=np.float32)[random.integers(0, places, total)])
    result = group(points, groups, group_size)
    count = min(total, groups)
    assert result.count == count
    assert result.centres.shape == (groups, 3)
    assert result.index.shape == (groups, group_size)
    assert result.index.dtype == torch.int64
    assert result.index.min() >= 0
    assert result.index.max() < total
    assert torch.equal(points[result.index[:count, 0]], result.centres[:count])
    assert not result.centres[count:].any()
    assert not result.index[count:].any()
    if total <= groups:
        assert torch.equal(result.centres[:count], points)
    if total < group_size:  # every point is a neighbour, none more than once oftener than another
        shares = torch.stack([torch.bincount(row, minlength=total) for row in result.index[:count]])
        assert (shares.max() - shares.min()) <= 1
    # As many different places as there are, up to the number of groups.
    assert len(result.centres[:count].unique(dim=0)) == min(len(points.unique(dim=0)), count)


@WAYS
@pytest.mark.parametrize("total", [1, 2, 31, 32, 33, 511, 513, 9000])
def test_identical_points(group, total):
    result = group(torch.full((total, 3), 2.5), 512, 32)
    assert result.count == min(total, 512)
    assert (result.centres[: result.count] == 2.5).all()
    assert result.index.max() < total


def test_a_million_points():
    points = make_cloud("cube", total=1_000_000)
    result = group_points(points, 512, 32)
    assert len(result.centres.unique(dim=0)) == 512
    # 512 balls that cover a unit cube reach at least this far, and farthest points at most twice as far.
    covered = torch.cdist(points[:20_000], result.centres).min(dim=1).values.max()
    assert 0.08 < covered < 0.16


@WAYS
def test_deterministic(group):
    points = make_cloud("table")
    first, second = group(points, 64, 8), group(points, 64, 8)
    assert torch.equal(first.index, second.index)
    assert torch.equal(first.centres, second.centres)


def test_leaves_global_random_states_alone():
    before, torch_before = np.random.get_state()[1].copy(), torch.random.get_rng_state()
    group_points(make_cloud("cube"), 64, 8)
    assert (np.random.get_state()[1] == before).all()
    assert torch.equal(torch.random.get_rng_state(), torch_before)


def test_order_of_a_small_cloud_only_renames_its_groups():
    points = make_cloud("cube", total=40)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    first, second = group_points(points, 64, 8), group_points(points[order], 64, 8)
    assert torch.equal(second.centres[:40], first.centres[:40][order])
    assert torch.equal(order[second.index[:40]], first.index[:40][order])


def test_order_of_a_large_cloud_keeps_the_cover():
    points = make_cloud("cube")
    order = torch.randperm(len(points), generator=torch.Generator().manual_seed(0))
    first, second = (distances(points, group_points(some, 64, 8).centres) for some in (points, points[order]))
    assert second.min(axis=0).max() == pytest.approx(first.min(axis=0).max(), rel=0.1)


def test_columns_after_xyz_do_not_move_groups():
    points = make_cloud("cube")
    colored = torch.cat([points, torch.rand(len(points), 3) * 100], dim=1)
    assert torch.equal(group_points(colored, 64, 8).index, group_points(points, 64, 8).index)


@pytest.mark.parametrize("columns", [3, 6])
def test_neighbourhoods_of_unequal_clouds(columns):
    clouds = [torch.rand(total, columns, dtype=torch.float32) for total in (300, 5, 1, 64)]
    batch = group_clouds(clouds, 20, 8)
    assert batch.neighbourhoods.shape == (4, 20, 8, columns)
    assert batch.mask.sum(dim=1).tolist() == [20, 5, 1, 20]
    for row, points in enumerate(clouds):
        alone = group_points(points, 20, 8)
        assert torch.equal(batch.index[row], alone.index)
        assert torch.equal(batch.centres[row], alone.centres)
        assert batch.mask[row].tolist() == [group < alone.count for group in range(20)]
        for group in range(alone.count):
            members = points[alone.index[group]]
            assert torch.equal(batch.neighbourhoods[row, group, :, :3], members[:, :3] - alone.centres[group])
            assert torch.equal(batch.neighbourhoods[row, group, :, 3:], members[:, 3:])
        assert not batch.neighbourhoods[row, alone.count :].any()


def test_moving_a_cloud_moves_centres_only():
    # Steps of 1/64 keep both clouds exact in float32.
    points = torch.randint(0, 64, (500, 3), generator=torch.Generator().manual_seed(0)) / 64
    still, moved = group_clouds([points], 20, 8), group_clouds([points + 8], 20, 8)
    torch.testing.assert_close(moved.neighbourhoods, still.neighbourhoods)
    torch.testing.assert_close(moved.centres, still.centres + 8)


def test_gradients_flow_to_the_points():
    points = make_cloud("cube", total=50).requires_grad_()
    batch = group_clouds([points], 10, 4)
    (batch.neighbourhoods**2).sum().backward()
    expected = torch.zeros(50, 3)
    for group in range(10):  # d/dp of |p - c|^2, and the same with the other sign for the centre
        difference = 2 * batch.neighbourhoods[0, group].detach()
        expected.index_add_(0, batch.index[0, group], difference)
        expected[batch.index[0, group, 0]] -= difference.sum(dim=0)
    torch.testing.assert_close(points.grad, expected)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (torch.zeros(0, 3), r"\[0, 3\].*N >= 1"),
        (torch.zeros(5, 2), r"\[5, 2\]"),
        (torch.zeros(3), r"\[3\]"),
        (torch.zeros(5, 3, dtype=torch.int32), "int32.*floating"),
        (torch.tensor([[0, 0, torch.nan]]), "NaN"),
        (torch.tensor([[0, 0, torch.inf]]), "infinite"),
    ],
)
def test_bad_points_are_refused(points, words):
    with pytest.raises(InvalidObservation, match=words):
        group_points(points, 4, 4)
    with pytest.raises(InvalidObservation, match=words):
        group_clouds([torch.zeros(5, 3), points], 4, 4)


def test_bad_batches_are_refused():
    with pytest.raises(InvalidObservation, match="no clouds"):
        group_clouds([], 4, 4)
    with pytest.raises(InvalidObservation, match=r"\[3, 6\] columns"):
        group_clouds([torch.zeros(5, 3), torch.zeros(5, 6)], 4, 4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_an_accelerator():
    clouds = [make_cloud("cube"), make_cloud("table", total=30)]
    batch = group_clouds([points.cuda() for points in clouds], 64, 8)
    expected = _group_on_device(clouds, 64, 8)
    for row in range(2):
        assert torch.equal(batch.centres[row].cpu(), expected[row].centres)
