"""All ways to point at a thing mean that thing."""

import numpy as np
import pytest

from region_perception.evaluation.pointing import (
    BOX,
    CLICK,
    MASK,
    SCRIBBLE,
    overlap,
    point_in_cloud,
    point_in_image,
)
from region_perception.observations import CloudObservation, ImageObservation
from region_perception.regions import Box, Box3D, Click, Click3D, Mask, PointSet, Scribble


@pytest.fixture
def ring() -> np.ndarray:
    """A ring: its middle is not part of it."""
    rows, columns = np.mgrid[:60, :80]
    reach = np.hypot(rows - 30, columns - 40)
    return (reach < 20) & (reach > 10)


@pytest.fixture
def image(ring: np.ndarray) -> ImageObservation:
    pixels = np.full((60, 80, 3), 220, np.uint8)
    pixels[ring] = (200, 20, 20)
    return ImageObservation(pixels, None, None)


def test_box_and_mask(ring: np.ndarray) -> None:
    assert point_in_image(BOX, ring) == Box(21, 11, 60, 50)
    assert point_in_image(MASK, ring) == Mask(ring)


def test_a_click_lies_deep_in_the_thing(ring: np.ndarray, image: ImageObservation) -> None:
    click = point_in_image(CLICK, ring)
    assert isinstance(click, Click)
    x, y = click.points[0]
    assert ring[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4].all()
    assert overlap(click.locate(image), Mask(ring).locate(image)) > 0.9


def test_a_stroke_runs_along_the_thing() -> None:
    shown = np.zeros((60, 80), bool)
    for step in range(50):
        shown[10 + step // 2 : 17 + step // 2, 10 + step] = True
    stroke = point_in_image(SCRIBBLE, shown)
    assert isinstance(stroke, Scribble)
    assert all(shown[int(y), int(x)] for x, y in stroke.points)
    assert np.ptp([x for x, _ in stroke.points]) > 30


@pytest.mark.filterwarnings("ignore:Click")  # on an empty picture
@pytest.mark.parametrize("pointing", [BOX, MASK, CLICK, SCRIBBLE])
def test_a_single_pixel_can_be_pointed_at(pointing: str) -> None:
    shown = np.zeros((20, 30), bool)
    shown[19, 29] = True
    observation = ImageObservation(np.zeros((20, 30, 3), np.uint8), None, None)
    footprint = point_in_image(pointing, shown).locate(observation)
    assert footprint.mask()[19, 29]


def test_clouds() -> None:
    pytest.importorskip("open3d")  # clicks in clouds need it
    points = np.random.default_rng(0).uniform(0, 1, (50, 3)).astype(np.float32)
    cloud = CloudObservation(points, None, np.arange(50) + 3, 60)
    rows, box = np.arange(3, 13), Box3D((0, 0, 0), (2, 2, 2), 0.3)
    mine = points[:10]
    assert point_in_cloud(BOX, box, rows, mine, 60) is box
    assert point_in_cloud(MASK, box, rows, mine, 60) == PointSet(rows, source_count=60)
    click = point_in_cloud(CLICK, box, rows, mine, 60)
    assert isinstance(click, Click3D)
    assert [click.x, click.y, click.z] in mine.tolist()
    own = PointSet(rows, source_count=60).locate(cloud)
    assert overlap(own, own) == 1
    assert 0 <= overlap(own, click.locate(cloud)) <= 1


def test_overlap(ring: np.ndarray, image: ImageObservation) -> None:
    left = ring.copy()
    left[:, 40:] = False
    whole, half, rest = (Mask(mask).locate(image) for mask in (ring, left, ring & ~left))
    assert overlap(whole, whole) == 1
    assert overlap(whole, half) == pytest.approx(left.sum() / ring.sum())
    assert overlap(half, rest) == 0
