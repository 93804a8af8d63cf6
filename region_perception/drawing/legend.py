"""The strip below a picture that lists each number with its caption."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from region_perception.drawing.drawable import Drawable
from region_perception.drawing.layout import Rect
from region_perception.drawing.lettering import Plate, font, printable, wrap
from region_perception.drawing.palette import PLATE, WHITE, region_colour

NO_CAPTION = "(no caption)"
_LEAST_COLUMN = 18  # width of a column in letter heights; narrower ones are tiring to read


def legend_strip(items: Sequence[Drawable], width: int, text_size: int) -> Image.Image:
    """Draws numbers and captions on a strip `width` pixels wide, in the number of columns that makes it the lowest."""
    badges = [Plate(item.number, region_colour(item.number), (), text_size) for item in items]
    captions = [printable(item.text) or NO_CAPTION for item in items]
    most = max(1, min(3, len(items), width // (_LEAST_COLUMN * text_size)))
    rows = min((_arrange(captions, badges, width, columns) for columns in range(1, most + 1)), key=_height_of)
    margin = text_size // 2
    strip = Image.new("RGB", (width, _height_of(rows) + 2 * margin), PLATE)
    pen = ImageDraw.Draw(strip)
    for badge, row in zip(badges, rows, strict=True):
        left, top = margin + row.left, margin + row.top
        badge.draw(pen, Rect(left, top, left + badge.size[0], top + badge.size[1]))
        for i, line in enumerate(row.lines):
            middle = top + (badge.line_height * (2 * i + 1) + badge.padding) / 2
            pen.text((left + row.indent, middle), line, fill=WHITE, font=font(text_size), anchor="lm")
    return strip


def with_legend(picture: Image.Image, items: Sequence[Drawable], text_size: int) -> Image.Image:
    """The picture with the legend of `items` below it; the picture itself where there are none."""
    if not items:
        return picture
    strip = legend_strip(items, picture.width, text_size)
    whole = Image.new("RGB", (picture.width, picture.height + strip.height), PLATE)
    whole.paste(picture, (0, 0))
    whole.paste(strip, (0, picture.height))
    return whole


@dataclass(frozen=True)
class _Row:
    """One entry of the legend; lengths in pixels from the legend's inner top left corner."""

    left: int
    top: int
    bottom: int
    indent: int  # from `left` to the caption
    lines: list[str]


def _arrange(captions: Sequence[str], badges: Sequence[Plate], width: int, columns: int) -> list[_Row]:
    """Fills `columns` columns, one after the other, with nearly the same number of entries each."""
    plate = badges[0]
    margin, gap = plate.text_size // 2, max(2, plate.text_size // 3)
    column_width = (width - margin) // columns
    indent = max(badge.badge_width for badge in badges) + margin
    per_column = -(-len(captions) // columns)
    rows, top = [], 0
    for i, caption in enumerate(captions):
        top = 0 if i % per_column == 0 else top
        lines = wrap(caption, plate.text_size, max(plate.text_size, column_width - indent - margin))
        bottom = top + len(lines) * plate.line_height + plate.padding
        rows.append(_Row(i // per_column * column_width, top, bottom, indent, lines))
        top = bottom + gap
    return rows


def _height_of(rows: Sequence[_Row]) -> int:
    return max(row.bottom for row in rows)
