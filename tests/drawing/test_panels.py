from PIL import Image

from region_perception.drawing import side_by_side
from region_perception.drawing.palette import PLATE


def test_pictures_stand_beside_each_other_with_their_upper_edges_in_line():
    red, blue = Image.new("RGB", (10, 4), (255, 0, 0)), Image.new("RGB", (6, 9), (0, 0, 255))
    whole = side_by_side([red, blue])
    assert whole.size == (24, 9)
    assert [whole.getpixel((x, 0)) for x in (0, 9, 10, 17, 18, 23)] == [(255, 0, 0)] * 2 + [PLATE] * 2 + [
        (0, 0, 255)
    ] * 2
    assert whole.getpixel((0, 4)) == PLATE
    assert whole.getpixel((23, 8)) == (0, 0, 255)


def test_one_picture_stays_what_it_is():
    red = Image.new("RGB", (10, 4), (255, 0, 0))
    assert side_by_side([red]).tobytes() == red.tobytes()
