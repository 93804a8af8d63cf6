import itertools

import pytest

from region_perception.drawing.palette import BLACK, PLATE, WHITE, contrast, region_colour, text_colour


def test_contrast_is_that_of_wcag():
    assert contrast(BLACK, WHITE) == pytest.approx(21)
    assert contrast(WHITE, BLACK) == pytest.approx(21)
    assert contrast((119, 119, 119), WHITE) == pytest.approx(4.48, abs=0.01)  # the example that WCAG tools quote


@pytest.mark.parametrize("number", range(1, 9))
def test_numbers_and_captions_are_readable(number):
    colour = region_colour(number)
    assert contrast(text_colour(colour), colour) >= 4.5
    assert contrast(WHITE, PLATE) >= 7


def test_first_colours_differ_and_then_repeat():
    colours = [region_colour(number) for number in range(1, 8)]
    assert len(set(colours)) == 7
    assert region_colour(8) == colours[0]
    # Also without seeing red against green: the sum of the two and blue are what remains to tell colours apart.
    for a, b in itertools.combinations(colours, 2):
        assert abs(sum(a[:2]) - sum(b[:2])) + abs(a[2] - b[2]) > 60, (a, b)
