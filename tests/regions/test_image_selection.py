import warnings

import numpy as np
import pytest
from scipy import ndimage

from region_perception.errors import InputWarning
from region_perception.observations import observe_image
from region_perception.regions import Click, colour

RED, WOOD, BLUE, WHITE, BROWN, BLACK = (
    (180, 40, 40),
    (150, 140, 120),
    (40, 60, 150),
    (225, 225, 220),
    (110, 75, 50),
    (30, 30, 30),
)


def disk(size, center, radius):
    rows, columns = np.ogrid[: size[1], : size[0]]
    return (columns + 0.5 - center[0]) ** 2 + (rows + 0.5 - center[1]) ** 2 <= radius**2


def mug(size):
    """A body with a handle."""
    width, height = size
    body = np.zeros((height, width), dtype=bool)
    body[height // 3 : 2 * height // 3, width // 3 : width // 2 + 20] = True
    center = (width // 2 + 20, height / 2)
    return body | (disk(size, center, 32) & ~disk(size, center, 18))


def painted(shape, thing, ground, *, noise=0.0, light=(1.0, 1.0), seed=0):
    """An image of `shape` in one colour on another, the light falling from left to right on the thing, edges soft."""
    columns = np.linspace(0, 1, shape.shape[1])
    inside = np.flatnonzero(shape.any(axis=0))
    across = np.clip((columns * shape.shape[1] - inside[0]) / len(inside), 0, 1)[None, :, None]
    lit = np.array(thing) * (light[0] + (light[1] - light[0]) * across)
    cover = ndimage.gaussian_filter(shape.astype(float), 0.7)[..., None]
    pixels = lit * cover + np.array(ground) * (1 - cover)
    pixels += np.random.default_rng(seed).normal(0, noise, pixels.shape)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def overlap(region, image, truth):
    mask = region.locate(image).mask()
    return (mask & truth).sum() / (mask | truth).sum()


SIZE = (240, 180)
SHAPES = {"disk": disk(SIZE, (110, 90), 34), "small": disk(SIZE, (110, 90), 9), "mug": mug(SIZE)}
PAIRS = {
    "red on wood": (RED, WOOD),
    "blue on white": (BLUE, WHITE),
    "brown on wood": (BROWN, WOOD),
    "black on wood": (BLACK, WOOD),
}
LOOKS = {
    "flat": {},
    "noisy": {"noise": 7},
    "lit from the left": {"light": (1.1, 0.6)},
    "lit and noisy": {"light": (1.1, 0.7), "noise": 5},
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_click_takes_the_thing(shape, pair, look):
    truth = SHAPES[shape]
    image = observe_image(painted(truth, *PAIRS[pair], **LOOKS[look]))
    assert overlap(Click(108, 90), image, truth) >= 0.9


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("shape", SHAPES)
def test_depth_parts_things_of_one_colour(shape, look):
    truth = SHAPES[shape]
    table = np.linspace(1.0, 0.7, SIZE[1])[:, None] * np.ones(SIZE[0])
    depth = np.where(truth, 0.6, table) + np.random.default_rng(1).normal(0, 0.002, truth.shape)
    depth[ndimage.binary_dilation(truth) & ~truth] = np.nan  # as sensors leave it at edges
    image = observe_image(painted(truth, WOOD, WOOD, **LOOKS[look]), depth=depth.astype(np.float32))
    assert overlap(Click(108, 90), image, truth) >= 0.9


def test_a_click_on_the_ground_takes_the_ground_around_the_things():
    things = disk(SIZE, (60, 60), 25) | disk(SIZE, (160, 110), 30)
    image = observe_image(painted(things, BLUE, WHITE, noise=4))
    assert overlap(Click(110, 20), image, ~things) >= 0.97


def test_one_of_several_things_is_taken_alone():
    left, right = disk(SIZE, (60, 90), 30), disk(SIZE, (160, 90), 30)
    image = observe_image(painted(left | right, RED, WOOD, noise=4))
    assert overlap(Click(60, 90), image, left) >= 0.95
    assert overlap(Click(points=[(60, 90), (160, 90)]), image, left | right) >= 0.95


def test_a_negative_point_cuts_a_thing_that_touches_away():
    left, right = disk(SIZE, (75, 90), 40), disk(SIZE, (150, 90), 40)
    image = observe_image(painted(left | right, RED, WOOD, noise=4))
    assert overlap(Click(75, 90), image, left | right) >= 0.95
    alone = Click(points=[(75, 90), (150, 90)], labels=[1, 0])
    assert overlap(alone, image, left) >= 0.85
    assert not alone.locate(image).mask()[90, 150]


def test_negative_points_elsewhere_change_nothing():
    truth = SHAPES["disk"]
    image = observe_image(painted(truth, RED, WOOD, noise=4))
    assert overlap(Click(points=[(108, 90), (5, 5)], labels=[1, 0]), image, truth) >= 0.95


def test_a_highlight_on_a_thing_belongs_to_it():
    truth = SHAPES["disk"]
    pixels = painted(truth, RED, WOOD)
    pixels[disk(SIZE, (100, 80), 4)] = 255
    assert overlap(Click(120, 95), observe_image(pixels), truth) >= 0.95


@pytest.mark.parametrize(("radius", "least"), [(8, 0.9), (60, 0.9), (600, 0.97)])
def test_things_of_every_size_are_found_in_a_large_image(radius, least):
    truth = disk((2400, 1600), (1000, 800), radius)
    pixels = np.where(truth[..., None], np.array(RED, np.uint8), np.array(WOOD, np.uint8))
    assert overlap(Click(1000.5, 800.5), observe_image(pixels), truth) >= least


def test_the_whole_image_is_never_taken_silently():
    image = observe_image(np.full((60, 80, 3), 90, np.uint8))
    with pytest.warns(InputWarning, match=r"little sets \(10, 10\) apart .* nearly the whole image"):
        Click(10, 10).locate(image)


def test_nothing_sets_a_uniform_image_apart_but_the_points():
    image = observe_image(np.full((60, 80, 3), 90, np.uint8))
    halves = Click(points=[(10, 30), (70, 30)], labels=[1, 0]).locate(image).mask()
    assert halves[:, :38].mean() > 0.95
    assert not halves[:, 42:].any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2)])
