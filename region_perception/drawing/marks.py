"""Marks where somebody pointed: dots for clicks, crosses for clicks on what should not belong, strokes."""

from collections.abc import Sequence

from PIL import ImageDraw

from region_perception.drawing.palette import BLACK, WHITE, Colour

Point = tuple[float, float]


def draw_dot(pen: ImageDraw.ImageDraw, at: Point, radius: float, colour: Colour) -> None:
    """A dot with a white rim and a dark seam, so that it shows on anything; `radius` is that of the rim."""
    for reach, ink in ((radius + max(1.0, radius / 8), BLACK), (radius, WHITE), (0.6 * radius, colour)):
        pen.ellipse((at[0] - reach, at[1] - reach, at[0] + reach, at[1] + reach), fill=ink)


def draw_cross(pen: ImageDraw.ImageDraw, at: Point, radius: float) -> None:
    """A white cross with a dark seam."""
    (x, y), seam = at, max(1.0, radius / 8)
    for reach, width, ink in ((radius + seam, radius / 2 + 2 * seam, BLACK), (radius, radius / 2, WHITE)):
        pen.line([(x - reach, y - reach), (x + reach, y + reach)], fill=ink, width=round(width))
        pen.line([(x - reach, y + reach), (x + reach, y - reach)], fill=ink, width=round(width))


def draw_stroke(pen: ImageDraw.ImageDraw, points: Sequence[Point], width: int, colour: Colour) -> None:
    """A line through the points with a dark seam; one point makes a dot."""
    if len(points) == 1:
        draw_dot(pen, points[0], 2 * width, colour)
    for thickness, ink in ((width + 2 * max(1, width // 4), BLACK), (width, colour)):
        pen.line(list(points), fill=ink, width=thickness, joint="curve")
