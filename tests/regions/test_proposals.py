"""Regions without a person: what is proposed of clouds and images whose truth is known."""

import math
from typing import Any

import numpy as np
import pytest

from region_perception.errors import InvalidInput
from region_perception.observations import CloudObservation, ImageObservation, Intrinsics, observe_cloud
from region_perception.regions import Box, Box3D, Mask, PointSet
from region_perception.regions.proposals import propose
from region_perception.view import View

BOX, CAN, LAMP = Box3D((0.2, 0.15, 0.06), (0.16, 0.08, 0.12), 0.5), (-0.2, 0.1), (-0.05, -0.25)


def surface(random: np.random.Generator, box: Box3D, count: int) -> np.ndarray:
    """Points on the top and the sides of a box."""
    points = random.uniform(-0.5, 0.5, (count, 3))
    face = random.integers(0, 5, count)
    points[np.arange(count), np.array([0, 0, 1, 1, 2])[face]] = np.array([0.5, -0.5, 0.5, -0.5, 0.5])[face]
    cos, sin = math.cos(box.yaw), math.sin(box.yaw)
    return points * box.size @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]]) + box.center


def tube(random: np.random.Generator, at: tuple[float, float], radius: float, heights: Any, count: int) -> np.ndarray:
    angles = random.uniform(0, 2 * math.pi, count)
    sides = radius * np.cos(angles) + at[0], radius * np.sin(angles) + at[1]
    return np.column_stack((*sides, random.uniform(*heights, count)))


