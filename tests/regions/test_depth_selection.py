import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from region_perception.observations import Intrinsics, observe_image
from region_perception.regions import Click
from region_perception.regions.depth_heaps import alone
from region_perception.regions.depth_selection import standing

WIDTH, HEIGHT, FOCAL = 320, 240, 420.0
ABOVE, PITCH = 0.5, 0.7  # the camera over the table, which is the plane z = 0: metres, radians downwards
BALLS = {1: (0.62, 0.12, 0.06, 0.06), 2: (0.58, -0.06, 0.05, 0.05), 3: (0.58, -0.158, 0.05, 0.05)}  # 2 and 3 touch
TABLE, SHEET = 0, 4
PATTERNS = ("plain", "striped", "checkered")
WOOD, WHITE, BALL = ((150, 120, 90), (115, 85, 55)), ((235, 235, 240), (235, 235, 240)), ((190, 40, 40), (240, 230, 90))


def cast():
    """Depth along the optical axis [H, W], what each pixel shows [H, W], and where in the world that is [H, W, 3]."""
    left, up = np.meshgrid((WIDTH / 2 - 0.5 - np.arange(WIDTH)) / FOCAL, (HEIGHT / 2 - 0.5 - np.arange(HEIGHT)) / FOCAL)
    cos, sin = np.cos(PITCH), np.sin(PITCH)
    rays = np.stack((cos + sin * up, left, cos * up - sin), axis=-1)  # one metre long along the optical axis
    depth = -ABOVE / rays[..., 2]
    shown = np.full((HEIGHT, WIDTH), TABLE)
    for number, (*center, radius) in BALLS.items():
        apart = np.array((0, 0, ABOVE)) - center
        a, b, c = (rays**2).sum(axis=2), rays @ apart, apart @ apart - radius**2
        inside = b**2 - a * c
        near = np.where(inside > 0, (-b - np.sqrt(np.maximum(inside, 0))) / a, np.inf)
        shown[near < depth] = number
        depth = np.minimum(depth, near)
    places = rays * depth[..., None] + (0, 0, ABOVE)
    sheet = (np.abs(places[..., 0] - 0.43) < 0.04) & (np.abs(places[..., 1] - 0.1) < 0.06) & (shown == TABLE)
    shown[sheet] = SHEET
    return depth, shown, places


DEPTH, SHOWN, PLACES = cast()
CAMERA = Intrinsics(FOCAL, FOCAL, WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5)


def picture(pattern="checkered", *, noise=0.001, depth=DEPTH, intrinsics=CAMERA):
    """The scene in two colours for each thing, light and the sensor adding noise."""
    random = np.random.default_rng(0)
    x, y, z = (np.floor(PLACES[..., axis] / 0.015).astype(int) for axis in range(3))
    second = {"plain": 0 * x, "striped": z % 2, "checkered": (x + y + z) % 2}[pattern]
    second = np.where(SHOWN == TABLE, y % 2, second)
    paint = np.array([BALL if number in BALLS else WHITE if number == SHEET else WOOD for number in range(5)])
    pixels = paint[SHOWN, second] + random.normal(0, 3, (*SHOWN.shape, 3))
    measured = depth + noise * depth**2 * random.normal(size=depth.shape)
    measured[random.random(depth.shape) < 0.01] = np.nan
    return observe_image(
        np.clip(pixels, 0, 255).astype(np.uint8), depth=measured.astype(np.float32), intrinsics=intrinsics
    )


def middle(number):
    """The pixel (x, y) of a thing that is furthest from its edge."""
    inside = np.pad(number == SHOWN, 1)
    y, x = np.unravel_index(np.argmax(ndimage.distance_transform_edt(inside)), inside.shape)
    return int(x) - 1, int(y) - 1


def overlap(region, image, truth):
    mask = region.locate(image).mask()
    return (mask & truth).sum() / (mask | truth).sum()


@pytest.mark.parametrize("noise", [0, 0.001, 0.002])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_thing_on_a_table_is_taken_whatever_its_pattern(pattern, noise):
    assert overlap(Click(*middle(1)), picture(pattern, noise=noise), SHOWN == 1) >= 0.9


def test_neither_the_camera_nor_open3d_need_be_known(monkeypatch):
    monkeypatch.setitem(sys.modules, "open3d", None)
    bare = Click(*middle(1)).locate(picture(intrinsics=None)).mask()
    np.testing.assert_array_equal(bare, Click(*middle(1)).locate(picture()).mask())


def test_a_click_on_the_table_takes_its_top_across_the_grain():
    top = Click(*middle(TABLE))
    assert overlap(top, picture(), np.isin(SHOWN, (TABLE, SHEET))) >= 0.95
    assert top.locate(picture()).mask()[np.isin(SHOWN, list(BALLS))].mean() <= 0.1


def test_what_lies_flat_on_the_table_is_taken_by_its_colour():
    assert overlap(Click(*middle(SHEET)), picture(), SHOWN == SHEET) >= 0.9


def test_where_depth_is_missing_colour_decides():
    depth = DEPTH.copy()
    depth[ndimage.binary_dilation(SHOWN == 1, iterations=3)] = np.nan
    assert overlap(Click(*middle(1)), picture("plain", depth=depth), SHOWN == 1) >= 0.9


