import numpy as np
import pytest

from region_perception.drawing import Drawable, draw_image
from region_perception.drawing.palette import region_colour
from region_perception.drawing.sheet import Sheet, grown
from region_perception.errors import InvalidInput
from region_perception.observations import ImageObservation
from region_perception.regions import Box, Click, Mask, Scribble


def picture_of(width, height, grey=128):
    return ImageObservation(np.full((height, width, 3), grey, dtype=np.uint8))


def item(image, region, number=1, text="a thing", pointed=True):
    return Drawable(region.locate(image), number, text, region if pointed else None)


def disc(image, x, y, radius):
    rows, columns = np.ogrid[: image.height, : image.width]
    return Mask((columns + 0.5 - x) ** 2 + (rows + 0.5 - y) ** 2 <= radius**2)


@pytest.mark.parametrize("size", [(1, 1), (32, 32), (37, 5), (224, 224), (640, 480), (1000, 20), (20, 1000)])
def test_small_pictures_are_enlarged_and_narrow_ones_get_margins(size):
    image = picture_of(*size)
    drawn = draw_image(image, [item(image, Box(0, 0, *size))])
    assert drawn.mode == "RGB"
    assert max(drawn.size) >= 600
    assert drawn.width * 8 >= drawn.height
    assert drawn.height * 8 >= drawn.width


@pytest.mark.parametrize("size", [(3, 100_000), (100_000, 3)])
def test_threads_do_not_become_gigabytes(size):
    image = picture_of(*size)
    drawn = draw_image(image, [item(image, Box(0, 0, *size), text="a very long thing")])
    assert max(drawn.size) <= 101_000
    assert min(drawn.size) <= 400


def test_an_enlarged_picture_keeps_its_pixels():
    image = ImageObservation(np.random.default_rng(0).integers(0, 255, (3, 4, 3), dtype=np.uint8))
    drawn = np.asarray(draw_image(image, []))
    assert drawn.shape == (450, 600, 3)
    np.testing.assert_array_equal(drawn[75::150, 75::150], image.pixels)
    np.testing.assert_array_equal(drawn[149::150, 149::150], image.pixels)


def test_the_observation_stays_as_it_was():
    image = picture_of(640, 480)
    draw_image(image, [item(image, disc(image, 300, 200, 50))])
    assert (image.pixels == 128).all()


def test_the_same_input_gives_the_same_picture():
    image = picture_of(640, 480)
    items = [item(image, Box(10, 20, 200, 300)), item(image, disc(image, 400, 200, 90), 2, "a ball")]
    assert draw_image(image, items).tobytes() == draw_image(image, items).tobytes()


def test_a_box_is_framed_in_its_colour_and_its_inside_stays():
    image = picture_of(640, 480)
    drawn = np.asarray(draw_image(image, [item(image, Box(100, 200, 300, 400), number=3)]))
    assert (drawn[200:400, 100:300] == 128).all()
    for edge in (drawn[250, 95:100], drawn[250, 300:305], drawn[195:200, 250], drawn[400:405, 250]):
        assert region_colour(3) in map(tuple, edge)


def test_a_mask_is_tinted_where_it_is_set_and_nowhere_else():
    image = picture_of(640, 480)
    ring = disc(image, 320, 240, 100).mask & ~disc(image, 320, 240, 50).mask
    drawn = np.asarray(draw_image(image, [item(image, Mask(ring), number=2)])).astype(int)
    blue = region_colour(2)[2] > 128  # the second colour is a blue: what it tints becomes bluer
    assert blue
    assert (drawn[240, 320 - 90 : 320 - 60, 2] > 150).all()
    assert (drawn[240, 300:340] == 128).all()  # the hole
    assert (drawn[400, :200] == 128).all()
    assert region_colour(2) in map(tuple, drawn[240, 210:220])  # the outline, outside the shape


def test_a_region_at_the_border_is_outlined_inside_the_picture():
    image = picture_of(640, 480)
    drawn = np.asarray(draw_image(image, [item(image, Box(0, 0, 640, 480), text="")]))
    for edge in (drawn[240, :6], drawn[240, -6:], drawn[:6, 320], drawn[-6:, 320]):
        assert region_colour(1) in map(tuple, edge)