def test_the_smallest_images_have_a_selection(shape):
    image = observe_image(np.zeros((*shape, 3), np.uint8), depth=np.full(shape, np.nan, np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        assert Click(0, 0).locate(image).mask()[0, 0]


def test_pixels_of_pure_noise_have_a_selection_with_the_click_in_it():
    pixels = np.random.default_rng(0).integers(0, 256, (80, 100, 3)).astype(np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        assert Click(50, 40).locate(observe_image(pixels)).mask()[40, 50]


def test_colours_are_those_of_cielab():
    known = {(255, 255, 255): (100, 0, 0), (255, 0, 0): (53.24, 80.09, 67.20), (0, 0, 255): (32.30, 79.19, -107.86)}
    for rgb, expected in known.items():
        np.testing.assert_allclose(colour.lab(np.array(rgb, np.uint8)), expected, atol=0.05)


def test_shade_counts_for_less_than_hue():
    clicked, shaded, other = colour.lab(np.array([[(200, 60, 50)], [(120, 36, 30)], [(120, 36, 80)]], np.uint8))
    assert colour.unlike(shaded[None], clicked[0]) < 0.5 * colour.unlike(other[None], clicked[0])


def test_noise_is_measured_and_slopes_of_light_are_not_noise():
    random = np.random.default_rng(0)
    slope = np.linspace(0, 100, 80)[:, None, None] + np.linspace(0, 50, 90)[None, :, None] + np.zeros(3)
    assert colour.noise(slope) == pytest.approx(0, abs=1e-9)
    assert colour.noise(slope + random.normal(0, 2, slope.shape)) == pytest.approx(2 * 3**0.5, rel=0.05)
