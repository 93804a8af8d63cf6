import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from region_perception.errors import InvalidInput
from region_perception.observations import observe_cloud, observe_image
from region_perception.regions import Box, Box3D, Mask, PointSet, Polygon, Scribble

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))  # width, height
grids = st.tuples(st.integers(1, 9), st.integers(1, 9))  # rows, cols
shares = st.floats(0, 1)


def blank(width, height):
    return observe_image(np.zeros((height, width, 3), np.uint8))


def brute_force_weights(mask, rows, cols):
    """Every pixel cut into 12 x 12 parts, for sizes whose patches end on such parts."""
    parts = mask.repeat(12, axis=0).repeat(12, axis=1)
    bands = [band.mean(axis=0) for band in np.split(parts, rows, axis=0)]
    return np.array([[cell.mean() for cell in np.split(band, cols)] for band in bands])


@settings(max_examples=80, deadline=None)
@given(sizes, grids, st.tuples(shares, shares, shares, shares))
def test_patch_weights_of_a_box_hold_its_area(size, grid, corners):
    width, height = size
    x1, x2 = sorted((corners[0] * width, corners[1] * width))
    y1, y2 = sorted((corners[2] * height, corners[3] * height))
    if x2 - x1 < 0.01 or y2 - y1 < 0.01:
        return
    footprint = Box(x1, y1, x2, y2).locate(blank(width, height))
    weights = footprint.patch_weights(*grid)
    assert weights.shape == grid
    assert weights.dtype == np.float32
    assert weights.min() >= 0
    assert weights.max() <= 1
    area = weights.sum(dtype=np.float64) * (width / grid[1]) * (height / grid[0])
    assert area == pytest.approx((x2 - x1) * (y2 - y1), rel=1e-4)
    assert footprint.pixel_count == footprint.mask().sum() >= 1


@settings(max_examples=80, deadline=None)
@given(sizes, grids, st.integers(0, 2**32 - 1))
def test_patch_weights_of_a_mask_hold_its_pixels(size, grid, seed):
    width, height = size
    mask = np.random.default_rng(seed).random((height, width)) < 0.3
    mask[0, 0] = True
    footprint = Mask(mask).locate(blank(width, height))
    area = footprint.patch_weights(*grid).sum(dtype=np.float64) * (width / grid[1]) * (height / grid[0])
    assert area == pytest.approx(mask.sum(), rel=1e-4)
    assert footprint.pixel_count == mask.sum()
    np.testing.assert_array_equal(footprint.mask(), mask)
    x1, y1, x2, y2 = footprint.box
    assert 0 <= x1 < x2 <= width
    assert 0 <= y1 < y2 <= height


@pytest.mark.parametrize("grid", [(1, 1), (2, 3), (4, 4), (6, 10), (12, 3)])
def test_patch_weights_of_a_mask_equal_counting_parts_of_pixels(grid):
    mask = np.random.default_rng(3).random((7, 5)) < 0.5
    weights = Mask(mask).locate(blank(5, 7)).patch_weights(*grid)
    np.testing.assert_allclose(weights, brute_force_weights(mask, *grid), atol=1e-6)


def test_patch_weights_of_a_box_count_its_sub_pixel_edges():
    weights = Box(0.5, 0, 3, 1.5).locate(blank(4, 4)).patch_weights(2, 2)
    np.testing.assert_allclose(weights, [[0.75 * 0.75, 0.5 * 0.75], [0, 0]])


def test_a_box_along_pixel_edges_is_the_same_as_its_mask():
    mask = np.zeros((30, 50), dtype=bool)
    mask[4:20, 7:33] = True
    box, masked = (region.locate(blank(50, 30)) for region in (Box(7, 4, 33, 20), Mask(mask)))
    assert box.box == masked.box
    np.testing.assert_array_equal(box.mask(), mask)
    np.testing.assert_allclose(box.patch_weights(7, 11), masked.patch_weights(7, 11), atol=1e-6)


def test_a_box_takes_no_memory_for_its_pixels():
    assert Box(1, 2, 3, 4).locate(blank(50, 30)).window is None


def test_normalized_box():
    normalized = Box(10, 6, 40, 30).locate(blank(50, 30)).normalized_box()
    np.testing.assert_allclose(normalized, [0.2, 0.2, 0.8, 1.0])
    assert normalized.dtype == np.float32


def test_a_box_smaller_than_a_pixel_is_the_pixel_of_its_middle():
    footprint = Box(2.6, 3.6, 2.9, 3.9).locate(blank(8, 8))
    assert np.argwhere(footprint.mask()).tolist() == [[3, 2]]
    assert footprint.pixel_count == 1


@pytest.mark.parametrize("region", [Polygon([(1, 1), (20, 3), (9, 15)]), Scribble([(2, 2), (18, 9)], 3)])
def test_drawn_regions_lie_tight_in_their_box(region):
    footprint = region.locate(blank(24, 16))
    x1, y1, x2, y2 = (int(edge) for edge in footprint.box)
    mask = footprint.mask()
    assert mask[y1:y2, x1:x2].sum() == mask.sum() == footprint.pixel_count
    assert mask[y1].any()
    assert mask[y2 - 1].any()
    assert mask[:, x1].any()
    assert mask[:, x2 - 1].any()


@pytest.mark.parametrize(("rows", "cols"), [(0, 3), (3, -1), (2.5, 3), ("4", 4), (None, 1)])
def test_patches_must_be_whole_numbers(rows, cols):
    with pytest.raises(InvalidInput, match=r"(rows|cols) must be"):
        Box(1, 1, 3, 3).locate(blank(8, 8)).patch_weights(rows, cols)


def test_group_weights_are_the_share_of_members():
    cloud = observe_cloud(np.arange(18, dtype=np.float32).reshape(6, 3))
    footprint = PointSet([0, 1, 4]).locate(cloud)
    weights = footprint.group_weights(np.array([[0, 1, 4, 4], [0, 1, 2, 3], [2, 3, 5, 5]]))
    assert weights.tolist() == [1.0, 0.5, 0.0]
    assert weights.dtype == np.float32
    assert footprint.corners().shape == (8, 3)


@pytest.mark.parametrize("groups", [[[0, 6]], [[-1, 0]], [[0.5, 1.0]], [0, 1], np.zeros((2, 0), int)])
def test_groups_must_index_the_cloud(groups):
    cloud = observe_cloud(np.arange(18, dtype=np.float32).reshape(6, 3))
    with pytest.raises(InvalidInput, match="groups must"):
        Box3D((7, 8, 9), (40, 40, 40)).locate(cloud).group_weights(groups)
