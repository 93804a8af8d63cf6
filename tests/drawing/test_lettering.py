import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from region_perception.drawing.layout import Rect
from region_perception.drawing.lettering import Plate, font, printable, wrap


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a red mug", "a red mug"),
        ("", ""),
        ("two\nlines\tand  spaces ", "two lines and spaces"),
        ("Stück Käse, naïve façade", "Stuck Kase, naive facade"),
        ("Straße, Łódź, smørrebrød", "Strasse, Lodz, smorrebrod"),
        ("½ \u2013 2 \u00d7 3", "1/2 - 2 x 3"),
        ("红色的杯子", "?????"),
        ("a cup 🦊\u200b!", "a cup ?!"),
        ("nul\x00 and bell\x07", "nul and bell"),
        ("“quoted”…", "“quoted”..."),
    ],
)
def test_text_becomes_what_the_font_can_show(text, expected):
    assert printable(text) == expected


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=60))
def test_any_text_is_made_printable(text):
    shown = printable(text)
    assert printable(shown) == shown
    assert "\n" not in shown
    for line in wrap(shown, 14, 100):
        font(14).getmask(line)


@settings(deadline=None, max_examples=50)
@given(st.text(alphabet="abc defgh ij", max_size=120), st.integers(60, 300))
def test_lines_are_no_wider_than_asked_and_lose_nothing(text, width):
    lines = wrap(text, 14, width, max_lines=1000)
    assert all(font(14).getlength(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_long_words_are_cut():
    lines = wrap("x" * 100, 14, 80)
    assert len(lines) > 1
    assert "".join(lines) == "x" * 100


def test_too_many_lines_end_in_an_ellipsis_that_fits():
    lines = wrap("word " * 200, 14, 100, max_lines=3)
    assert len(lines) == 3
    assert lines[-1].endswith("…")
    assert font(14).getlength(lines[-1]) <= 100


def test_just_enough_lines_are_kept_whole():
    text = "one two three four five six seven"
    lines = wrap(text, 14, 100)
    assert wrap(text, 14, 100, max_lines=len(lines)) == lines
    assert wrap(text, 14, 100, max_lines=len(lines) - 1)[-1].endswith("…")


@pytest.mark.parametrize("size", [12, 14, 40])
@pytest.mark.parametrize("lines", [(), ("a red mug",), ("a red mug behind", "the blue box")])
@pytest.mark.parametrize("number", [1, 64, 1000])
def test_a_plate_draws_inside_its_size_and_its_text_inside_the_plate(size, lines, number):
    plate = Plate(number, (0, 114, 178), lines, size)
    width, height = plate.size
    picture = Image.new("RGB", (width + 40, height + 40), (255, 0, 255))
    plate.draw(ImageDraw.Draw(picture), Rect(20, 20, 20 + width, 20 + height))
    pixels = np.asarray(picture)
    ys, xs = np.nonzero((pixels != (255, 0, 255)).any(axis=2))
    assert (xs.min(), ys.min(), xs.max(), ys.max()) == (20, 20, 20 + width - 1, 20 + height - 1)
    inside = pixels[22 : 18 + height, 22 : 18 + width]
    assert (inside == (0, 114, 178)).all(axis=2).any()
    assert (inside.min(axis=2) > 180).any()  # white letters, on blue and on the dark plate
