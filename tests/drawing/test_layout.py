import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from region_perception.drawing.layout import Rect, place_labels

CANVAS = Rect(0, 0, 640, 480)


def overlaps(rects):
    return [(a, b) for a, b in itertools.combinations(rects, 2) if a.overlaps(b)]


@st.composite
def anchors(draw):
    x, y = draw(st.integers(0, 630)), draw(st.integers(0, 470))
    return Rect(x, y, draw(st.integers(x + 1, 640)), draw(st.integers(y + 1, 480)))


@settings(deadline=None, max_examples=50)
@given(st.lists(anchors(), min_size=1, max_size=20), st.integers(4, 200), st.integers(4, 40))
def test_labels_lie_inside_and_never_overlap(regions, width, height):
    occupied = [Rect(0, 400, 100, 480)]
    places = [p for p in place_labels([(width, height)] * len(regions), regions, CANVAS, occupied=occupied) if p]
    assert places
    for place in places:
        assert place.inside(CANVAS)
        assert (place.width, place.height) == (width, height)
    assert not overlaps([*places, *occupied])


def test_sixty_four_labels_of_one_region_all_find_a_place():
    places = place_labels([(28, 22)] * 64, [Rect(300, 200, 340, 240)] * 64, CANVAS)
    assert all(places)
    assert not overlaps(places)


def test_a_label_stands_on_the_top_left_corner_of_its_region():
    assert place_labels([(60, 20)], [Rect(100, 100, 200, 200)], CANVAS) == [Rect(100, 80, 160, 100)]


def test_a_label_moves_below_where_there_is_no_room_above():
    assert place_labels([(60, 20)], [Rect(100, 5, 200, 200)], CANVAS) == [Rect(100, 200, 160, 220)]


def test_a_label_goes_inside_a_region_that_fills_the_canvas():
    assert place_labels([(60, 20)], [CANVAS], CANVAS) == [Rect(0, 0, 60, 20)]


def test_a_label_avoids_the_neighbouring_region():
    region, above = Rect(100, 100, 200, 200), Rect(90, 60, 210, 95)
    place, _ = place_labels([(60, 20), (60, 20)], [region, above], CANVAS)
    assert not place.overlaps(above)
    assert not place.overlaps(region)


def test_labels_of_a_region_inside_another_stay_with_it():
    place, _ = place_labels([(30, 20), (30, 20)], [Rect(200, 200, 260, 260), Rect(50, 50, 600, 450)], CANVAS)
    assert place == Rect(200, 180, 230, 200)


def test_a_label_larger_than_the_canvas_or_without_room_gets_no_place():
    assert place_labels([(700, 20)], [Rect(0, 0, 10, 10)], CANVAS) == [None]
    assert place_labels([(20, 20)], [Rect(0, 0, 10, 10)], CANVAS, occupied=[CANVAS]) == [None]


def test_no_labels():
    assert place_labels([], [], CANVAS) == []


@pytest.mark.parametrize(
    ("other", "expected"),
    [(Rect(9, 9, 20, 20), True), (Rect(10, 0, 20, 10), False), (Rect(0, 10, 10, 20), False), (Rect(2, 2, 3, 3), True)],
)
def test_rectangles_that_only_touch_do_not_overlap(other, expected):
    assert Rect(0, 0, 10, 10).overlaps(other) is expected
    assert other.overlaps(Rect(0, 0, 10, 10)) is expected


def test_a_reduced_rectangle_covers_what_it_did():
    assert Rect(3, 4, 9, 10).reduced(2) == Rect(1, 2, 5, 5)
