"""The canvas that an image is drawn on: enlarged where it is small, with outlines and tints in whole pixels."""

from collections.abc import Sequence

import numpy as np

from region_perception.drawing.layout import Rect
from region_perception.drawing.palette import BLACK, PLATE, Colour

_LEAST_SIDE = 600  # pixels; smaller pictures are enlarged, as outlines and numbers would hide them
_SLIM = 8  # times as long as it is wide: from here on a picture is a thread
_TINT = 0.3  # how much of a region's colour lies over its pixels


class Sheet:
    """An enlarged copy of a picture, and how lengths on it scale.

    Attributes:
        pixels: uint8 [H, W, 3], RGB; what has been drawn so far.
        factor: by what whole number the picture is enlarged.
        text_size: height of the letters in pixels; it and the other lengths grow with the picture.
        line: width of an outline in pixels.
        edge: width of the dark seam on both sides of an outline, which keeps it visible on any picture.
    """

    def __init__(self, picture: np.ndarray):
        """`picture` is uint8 [H, W, 3], RGB."""
        height, width = picture.shape[:2]
        self.factor = max(1, -(-_LEAST_SIDE // max(width, height)))
        width, height = width * self.factor, height * self.factor
        # Letters and margins grow with the picture, but not with the length of a thread: beside 3 x 100,000 pixels they
        # would be gigabytes.
        length = min(max(width, height), max(2 * _LEAST_SIDE, _SLIM * min(width, height)))
        self.text_size = max(14, round(length / 46))
        self.line, self.edge = max(3, self.text_size // 6), max(1, self.text_size // 20)
        # Narrow pictures get margins, so that a caption has a place to stand.
        least_width, least_height = min(height, length) // 3, min(width, length) // 6
        self._left, self._top = max(0, least_width - width) // 2, max(0, least_height - height) // 2
        self.pixels = np.full((max(height, least_height), max(width, least_width), 3), PLATE, dtype=np.uint8)
        enlarged = picture.repeat(self.factor, axis=0).repeat(self.factor, axis=1)
        self.pixels[self._top : self._top + height, self._left : self._left + width] = enlarged

    @property
    def bounds(self) -> Rect:
        return Rect(0, 0, self.pixels.shape[1], self.pixels.shape[0])

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Where the point (x, y), in pixels of the picture, lies on the sheet."""
        return self._left + x * self.factor, self._top + y * self.factor

    def rect(self, box: Sequence[float]) -> Rect:
        """Where a box (x1, y1, x2, y2), in pixels of the picture, lies on the sheet; at least one pixel each way."""
        x1, y1 = (int(v) for v in self.point(box[0], box[1]))
        x2, y2 = (int(np.ceil(v)) for v in self.point(box[2], box[3]))
        return Rect(x1, y1, max(x2, x1 + 1), max(y2, y1 + 1))

    def outline_box(self, rect: Rect, colour: Colour) -> None:
        """Draws a frame around the rectangle; at the sheet's border it moves inside."""
        self._frame(rect.grown(self.line + 2 * self.edge), self.line + 2 * self.edge, BLACK)
        self._frame(rect.grown(self.line + self.edge), self.line, colour)

    def outline_mask(self, mask: np.ndarray, left: int, top: int, colour: Colour) -> None:
        """Tints a shape and draws a line around it.

        `mask` is bool [h, w] in pixels of the picture, (left, top) the picture's pixel that its first one lies on.
        """
        margin = self.line + 2 * self.edge
        mask = np.pad(mask.repeat(self.factor, axis=0).repeat(self.factor, axis=1), margin)
        x, y = (int(v) - margin for v in self.point(left, top))
        place = Rect(
            max(x, 0), max(y, 0), min(x + mask.shape[1], self.bounds.x2), min(y + mask.shape[0], self.bounds.y2)
        )
        seen = slice(place.y1 - y, place.y2 - y), slice(place.x1 - x, place.x2 - x)
        target = self.pixels[place.y1 : place.y2, place.x1 : place.x2]
        inside = mask[seen]
        target[inside] = (target[inside] * (1 - _TINT) + np.array(colour) * _TINT).astype(np.uint8)
        target[grown(mask, margin)[seen] & ~inside] = BLACK
        target[(grown(mask, margin - self.edge) & ~grown(mask, self.edge))[seen]] = colour

    def _frame(self, rect: Rect, width: int, ink: Colour) -> None:
        x1, y1 = max(rect.x1, 0), max(rect.y1, 0)
        x2, y2 = min(rect.x2, self.bounds.x2), min(rect.y2, self.bounds.y2)
        self.pixels[y1 : y1 + width, x1:x2] = ink
        self.pixels[max(y1, y2 - width) : y2, x1:x2] = ink
        self.pixels[y1:y2, x1 : x1 + width] = ink
        self.pixels[y1:y2, max(x1, x2 - width) : x2] = ink


def grown(mask: np.ndarray, by: int) -> np.ndarray:
    """The mask bool [H, W] and all within `by` pixels along both axes; its outermost `by` pixels must be empty."""
    wide = mask.copy()
    for axis in (0, 1):
        reach = 1  # each pixel of `wide` knows of this many pixels from itself onwards
        while reach < 2 * by + 1:
            step = min(reach, 2 * by + 1 - reach)
            wide |= np.roll(wide, -step, axis=axis)
            reach += step
        wide = np.roll(wide, by, axis=axis)
    return wide
