"""Sheets of pictures: what was shown, what was said of it, what was right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from region_perception.drawing import Drawable, draw_cloud, draw_image
from region_perception.drawing.lettering import font, printable, wrap
from region_perception.drawing.palette import Colour
from region_perception.errors import InvalidInput
from region_perception.evaluation.judging import RIGHT, SILENT, UNCLEAR, WRONG
from region_perception.observations import CloudObservation, ImageObservation
from region_perception.regions import Region

_COLUMNS = 4
_WIDTH, _PICTURE, _GAP = 372, 280, 16  # pixels: width of a card, height of its picture, space between cards
_PAGE, _CARD, _INK, _FAINT = (222, 226, 232), (255, 255, 255), (28, 30, 34), (104, 110, 120)
_INKS: dict[str, Colour] = {RIGHT: (0, 122, 72), WRONG: (196, 40, 30), UNCLEAR: (150, 100, 0), SILENT: _FAINT}
_MARKS = {RIGHT: "+", WRONG: "x", UNCLEAR: "?"}
_LARGE, _SMALL = 17, 14


@dataclass(frozen=True, eq=False)
class Card:
    """One picture with the words below it.

    regions: numbered from 1 in the picture, each with a word that stands beside it (may be empty). lines: of words, the
    first in large letters. verdicts: what was right, property by property. foot: a last line in faint letters.
    """

    observation: ImageObservation | CloudObservation
    regions: Sequence[tuple[Region, str]]
    lines: Sequence[str]
    verdicts: dict[str, str]
    foot: str


def draw_sheet(title: str, cards: Sequence[Card]) -> Image.Image:
    """Cards side by side below a title; an RGB picture, the same one for the same input."""
    if not cards:
        raise InvalidInput("a sheet needs at least one card")
    drawn = [_draw_card(card) for card in cards]
    rows = [drawn[start : start + _COLUMNS] for start in range(0, len(drawn), _COLUMNS)]
    heights = [max(card.height for card in row) for row in rows]
    columns = min(max(len(drawn), 2), _COLUMNS)  # the title needs some room
    top = 3 * _GAP + _LARGE
    size = (columns * (_WIDTH + _GAP) + _GAP, top + sum(heights) + _GAP * len(rows))
    sheet = Image.new("RGB", size, _PAGE)
    pen = ImageDraw.Draw(sheet)
    pen.text((_GAP, _GAP), wrap(printable(title), _LARGE, size[0] - 2 * _GAP)[0], font=font(_LARGE), fill=_INK)
    for row, height in zip(rows, heights, strict=True):
        for column, card in enumerate(row):
            left = _GAP + column * (_WIDTH + _GAP)
            pen.rectangle((left, top, left + _WIDTH - 1, top + height - 1), fill=_CARD)
            sheet.paste(card, (left, top))
        top += height + _GAP
    return sheet


def _draw_card(card: Card) -> Image.Image:
    """A card as high as its words need."""
    picture = _picture(card)
    inner = _WIDTH - 2 * _GAP
    lines = [(line, _LARGE, _INK) for line in _wrapped(card.lines[:1], _LARGE, inner)]
    lines += [(line, _SMALL, _INK) for line in _wrapped(card.lines[1:], _SMALL, inner)]
    rows = _chip_rows(card.verdicts, inner)
    foot = _wrapped([card.foot], _SMALL, inner)
    step = _SMALL + 6
    height = _PICTURE + _GAP + sum(size + 6 for _, size, _ in lines) + step * (len(rows) + len(foot)) + _GAP
    drawn = Image.new("RGB", (_WIDTH, height), _CARD)
    drawn.paste(picture, ((_WIDTH - picture.width) // 2, (_PICTURE - picture.height) // 2))
    pen = ImageDraw.Draw(drawn)
    y = _PICTURE + _GAP // 2
    for line, size, ink in lines:
        pen.text((_GAP, y), line, font=font(size), fill=ink)
        y += size + 6
    for row in rows:
        for x, text, ink in row:
            pen.text((_GAP + x, y), text, font=font(_SMALL), fill=ink)
        y += step
    for line in foot:
        pen.text((_GAP, y), line, font=font(_SMALL), fill=_FAINT)
        y += step
    return drawn


def _picture(card: Card) -> Image.Image:
    items = [
        Drawable(region.locate(card.observation), number, text, region)
        for number, (region, text) in enumerate(card.regions, start=1)
    ]
    if isinstance(card.observation, ImageObservation):
        drawn = draw_image(card.observation, items)
    else:
        drawn = draw_cloud(card.observation, items, size=(3 * _WIDTH // 2, 3 * _PICTURE // 2), tinted=False)
    drawn.thumbnail((_WIDTH, _PICTURE), Image.Resampling.LANCZOS)
    return drawn


def _wrapped(lines: Sequence[str], size: int, width: int) -> list[str]:
    return [part for line in lines for part in wrap(printable(line), size, width, max_lines=4)]


def _chip_rows(verdicts: dict[str, str], width: int) -> list[list[tuple[float, str, Colour]]]:
    """What was said of each property, right or wrong, in rows of (x, text, colour)."""
    rows: list[list[tuple[float, str, Colour]]] = []
    x = float(width)
    for name, verdict in verdicts.items():
        if verdict == SILENT:
            continue
        text = f"{_MARKS[verdict]} {name}"
        wide = font(_SMALL).getlength(f"{text}    ")
        if x + wide > width:
            rows.append([])
            x = 0.0
        rows[-1].append((x, text, _INKS[verdict]))
        x += wide
    return rows
