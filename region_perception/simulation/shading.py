"""Colours: of the places that rays meet, in the light of the scene, as the sensor records them."""

from __future__ import annotations

import numpy as np

from region_perception.simulation.kinds import CATALOGUE
from region_perception.simulation.palette import MATERIALS
from region_perception.simulation.rendering import FLOOR, TABLE, WALL, Hits, smoothed
from region_perception.simulation.scene import Scene, Thing
from region_perception.simulation.shapes import BODY, SHADE, floats, rotation
from region_perception.simulation.surfaces import paint

_SHADE = 0.72  # how much darker than its body a thing's second part is
_CELL = 0.17  # side of a check, relative to the usual size of the kind: some pixels also on small things
_STRIPED_SHARE = 0.42  # of a stripe's period that the accent takes
_CHECK_SHIFT = floats((0.37, 0.21, 0.13))  # of a check, so that no face lies where two checks meet


def thing_colors(thing: Thing, points: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """float32 [N, 3]: a thing's own colours at points [N, 3] of its surface (base frame) of these parts [N]."""
    colors = np.empty((len(points), 3), np.float32)
    colors[:] = thing.tone
    if thing.pattern != "plain":
        colors[_accented(thing, points)] = thing.accent
    colors[parts == SHADE] *= np.float32(_SHADE)
    for part in np.unique(parts):
        if part not in (BODY, SHADE):
            colors[parts == part] = MATERIALS[int(part)]
    return colors


def _accented(thing: Thing, points: np.ndarray) -> np.ndarray:
    """bool [N]: where the stripes or checks are, which are fixed to the shape and turn with it."""
    shape = thing.posed
    local = (points - floats(thing.position)) @ rotation("z", np.degrees(thing.yaw)).astype(np.float32)
    local = (local / floats(thing.stretch) - shape.shift) @ shape.turn.T
    usual = CATALOGUE[thing.kind].usual if thing.kind else float(shape.size.max())
    if thing.pattern == "checkered":
        return np.floor(local / np.float32(_CELL * usual) + _CHECK_SHIFT).astype(np.int64).sum(axis=1) % 2 == 0
    axis = "xyz".index(CATALOGUE[thing.kind].stripes if thing.kind else "z")
    extent = float(np.abs(shape.turn[axis]) @ shape.size)
    place = local[:, axis] / np.float32(max(extent / 3.5, 1.3 * _CELL * usual)) + np.float32(0.3)
    return place - np.floor(place) < _STRIPED_SHARE


def surface_colors(scene: Scene, owners: np.ndarray, parts: np.ndarray, points: np.ndarray) -> np.ndarray:
    """float32 [N, 3]: the own colours of whatever lies at points [N, 3], without light."""
    colors = np.empty((len(points), 3), np.float32)
    order = np.argsort(owners, kind="stable")
    owner_of, starts = np.unique(owners[order], return_index=True)
    for owner, rows in zip(owner_of.tolist(), np.split(order, starts[1:]), strict=True):
        if owner > 0:
            colors[rows] = thing_colors(scene.thing(owner), points[rows], parts[rows])
        else:
            surface = {TABLE: scene.table.surface, FLOOR: scene.room.floor, WALL: scene.room.wall}[owner]
            colors[rows] = paint(surface, points[rows][:, 1:] if owner == WALL else points[rows][:, :2])
    return colors


def shade(scene: Scene, hits: Hits, shape: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """uint8 [H, W, 3]: the picture."""
    light, sensor = scene.light, scene.sensor
    to_light = floats(light.position) - hits.points
    to_light /= np.linalg.norm(to_light, axis=1, keepdims=True)
    facing = np.maximum(np.einsum("ij,ij->i", hits.normals, to_light), 0) * hits.lit
    sky = np.float32(0.8) + np.float32(0.2) * hits.normals[:, 2]
    colors = surface_colors(scene, hits.owners, hits.parts, hits.points)
    tint = floats(light.tint) * floats(sensor.white) * np.float32(sensor.exposure)
    bright = np.float32(light.ambient) * sky
    colors *= bright[:, None] + (np.float32(light.direct) * facing)[:, None] * tint
    colors += _highlights(scene, hits, to_light)[:, None]
    image = smoothed(colors.reshape(*shape, 3), middle=6.0)  # no lens is sharper than its pixels
    image += np.float32(sensor.noise) * random.standard_normal(image.shape, np.float32)
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


def _highlights(scene: Scene, hits: Hits, to_light: np.ndarray) -> np.ndarray:
    """float32 [N]: the lamp mirrored in glossy things."""
    shine = np.zeros(len(hits.points), np.float32)
    rows = np.flatnonzero(hits.owners > 0)
    gloss = floats([0.0, *(thing.gloss for thing in scene.things)])[hits.owners[rows]]
    to_camera = scene.camera.position.astype(np.float32) - hits.points[rows]
    to_camera /= np.linalg.norm(to_camera, axis=1, keepdims=True)
    half = to_camera + to_light[rows]
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    sharp = np.maximum(np.einsum("ij,ij->i", half, hits.normals[rows]), 0) ** 40
    shine[rows] = gloss * sharp * hits.lit[rows]
    return shine
