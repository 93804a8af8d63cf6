"""Regions of an image in space, and back: a ball before a wall, seen by a camera whose geometry is known."""

import numpy as np
import pytest

from region_perception import Box, Polygon
from region_perception.observations import ImageObservation, Intrinsics
from region_perception.regions import ImageFootprint
from region_perception.regions.crossing import in_image, in_space

CAMERA = Intrinsics(100.0, 100.0, 49.5, 39.5)
BALL = slice(30, 50), slice(40, 60)  # rows, columns


@pytest.fixture
def image() -> ImageObservation:
    depth = np.full((80, 100), 3.0, np.float32)
    depth[BALL] = 1.0
    depth[0, :] = np.nan
    return ImageObservation(np.zeros((80, 100, 3), np.uint8), depth, CAMERA)


def footprint(image: ImageObservation, box: Box) -> ImageFootprint:
    return box.locate(image)


def test_a_loose_box_holds_the_points_of_the_thing_alone(image: ImageObservation):
    cloud = image.cloud()
    members = in_space(footprint(image, Box(35, 25, 65, 55)), image, cloud.points)
    expected = np.zeros((80, 100), bool)
    expected[BALL] = True
    assert (cloud.source_index[members] == np.flatnonzero(expected)).all()


def test_points_of_another_sensor_count_as_well(image: ImageObservation):
    rng = np.random.default_rng(0)
    ball = rng.uniform([1.0, -0.05, -0.05], [1.05, 0.05, 0.05], (50, 3))
    behind_the_camera = ball * [-1, 1, 1]
    beside = ball + np.array([0, 0.5, 0])
    points = np.concatenate([ball, behind_the_camera, beside]).astype(np.float32)
    members = in_space(footprint(image, Box(38, 28, 62, 52)), image, points)
    assert members[:50].all()
    assert not members[50:].any()


def test_where_nothing_is_known_nothing_is_found(image: ImageObservation):
    members = in_space(footprint(image, Box(0, 0, 100, 1)), image, image.cloud().points)
    assert not members.any()


def test_an_outline_is_followed(image: ImageObservation):
    half = Polygon([(40, 30), (50, 30), (50, 50), (40, 50)]).locate(image)
    cloud = image.cloud()
    columns = cloud.source_index[in_space(half, image, cloud.points)] % 100
    assert (columns.min(), columns.max()) == (40, 49)


def test_the_way_back_gives_the_box_of_the_points(image: ImageObservation):
    cloud = image.cloud()
    members = in_space(footprint(image, Box(35, 25, 65, 55)), image, cloud.points)
    box = in_image(image, cloud.points[members])
    assert box is not None
    assert (box.x1, box.y1, box.x2, box.y2) == pytest.approx((40, 30, 60, 50))


def test_one_point_is_one_pixel_and_none_is_none(image: ImageObservation):
    box = in_image(image, np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [1.0, 9.0, 0.0]]))
    assert box is not None
    assert (box.x2 - box.x1, box.y2 - box.y1) == pytest.approx((1, 1))
    assert in_image(image, np.array([[-1.0, 0.0, 0.0]])) is None


def test_a_thing_that_reaches_beyond_the_image_is_cut_off(image: ImageObservation):
    box = in_image(image, np.array([[1.0, 0.5, 0.0], [1.0, 0.495, 0.1], [1.0, 2.0, 0.0]]))
    assert box is not None
    assert box.x1 == 0.0
