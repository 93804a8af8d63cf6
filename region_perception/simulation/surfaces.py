"""What tables, floors and walls look like: patterns in two tones, painted in metres."""

import numpy as np

from region_perception.simulation.scene import Surface, Tone
from region_perception.simulation.shapes import floats

# (name, first tone, second tone, period in metres)
_Look = tuple[str, Tone, Tone, float]
TABLES: tuple[_Look, ...] = (
    ("plain", (0.80, 0.79, 0.76), (0.80, 0.79, 0.76), 1.0),
    ("plain", (0.62, 0.63, 0.64), (0.62, 0.63, 0.64), 1.0),
    ("plain", (0.30, 0.31, 0.33), (0.30, 0.31, 0.33), 1.0),
    ("plain", (0.74, 0.67, 0.55), (0.74, 0.67, 0.55), 1.0),
    ("plain", (0.58, 0.68, 0.66), (0.58, 0.68, 0.66), 1.0),
    ("plain", (0.60, 0.66, 0.76), (0.60, 0.66, 0.76), 1.0),
    ("wood", (0.72, 0.54, 0.36), (0.60, 0.42, 0.26), 0.10),
    ("wood", (0.82, 0.68, 0.50), (0.74, 0.58, 0.40), 0.13),
    ("wood", (0.50, 0.34, 0.24), (0.40, 0.26, 0.18), 0.09),
    ("speckles", (0.72, 0.72, 0.70), (0.56, 0.55, 0.53), 0.020),
    ("speckles", (0.42, 0.42, 0.44), (0.54, 0.53, 0.52), 0.016),
    ("tiles", (0.78, 0.76, 0.72), (0.62, 0.60, 0.57), 0.16),
    ("tiles", (0.64, 0.70, 0.72), (0.80, 0.80, 0.78), 0.20),
)
NOVEL_TABLES: tuple[_Look, ...] = (
    ("marble", (0.84, 0.84, 0.83), (0.58, 0.60, 0.63), 0.30),
    ("marble", (0.36, 0.40, 0.40), (0.60, 0.63, 0.62), 0.36),
    ("planks", (0.68, 0.52, 0.36), (0.54, 0.38, 0.25), 0.12),
    ("gingham", (0.86, 0.86, 0.84), (0.60, 0.68, 0.80), 0.10),
    ("gingham", (0.86, 0.85, 0.82), (0.78, 0.62, 0.62), 0.12),
    ("plain", (0.52, 0.64, 0.48), (0.52, 0.64, 0.48), 1.0),
    ("plain", (0.70, 0.58, 0.66), (0.70, 0.58, 0.66), 1.0),
)
FLOORS: tuple[_Look, ...] = (
    ("planks", (0.58, 0.44, 0.32), (0.46, 0.34, 0.24), 0.16),
    ("planks", (0.66, 0.60, 0.52), (0.56, 0.50, 0.43), 0.20),
    ("tiles", (0.62, 0.62, 0.60), (0.46, 0.46, 0.45), 0.40),
    ("tiles", (0.44, 0.46, 0.50), (0.58, 0.60, 0.62), 0.30),
    ("speckles", (0.46, 0.46, 0.50), (0.54, 0.54, 0.58), 0.03),
    ("speckles", (0.52, 0.46, 0.42), (0.60, 0.54, 0.50), 0.04),
    ("plain", (0.50, 0.50, 0.49), (0.50, 0.50, 0.49), 1.0),
)
WALLS: tuple[_Look, ...] = (
    ("plain", (0.80, 0.79, 0.76), (0.80, 0.79, 0.76), 1.0),
    ("plain", (0.68, 0.72, 0.75), (0.68, 0.72, 0.75), 1.0),
    ("plain", (0.74, 0.70, 0.62), (0.74, 0.70, 0.62), 1.0),
    ("planks", (0.74, 0.74, 0.70), (0.68, 0.68, 0.65), 0.40),
)


def pick(looks: tuple[_Look, ...], random: np.random.Generator) -> Surface:
    """One of the looks, in slightly other tones, scale and direction."""
    name, first, second, period = looks[random.integers(len(looks))]
    dim = random.uniform(0.92, 1.06)
    warm = 1 + random.uniform(-0.03, 0.03, 3)
    tones = np.clip(np.array((first, second)) * dim * warm, 0, 1).tolist()
    return Surface(name, tuple(tones[0]), tuple(tones[1]), period * random.uniform(0.85, 1.2), random.uniform(0, np.pi))


def paint(surface: Surface, points: np.ndarray) -> np.ndarray:
    """float32 [N, 3] colours in [0, 1] at points [N, 2] of the surface, metres."""
    cos, sin = np.float32(np.cos(surface.angle)), np.float32(np.sin(surface.angle))
    x, y = points[:, 0] * cos + points[:, 1] * sin, points[:, 1] * cos - points[:, 0] * sin
    share = _SHARES[surface.name](x / np.float32(surface.period), y / np.float32(surface.period))
    first, second = floats(surface.first), floats(surface.second)
    return first + share.astype(np.float32)[:, None] * (second - first)


def _plain(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.zeros_like(x)


def _wood(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Grain along x, in waves."""
    wave = y + 0.35 * np.sin(0.9 * x + 1.3 * np.sin(0.7 * y)) + 0.08 * np.sin(5.1 * x + 3 * y)
    return 0.5 + 0.3 * np.sin(2 * np.pi * wave) + 0.2 * np.sin(2 * np.pi * 3.7 * wave + 1)


def _planks(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Boards along x, each of its own tone, with dark gaps."""
    board = np.floor(y)
    own = _scattered(board, np.floor(x / 7 + _scattered(board, board)))
    return np.where(y - board < 0.05, 1.2, 0.7 * own + 0.15 * np.sin(9 * (y + 0.1 * np.sin(2 * x))))


def _tiles(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    joint = np.minimum(np.abs(x - np.round(x)), np.abs(y - np.round(y)))
    return np.where(joint < 0.03, 1.0, 0.18 * _scattered(np.round(x - 0.5), np.round(y - 0.5)))


def _speckles(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _scattered(np.floor(x), np.floor(y))


def _marble(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    bent = x + 0.5 * np.sin(2.1 * y + np.sin(3.3 * x)) + 0.2 * np.sin(7.0 * y + 2 * x)
    return (0.5 + 0.5 * np.sin(2 * np.pi * bent)) ** 6


def _gingham(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return 0.5 * (x - np.floor(x) < 0.5) + 0.5 * (y - np.floor(y) < 0.5)


def _scattered(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A number in [0, 1) for every pair of whole numbers, without visible order."""
    mixed = np.sin(x * np.float32(12.9898) + y * np.float32(78.233)) * np.float32(437.585)
    return mixed - np.floor(mixed)


_SHARES = {
    **{"plain": _plain, "wood": _wood, "planks": _planks, "tiles": _tiles},
    **{"speckles": _speckles, "marble": _marble, "gingham": _gingham},
}
SURFACES = tuple(_SHARES)
