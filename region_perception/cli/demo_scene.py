"""The scene of the demo: three things on a table, as a picture and as a point cloud."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from region_perception.regions import Region

_WIDTH, _HEIGHT = 320, 240
_PIXELS_PER_METRE = 400
_POINTS = 2000  # of each thing in the cloud
_TABLE = (181, 148, 112)
_WALL = (206, 212, 218)
_COLOURS = ((200, 50, 45), (50, 90, 190), (60, 150, 80), (225, 180, 50), (140, 80, 160))


@dataclass(frozen=True)
class Thing:
    """A ball or a box that stands on the table."""

    is_ball: bool
    colour: tuple[int, int, int]
    left: float
    """Metres to the left of the middle."""
    forward: float
    """Metres behind the table's middle."""
    width: float
    height: float


def make_things(rng: np.random.Generator) -> list[Thing]:
    """Three things side by side that do not touch, each a ball or a box."""
    colours = rng.permutation(len(_COLOURS))[:3]
    things = []
    for slot, colour in zip((0.24, 0.0, -0.24), colours, strict=True):
        width, is_ball = rng.uniform(0.1, 0.16), bool(rng.integers(2))
        height = width if is_ball else rng.uniform(0.08, 0.22)
        left, forward = slot + rng.uniform(-0.03, 0.03), rng.uniform(-0.08, 0.08)
        things.append(Thing(is_ball, _COLOURS[colour], left, forward, width, height))
    return things


def paint(things: list[Thing]) -> np.ndarray:
    """The scene from the front: uint8 [H, W, 3], RGB."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (_WIDTH, _HEIGHT), _WALL)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, _HEIGHT * 0.55, _WIDTH, _HEIGHT), fill=_TABLE)
    for thing in sorted(things, key=lambda thing: -thing.forward):
        x1, y1, x2, y2 = _corners(thing)
        shape = pen.ellipse if thing.is_ball else pen.rectangle
        shape((x1, y1, x2, y2), fill=thing.colour)
        shine = tuple(min(255, channel + 60) for channel in thing.colour)
        shape((x1 + 0.2 * (x2 - x1), y1 + 0.15 * (y2 - y1), x1 + 0.4 * (x2 - x1), y1 + 0.3 * (y2 - y1)), fill=shine)
    return np.asarray(picture)


def image_regions(things: list[Thing]) -> "list[Region]":
    """A box around the first and the second thing, and a click on the third."""
    from region_perception.regions import Box, Click

    x1, y1, x2, y2 = _corners(things[2])
    return [Box(*_corners(things[0])), Box(*_corners(things[1])), Click((x1 + x2) / 2, y1 + 0.7 * (y2 - y1))]


def scan(things: list[Thing], rng: np.random.Generator) -> np.ndarray:
    """The scene as float32 [N, 6]: x forward, y left, z up in metres, and RGB in 0..1; points of things come first."""
    parts = [_coloured(_surface(thing, rng), thing.colour, rng) for thing in things]
    table = np.c_[rng.uniform(-0.3, 0.3, 12000), rng.uniform(-0.45, 0.45, 12000), np.zeros(12000)]
    return np.concatenate([*parts, _coloured(table, _TABLE, rng)]).astype(np.float32)


def cloud_regions(things: list[Thing]) -> "list[Region]":
    """A box around the first and the second thing, and the points of the third."""
    from region_perception.regions import Box3D, PointSet

    boxes = []
    for thing in things[:2]:
        size = (thing.width + 0.02, thing.width + 0.02, thing.height + 0.01)
        boxes.append(Box3D((thing.forward, thing.left, thing.height / 2 + 0.01), size))
    return [*boxes, PointSet(np.arange(2 * _POINTS, 3 * _POINTS))]


def _corners(thing: Thing) -> tuple[float, float, float, float]:
    """The box (x1, y1, x2, y2) around a thing in the picture, in pixels."""
    middle, bottom = _WIDTH / 2 - thing.left * _PIXELS_PER_METRE, _HEIGHT * (0.8 - thing.forward)
    half = thing.width * _PIXELS_PER_METRE / 2
    return middle - half, bottom - thing.height * _PIXELS_PER_METRE, middle + half, bottom


def _surface(thing: Thing, rng: np.random.Generator) -> np.ndarray:
    """Points [_POINTS, 3] on a thing, in metres."""
    if thing.is_ball:
        offsets = rng.normal(size=(_POINTS, 3))
        offsets /= 2 * np.linalg.norm(offsets, axis=1, keepdims=True)
    else:
        offsets = rng.uniform(-0.5, 0.5, (_POINTS, 3))
        side = rng.integers(3, size=_POINTS)
        offsets[np.arange(_POINTS), side] = np.sign(offsets[np.arange(_POINTS), side]) / 2
    return offsets * (thing.width, thing.width, thing.height) + (thing.forward, thing.left, thing.height / 2)


def _coloured(points: np.ndarray, colour: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    """The points [N, 3] with slightly noisy colours behind the coordinates: [N, 6]."""
    return np.c_[points, np.clip(np.array(colour) / 255 + rng.normal(0, 0.02, points.shape), 0, 1)]
