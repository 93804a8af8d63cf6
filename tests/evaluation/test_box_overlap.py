"""The overlap of boxes in space: known values, and what must hold for any two."""

import math

import numpy as np
import pytest

from region_perception import Box3D
from region_perception.evaluation.box_overlap import box_iou

UNIT = Box3D((0, 0, 0), (1, 1, 1))
RANDOM = np.random.default_rng(0)


def some_box():
    yaw = RANDOM.uniform(-math.pi, math.pi)
    return Box3D(tuple(RANDOM.uniform(-1, 1, 3)), tuple(RANDOM.uniform(0.1, 3, 3)), yaw)


PAIRS = [(some_box(), some_box()) for _ in range(100)]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (UNIT, 1),
        (Box3D((0, 0, 0), (1, 1, 1), math.pi / 2), 1),
        (Box3D((0.5, 0, 0), (1, 1, 1)), 0.5 / 1.5),
        (Box3D((0.5, 0.5, 0.5), (1, 1, 1)), 0.125 / 1.875),
        (Box3D((0, 0, 0), (0.5, 0.5, 0.5)), 0.125),
        (Box3D((1, 0, 0), (1, 1, 1)), 0),
        (Box3D((0, 0, 3), (1, 1, 1)), 0),
        # A square and itself turned by half a right angle share a regular octagon.
        (Box3D((0, 0, 0), (1, 1, 1), math.pi / 4), (2 * math.sqrt(2) - 2) / (4 - 2 * math.sqrt(2))),
    ],
)
def test_known_overlaps(other, expected) -> None:
    assert box_iou(UNIT, other) == pytest.approx(expected, abs=1e-9)


def test_overlap_is_symmetric_and_moves_with_the_boxes() -> None:
    overlaps = [box_iou(one, other) for one, other in PAIRS]
    assert min(overlaps) >= 0
    assert 0.1 < max(overlaps) < 1
    for (one, other), iou in zip(PAIRS, overlaps, strict=True):
        turn, shift = RANDOM.uniform(-math.pi, math.pi), RANDOM.uniform(-2, 2)
        assert box_iou(other, one) == pytest.approx(iou, abs=1e-9)
        assert box_iou(moved(one, turn, shift), moved(other, turn, shift)) == pytest.approx(iou, abs=1e-7)
        assert box_iou(one, one) == pytest.approx(1)


def moved(box, turn, shift):
    cos, sin = math.cos(turn), math.sin(turn)
    x, y, z = box.center
    yaw = math.remainder(box.yaw + turn, 2 * math.pi)
    return Box3D((cos * x - sin * y + shift, sin * x + cos * y - shift, z + shift), box.size, yaw)


def test_boxes_that_are_not_turned_overlap_along_each_axis() -> None:
    for turned in PAIRS:
        one, other = (Box3D(each.center, each.size) for each in turned)
        low = np.maximum(*(np.array(each.center) - np.array(each.size) / 2 for each in (one, other)))
        high = np.minimum(*(np.array(each.center) + np.array(each.size) / 2 for each in (one, other)))
        shared = np.prod(np.clip(high - low, 0, None))
        expected = shared / (np.prod(one.size) + np.prod(other.size) - shared)
        assert box_iou(one, other) == pytest.approx(expected, abs=1e-9)
