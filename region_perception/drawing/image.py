"""Draws the regions of an image with their numbers and captions."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from region_perception.drawing.drawable import Drawable, footprints
from region_perception.drawing.labels import draw_labels
from region_perception.drawing.legend import with_legend
from region_perception.drawing.marks import draw_cross, draw_dot, draw_stroke
from region_perception.drawing.palette import Colour, region_colour
from region_perception.drawing.sheet import Sheet
from region_perception.errors import InvalidInput
from region_perception.observations import ImageObservation
from region_perception.regions import Click, ImageFootprint, Scribble


def draw_image(image: ImageObservation, items: Sequence[Drawable]) -> Image.Image:
    """Draws regions with their numbers and captions over an image.

    Boxes are outlined, other shapes outlined and tinted; clicks and strokes show where somebody pointed. Captions stand
    beside their regions where all of them find a place; otherwise the numbers do, and a legend below the picture
    lists the captions. Images smaller than 600 pixels are enlarged by a whole factor; lines and letters grow with the
    image. Returns an RGB picture, the same one for the same input on every machine.
    """
    sheet = Sheet(image.pixels)
    located = [item for item in items if item.footprint is not None]
    places = footprints(located, ImageFootprint)
    for footprint in places:
        if footprint.image_size != (image.width, image.height):
            size = f"{image.width} x {image.height}"
            raise InvalidInput(f"the image is {size}, but a footprint is for one of {footprint.image_size}")
    for item, footprint in sorted(zip(located, places, strict=True), key=lambda pair: -pair[1].pixel_count):
        _draw_shape(sheet, footprint, region_colour(item.number))
    picture = Image.fromarray(sheet.pixels)
    pen = ImageDraw.Draw(picture)
    for item in located:
        _draw_pointing(pen, sheet, item)
    anchors = [sheet.rect(footprint.box).grown(sheet.line + 2 * sheet.edge) for footprint in places]
    captioned = draw_labels(pen, sheet.bounds, located, anchors, sheet.text_size)
    listed = [item for item in items if item.footprint is None] if captioned else items
    return with_legend(picture, listed, sheet.text_size)


def _draw_shape(sheet: Sheet, footprint: ImageFootprint, colour: Colour) -> None:
    if footprint.window is None:
        sheet.outline_box(sheet.rect(footprint.box), colour)
    else:
        left, top = (int(v) for v in footprint.box[:2])
        sheet.outline_mask(footprint.window, left, top, colour)


def _draw_pointing(pen: ImageDraw.ImageDraw, sheet: Sheet, item: Drawable) -> None:
    """Shows where somebody clicked or drew a stroke."""
    colour = region_colour(item.number)
    if isinstance(item.region, Scribble):
        draw_stroke(pen, [sheet.point(x, y) for x, y in item.region.points], sheet.line, colour)
    if isinstance(item.region, Click):
        for (x, y), label in zip(item.region.points, item.region.labels, strict=True):
            if label:
                draw_dot(pen, sheet.point(x, y), 2 * sheet.line, colour)
            else:
                draw_cross(pen, sheet.point(x, y), 2 * sheet.line)
