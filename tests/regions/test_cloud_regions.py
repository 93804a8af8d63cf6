import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from region_perception.errors import InputWarning
from region_perception.observations import observe_cloud
from region_perception.regions import Box3D, Click3D, PointSet, region_from_dict

CLOUD = observe_cloud(np.random.default_rng(0).uniform(-1, 1, (500, 3)))
metres, sides, yaws = st.floats(-20, 20), st.floats(0.05, 10), st.floats(-math.pi, math.pi)


def test_corners_come_in_their_order():
    corners = Box3D((1, 2, 3), (2, 4, 6)).corners()
    expected = [(2, 4, 6), (2, 0, 6), (0, 0, 6), (0, 4, 6), (2, 4, 0), (2, 0, 0), (0, 0, 0), (0, 4, 0)]
    np.testing.assert_allclose(corners, expected, atol=1e-6)
    assert corners.dtype == np.float32


def test_yaw_turns_from_x_towards_y():
    corners = Box3D((0, 0, 0), (2, 0.2, 0.2), yaw=math.pi / 2).corners()
    np.testing.assert_allclose(corners[0], (-0.1, 1, 0.1), atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.tuples(metres, metres, metres), st.tuples(sides, sides, sides), yaws)
def test_a_box_holds_its_corners_and_nothing_beyond(center, size, yaw):
    box = Box3D(center, size, yaw)
    corners = box.corners()
    assert box.contains(corners).all()
    beyond = np.array(center) + (corners - np.array(center)) * 1.01
    assert not box.contains(beyond).any()
    np.testing.assert_allclose(corners.mean(axis=0), center, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(corners[0] - corners[6]), np.linalg.norm(size), rtol=1e-3)


@settings(max_examples=40, deadline=None)
@given(yaws, st.integers(0, 1000))
def test_turning_box_and_points_together_keeps_the_members(yaw, seed):
    points = np.random.default_rng(seed).uniform(-2, 2, (200, 3))
    turned = points @ np.array([[math.cos(yaw), math.sin(yaw), 0], [-math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]])
    straight, rotated = Box3D((0, 0, 0.2), (2, 1, 1.5)), Box3D((0, 0, 0.2), (2, 1, 1.5), yaw)
    np.testing.assert_array_equal(straight.contains(points), rotated.contains(turned))


def test_members_of_a_box_are_the_points_inside():
    footprint = Box3D((0.5, 0, 0), (1, 2, 2)).locate(CLOUD)
    np.testing.assert_array_equal(footprint.members, CLOUD.points[:, 0] >= 0)
    assert footprint.point_count == footprint.members.sum()


def test_clouds_far_from_zero_keep_their_coordinates():
    offset = np.array([4_500_000.0, 500_000.0, 300.0])
    cloud = observe_cloud(CLOUD.points.astype(np.float64) + offset)
    assert cloud.origin.any()
    near, far = (
        Box3D((0.5, 0, 0), (1, 2, 2)).locate(CLOUD),
        Box3D(offset + np.array([0.5, 0, 0]), (1, 2, 2)).locate(cloud),
    )
    np.testing.assert_array_equal(near.members, far.members)
    assert far.box.contains(cloud.points[far.members]).all()


def test_indices_count_the_rows_that_were_handed_over():
    rows = np.arange(18, dtype=float).reshape(6, 3)
    rows[1] = np.nan
    with pytest.warns(InputWarning):
        cloud = observe_cloud(rows)
    footprint = PointSet([2, 5]).locate(cloud)
    np.testing.assert_allclose(cloud.points[footprint.members], rows[[2, 5]])
    chosen = PointSet(mask=np.array([False, False, True, False, False, True]))
    np.testing.assert_array_equal(chosen.locate(cloud).members, footprint.members)
    with pytest.warns(InputWarning, match="1 of its points are not in the cloud"):
        assert PointSet([1, 2]).locate(cloud).point_count == 1


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 499), min_size=1, max_size=30))
def test_the_box_of_points_holds_exactly_their_extent(indices):
    footprint = PointSet(sorted(indices)).locate(CLOUD)
    points = CLOUD.points[sorted(indices)]
    assert footprint.box.contains(points).all()
    np.testing.assert_allclose(footprint.box.size, np.maximum(np.ptp(points, axis=0), 1e-3), atol=1e-6)


def test_order_and_repetition_of_indices_do_not_matter():
    assert PointSet([3, 1, 3]) == PointSet(np.array([1, 3], np.uint8))
    assert PointSet([1, 3]) != PointSet([1, 3], source_count=500)


@pytest.mark.parametrize(
    "region",
    [
        Box3D((1, 2, 3), (0.1, 0.2, 0.3), yaw=-0.5),
        PointSet([5, 1]),
        PointSet(mask=[True, False, True]),
        Click3D(1, 2, 3),
    ],
    ids=repr,
)
def test_regions_are_values_that_survive_json(region):
    again = region_from_dict(json.loads(json.dumps(region.to_dict())))
    assert again == region
    assert hash(again) == hash(region)
    assert region.modality == "cloud_region"