@pytest.mark.parametrize("size", [(32, 32), (640, 480), (3000, 2000)])
def test_the_number_is_seen_at_its_region(size):
    image = picture_of(*size)
    width, height = size
    box = Box(0.5 * width, 0.5 * height, 0.7 * width, 0.8 * height)
    # 1 and 8 have the same colour, so only the digit differs.
    first, second = (np.asarray(draw_image(image, [item(image, box, number, "")])) for number in (1, 8))
    rows, columns = np.nonzero((first != second).any(axis=2))
    sheet = Sheet(image.pixels)
    place = sheet.rect((box.x1, box.y1, box.x2, box.y2)).grown(2 * sheet.text_size)
    assert len(rows) > 10
    assert place.x1 <= columns.min() <= columns.max() < place.x2
    assert place.y1 <= rows.min() <= rows.max() < place.y2


def test_sixty_four_regions_draw():
    image = picture_of(640, 480)
    corners = np.random.default_rng(0).uniform(0, (500, 380), (64, 2))
    items = [item(image, Box(x, y, x + 100, y + 60), i + 1, f"thing {i}") for i, (x, y) in enumerate(corners)]
    assert draw_image(image, items).height > 480 + 64 * 10 / 2


def test_captions_stand_in_the_picture_where_they_fit():
    image = picture_of(640, 480)
    boxes = [Box(100, 100, 200, 200), Box(400, 300, 500, 400)]
    assert draw_image(image, [item(image, box, i + 1) for i, box in enumerate(boxes)]).size == (640, 480)


@pytest.mark.parametrize("text", ["word " * 60, "x" * 300])
def test_long_captions_go_into_a_legend_below(text):
    image = picture_of(640, 480)
    drawn = draw_image(image, [item(image, Box(100, 100, 200, 200), text=text)])
    assert drawn.width == 640
    assert drawn.height > 480
    beside = np.asarray(draw_image(image, [item(image, Box(100, 100, 200, 200), text="")]))
    np.testing.assert_array_equal(np.asarray(drawn)[:480], beside)  # only the number stays with the region


def test_many_captions_go_into_a_legend_below():
    image = picture_of(320, 240)
    items = [item(image, Box(5 * i, 5 * i, 5 * i + 60, 5 * i + 60), i + 1, f"thing {i}") for i in range(30)]
    assert draw_image(image, items).height > 480


def test_words_about_the_whole_image_stand_in_the_legend():
    image = picture_of(640, 480)
    drawn = draw_image(image, [Drawable(None, 1, "a grey wall")])
    assert drawn.height > 480
    assert (np.asarray(drawn)[:480] == 128).all()


@pytest.mark.parametrize("text", ["", "   ", "红色的杯子", "ünï¢ode ½ 🦊", "a\nb", "\x00", "\ud800"])
def test_strange_captions_draw(text):
    image = picture_of(64, 64)
    items = [item(image, Box(10, 10, 30, 30), text=text), Drawable(None, 2, text)]
    assert draw_image(image, items).height > 640


def test_a_huge_image_is_drawn_in_its_own_size_with_letters_to_match():
    image = picture_of(8000, 6000)
    drawn = draw_image(image, [item(image, Box(3000, 2000, 5000, 4000)), item(image, disc(image, 6500, 5000, 400), 2)])
    assert drawn.size == (8000, 6000)
    assert Sheet(image.pixels).text_size > 8000 / 60


def test_clicks_and_strokes_are_shown():
    image = picture_of(640, 480)
    click = Click(points=[(300, 200), (100, 100)], labels=[1, 0])
    footprint = Box(250, 150, 350, 250).locate(image)
    without = np.asarray(draw_image(image, [Drawable(footprint, 1, "")])).astype(int)
    shown = np.asarray(draw_image(image, [Drawable(footprint, 1, "", click)])).astype(int)
    assert tuple(shown[200, 300]) == region_colour(1)
    assert tuple(shown[100, 100]) == (255, 255, 255)
    assert (without[200, 300] == 128).all()
    stroke = Scribble([(300, 400), (500, 400)], width=9)
    drawn = np.asarray(draw_image(image, [item(image, stroke, text="")]))
    assert tuple(drawn[400, 400]) == region_colour(1)


def test_a_footprint_of_another_image_is_refused():
    box = Box(10, 10, 20, 20).locate(picture_of(32, 32))
    with pytest.raises(InvalidInput, match=r"the image is 640 x 480.*\(32, 32\)"):
        draw_image(picture_of(640, 480), [Drawable(box, 1, "")])


def test_growing_a_mask_reaches_as_far_along_both_axes():
    mask = np.zeros((21, 31), dtype=bool)
    mask[10, 15] = True
    for by in (1, 2, 3, 5, 7):
        expected = np.zeros_like(mask)
        expected[10 - by : 11 + by, 15 - by : 16 + by] = True
        np.testing.assert_array_equal(grown(mask, by), expected)
