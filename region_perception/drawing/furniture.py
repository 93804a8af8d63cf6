"""What tells a viewer of a cloud which way the axes point and how large things are."""

import numpy as np
from PIL import ImageDraw

from region_perception.drawing.camera import Camera
from region_perception.drawing.layout import Rect
from region_perception.drawing.lettering import font
from region_perception.drawing.palette import INK, WHITE, Colour

_AXES: tuple[tuple[str, Colour], ...] = (("x", (200, 30, 30)), ("y", (20, 130, 40)), ("z", (30, 60, 200)))


def draw_axes(pen: ImageDraw.ImageDraw, camera: Camera, text_size: int) -> Rect:
    """Draws the directions of x, y and z in the lower left corner, in RViz's colours. Returns the space they take."""
    arm, margin = 2 * text_size, text_size
    side = 2 * (arm + margin)
    middle = np.array([side / 2, camera.size[1] - side / 2])
    tips = camera.axes[:2].T * arm  # [3, 2]: where a unit step along each axis leads in the picture
    for i in np.argsort(-camera.axes[2]):  # the ones that point away first, so that nearer ones lie on top
        name, colour = _AXES[i]
        end = middle + tips[i]
        pen.line([tuple(middle), tuple(end)], fill=colour, width=max(2, text_size // 6))
        style = {"fill": colour, "stroke_fill": WHITE, "stroke_width": text_size // 12}
        pen.text(tuple(middle + tips[i] * 1.3), name, font=font(text_size), anchor="mm", **style)
    return Rect(0, camera.size[1] - side, side, camera.size[1])


def draw_scale(pen: ImageDraw.ImageDraw, camera: Camera, text_size: int) -> Rect:
    """Draws a bar of a round length, true at the middle's depth, in the lower right corner. Returns its space."""
    width, height = camera.size
    pixels_per_metre = camera.focal / camera.distance
    length = round_length(0.2 * width / pixels_per_metre)
    right, bottom = width - text_size, height - text_size
    left, tick = right - length * pixels_per_metre, text_size // 3
    line = max(2, text_size // 8)
    pen.line([(left, bottom), (right, bottom)], fill=INK, width=line)
    for x in (left, right):
        pen.line([(x, bottom - tick), (x, bottom + tick)], fill=INK, width=line)
    label = length_in_words(length)
    pen.text(((left + right) / 2, bottom - tick), label, fill=INK, font=font(text_size), anchor="ms")
    room = max(0, font(text_size).getlength(label) - (right - left)) / 2
    return Rect(int(left - room) - text_size, bottom - 2 * text_size, width, height)


def round_length(most: float) -> float:
    """The largest of 1, 2 or 5 times a power of ten that is not above `most` (> 0)."""
    power = 10.0 ** np.floor(np.log10(most))
    return float(max(step * power for step in (1, 2, 5) if step * power <= most))


def length_in_words(metres: float) -> str:
    """A length with the unit that keeps its number short: 2 mm, 50 cm, 1 m, 5 km."""
    for unit, size in (("km", 1000.0), ("m", 1.0), ("cm", 0.01)):
        if metres >= 0.999 * size:
            return f"{metres / size:g} {unit}"
    return f"{metres / 0.001:g} mm"
