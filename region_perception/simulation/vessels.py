"""The shapes of things that hold something, and of other turned bodies. Lengths in centimetres, base at z = 0."""

import numpy as np

from region_perception.simulation.shapes import (
    DARK,
    FLAME,
    METAL,
    SHADE,
    Mesh,
    arc,
    bar,
    joined,
    plate,
    slab,
    torus,
    tube,
    turned,
)


def mug() -> Mesh:
    body = turned([(0, 0), (3.9, 0), (4.2, 0.4), (4.2, 9.6), (4.0, 10), (3.7, 9.6), (3.7, 1.0), (0, 1.0)])
    handle = [(3.9 + x, 0, z) for x, z in arc((0, 5.2), (3.4, 3.2), -90, 90, 10)]
    return joined([body, tube(handle, 0.75)])


def bowl() -> Mesh:
    outer = [(r, z + 7.4) for r, z in arc((0, 0), (9, 6.8), -65, 0, 8)]
    inner = [(r, z + 7.4) for r, z in arc((0, 0), (8.4, 6.2), 0, -90, 9)]
    return turned([(0, 0), (4.2, 0), *outer, *inner])


def bottle() -> Mesh:
    shoulder = arc((0, 12.5), (3.8, 5.5), 0, 72, 7)
    body = turned([(0, 0), (3.4, 0), (3.8, 0.5), *shoulder, (1.25, 21), (1.25, 22), (0, 22)])
    return joined([body, turned([(0, 21.6), (1.6, 21.6), (1.6, 24), (0, 24)], 18).of(SHADE)])


def can() -> Mesh:
    body = turned([(3.9, 0.9), (3.9, 11.4)])
    bottom = turned([(0, 0.2), (3.1, 0.2), (3.3, 0), (3.9, 0.9)]).of(METAL)
    top = turned([(3.9, 11.4), (3.3, 12.4), (3.1, 12.4), (3.0, 12.0), (0, 12.0)]).of(METAL)
    tab = slab(2.4, 1.0, 0.3).moved(0.9, 0, 12.0).of(DARK)
    return joined([body, bottom, top, tab])


def vase() -> Mesh:
    outside = [
        (2.9, 0),
        (3.3, 0.6),
        (4.9, 4),
        (5.7, 7),
        (5.6, 9),
        (4.6, 12),
        (2.9, 15),
        (2.2, 17.5),
        (2.6, 19),
        (3.9, 20.5),
    ]
    inside = [(3.5, 20.5), (2.1, 19), (1.8, 17.5), (2.4, 15), (0, 13)]
    return turned([(0, 0), *outside, *inside])


def bucket() -> Mesh:
    body = turned([(0, 0), (5.0, 0), (7.2, 12.4), (7.6, 12.6), (7.6, 13.2), (6.9, 13.2), (4.8, 0.7), (0, 0.7)])
    bail = [(0, y, z) for y, z in arc((0, 12.4), (7.6, 6.0), 4, 176, 14)]
    return joined([body, tube(bail, 0.35, 8).of(METAL)])


def pan() -> Mesh:
    body = turned([(0, 0), (8.6, 0), (10, 3.4), (9.5, 3.4), (8.2, 0.6), (0, 0.6)])
    grip = tube([(9.3, 0, 2.6), (12, 0, 3.4), (16, 0, 4.2), (22, 0, 4.6), (22.4, 0, 4.6)], [0.7, 0.7, 1.0, 1.1, 0.1])
    return joined([body, grip])


def dish() -> Mesh:
    body = turned([(0, 0), (6.2, 0), (10.0, 1.8), (9.9, 2.2), (6.4, 0.8), (0, 0.8)], 32)
    rim = turned([(10.0, 1.8), (10.5, 2.0), (10.5, 2.3), (9.9, 2.2)], 32).of(SHADE)
    return joined([body, rim])


