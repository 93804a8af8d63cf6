"""Observations and footprints become the tensors that the network reads."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from region_perception import Box, Box3D, observe_cloud, observe_image
from region_perception.network.position import released_corners
from region_perception.network.spec import PositionSpec
from region_perception.network.specs import mini, regionblip_opt_2_7b, released
from region_perception.preparation import (
    cloud_points,
    cloud_position,
    image_pixels,
    image_position,
    normalized_pixels,
    plain_pixels,
)


@pytest.mark.parametrize("size", [(480, 640), (100, 60), (224, 224)])
def test_pixels_are_those_of_the_blip_image_processor(size: tuple[int, int]) -> None:
    from PIL import Image
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    pixels = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    spec = regionblip_opt_2_7b().image_encoder
    processor = BlipImageProcessorPil(
        size={"height": 224, "width": 224}, image_mean=list(spec.mean), image_std=list(spec.std)
    )
    expected = processor(Image.fromarray(pixels), return_tensors="pt")["pixel_values"][0]
    torch.testing.assert_close(image_pixels(observe_image(pixels), spec), expected, atol=1e-5, rtol=1e-5)


@given(st.lists(st.floats(0.05, 0.95), min_size=3, max_size=3), st.lists(st.floats(0.05, 0.9), min_size=3, max_size=3))
def test_every_level_comes_back_from_what_it_is_normalized_to(mean: list[float], std: list[float]) -> None:
    spec = replace(mini().image_encoder, mean=(mean[0], mean[1], mean[2]), std=(std[0], std[1], std[2]))
    levels = np.broadcast_to(np.arange(256, dtype=np.uint8), (3, 1, 256))
    normal = normalized_pixels(levels, spec)
    expected = (levels[0] / 255 - np.array(mean)[:, None]) / np.array(std)[:, None]
    np.testing.assert_allclose(normal.numpy()[:, 0], expected, atol=1e-5, rtol=1e-5)
    np.testing.assert_array_equal(plain_pixels(normal, spec), levels)


def test_an_image_position_is_the_box_divided_by_the_picture() -> None:
    image = observe_image(np.zeros((120, 160, 3), np.uint8))
    position = image_position(Box(40, 30, 80, 90).locate(image))
    torch.testing.assert_close(position, torch.tensor([0.25, 0.25, 0.5, 0.75]))


def test_clouds_are_centred_and_scaled_to_the_unit_sphere() -> None:
    spec = mini()
    assert spec.point_encoder is not None
    points = np.float32([[2, 0, 0], [4, 0, 0], [3, 2, 0], [3, -2, 0]])
    tensor, frame = cloud_points(observe_cloud(points), spec.point_encoder, PositionSpec())
    assert frame.center.tolist() == [3, 0, 0]
    assert frame.scale == 2
    assert sorted(tensor[:, :3].tolist()) == [[-0.5, 0, 0], [0, -1, 0], [0, 1, 0], [0.5, 0, 0]]
    assert (tensor[:, 3:] == 0.5).all(), "a cloud without colour is grey"


def test_clouds_may_be_centred_in_metres() -> None:
    spec = mini()
    assert spec.point_encoder is not None
    # 101 steps along x, y and z: the 5th and 95th of a hundred lie as far from the middle.
    points = np.linspace((2, -3, 0), (4, 1, 1), 101).astype(np.float32)
    tensor, frame = cloud_points(observe_cloud(points), spec.point_encoder, PositionSpec(cloud_frame="centred"))
    assert frame.scale == 1
    np.testing.assert_allclose(frame.center, [3, -1, 0.5], atol=1e-6)
    np.testing.assert_allclose(tensor[:, :3], points - np.float32([3, -1, 0.5]), atol=1e-6)


def test_stray_points_hardly_move_the_middle_in_metres() -> None:
    spec = mini()
    assert spec.point_encoder is not None
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.5, 0.5, (1000, 3)).astype(np.float32)
    strays = rng.uniform(50, 100, (20, 3)).astype(np.float32)
    frames = [
        cloud_points(observe_cloud(cloud), spec.point_encoder, PositionSpec(cloud_frame="centred"))[1]
        for cloud in (points, np.concatenate((points, strays)))
    ]
    assert np.abs(frames[0].center - frames[1].center).max() < 0.02


def test_metres_far_from_zero_keep_millimetres() -> None:
    spec = mini()
    assert spec.point_encoder is not None
    points = np.round(np.random.default_rng(0).uniform(-1, 1, (500, 3)), 3)
    far = np.array((500_000, 5_400_000, 120))
    cloud = observe_cloud(points + far)
    tensor, frame = cloud_points(cloud, spec.point_encoder, spec.position)
    steps = np.diff(tensor[:, :3].double().numpy(), axis=0)
    np.testing.assert_allclose(steps, np.diff(points[frame.kept], axis=0), atol=1e-5)
    box = Box3D(tuple(far + np.array((0.25, 0, 0))), (1, 0.5, 1))
    corners = cloud_position(box.locate(cloud), frame, spec).view(8, 3).numpy()
    middle = points[frame.kept[0]] - tensor[0, :3].numpy()
    np.testing.assert_allclose(corners.mean(axis=0) + middle, (0.25, 0, 0), atol=1e-5)


def test_colour_stays_with_its_point() -> None:
    spec = mini()
    assert spec.point_encoder is not None
    rng = np.random.default_rng(0)
    points, colors = rng.uniform(-1, 1, (5000, 3)).astype(np.float32), rng.uniform(0, 1, (5000, 3)).astype(np.float32)
    tensor, frame = cloud_points(observe_cloud(points, colors=colors), spec.point_encoder, spec.position)
    assert len(tensor) == spec.point_encoder.points
    known = {tuple(color): point for color, point in zip(colors.tolist(), frame.apply(points).tolist(), strict=True)}
    for row in tensor[:50].tolist():
        assert known[tuple(row[3:])] == pytest.approx(row[:3], abs=1e-6)


def test_points_of_a_table_are_thinned_where_the_spec_says_so() -> None:
    spec = mini()
    assert spec.point_encoder is not None
    rng = np.random.default_rng(0)
    points = rng.uniform((-1, -1, 0), (1, 1, 0), (20_000, 3)).astype(np.float32)
    points[16_000:] = rng.uniform((0, 0, 0.05), (0.2, 0.2, 0.3), (4000, 3))
    cloud = observe_cloud(points)
    shares = []
    for plane_share in (1.0, 0.1):
        encoder = replace(spec.point_encoder, plane_share=plane_share)
        tensor, frame = cloud_points(cloud, encoder, spec.position)
        assert len(tensor) == encoder.points
        np.testing.assert_array_equal(tensor[:, :3].numpy(), frame.apply(points[frame.kept]))
        shares.append(float(np.mean(frame.kept < 16_000)))
    assert shares[0] > 0.5
    assert shares[1] == pytest.approx(0.1, abs=0.001)


def test_a_cloud_of_one_point_has_a_frame() -> None:
    spec = mini()
    assert spec.point_encoder is not None
    for position in (PositionSpec(), PositionSpec(cloud_frame="centred")):
        tensor, frame = cloud_points(observe_cloud(np.float32([[5, 6, 7]])), spec.point_encoder, position)
        assert frame.scale == 1
        assert tensor[:, :3].tolist() == [[0, 0, 0]]


def test_a_cloud_position_is_in_the_frame_of_the_points() -> None:
    spec = mini()
    assert spec.point_encoder is not None
    cloud = observe_cloud(np.random.default_rng(0).uniform(-3, 5, (5000, 3)).astype(np.float32))
    _, frame = cloud_points(cloud, spec.point_encoder, spec.position)
    box = Box3D((1, 1, 1), (2, 1, 0.5), 0.3)
    position = cloud_position(box.locate(cloud), frame, spec)
    assert position.shape == (24,)
    np.testing.assert_allclose(position.view(8, 3).numpy() * frame.scale + frame.center, box.corners(), atol=1e-5)


def test_released_weights_get_metres_and_their_own_corners() -> None:
    spec = released(regionblip_opt_2_7b())
    assert spec.point_encoder is not None
    cloud = observe_cloud(np.random.default_rng(0).uniform(-3, 5, (5000, 3)).astype(np.float32))
    points, frame = cloud_points(cloud, spec.point_encoder, spec.position)
    np.testing.assert_array_equal(np.sort(points.numpy(), axis=0), np.sort(cloud.points, axis=0))
    position = cloud_position(Box3D((1, 1, 1), (2, 1, 0.5)).locate(cloud), frame, spec)
    expected = released_corners(torch.ones(1, 3), torch.tensor([[2, 1, 0.5]]))[0]
    torch.testing.assert_close(position.view(8, 3), expected)


@pytest.mark.parametrize("cloud_frame", ["normalized", "centred"])
def test_the_network_reads_the_same_wherever_a_cloud_lies(cloud_frame: Literal["normalized", "centred"]) -> None:
    spec = replace(mini(), position=PositionSpec(cloud_frame=cloud_frame))
    assert spec.point_encoder is not None
    # Coordinates on a grid, so that the shift rounds nothing away.
    points = np.float32(np.round(np.random.default_rng(0).uniform(-1, 1, (1500, 3)) * 1024) / 1024)
    shift = np.float32([64, -32, 16])
    read = []
    for cloud, box in (
        (observe_cloud(points), Box3D((0.25, 0, 0), (1, 0.5, 1), 0.3)),
        (observe_cloud(points + shift), Box3D((64.25, -32, 16), (1, 0.5, 1), 0.3)),
    ):
        tensor, frame = cloud_points(cloud, spec.point_encoder, spec.position)
        read.append((tensor, cloud_position(box.locate(cloud), frame, spec)))
    torch.testing.assert_close(read[0][0], read[1][0], atol=1e-5, rtol=0)
    torch.testing.assert_close(read[0][1], read[1][1], atol=1e-5, rtol=0)
