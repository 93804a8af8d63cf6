import numpy as np
import pytest

from region_perception.observations import observe_image
from region_perception.regions import Scribble

WIDTH, HEIGHT = 160, 120
X, Y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
SHOWN = np.zeros((HEIGHT, WIDTH), int)  # 0: a table, seen from above
CAN, MUG, SHEET = 1, 2, 3  # two that stand on it, and one that lies flat
MIDDLES = {CAN: (45, 40), MUG: (110, 40), SHEET: (60, 90)}
SHOWN[(X - 45) ** 2 + (Y - 40) ** 2 < 25**2] = CAN
SHOWN[(X - 110) ** 2 + (Y - 40) ** 2 < 20**2] = MUG
SHOWN[(np.abs(X - 60) < 25) & (np.abs(Y - 90) < 12)] = SHEET
DEPTH = np.where(SHOWN == CAN, 0.8, np.where(SHOWN == MUG, 0.85, 1.0)) + 0.001 * Y
PATTERNS = ("plain", "striped", "checkered")


def picture(pattern="checkered"):
    """Things in two colours on a table with a grain, light and the sensor adding noise."""
    random = np.random.default_rng(0)
    second = {"plain": 0 * X, "striped": Y // 6 % 2, "checkered": (X // 6 + Y // 6) % 2}[pattern]
    second = np.where(SHOWN == 0, X // 8 % 2, second)
    wood, toy, white = ((150, 120, 90), (115, 85, 55)), ((190, 40, 40), (240, 230, 90)), ((235, 235, 240),) * 2
    pixels = np.array((wood, toy, toy, white))[SHOWN, second] + random.normal(0, 3, (*SHOWN.shape, 3))
    depth = DEPTH + 0.001 * DEPTH**2 * random.normal(size=DEPTH.shape)
    return observe_image(np.clip(pixels, 0, 255).astype(np.uint8), depth=depth.astype(np.float32))


def middle(number):
    return MIDDLES[number]


def overlap(region, image, truth):
    mask = region.locate(image).mask()
    return (mask & truth).sum() / (mask | truth).sum()


def stroke(number, *, half=14, width=3.0):
    """A level line in the middle of a thing."""
    x, y = middle(number)
    return Scribble([(x + 0.5 - half, y + 0.5), (x + 0.5 + half, y + 0.5)], width=width)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_stroke_on_a_thing_means_the_thing(pattern):
    assert overlap(stroke(1), picture(pattern), SHOWN == 1) >= 0.9


def test_a_stroke_on_what_lies_flat_means_that():
    assert overlap(stroke(SHEET), picture(), SHOWN == SHEET) >= 0.9


def test_a_stroke_along_two_things_means_both():
    (x1, y1), (x2, y2) = middle(2), middle(1)
    both = Scribble([(x1 + 0.5, y1 + 0.5), (x2 + 0.5, y2 + 0.5)], width=1)
    mask = both.locate(picture()).mask()
    assert mask[y1, x1]
    assert mask[y2, x2]
    assert (mask & (SHOWN == 1)).sum() >= 0.9 * (SHOWN == 1).sum()


def test_what_a_stroke_slips_on_to_is_left_out():
    x, y = middle(1)
    half = int((SHOWN[y] == 1).sum() // 2)
    slipped = Scribble([(x - 0.8 * half, y + 0.5), (x + 1.3 * half, y + 0.5)], width=1)
    image = picture()
    mask = slipped.locate(image).mask()
    assert overlap(slipped, image, SHOWN == 1) >= 0.85
    assert (mask & (SHOWN != 1)).sum() < 0.1 * (SHOWN == 1).sum()


def test_a_stroke_on_the_table_means_that_place():
    line = Scribble([(100, 95), (140, 95)], width=5)
    image = picture()
    painted = line.locate(observe_image(image.pixels)).mask()
    np.testing.assert_array_equal(line.locate(image).mask(), painted)


def test_without_depth_a_stroke_is_what_the_brush_painted():
    image = picture()
    plain = stroke(1).locate(observe_image(image.pixels))
    assert plain.mask().sum() < 0.2 * (SHOWN == 1).sum()
    unknown = observe_image(image.pixels, depth=np.full(DEPTH.shape, np.nan, np.float32))
    np.testing.assert_array_equal(stroke(1).locate(unknown).mask(), plain.mask())


def test_what_the_brush_painted_always_belongs():
    line = stroke(1, half=30, width=9)
    image = picture()
    painted = line.locate(observe_image(image.pixels)).mask()
    assert line.locate(image).mask()[painted].all()


def test_what_is_far_longer_than_the_stroke_was_not_meant():
    """Else a stroke along a small thing means what it stands on as well, wherever both are selected together."""
    image = picture()
    short, long = stroke(CAN, half=6), stroke(CAN, half=14)
    np.testing.assert_array_equal(short.locate(image).mask(), short.locate(observe_image(image.pixels)).mask())
    assert overlap(long, image, SHOWN == CAN) >= 0.9


def test_a_hole_in_depth_in_the_middle_of_a_stroke_hides_no_thing():
    shown = picture()
    x, y = middle(CAN)
    assert shown.depth is not None
    depth = shown.depth.copy()
    depth[y - 8 : y + 8, x - 8 : x + 8] = np.nan
    holed = observe_image(shown.pixels, depth=depth)
    assert overlap(stroke(CAN, half=20), holed, SHOWN == CAN) >= 0.8
