"""Shapes without a name, for what lies about on tables and that no sentence speaks of."""

from functools import lru_cache

import numpy as np

from region_perception.simulation.kinds import Posed
from region_perception.simulation.shapes import Mesh, bar, floats, joined, plate, rotation, slab, turned


@lru_cache(maxsize=64)  # one scene asks for the same few again and again, and a stream never ends
def odd_shape(seed: int) -> Posed:
    """A random body of 6 to 14 cm, the same for the same seed."""
    random = np.random.default_rng((seed, 77))
    make = (_blob, _gear, _cluster, _star)[random.integers(4)]
    shape = make(random).rotated(rotation("xyz"[random.integers(3)], random.uniform(-30, 30)))
    low, high = shape.bounds()
    unit = random.uniform(0.06, 0.14) / float((high - low).max())
    mesh = shape.scaled(unit)
    low, high = mesh.bounds()
    shift = -floats(((low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]))
    return Posed(mesh.moved(*shift), np.eye(3, dtype=np.float32), shift, high - low, unit)


def _blob(random: np.random.Generator) -> Mesh:
    """A lumpy stone."""
    heights = np.linspace(-1, 1, 9)
    radii = np.sqrt(1 - heights**2) * random.uniform(0.55, 1.3, 9)
    mesh = turned([(0.0, -1.0), *zip(radii[1:-1].tolist(), heights[1:-1].tolist(), strict=True), (0.0, 1.0)], 14)
    return mesh.scaled(1, random.uniform(0.4, 0.9), random.uniform(0.5, 1))


def _gear(random: np.random.Generator) -> Mesh:
    """A flat piece with teeth, on a peg."""
    teeth = int(random.integers(5, 9))
    angles = np.linspace(0, 2 * np.pi, 4 * teeth, endpoint=False)
    radii = np.tile((1.0, 1.0, 0.7, 0.7), teeth)
    outline = [(float(r * np.cos(a)), float(r * np.sin(a))) for r, a in zip(radii, angles, strict=True)]
    return joined([plate(outline, random.uniform(0.3, 0.8)), bar((0, 0, -0.5), (0, 0, 1.4), 0.25)])


def _cluster(random: np.random.Generator) -> Mesh:
    """Blocks grown into each other."""
    blocks = []
    for _ in range(int(random.integers(3, 6))):
        block = slab(*random.uniform(0.3, 1.0, 3)).rotated(rotation("z", random.uniform(0, 90)))
        blocks.append(block.moved(*random.uniform(-0.5, 0.5, 3)))
    return joined(blocks)


def _star(random: np.random.Generator) -> Mesh:
    """Spikes in all directions."""
    ways = random.normal(size=(int(random.integers(6, 11)), 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    return joined([bar((0, 0, 0), way * random.uniform(0.6, 1.2), random.uniform(0.12, 0.25), 8) for way in ways])
