"""Point clouds of scenes, with the thing that each point belongs to; all in the base frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from region_perception.errors import InvalidInput
from region_perception.observations import CloudObservation, observe_cloud
from region_perception.simulation.kinds import Posed
from region_perception.simulation.picture import Picture
from region_perception.simulation.rendering import ROOM, TABLE
from region_perception.simulation.scene import Scene, Thing
from region_perception.simulation.shading import surface_colors
from region_perception.simulation.shapes import Mesh, floats, rotation

_BELOW = -0.02  # metres: what lies lower than this under the table top is left out of the cloud of a picture
_TABLE_SHARE = 0.35  # of the points of a whole scene that lie on the table


@dataclass(frozen=True, eq=False)
class LabelledCloud:
    """A cloud and the truth about its points.

    Attributes:
        cloud: coloured, metres, base frame.
        instances: int16 [N], the number of the thing that each point of `cloud` belongs to, 0 for table and room.
    """

    cloud: CloudObservation
    instances: np.ndarray


def picture_cloud(picture: Picture) -> LabelledCloud:
    """What the depth camera measured of the table and the things on it: one point a pixel, only of sides that it sees.

    The floor and the wall behind the table are cut away, as a robot's workspace filter does it.
    """
    seen = picture.image.cloud()
    points = picture.scene.camera.to_base(seen.points)
    near = (points[:, 2] > _BELOW) & (points[:, 0] < picture.scene.room.far - 0.1)
    near &= picture.scene.table.holds(points[:, :2], -0.05)
    if not near.any():
        raise InvalidInput(f"the picture of scene {picture.scene.seed} shows nothing of the table")
    rows = seen.source_index[near]
    colors = None if seen.colors is None else seen.colors[near]
    cloud = CloudObservation(points[near], colors, rows, seen.source_count)
    return LabelledCloud(cloud, picture.instances.ravel()[rows])


def scene_cloud(scene: Scene, points: int = 8192) -> LabelledCloud:
    """The whole scene from all sides, hidden parts too: points spread over the surfaces of table and things.

    Colours are the surfaces' own, slightly darker where they face down.
    """
    random = np.random.default_rng((scene.seed, 3))
    areas = np.array([_surface(thing.posed).area * float(np.mean(thing.stretch)) ** 2 for thing in scene.things])
    on_table = points if len(areas) == 0 else int(points * _TABLE_SHARE)
    counts = [] if len(areas) == 0 else _shared(points - on_table, areas)
    parts = [_sampled_table(scene, on_table, random)]
    parts += [_sampled(thing, number, random) for thing, number in zip(scene.things, counts, strict=True)]
    places, normals, materials = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    owners = np.repeat([TABLE, *(thing.number for thing in scene.things)], [on_table, *counts]).astype(np.int16)
    colors = surface_colors(scene, owners, materials, places) * (0.85 + 0.15 * normals[:, 2:])
    cloud = observe_cloud(places, colors=np.clip(colors, 0, 1).astype(np.float32))
    return LabelledCloud(cloud, np.maximum(owners, ROOM))


def thing_cloud(scene: Scene, thing: Thing, points: int = 2048) -> LabelledCloud:
    """One thing by itself, as data sets of single objects have them: its middle at zero, its own size, all sides."""
    random = np.random.default_rng((scene.seed, 4, thing.number))
    places, normals, materials = _sampled(thing, points, random)
    owners = np.full(points, thing.number, np.int16)
    colors = surface_colors(scene, owners, materials, places) * (0.85 + 0.15 * normals[:, 2:])
    cloud = observe_cloud(places - floats(thing.box.center), colors=np.clip(colors, 0, 1).astype(np.float32))
    return LabelledCloud(cloud, owners)


@dataclass(frozen=True, eq=False)
class _Surface:
    """A mesh ready to be sampled: `until` [T] is the share of the area up to and with each triangle."""

    mesh: Mesh
    until: np.ndarray
    area: float


@lru_cache(maxsize=256)
def _surface(shape: Posed) -> _Surface:
    corners = shape.mesh.vertices[shape.mesh.triangles].astype(np.float64)
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    return _Surface(shape.mesh, np.cumsum(areas) / areas.sum(), float(areas.sum()))


def _sampled(thing: Thing, count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """float32 [N, 3] points, float32 [N, 3] normals and uint8 [N] materials of a thing's surface, in the base frame."""
    surface = _surface(thing.posed)
    chosen = np.minimum(np.searchsorted(surface.until, random.random(count)), len(surface.until) - 1)
    corners = surface.mesh.triangles[chosen]
    along, aside = random.random((2, count, 1), np.float32)
    over = along + aside > 1
    along, aside = np.where(over, 1 - along, along), np.where(over, 1 - aside, aside)
    weights = np.stack((1 - along - aside, along, aside), axis=1)  # [N, 3, 1]
    stretch, turn = floats(thing.stretch), rotation("z", np.degrees(thing.yaw)).T.astype(np.float32)
    points = (surface.mesh.vertices[corners] * weights).sum(axis=1) * stretch @ turn + floats(thing.position)
    normals = (surface.mesh.normals[corners] * weights).sum(axis=1) / stretch @ turn
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    return points, normals, surface.mesh.parts[chosen]


def _sampled_table(scene: Scene, count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same of the upper face of the table."""
    table = scene.table
    if table.shape == "round":
        angle, reach = random.uniform(0, 2 * np.pi, count), np.sqrt(random.random(count)) * table.sides[0] / 2
        local = np.stack((np.cos(angle) * reach, np.sin(angle) * reach), axis=1)
    else:
        local = (random.random((count, 2)) - 0.5) * table.sides
    points = np.zeros((count, 3), np.float32)
    points[:, :2] = local @ rotation("z", np.degrees(table.yaw))[:2, :2].T + table.center
    normals = np.tile(floats((0, 0, 1)), (count, 1))
    return points, normals, np.zeros(count, np.uint8)


def _shared(total: int, areas: np.ndarray) -> list[int]:
    """Whole numbers that add up to `total`, by area, and at least 32 each where there are enough."""
    least = min(32, total // len(areas))
    spare = total - least * len(areas)
    until = np.round(np.cumsum(areas) / areas.sum() * spare).astype(int)
    return [least + int(part) for part in np.diff(until, prepend=0)]
