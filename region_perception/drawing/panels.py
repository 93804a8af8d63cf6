"""Several pictures in one."""

from collections.abc import Sequence

from PIL import Image

from region_perception.drawing.palette import PLATE

_GAP = 8  # pixels between two pictures


def side_by_side(pictures: Sequence[Image.Image]) -> Image.Image:
    """The pictures from left to right on the dark ground of legends, their upper edges in one line."""
    width = sum(picture.width for picture in pictures) + _GAP * (len(pictures) - 1)
    whole = Image.new("RGB", (width, max(picture.height for picture in pictures)), PLATE)
    left = 0
    for picture in pictures:
        whole.paste(picture, (left, 0))
        left += picture.width + _GAP
    return whole
