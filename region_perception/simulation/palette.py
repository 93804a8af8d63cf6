"""What the colours of the vocabulary look like, and which tones go with them in a pattern."""

import colorsys

import numpy as np

from region_perception.simulation.scene import Tone
from region_perception.simulation.shapes import DARK, FLAME, METAL, PAPER

_PURE: dict[str, Tone] = {
    "red": (0.82, 0.09, 0.10),
    "green": (0.12, 0.60, 0.18),
    "blue": (0.12, 0.25, 0.82),
    "yellow": (0.96, 0.84, 0.10),
    "orange": (0.98, 0.50, 0.05),
    "purple": (0.47, 0.15, 0.66),
    "pink": (0.98, 0.50, 0.72),
    "brown": (0.40, 0.22, 0.09),
    "black": (0.07, 0.07, 0.08),
    "white": (0.95, 0.95, 0.94),
    "gray": (0.44, 0.45, 0.46),
    "cyan": (0.10, 0.80, 0.85),
}
_WHITE, _CHARCOAL = (0.96, 0.96, 0.94), (0.13, 0.13, 0.15)
_ACCENTS: dict[str, Tone] = {
    "white": (0.50, 0.52, 0.58),
    "gray": _CHARCOAL,
    "yellow": _CHARCOAL,
}  # white for all others

# What parts that do not take the thing's colour look like.
MATERIALS: dict[int, Tone] = {
    METAL: (0.66, 0.68, 0.70),
    PAPER: (0.93, 0.91, 0.84),
    FLAME: (1.0, 0.86, 0.45),
    DARK: (0.14, 0.14, 0.15),
}


def tone(color: str, random: np.random.Generator) -> Tone:
    """One of the tones that go by the name `color`."""
    hue, saturation, value = colorsys.rgb_to_hsv(*_PURE[color])
    shift, fade, dim = random.uniform(-1, 1, 3)
    saturation *= 1 + 0.07 * fade
    return colorsys.hsv_to_rgb((hue + 0.012 * shift) % 1, min(saturation, 1.0), min(value * (1 + 0.06 * dim), 1.0))


def accent(color: str) -> Tone:
    """What the stripes or checks of a thing of this colour are painted in."""
    return _ACCENTS.get(color, _WHITE)
