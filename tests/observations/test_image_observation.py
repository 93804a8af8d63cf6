"""Images from arrays, and what depth and intrinsics make of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from region_perception.errors import InputWarning, InvalidObservation
from region_perception.observations import ImageObservation, Intrinsics, observe_image


def test_bytes_are_kept_as_they_are_and_copied() -> None:
    source = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    image = observe_image(source)
    assert image.pixels.dtype == np.uint8
    assert (image.width, image.height) == (3, 2)
    np.testing.assert_array_equal(image.pixels, source)
    source[:] = 0
    assert image.pixels.any(), "an observation must not change with the array that it came from"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_in_the_unit_range_are_rounded_to_bytes(dtype: type) -> None:
    image = observe_image(np.array([[0, 0.5, 1]], dtype))
    assert image.pixels[0, :, 0].tolist() == [0, 128, 255]


def test_grey_becomes_three_equal_channels() -> None:
    grey = np.array([[7, 9]], np.int64)
    assert observe_image(grey).pixels.tolist() == [[[7, 7, 7], [9, 9, 9]]]
    assert observe_image(grey[:, :, None]).pixels.tolist() == [[[7, 7, 7], [9, 9, 9]]]


def test_opacity_is_composited_on_white() -> None:
    rgba = np.array([[[100, 0, 0, 255], [100, 0, 0, 0], [100, 0, 0, 51]]], np.uint8)
    assert observe_image(rgba).pixels.tolist() == [[[100, 0, 0], [255, 255, 255], [224, 204, 204]]]
    np.testing.assert_array_equal(observe_image(rgba / 255).pixels, observe_image(rgba).pixels)


def test_torch_tensors_are_read_as_arrays_are() -> None:
    torch = pytest.importorskip("torch")
    pixels = torch.randint(0, 255, (4, 5, 3), dtype=torch.uint8)
    np.testing.assert_array_equal(observe_image(pixels).pixels, pixels.numpy())
    with pytest.raises(InvalidObservation, match=r"detach\(\)"):
        observe_image(torch.rand(4, 5, 3, requires_grad=True))


def test_the_dtype_of_depth_decides_its_unit() -> None:
    pixels = np.zeros((1, 4, 3), np.uint8)
    millimetres = observe_image(pixels, depth=np.array([[1500, 0, 1, 65535]], np.uint16)).depth
    np.testing.assert_allclose(millimetres, [[1.5, np.nan, 0.001, 65.535]], rtol=1e-6)
    metres = observe_image(pixels, depth=np.array([[1.5, -1, np.inf, np.nan]])).depth
    np.testing.assert_array_equal(metres, np.array([[1.5, np.nan, np.nan, np.nan]], np.float32))
    assert millimetres.dtype == metres.dtype == np.float32


def test_intrinsics_come_in_three_forms() -> None:
    expected = Intrinsics(500, 510, 2, 1)
    pixels = np.zeros((2, 4, 3), np.uint8)
    matrix = [[500, 0, 2], [0, 510, 1], [0, 0, 1]]
    for form in (expected, (500, 510, 2, 1), np.array([500, 510, 2, 1.0]), matrix, np.array(matrix)):
        assert observe_image(pixels, intrinsics=form).intrinsics == expected


def test_a_principal_point_outside_the_image_warns() -> None:
    with pytest.warns(InputWarning, match="another resolution"):
        observe_image(np.zeros((2, 4, 3), np.uint8), intrinsics=(500, 500, 320, 240))


def test_an_observation_is_returned_as_it_is() -> None:
    image = observe_image(np.zeros((2, 4, 3), np.uint8))
    assert observe_image(image) is image


def test_back_projection_golden_values() -> None:
    """fx 100, centre (2, 1): the pixel one to the right of the centre is 1 cm to the right at 1 m: y = -0.01."""
    depth = np.full((3, 5), 1.0)
    depth[0, 0] = 0
    image = observe_image(np.zeros((3, 5, 3), np.uint8), depth=depth, intrinsics=(100, 50, 2, 1))
    points = image.back_project()
    assert points.dtype == np.float32
    np.testing.assert_allclose(points[1, 2], [1, 0, 0])
    np.testing.assert_allclose(points[1, 3], [1, -0.01, 0])
    np.testing.assert_allclose(points[2, 2], [1, 0, -0.02])
    assert np.isnan(points[0, 0]).all()


def test_the_cloud_knows_colours_and_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 5, 3), dtype=np.uint8)
    depth = np.full((3, 5), 2.0)
    depth[1, 1:3] = np.nan
    cloud = observe_image(pixels, depth=depth, intrinsics=(100, 100, 2, 1)).cloud()
    assert len(cloud) == 13
    assert cloud.source_count == 15
    v, u = np.divmod(cloud.source_index, 5)
    np.testing.assert_allclose(cloud.colors, pixels[v, u] / 255, rtol=1e-6)
    assert not cloud.origin.any()
    mask = np.zeros((3, 5), bool)
    mask[1] = True
    assert mask.reshape(-1)[cloud.source_index].sum() == 3, "two of the row's five pixels have no depth"


@given(
    fx=st.floats(50, 2000),
    fy=st.floats(50, 2000),
    cx=st.floats(0, 7),
    cy=st.floats(0, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_projecting_back_gives_the_centre_of_each_pixel(fx: float, fy: float, cx: float, cy: float, seed: int) -> None:
    depth = np.random.default_rng(seed).uniform(0.2, 80, (5, 7))
    image = observe_image(np.zeros((5, 7, 3), np.uint8), depth=depth, intrinsics=(fx, fy, cx, cy))
    cloud = image.cloud()
    v, u = np.divmod(cloud.source_index, 7)
    np.testing.assert_allclose(image.project(cloud.points), np.stack((u, v), axis=1) + 0.5, atol=1e-3)


def test_points_behind_the_camera_project_nowhere() -> None:
    image = observe_image(np.zeros((2, 2, 3), np.uint8), intrinsics=(100, 100, 1, 1))
    projected = image.project(np.array([[-1, 0, 0], [0, 1, 0], [1, 0, 0]]))
    assert np.isnan(projected[:2]).all()
    assert projected[2].tolist() == [1.5, 1.5]


def test_a_cloud_needs_depth_and_intrinsics() -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    with pytest.raises(InvalidObservation, match="need depth and intrinsics"):
        observe_image(pixels).cloud()
    with pytest.raises(InvalidObservation, match="need intrinsics;"):
        observe_image(pixels, depth=np.ones((2, 2))).cloud()
    with pytest.raises(InvalidObservation, match="projecting needs intrinsics"):
        observe_image(pixels).project(np.ones((1, 3)))
    with pytest.raises(InvalidObservation, match="no pixel has a known depth"):
        observe_image(pixels, depth=np.zeros((2, 2)), intrinsics=(9, 9, 1, 1)).cloud()


@pytest.mark.parametrize(
    "arguments",
    [
        {"pixels": np.zeros((2, 2, 3))},
        {"pixels": np.zeros((2, 2), np.uint8)},
        {"pixels": np.zeros((0, 2, 3), np.uint8)},
        {"pixels": np.zeros((2, 2, 3), np.uint8), "depth": np.zeros((2, 2))},
        {"pixels": np.zeros((2, 2, 3), np.uint8), "depth": np.zeros((2, 3), np.float32)},
        {"pixels": np.zeros((2, 2, 3), np.uint8), "intrinsics": (1, 1, 1, 1)},
    ],
)
def test_the_class_itself_takes_only_what_it_promises(arguments: dict) -> None:
    with pytest.raises(InvalidObservation, match="image: "):
        ImageObservation(**arguments)