def tray() -> Mesh:
    floor = slab(26, 17, 0.8)
    long_side, short_side = plate([(-13, -0.5), (13, -0.5), (13, 0.5), (-13, 0.5)], 2.6), slab(1.0, 17, 2.6)
    rims = [long_side.moved(y=-8), long_side.moved(y=8), short_side.moved(x=-12.5), short_side.moved(x=12.5)]
    grips = []
    for way in (-1, 1):
        path = [(way * (12.8 + x), y, 2.2) for y, x in arc((0, 0), (4.2, 3.0), 0, 180, 10)]
        grips.append(tube(path, 0.6, 8).of(SHADE))
    return joined([floor, *rims, *grips])


def teapot() -> Mesh:
    body = turned([(0, 0), (4.2, 0), *arc((0, 6), (6.6, 5.6), -68, 68, 12), (2.2, 11.4), (0, 11.4)])
    lid = turned([(3.0, 11.0), (2.6, 12), (0.6, 12.5), (0.6, 13), *arc((0, 13.7), 0.9, -50, 90, 6)], 20).of(SHADE)
    spout = tube(
        [(5.4, 0, 4.2), (7.4, 0, 5.4), (8.6, 0, 7.6), (9.8, 0, 10.2), (10.6, 0, 11.0)], [1.6, 1.25, 0.95, 0.75, 0.7]
    )
    handle = tube([(-5.6 - x, 0, z) for x, z in arc((0, 6.4), (4.2, 3.6), -90, 90, 10)], 0.7)
    return joined([body, lid, spout, handle])


def funnel() -> Mesh:
    return turned(
        [(0.7, 0), (1.0, 0), (1.3, 5.5), (7.4, 12.4), (7.6, 14), (7.2, 14), (7.0, 12.6), (1.0, 5.8), (0.7, 0)]
    )


def bell() -> Mesh:
    curve = [(6.8, 0), (6.6, 0.8), (5.2, 2.6), (4.4, 5), (4.1, 7.5), (3.6, 9.4), (2.4, 10.8), (0.9, 11.4)]
    body = turned([(0, 0.6), (5.8, 0.4), *curve, (0, 11.5)])
    grip = turned([(0.7, 11.2), (0.7, 13.2), (1.3, 14.2), (1.4, 15.6), (0.9, 16.6), (0, 16.9)], 16).of(SHADE)
    return joined([body, grip])


def candle() -> Mesh:
    body = turned([(0, 0), (2.2, 0), (2.2, 12), (1.8, 12.5), (0, 12.2)], 22)
    holder = turned([(0, 0), (4.6, 0), (5.0, 0.9), (4.7, 1.0), (3.8, 0.5), (0, 0.5)], 22).of(SHADE)
    flame = turned([(0, 13), (0.55, 13.6), (0.7, 14.3), (0.4, 15.4), (0, 16.6)], 12).of(FLAME)
    return joined([body, holder, bar((0, 0, 12), (0, 0, 13.4), 0.15, 6).of(DARK), flame])


def cone() -> Mesh:
    base = plate([(-5.6, -5.6), (5.6, -5.6), (5.6, 5.6), (-5.6, 5.6)], 1.0)
    return joined([base, turned([(4.4, 1.0), (0.9, 17), (0.6, 17.3), (0, 17.3)])])


def lamp() -> Mesh:
    foot = turned([(0, 0), (4.6, 0), (4.6, 0.8), (1.2, 1.8), (0.6, 3.0)]).of(SHADE)
    pole = bar((0, 0, 2), (0, 0, 15), 0.6).of(METAL)
    hood = turned([(6.8, 13.2), (3.6, 21.5), (3.3, 21.5), (6.5, 13.2), (6.8, 13.2)])
    bulb = turned([(0, 13.6), (1.4, 15), (1.6, 16.2), (0.7, 18), (0, 18)], 14).of(FLAME)
    return joined([foot, pole, hood, bulb])


def wheel() -> Mesh:
    hub = turned([(0, -2.6), (1.7, -2.6), (1.7, 2.6), (0, 2.6)], 20).of(DARK)
    parts = [torus(7.0, 1.7, 32, 12), torus(5.3, 0.6, 28, 8).of(METAL), hub]
    for angle in np.radians(np.arange(6) * 60):
        out = np.array((np.cos(angle), np.sin(angle), 0))
        parts.append(bar(out * 1.5, out * 5.4, 0.6, 8).of(METAL))
    return joined(parts).moved(z=2.6)
