"""Clouds from arrays and open3d, and what is done to their points and colours."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from region_perception.errors import InputWarning, InvalidObservation
from region_perception.observations import CloudObservation, observe_cloud

POINTS = np.random.default_rng(0).normal(size=(20, 3))
BYTES = np.random.default_rng(1).integers(0, 256, (20, 3), dtype=np.uint8)


def test_points_become_float32_and_are_copied() -> None:
    source = POINTS.astype(np.float32)
    cloud = observe_cloud(source)
    np.testing.assert_array_equal(cloud.points, source)
    source[:] = 0
    assert cloud.points.any(), "an observation must not change with the array that it came from"
    assert cloud.points.dtype == np.float32
    assert cloud.colors is None
    assert cloud.source_index.tolist() == list(range(20))
    assert (len(cloud), cloud.source_count) == (20, 20)
    assert cloud.origin.tolist() == [0, 0, 0]


def test_one_point_and_lists_are_enough() -> None:
    assert observe_cloud([[1, 2, 3]]).points.tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(
    "colors",
    [BYTES, BYTES.astype(np.int64), BYTES.astype(np.float64), BYTES / 255, BYTES.astype(np.uint16) * 257],
    ids=["uint8", "int64", "float 0..255", "float 0..1", "uint16"],
)
def test_colours_of_every_range_come_out_in_the_unit_range(colors: np.ndarray) -> None:
    cloud = observe_cloud(POINTS, colors=colors)
    np.testing.assert_allclose(cloud.colors, BYTES / 255, atol=1e-6)
    assert cloud.colors.dtype == np.float32
    if colors.dtype.kind == "f":
        np.testing.assert_allclose(observe_cloud(np.hstack((POINTS, colors))).colors, BYTES / 255, atol=1e-6)


def test_a_nearly_black_cloud_of_bytes_stays_black() -> None:
    assert observe_cloud([[0, 0, 0]], colors=np.array([[0, 1, 0]], np.uint8)).colors.max() < 0.004


def test_colours_a_little_above_one_are_not_taken_for_bytes() -> None:
    assert observe_cloud([[0, 0, 0]], colors=[[0.5, 1.000001, 0.0]]).colors.tolist() == [[0.5, 1, 0]]


@given(
    arrays(np.float64, (12, 3), elements=st.sampled_from([0.0, 1.5, -2.0, np.nan, np.inf, -np.inf])),
)
def test_rows_that_are_not_finite_are_dropped_and_indices_keep_their_meaning(rows: np.ndarray) -> None:
    finite = np.isfinite(rows).all(axis=1)
    if not finite.any():
        with pytest.raises(InvalidObservation, match="all 12 points"):
            observe_cloud(rows)
        return
    if finite.all():
        cloud = observe_cloud(rows)
    else:
        with pytest.warns(InputWarning, match=f"dropped {np.sum(~finite)} of 12"):
            cloud = observe_cloud(rows)
    assert cloud.source_count == 12
    np.testing.assert_array_equal(cloud.source_index, np.flatnonzero(finite))
    np.testing.assert_array_equal(cloud.points, rows[cloud.source_index])


def test_points_without_a_finite_colour_are_dropped() -> None:
    with pytest.warns(InputWarning, match="dropped 1 of 2"):
        cloud = observe_cloud([[0, 0, 0], [1, 1, 1]], colors=[[0.5, 0.5, np.nan], [1, 0, 0]])
    assert cloud.points.tolist() == [[1, 1, 1]]
    assert cloud.colors.tolist() == [[1, 0, 0]]


@pytest.mark.filterwarnings("ignore::region_perception.errors.InputWarning")
def test_an_organised_cloud_is_counted_row_by_row() -> None:
    organised = np.random.default_rng(0).normal(size=(3, 4, 3))
    organised[1, 2] = np.nan
    cloud = observe_cloud(organised, colors=np.full((3, 4, 3), 0.5))
    assert cloud.source_count == 12
    assert 1 * 4 + 2 not in cloud.source_index
    v, u = np.divmod(cloud.source_index, 4)
    np.testing.assert_allclose(cloud.points, organised[v, u], rtol=1e-6)
    assert (cloud.colors == 0.5).all()


def test_map_coordinates_keep_their_millimetres() -> None:
    """float32 alone would round a northing of 5,000,000 m to half a metre."""
    offset = np.array([500_000.0, 5_000_000.0, 100.0])
    cloud = observe_cloud(POINTS + offset)
    np.testing.assert_allclose(cloud.points + cloud.origin, POINTS + offset, atol=1e-3, rtol=0)
    assert cloud.origin[2] == 0, "heights are small and stay as they are"
    assert (cloud.origin == np.round(cloud.origin)).all()


def test_open3d_clouds_of_both_kinds() -> None:
    o3d = pytest.importorskip("open3d")
    legacy = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(POINTS))
    tensor = o3d.t.geometry.PointCloud(POINTS.astype(np.float32))
    for cloud in (legacy, tensor):
        np.testing.assert_allclose(observe_cloud(cloud).points, POINTS, rtol=1e-6)
        assert observe_cloud(cloud).colors is None
    legacy.colors = o3d.utility.Vector3dVector(BYTES / 255)
    tensor.point.colors = BYTES
    for cloud in (legacy, tensor):
        np.testing.assert_allclose(observe_cloud(cloud).colors, BYTES / 255, atol=1e-6)


@pytest.mark.parametrize("make", ["PointCloud", "TriangleMesh", "Image"])
def test_open3d_objects_without_points_say_so(make: str) -> None:
    o3d = pytest.importorskip("open3d")
    expected = {"PointCloud": "no points", "TriangleMesh": "sample_points_uniformly", "Image": "open3d's Image"}[make]
    for module in (o3d.geometry, o3d.t.geometry):
        with pytest.raises(InvalidObservation, match=expected):
            observe_cloud(getattr(module, make)())


def test_torch_tensors_are_read_as_arrays_are() -> None:
    torch = pytest.importorskip("torch")
    np.testing.assert_array_equal(observe_cloud(torch.ones(2, 3)).points, np.ones((2, 3)))


def test_an_observation_is_returned_as_it_is() -> None:
    cloud = observe_cloud(POINTS)
    assert observe_cloud(cloud) is cloud


ONE = np.zeros((1, 3), np.float32)


@pytest.mark.parametrize(
    "arguments",
    [
        (ONE.astype(np.float64), None, np.array([0]), 1),
        (ONE[:0], None, np.array([], np.int64), 0),
        (ONE * np.nan, None, np.array([0]), 1),
        (ONE, ONE - 1, np.array([0]), 1),
        (ONE, np.zeros((2, 3), np.float32), np.array([0]), 1),
        (ONE, None, np.array([1]), 1),
        (ONE, None, np.array([-1]), 1),
        (ONE, None, np.array([0, 1]), 2),
        (ONE, None, np.array([0.0]), 1),
        (ONE, None, np.array([0]), 1, [0, 0, 0]),
    ],
)
def test_the_class_itself_takes_only_what_it_promises(arguments: tuple) -> None:
    with pytest.raises(InvalidObservation, match="cloud: "):
        CloudObservation(*arguments)
