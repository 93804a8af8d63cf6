"""Numbers and captions at the regions of a picture."""

from collections.abc import Sequence

from PIL import ImageDraw

from region_perception.drawing.drawable import Drawable
from region_perception.drawing.layout import Rect, place_labels
from region_perception.drawing.lettering import Plate, printable, wrap
from region_perception.drawing.palette import BLACK, region_colour

_MOST_LINES = 3  # captions beside regions have at most this many lines ...
_MOST_SHARE = 0.2  # ... and all of them cover at most this share of the picture; otherwise the legend takes them


def draw_labels(
    pen: ImageDraw.ImageDraw,
    bounds: Rect,
    items: Sequence[Drawable],
    anchors: Sequence[Rect],
    text_size: int,
    occupied: Sequence[Rect] = (),
) -> bool:
    """Draws each item's number and caption beside its anchor, or its number alone where not all captions fit.

    `anchors` are the regions' rectangles in the picture, `occupied` those that labels must keep off. Returns whether
    the captions were drawn: if not, a legend has to hold them.
    """
    plates = _caption_plates(items, text_size, bounds)
    places = place_labels([plate.size for plate in plates], anchors, bounds, occupied=occupied)
    captioned = _all_near(plates, places, anchors, bounds)
    if not captioned:
        plates = [Plate(item.number, region_colour(item.number), (), text_size) for item in items]
        places = place_labels([plate.size for plate in plates], anchors, bounds, occupied=occupied)
    placed = [(plate, place, anchor) for plate, place, anchor in zip(plates, places, anchors, strict=True) if place]
    for plate, place, anchor in placed:
        _draw_leader(pen, plate, place, anchor)
    for plate, place, _ in placed:
        plate.draw(pen, place)
    return captioned


def _caption_plates(items: Sequence[Drawable], text_size: int, bounds: Rect) -> list[Plate]:
    width = min(18 * text_size, bounds.width // 2)
    captions = [wrap(printable(item.text), text_size, width, max_lines=_MOST_LINES + 1) for item in items]
    return [
        Plate(item.number, region_colour(item.number), tuple(lines), text_size)
        for item, lines in zip(items, captions, strict=True)
    ]


def _all_near(plates: Sequence[Plate], places: Sequence[Rect | None], anchors: Sequence[Rect], bounds: Rect) -> bool:
    """Whether every caption is short, has a place near its region, and all together leave the picture visible."""
    found = [place for place in places if place is not None]
    if len(found) < len(places) or any(len(plate.lines) > _MOST_LINES for plate in plates):
        return False
    area = sum(place.width * place.height for place in found)
    near = (
        place.overlaps(anchor.grown(plate.text_size))
        for plate, place, anchor in zip(plates, found, anchors, strict=True)
    )
    return area <= _MOST_SHARE * bounds.width * bounds.height and all(near)


def _draw_leader(pen: ImageDraw.ImageDraw, plate: Plate, place: Rect, anchor: Rect) -> None:
    """Joins a label that had to stand away from its region to the nearest point of it."""
    if place.overlaps(anchor.grown(plate.text_size // 2)):
        return
    start = place.centre
    end = anchor.nearest(*start)
    width = max(2, plate.text_size // 8)
    pen.line([start, end], fill=BLACK, width=width + 2)
    pen.line([start, end], fill=plate.colour, width=width)
