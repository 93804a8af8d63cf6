"""What `propose` finds in the tabletop world, by the benchmark that the documents quote, in few and small scenes."""

import math

import numpy as np
import pytest
from proposals import Score, overlap, score

from region_perception.regions import Box, Box3D, Mask, PointSet

pytest.importorskip("open3d")
SIZE = (320, 240)


@pytest.mark.parametrize(
    ("of", "exact", "found", "made_up"),
    [("cloud", True, 0.8, 2.5), ("cloud", False, 0.6, 4), ("depth", True, 0.7, 3), ("depth", False, 0.7, 3)],
)
def test_most_things_of_a_table_are_found(of: str, exact: bool, found: float, made_up: float):
    scenes = range(4)
    told = score(scenes, SIZE, of, exact)
    assert told.things > 20
    assert told.found >= found * told.things
    assert told.made_up <= made_up * len(scenes)


def test_some_are_found_by_their_colour_alone():
    told = score(range(3), SIZE, "image", False)
    assert told.found >= 0.2 * told.things


def test_overlaps_are_what_geometry_says():
    assert overlap(Box(0, 0, 2, 2), Box(1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert overlap(Box(0, 0, 2, 2), Box(2, 0, 3, 2)) == 0
    assert overlap(PointSet([1, 2, 3]), PointSet([2, 3, 4])) == pytest.approx(0.5)
    square = Mask(np.eye(4, dtype=bool))
    assert overlap(square, square) == 1
    box = Box3D((0, 0, 0), (1, 1, 1))
    assert overlap(box, Box3D((0, 0, 0), (1, 1, 1), math.pi / 2)) == pytest.approx(1)
    assert overlap(box, Box3D((0.5, 0, 0.5), (1, 1, 1))) == pytest.approx(0.25 / 1.75)
    turned = 2 * math.sqrt(2) - 2  # area of the octagon that a unit square shares with itself turned by 45 degrees
    assert overlap(box, Box3D((0, 0, 0), (1, 1, 1), math.pi / 4)) == pytest.approx(turned / (2 - turned))


def test_what_overlaps_nothing_is_made_up():
    told = Score()
    told.add(np.array([[0.6, 0.0], [0.1, 0.2]]), np.array([True, False]))
    assert (told.things, told.found, told.made_up, told.proposed) == (1, 1, 1, 2)
