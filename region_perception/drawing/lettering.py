"""Text in pictures: the font, line breaks, and plates that keep text readable on any background."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from PIL import ImageDraw, ImageFont

from region_perception.drawing.layout import Rect
from region_perception.drawing.palette import PLATE, WHITE, Colour, text_colour
from region_perception.errors import MissingDependency

# What the font cannot show and decomposition does not reduce to Latin letters, but a reader expects to recognise.
_SPELLINGS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"}
    | {"ð": "d", "þ": "th", "\u0131": "i", "≈": "~", "•": "·"}
    | {"\u2013": "-", "\u2014": "-", "\u2212": "-", "\u00d7": "x", "\u2044": "/"}  # dashes, minus, times, fraction bar
)


@lru_cache(maxsize=32)
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font that Pillow brings along (the same on every machine), at this height in pixels."""
    found = ImageFont.load_default(size)
    if not isinstance(found, ImageFont.FreeTypeFont):
        raise MissingDependency("drawing needs a Pillow that was built with FreeType, as its wheels are")
    return found


def printable(text: str) -> str:
    """The same text in one line of characters that the font can show.

    Accents are dropped, white space and control characters become single spaces, and what has no likeness becomes "?".
    """
    decomposed = unicodedata.normalize("NFKD", text.translate(_SPELLINGS)).translate(_SPELLINGS)
    kept = (c for c in decomposed if not unicodedata.combining(c) and unicodedata.category(c) != "Cf")
    spaced = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Zs") else c for c in kept)
    return "".join(c if c == " " or _has_glyph(c) else "?" for c in " ".join(spaced.split()))


@cache
def _has_glyph(character: str) -> bool:
    # A font draws one and the same shape for everything that it lacks; U+FFFFE is lacking in every font.
    probe = font(16)
    return bytes(probe.getmask(character)) != bytes(probe.getmask("\U000ffffe"))


def wrap(text: str, size: int, width: int, *, max_lines: int = 12) -> list[str]:
    """Breaks printable text into lines of at most `width` pixels; words that are too long are cut.

    More than `max_lines` end in an ellipsis. Empty text gives no lines.
    """
    measure = font(size).getlength
    lines: list[str] = []
    line = ""
    for word in text.split():
        if line and measure(f"{line} {word}") <= width:
            line = f"{line} {word}"
            continue
        if line:
            lines.append(line)
        *full, line = _pieces(word, size, width)
        lines.extend(full)
        if len(lines) > max_lines:
            break
    lines.extend([line] if line else [])
    if len(lines) <= max_lines:
        return lines
    last = lines[max_lines - 1]
    while last and measure(last + "…") > width:
        last = last[:-1]
    return [*lines[: max_lines - 1], last.rstrip() + "…"]


def _pieces(word: str, size: int, width: int) -> list[str]:
    """The word cut into pieces no wider than `width` pixels; one character stays one even where it is wider."""
    measure = font(size).getlength
    pieces = [""]
    for character in word:
        if pieces[-1] and measure(pieces[-1] + character) > width:
            pieces.append("")
        pieces[-1] += character
    return pieces


@dataclass(frozen=True)
class Plate:
    """A number on the colour of its region, with caption lines on a dark plate to the right of it (or none)."""

    number: int
    colour: Colour
    lines: tuple[str, ...]
    text_size: int  # height of the font in pixels

    @property
    def line_height(self) -> int:
        return round(1.3 * self.text_size)

    @property
    def padding(self) -> int:
        return max(2, self.text_size // 3)

    @property
    def badge_width(self) -> int:
        digits = font(self.text_size).getlength(str(self.number))
        return max(self.line_height + self.padding, round(digits) + 2 * self.padding)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        height = max(1, len(self.lines)) * self.line_height + self.padding
        if not self.lines:
            return self.badge_width, height
        return self.badge_width + text_width(self.lines, self.text_size) + 2 * self.padding, height

    def draw(self, pen: ImageDraw.ImageDraw, place: Rect) -> None:
        """Draws the plate at the top left corner of `place`."""
        width, height = self.size
        x, y = place.x1, place.y1
        radius, border = self.padding, max(1, self.text_size // 12)
        box = (x, y, x + width - 1, y + height - 1)
        pen.rounded_rectangle(box, radius, fill=PLATE if self.lines else self.colour)
        if self.lines:
            badge = (x, y, x + self.badge_width - 1, y + height - 1)
            pen.rounded_rectangle(badge, radius, fill=self.colour, corners=(True, False, False, True))
        pen.rounded_rectangle(box, radius, outline=text_colour(self.colour) if not self.lines else PLATE, width=border)
        middle = (x + self.badge_width / 2, y + (self.line_height + self.padding) / 2)
        digits = str(self.number)
        bold = max(0, self.text_size // 24)
        ink = text_colour(self.colour)
        pen.text(middle, digits, fill=ink, font=font(self.text_size), anchor="mm", stroke_width=bold, stroke_fill=ink)
        for i, line in enumerate(self.lines):
            left = (x + self.badge_width + self.padding, y + (self.line_height * (2 * i + 1) + self.padding) / 2)
            pen.text(left, line, fill=WHITE, font=font(self.text_size), anchor="lm")


def text_width(lines: Sequence[str], size: int) -> int:
    """Width in pixels of the longest line."""
    return max((round(font(size).getlength(line) + 0.5) for line in lines), default=0)
