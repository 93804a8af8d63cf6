"""Colours that people with and without colour blindness can tell apart, and the contrast of text on them."""

Colour = tuple[int, int, int]  # red, green, blue in 0..255

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)
INK: Colour = (52, 56, 64)  # dark lines on the light background of a cloud
PLATE: Colour = (28, 30, 34)  # what captions stand on: white on it has a contrast of about 16

# Okabe and Ito's set without black and with the strongest colours first, so that few regions differ the most.
_REGION_COLOURS: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (213, 94, 0),
    (0, 158, 115),
    (240, 228, 66),
    (204, 121, 167),
    (0, 114, 178),
)


def region_colour(number: int) -> Colour:
    """The colour of the region with this number; the set repeats after seven, where the numbers tell regions apart."""
    return _REGION_COLOURS[(number - 1) % len(_REGION_COLOURS)]


def contrast(a: Colour, b: Colour) -> float:
    """The contrast ratio of two colours as WCAG defines it: 1 (the same) to 21 (black and white); 4.5 reads well."""
    lighter, darker = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def text_colour(plate: Colour) -> Colour:
    """Black or white, whichever reads better on a plate of this colour."""
    return max(BLACK, WHITE, key=lambda text: contrast(text, plate))


def _luminance(colour: Colour) -> float:
    linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
