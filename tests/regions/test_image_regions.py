import json
import warnings

import numpy as np
import pytest
from PIL import Image

from region_perception.errors import InputWarning
from region_perception.observations import observe_image
from region_perception.regions import Box, Click, Mask, Polygon, Scribble, region_from_dict

IMAGE = observe_image(np.zeros((20, 30, 3), np.uint8))  # 30 wide, 20 high
SQUARE = [(4, 2), (12, 2), (12, 10), (4, 10)]


def drawn(*rows):
    return np.array([[character == "#" for character in row] for row in rows])


def test_box_from_xywh():
    assert Box.from_xywh(3, 4, 10, 5.5) == Box(3, 4, 13, 9.5)


@pytest.mark.parametrize("number", [np.float32(3), np.int64(3), np.array(3), 3])
def test_numbers_of_every_library_are_taken(number):
    assert Box(1, 1, number, number) == Box(1, 1, 3, 3)


def test_a_box_is_clipped_to_the_image_with_a_warning():
    with pytest.warns(InputWarning, match=r"Box\(-5, 3, 100, 8\) reaches outside the 30 x 20 image") as caught:
        footprint = Box(-5, 3, 100, 8).locate(IMAGE)
    assert caught[0].filename == __file__
    assert footprint.box == (0, 3, 30, 8)


def test_rounding_at_the_border_is_no_reason_to_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Box(-1e-5, 0, 30.00001, 20).locate(IMAGE).box == (0, 0, 30, 20)


@pytest.mark.parametrize(
    "full", [np.uint8(255), np.uint8(1), np.int64(1), np.float32(1), True], ids=lambda value: type(value).__name__
)
def test_masks_of_every_kind_are_the_same_region(full):
    pixels = np.zeros((20, 30), dtype=np.asarray(full).dtype)
    pixels[3:6, 7:9] = full
    mask = Mask(pixels)
    assert mask == Mask(pixels != 0)
    assert mask.locate(IMAGE).box == (7, 3, 9, 6)
    assert mask.locate(IMAGE).pixel_count == 6


def test_a_mask_may_be_a_picture():
    picture = Image.new("L", (30, 20))
    picture.putpixel((5, 6), 255)
    assert Mask(picture).locate(IMAGE).box == (5, 6, 6, 7)


def test_a_mask_does_not_change_with_the_array_it_was_made_from():
    pixels = np.zeros((20, 30), dtype=bool)
    pixels[0, 0] = True
    mask = Mask(pixels)
    before = hash(mask)
    pixels[:] = True
    assert mask.locate(IMAGE).pixel_count == 1
    assert hash(mask) == before
    with pytest.raises(ValueError, match="read-only"):
        mask.mask[0, 0] = False


def test_a_polygon_along_pixel_edges_is_the_same_as_a_box():
    polygon, box = Polygon(SQUARE).locate(IMAGE), Box(4, 2, 12, 10).locate(IMAGE)
    assert polygon.box == box.box
    np.testing.assert_array_equal(polygon.mask(), box.mask())


def test_a_polygon_holds_the_pixels_whose_centres_it_holds():
    expected = drawn("#....", "##...", "###..", "####.")
    triangle = Polygon([(0, 0), (0, 4), (4, 4)]).locate(observe_image(np.zeros((4, 5, 3), np.uint8)))
    diagonal = np.eye(4, 5, dtype=bool)  # centres on the edge itself may count or not
    np.testing.assert_array_equal(triangle.mask() | diagonal, expected)


def test_holes_are_cut_out():
    footprint = Polygon(SQUARE, holes=[[(6, 4), (8, 4), (8, 6), (6, 6)]]).locate(IMAGE)
    assert footprint.pixel_count == 64 - 4
    assert not footprint.mask()[4:6, 6:8].any()


def test_where_an_outline_crosses_itself_the_even_odd_rule_holds():
    twice_round = [(0, 0), (10, 0), (10, 10), (0, 10), (0, 0), (6, 0), (6, 6), (0, 6)]
    mask = Polygon(twice_round).locate(IMAGE).mask()
    assert not mask[1:5, 1:5].any()
    assert mask[7:9, 7:9].all()


def test_a_sliver_between_pixel_centres_is_its_outline():
    footprint = Polygon([(2, 5.1), (9, 5.1), (9, 5.3)]).locate(IMAGE)
    assert footprint.box == (2, 5, 10, 6)  # the corner at x = 9 lies in pixel 9


def test_a_polygon_is_clipped_with_a_warning():
    with pytest.warns(InputWarning, match="Polygon from"):
        footprint = Polygon([(-10, -10), (5, -10), (5, 5), (-10, 5)]).locate(IMAGE)
    assert footprint.box == (0, 0, 5, 5)


def test_a_scribble_is_as_wide_as_its_brush():
    footprint = Scribble([(5.5, 10.5), (15.5, 10.5)], width=5).locate(IMAGE)
    assert footprint.box == (3, 8, 18, 13)
    assert footprint.mask()[8:13, 5:16].all()
    assert not footprint.mask()[8, 3]


def test_a_thin_scribble_is_the_pixels_it_passes():
    footprint = Scribble([(0.5, 0.5), (4.5, 4.5)], width=1).locate(observe_image(np.zeros((5, 5, 3), np.uint8)))
    np.testing.assert_array_equal(footprint.mask(), np.eye(5, dtype=bool))


def test_a_scribble_of_one_point_is_a_dot():
    dot = drawn(".#.", "###", ".#.")
    footprint = Scribble([(10.5, 10.5)], width=3).locate(IMAGE)
    np.testing.assert_array_equal(footprint.window, dot)


def test_a_scribble_far_out_of_the_image_paints_only_inside():
    with pytest.warns(InputWarning, match="Scribble from"):
        footprint = Scribble([(-900_000, 10.5), (900_000, 10.5)], width=1).locate(IMAGE)
    assert footprint.box == (0, 10, 30, 11)


def test_a_click_is_one_positive_point_or_several_with_labels():
    assert Click(3, 4) == Click(points=[(3, 4)]) == Click(points=np.array([[3, 4]]), labels=np.array([1]))
    assert Click(points=[(3, 4), (9, 9)], labels=[True, False]).labels == (1, 0)


def test_points_of_a_click_outside_the_image_are_left_out():
    with pytest.warns(InputWarning, match=r"point at \(40, 5\)"):
        Click(points=[(3, 4), (40, 5), (25, 5)], labels=[1, 0, 0]).locate(IMAGE)


@pytest.mark.parametrize(
    "region",
    [
        Box(1, 2, 3.5, 4),
        Polygon(SQUARE, holes=[[(6, 4), (8, 4), (8, 6)]]),
        Scribble([(1, 2), (3, 4)], width=2.5),
        Click(points=[(1, 2), (3, 4)], labels=[1, 0]),
        Mask(np.eye(4)),
    ],
    ids=lambda region: region.kind,
)
def test_regions_are_values_that_survive_json(region):
    again = region_from_dict(json.loads(json.dumps(region.to_dict())))
    assert again == region
    assert hash(again) == hash(region)
    assert region != Box(0, 0, 1, 1)
    assert region.modality == "image_region"