def test_a_hole_in_depth_under_the_click_changes_little():
    depth, (x, y) = DEPTH.copy(), middle(1)
    depth[y - 1 : y + 2, x - 1 : x + 2] = np.nan
    assert overlap(Click(x, y), picture(depth=depth), SHOWN == 1) >= 0.9


def test_where_no_plane_parts_things_colour_decides():
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    rolling = 1 + 0.2 * np.sin(columns / 25) * np.sin(rows / 25)
    assert overlap(Click(*middle(SHEET)), picture("plain", noise=0, depth=rolling), SHOWN == SHEET) >= 0.9


def stacked(*, lower, upper, noise=0.001):
    """A block on a slab on a table, from above, each in two colours by turns: the image, the slab and the block."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    slab = (np.abs(rows - 120) < 60) & (np.abs(columns - 150) < 80)
    block = (np.abs(rows - 110) < 22) & (np.abs(columns - 140) < 25)
    depth = np.where(block, 0.70, np.where(slab, 0.76, 0.775))
    ramp = np.clip((ndimage.distance_transform_edt(block) - 1) / 4, 0, 1)  # sides lean, so that depth does not jump
    depth = np.where(block, 0.76 - 0.06 * ramp, depth)
    turn = (rows + columns) // 9 % 2
    paint = np.where(slab[..., None], np.array(lower)[turn], np.array(WOOD)[0])
    paint = np.where(block[..., None], np.array(upper)[turn], paint) + random.normal(0, 3, (HEIGHT, WIDTH, 3))
    measured = depth + noise * depth**2 * random.normal(size=depth.shape)
    image = observe_image(np.clip(paint, 0, 255).astype(np.uint8), depth=measured.astype(np.float32))
    return image, slab & ~block, block


@pytest.mark.parametrize("noise", [0, 0.001])
def test_a_thing_on_another_of_other_colours_is_taken_alone(noise):
    image, slab, block = stacked(
        lower=((40, 60, 180), (30, 30, 30)), upper=((190, 40, 40), (240, 230, 90)), noise=noise
    )
    assert overlap(Click(140, 110), image, block) >= 0.85
    assert overlap(Click(200, 150), image, slab) >= 0.9


def test_a_thing_of_one_paint_is_taken_with_what_rises_from_it():
    paint = ((190, 40, 40), (240, 230, 90))
    image, slab, block = stacked(lower=paint, upper=paint)
    assert overlap(Click(140, 110), image, slab | block) >= 0.95


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_negative_point_cuts_a_thing_that_touches_away(pattern):
    image = picture(pattern)
    both = np.isin(SHOWN, (2, 3))
    assert overlap(Click(*middle(2)), image, both) >= 0.95
    assert overlap(Click(points=[middle(2), middle(3)]), image, both) >= 0.95
    alone = Click(points=[middle(2), middle(3)], labels=[1, 0])
    assert overlap(alone, image, SHOWN == 2) >= 0.95
    assert not alone.locate(image).mask()[middle(3)[::-1]]


def test_negative_points_elsewhere_change_nothing():
    clicked = Click(*middle(1)).locate(picture()).mask()
    others = Click(points=[middle(1), middle(2), middle(TABLE)], labels=[1, 0, 0]).locate(picture()).mask()
    np.testing.assert_array_equal(clicked, others)


def test_the_same_click_always_takes_the_same_pixels():
    click = Click(points=[middle(2), middle(3)], labels=[1, 0])
    np.testing.assert_array_equal(click.locate(picture()).mask(), click.locate(picture()).mask())


def test_large_images_are_worked_on_reduced():
    image = picture()
    pixels, depth = (part.repeat(7, axis=0).repeat(7, axis=1) for part in (image.pixels, image.depth))
    x, y = middle(1)
    click = Click(7 * x, 7 * y)
    truth = (SHOWN == 1).repeat(7, axis=0).repeat(7, axis=1)
    assert overlap(click, observe_image(pixels, depth=depth), truth) >= 0.85


@pytest.mark.filterwarnings("ignore:Click. little sets:region_perception.errors.InputWarning")
@pytest.mark.parametrize("shape", [(1, 1), (1, 2000), (2, 2), (5, 7), (40, 40)])
@pytest.mark.parametrize("metres", [1e-4, 1, 90])
def test_any_depth_has_a_selection_with_the_click_in_it(shape, metres):
    image = observe_image(np.zeros((*shape, 3), np.uint8), depth=np.full(shape, metres, np.float32))
    click = Click(points=[(0, 0), (shape[1] - 1, shape[0] - 1)], labels=[1, 0]) if max(shape) > 1 else Click(0, 0)
    assert click.locate(image).mask()[0, 0]


def test_a_part_that_is_all_a_hole_in_the_depth_is_one_thing():
    """Where depth is unknown it is filled from around; within the hole alone nothing says how far away it is."""
    image = picture()
    assert image.depth is not None
    x, y = middle(1)
    hole = np.zeros(SHOWN.shape, bool)
    hole[y - 3 : y + 4, x - 3 : x + 4] = True
    found = replace(standing(image.depth, (x, y)), part=hole)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        selected = alone(found, image.pixels, np.where(hole, np.float32(np.nan), image.depth), (x, y))
    assert np.array_equal(selected, hole)