def table(count: int = 8000, noise: float = 0.001) -> tuple[np.ndarray, np.ndarray]:
    """A table of 1 m x 1 m with its rim, a box, a can and a lamp whose pole cannot be seen; what each point is of."""
    random = np.random.default_rng(0)
    edge = random.choice([-0.5, 0.5], count // 20)
    parts = [
        np.column_stack((random.uniform(-0.5, 0.5, (count, 2)), np.zeros(count))),
        np.column_stack((edge, random.uniform(-0.5, 0.5, count // 20), random.uniform(-0.1, 0, count // 20))),
        surface(random, BOX, count // 8),
        tube(random, CAN, 0.04, (0, 0.12), count // 16),
        np.concatenate(
            (tube(random, LAMP, 0.03, (0, 0.03), count // 30), tube(random, LAMP, 0.07, (0.2, 0.3), count // 10))
        ),
    ]
    belongs = np.concatenate([np.full(len(part), number) for number, part in enumerate(parts)])
    points = np.concatenate(parts)
    return points + random.normal(0, noise, points.shape), belongs


def test_a_thing_on_another_is_found_by_its_colours():
    points, belongs = table()
    random = np.random.default_rng(1)
    top = surface(random, Box3D((0.2, 0.15, 0.15), (0.05, 0.05, 0.06), 0.5), 300)
    top = top[top[:, 2] > 0.126]
    points = np.concatenate((points, top))
    on_box = np.arange(len(points)) >= len(belongs)
    colors = np.where(on_box[:, None], (0.8, 0.1, 0.1), (0.1, 0.3, 0.8))
    assert len(propose(observe_cloud(points))) == 3
    found = propose(observe_cloud(points, colors=colors), exact=True)
    assert len(found) == 4
    assert isinstance(found[-1], PointSet)
    assert on_box[found[-1].indices].mean() >= 0.95
    assert len(found[-1].indices) >= 0.8 * on_box.sum()


@pytest.mark.parametrize("count", [4000, 120_000])
def test_things_on_a_table_are_found_without_table_and_rim(count: int):
    points, belongs = table(count)
    found = propose(observe_cloud(points), exact=True)
    assert len(found) == 3
    for region in found:
        assert isinstance(region, PointSet)
        rows = np.zeros(len(points), bool)
        rows[region.indices] = True
        thing = np.bincount(belongs[rows]).argmax()
        truth = belongs == thing
        assert thing > 1
        assert (rows & truth).sum() / (rows | truth).sum() > 0.8


def test_boxes_are_turned_and_stand_on_the_table():
    points, _ = table()
    boxes = [box for box in propose(observe_cloud(points)) if isinstance(box, Box3D)]
    box = min(boxes, key=lambda box: math.dist(box.center, BOX.center))
    assert box.center == pytest.approx(BOX.center, abs=0.01)
    turned = (box.yaw - BOX.yaw) % math.pi
    sides = box.size if min(turned, math.pi - turned) < 0.3 else (box.size[1], box.size[0], box.size[2])
    assert sides == pytest.approx(BOX.size, abs=0.015)
    for each in boxes:
        assert each.center[2] - each.size[2] / 2 == pytest.approx(0, abs=0.01)


def test_the_largest_come_first_and_only_so_many():
    points, _ = table()
    cloud = observe_cloud(points)
    everything = propose(cloud, exact=True)
    assert propose(cloud, exact=True) == everything
    assert propose(cloud, exact=True, most=2) == everything[:2]


def test_indices_and_boxes_are_those_of_the_source():
    points, _ = table()
    far = points + np.array([4_500_000.0, 650_000.0, 80.0])
    far[::7] = np.nan
    with pytest.warns(match="NaN or infinite"):
        cloud = observe_cloud(far)
    for region, box in zip(propose(cloud, exact=True), propose(cloud), strict=True):
        assert isinstance(region, PointSet)
        assert isinstance(box, Box3D)
        assert np.isfinite(far[region.indices]).all()
        assert np.abs(far[region.indices].mean(axis=0) - box.center).max() < 0.1
        assert region.locate(cloud).members.sum() == len(region.indices)


def test_a_gap_parts_things_or_keeps_them_together():
    random = np.random.default_rng(0)
    floor = np.column_stack((random.uniform(-0.5, 0.5, (4000, 2)), np.zeros(4000)))
    pair = [surface(random, Box3D((x, 0, 0.05), (0.08, 0.1, 0.1)), 600) for x in (-0.06, 0.06)]
    cloud = observe_cloud(np.concatenate((floor, *pair)))
    assert len(propose(cloud)) == 2
    assert len(propose(cloud, gap=0.06)) == 1
    assert propose(cloud, gap=np.float32(0.06)) == propose(cloud, gap=float(np.float32(0.06)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "points",
    [np.zeros((1, 3)), np.zeros((500, 3)), np.linspace((0, 0, 0), (1, 1, 1), 300), np.eye(3)],
    ids=["point", "one place", "line", "three"],
)
def test_clouds_without_things_have_none(points: np.ndarray):
    assert propose(observe_cloud(points)) == []


def depth_image() -> tuple[ImageObservation, np.ndarray]:
    """A wall two metres away, and before it two boards, of which one has the colour of the wall."""
    depth = np.full((120, 160), 2.0, np.float32)
    truth = np.zeros((2, 120, 160), bool)
    truth[0, 30:70, 20:50] = truth[1, 50:100, 90:130] = True
    depth[truth.any(axis=0)] = 1.6
    depth += np.random.default_rng(0).normal(0, 0.002, depth.shape).astype(np.float32)
    pixels = np.full((120, 160, 3), (200, 190, 170), np.uint8)
    pixels[truth[0]] = (30, 60, 200)
    return ImageObservation(pixels, depth, Intrinsics(150, 150, 80, 60)), truth


def test_an_image_with_depth_gives_what_stands_out_whatever_its_colour():
    image, truth = depth_image()
    masks = propose(image, exact=True)
    assert len(masks) == 2
    for mask, expected in zip(masks, truth[::-1], strict=True):
        assert isinstance(mask, Mask)
        assert (mask.mask & expected).sum() / (mask.mask | expected).sum() > 0.95
    assert [(box.x1, box.y1, box.x2, box.y2) for box in propose(image) if isinstance(box, Box)] == [
        (90, 50, 130, 100),
        (20, 30, 50, 70),
    ]


def test_an_image_alone_gives_what_has_another_colour():
    image, truth = depth_image()
    (mask,) = propose(ImageObservation(image.pixels), exact=True)
    assert isinstance(mask, Mask)
    assert (mask.mask & truth[0]).sum() / (mask.mask | truth[0]).sum() > 0.9


@pytest.mark.parametrize("pixels", [np.zeros((1, 1, 3)), np.zeros((40, 60, 3))], ids=str)
def test_a_plain_image_has_nothing_to_point_at(pixels: np.ndarray):
    assert propose(ImageObservation(pixels.astype(np.uint8))) == []


def test_depth_that_is_not_known_anywhere_leaves_colour():
    image, _ = depth_image()
    blind = ImageObservation(image.pixels, np.full((120, 160), np.nan, np.float32), image.intrinsics)
    assert propose(blind) == propose(ImageObservation(image.pixels))


@pytest.mark.parametrize(
    "wrong",
    [{"most": 0}, {"most": 1.5}, {"most": True}, {"gap": 0}, {"gap": math.nan}, {"gap": "1"}, {"gap": True}],
    ids=str,
)
def test_what_cannot_be_asked_for_is_refused(wrong: dict[str, Any]):
    with pytest.raises(InvalidInput, match=r"most|gap"):
        propose(CloudObservation(np.zeros((1, 3), np.float32), None, np.zeros(1, np.int64), 1), **wrong)


def test_something_else_is_no_observation():
    with pytest.raises(InvalidInput, match="got ndarray"):
        propose(np.zeros((4, 3)))  # type: ignore[arg-type]


def test_a_view_proposes_what_its_observation_holds():
    image, _ = depth_image()
    view = View(None, image, None, None, 0.0)  # type: ignore[arg-type]  # what a network saw does not matter
    assert view.propose(most=1, exact=True) == propose(image, exact=True)[:1]
