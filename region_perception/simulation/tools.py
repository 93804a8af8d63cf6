"""The shapes of furniture, tools and plain bodies. Lengths in centimetres, base at z = 0."""

import numpy as np

from region_perception.simulation.shapes import (
    METAL,
    PAPER,
    SHADE,
    Mesh,
    arc,
    bar,
    joined,
    plate,
    rotation,
    slab,
    torus,
    tube,
    turned,
)
from region_perception.simulation.shapes import ball as sphere


def box() -> Mesh:
    body = slab(12, 10, 8)
    lid = slab(12.8, 10.8, 2.4).moved(z=7.2).of(SHADE)
    return joined([body, lid])


def ball() -> Mesh:
    return sphere(6, 16).moved(z=6)


def book() -> Mesh:
    pages = slab(15.2, 11.2, 2.6).moved(0.2, 0, 0.4).of(PAPER)
    cover = slab(16.4, 12, 0.5)
    spine = slab(0.6, 12, 3.4).moved(x=-8.0)
    title = slab(4.0, 6.5, 0.1).of(PAPER)
    return joined([pages, cover, cover.moved(z=2.9), spine, title.moved(2.5, 0, 3.4), title.moved(2.5, 0, -0.1)])


def stool() -> Mesh:
    seat = turned([(0, 12.4), (5.6, 12.4), (6.2, 12.9), (6.2, 13.7), (5.8, 14.2), (0, 14.2)])
    parts = [seat]
    for angle in np.radians((90, 210, 330)):
        way = np.array((np.cos(angle), np.sin(angle)))
        parts.append(bar((*way * 6.0, 0), (*way * 3.6, 12.8), 0.75, 10))
    brace = torus(4.7, 0.4, 24, 8).moved(z=5.2)
    return joined([*parts, brace])


def chair() -> Mesh:
    parts = [slab(11, 11, 1.4).moved(z=8.6)]
    for x in (-4.8, 4.8):
        for y in (-4.8, 4.8):
            parts.append(slab(1.3, 1.3, 8.7).moved(x, y))
    for y in (-4.8, 4.8):
        parts.append(slab(1.3, 1.3, 11).moved(-4.8, y, 9.8))
    for z in (12.6, 16.4):
        parts.append(slab(1.0, 9.0, 2.6).moved(-4.8, 0, z))
    return joined(parts)


def hammer() -> Mesh:
    handle = bar((0, 0, 0), (19, 0, 0), 1.15, 12)
    head = bar((18.4, -5.2, 0), (18.4, 3.4, 0), 2.0, 16).of(METAL)
    claw = tube([(18.4, 3, 0), (18.4, 5, 0.2), (18.0, 7, 0.3), (17.2, 8.6, 0.3)], [1.7, 1.5, 1.0, 0.2], 10).of(METAL)
    return joined([handle, head, claw]).moved(z=2)


def ring() -> Mesh:
    return torus(6.2, 1.7, 36, 14).moved(z=1.7)


def dumbbell() -> Mesh:
    grip = bar((-5, 0, 0), (5, 0, 0), 1.2, 12).of(METAL)
    weight = turned([(0, -2.4), (3.6, -2.4), (4.4, -1.6), (4.4, 1.6), (3.6, 2.4), (0, 2.4)], 24).rotated(
        rotation("y", 90)
    )
    return joined([grip, weight.moved(x=-6.6), weight.moved(x=6.6)]).moved(z=4.4)


def key() -> Mesh:
    bow = tube([(x - 5.5, y, 0) for x, y in arc((0, 0), (3.6, 3.6), 0, 360, 24)], 1.05, 10)
    shaft = bar((-2.2, 0, 0), (10.5, 0, 0), 0.95, 10)
    teeth = [slab(1.5, 3.4, 1.5).moved(x, 2.2, -0.75) for x in (6.4, 9.4)]
    return joined([bow, shaft, *teeth]).moved(z=1.05)


def spoon() -> Mesh:
    hollow = [*arc((0, 0), 3.0, -90, 0, 8), *arc((0, 0), 2.7, 0, -90, 8)]
    scoop = turned([(abs(r), z) for r, z in hollow])
    handle = tube(
        [(3.6, 0, 1.7), (6, 0, 2.0), (10, 0, 2.5), (14, 0, 2.4), (16.5, 0, 2.2), (16.9, 0, 2.2)],
        [0.75, 0.55, 0.6, 0.85, 0.95, 0.1],
    )
    return joined([scoop.scaled(1.35, 1.0, 0.65).moved(z=1.95), handle])


def cap() -> Mesh:
    crown = turned([(6.0, 0), *arc((0, 0.6), (6.0, 6.2), 0, 90, 10), (0, 6.8)])
    visor = plate(
        [(0, -5.6), (5, -5.4), (8.6, -4.2), (10.6, -1.8), (10.6, 1.8), (8.6, 4.2), (5, 5.4), (0, 5.6)], 0.7
    ).of(SHADE)
    return joined([crown, visor, sphere(0.8, 8).moved(z=6.9).of(SHADE)])


def pyramid() -> Mesh:
    return plate([(-6.5, -6.5), (6.5, -6.5), (6.5, 6.5), (-6.5, 6.5)], 11.5, taper=0)
