import numpy as np
import pytest

from region_perception.regions import colour
from region_perception.regions.carried import Heap, carried
from region_perception.regions.depth_selection import neighbours

RED, WHITE, BLACK, GREEN, BLUE = (190, 40, 40), (235, 235, 235), (30, 30, 30), (40, 160, 60), (40, 60, 180)
SIDE = 60
X, Y = np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij")
TRAY = np.ones((SIDE, SIDE), bool)
BALL = (X - 30) ** 2 + (Y - 25) ** 2 < 10**2


def plain(rgb):
    return np.broadcast_to(np.array(rgb, np.uint8), (SIDE, SIDE, 3))


def pattern(one, other, *, checks=False, width=5):
    which = (X // width + (Y // width if checks else 0)) % 2 == 0
    return np.where(which[..., None], np.array(one, np.uint8), np.array(other, np.uint8))


def heap(thing, on, of, heights, *, scale=1.0, tilt=0.0, noise=0.1):
    """A height field seen from above: `thing` (bool) painted `on`, the rest `of`; all lengths in cells times scale."""
    random = np.random.default_rng(0)
    painted = np.where(thing[..., None], on, of).astype(np.float64) + random.normal(0, 3, (SIDE, SIDE, 3))
    lab = colour.lab(np.clip(painted, 0, 255).astype(np.uint8)).reshape(-1, 3)
    points = np.stack((X, Y, heights + noise * random.normal(size=X.shape)), axis=-1).reshape(-1, 3) * scale
    turn = np.array([[np.cos(tilt), 0, np.sin(tilt)], [0, 1, 0], [-np.sin(tilt), 0, np.cos(tilt)]])
    start, end = neighbours(TRAY)
    return Heap(points @ turn.T, lab, start, end, points[:, 2], turn @ (0, 0, 1), 0.5 * scale)


def over_the_tray(thing, high):
    return np.where(thing, 3.0 + high, 3.0)


def overlap(labels, truth):
    found = labels.reshape(SIDE, SIDE) == labels.reshape(SIDE, SIDE)[truth][0]
    return (found & truth).sum() / (found | truth).sum()


DOME = np.sqrt(np.maximum(10.0**2 - (X - 30) ** 2 - (Y - 25) ** 2, 0)) + 8


@pytest.mark.parametrize(("scale", "tilt"), [(1, 0), (0.001, 0), (50, 0), (1, 0.8)])
@pytest.mark.parametrize(
    ("on", "of"),
    [
        (plain(RED), plain(GREEN)),
        (pattern(RED, WHITE), plain(GREEN)),
        (plain(RED), pattern(BLACK, WHITE, checks=True)),
        (pattern(RED, WHITE), pattern(BLACK, WHITE, checks=True)),
    ],
    ids=["plain", "striped thing", "checkered tray", "a colour of both"],
)
def test_what_stands_on_something_of_other_colours_is_a_thing_of_its_own(on, of, scale, tilt):
    labels = carried(heap(BALL, on, of, over_the_tray(BALL, DOME), scale=scale, tilt=tilt))
    assert overlap(labels, BALL) >= 0.95
    assert overlap(labels, ~BALL) >= 0.95


@pytest.mark.parametrize("paint", [plain(RED), pattern(RED, WHITE), pattern(RED, WHITE, checks=True)])
def test_one_thing_of_one_paint_stays_whole_whatever_stands_on_its_flat_parts(paint):
    lamp = heap(BALL, paint, paint, over_the_tray(BALL, DOME))
    assert (carried(lamp) == 0).all()


def test_shade_on_a_thing_of_one_paint_does_not_part_it():
    lit, dark = plain(RED), plain(tuple(value * 3 // 4 for value in RED))
    assert (carried(heap(BALL, lit, dark, over_the_tray(BALL, DOME))) == 0).all()


def test_a_label_that_lies_flat_stays_with_its_box():
    label = (np.abs(X - 30) < 10) & (np.abs(Y - 30) < 6)
    assert (carried(heap(label, plain(WHITE), plain(BLUE), over_the_tray(label, 0))) == 0).all()


def test_what_hangs_by_a_neck_stays():
    handle = (np.abs(X - 30) < 2) & (Y >= 58)
    assert (carried(heap(handle, plain(BLACK), plain(BLUE), over_the_tray(handle, 6))) == 0).all()


def test_each_of_several_things_is_told_from_the_others():
    can = (X - 45) ** 2 + (Y - 48) ** 2 < 6**2
    labels = carried(heap(BALL | can, plain(RED), plain(GREEN), over_the_tray(BALL | can, 9)))
    assert sorted(np.unique(labels)) == [0, 1, 2]
    assert min(overlap(labels, BALL), overlap(labels, can), overlap(labels, ~BALL & ~can)) >= 0.95


def test_a_thing_that_leans_against_the_rim_is_told_from_it():
    rim = (X < 4) | (X > 55) | (Y < 4) | (Y > 55)
    box = (np.abs(X - 14) <= 10) & (np.abs(Y - 30) <= 8) & ~rim
    labels = carried(heap(box, plain(RED), plain(BLUE), over_the_tray(box | rim, 8)))
    assert overlap(labels, box) >= 0.9


def test_nothing_stands_where_nothing_is_level():
    slope = np.where(BALL, 20.0, 0.0) + 2.0 * X
    assert (carried(heap(BALL, plain(RED), plain(GREEN), slope)) == 0).all()


@pytest.mark.parametrize("count", [1, 2, 23, 40])
def test_a_handful_of_points_is_one_thing(count):
    points = np.random.default_rng(0).normal(size=(count, 3))
    chain = np.arange(count - 1)
    alike = Heap(points, np.zeros((count, 3), np.float32), chain, chain + 1, points[:, 2], np.array((0, 0, 1.0)), 0.1)
    assert (carried(alike) == 0).all()


def test_every_point_at_one_place_is_one_thing():
    points, lab = np.zeros((500, 3)), np.random.default_rng(0).uniform(-90, 90, (500, 3)).astype(np.float32)
    chain = np.arange(499)
    assert (carried(Heap(points, lab, chain, chain + 1, points[:, 2], np.array((0, 0, 1.0)), 0.0)) == 0).all()
