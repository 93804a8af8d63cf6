"""What the camera of a scene sees: colours, depth, and which thing each pixel shows, by casting rays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from region_perception.errors import MissingDependency
from region_perception.simulation.kinds import posed
from region_perception.simulation.scene import Scene, Table, Thing
from region_perception.simulation.shapes import Mesh, floats, joined, plate, rotation, turned

ROOM, TABLE, FLOOR, WALL = 0, -1, -2, -3  # what a ray meets besides things, which have numbers from 1
_SAMPLES = 26  # per side of a thing's grid of rays, by which it is measured how much of it is seen


@dataclass(frozen=True, eq=False)
class Hits:
    """What the ray through each pixel meets first; N = height x width pixels, row by row.

    Attributes:
        owners: int16 [N], a thing's number, or TABLE, FLOOR, WALL.
        parts: uint8 [N], the material of that place, one of `shapes`' parts.
        depth: float32 [N], metres along the optical axis.
        points: float32 [N, 3], metres in the base frame.
        normals: float32 [N, 3], unit length.
        lit: float32 [N] in [0, 1], how much of the lamp's light arrives.
    """

    owners: np.ndarray
    parts: np.ndarray
    depth: np.ndarray
    points: np.ndarray
    normals: np.ndarray
    lit: np.ndarray


def pixel_rays(scene: Scene, columns: np.ndarray, rows: np.ndarray, width: int, height: int) -> np.ndarray:
    """float32 [len(rows), len(columns), 3]: directions in the base frame, one metre long along the optical axis."""
    camera = scene.camera.intrinsics(width, height)
    rays = np.ones((len(rows), len(columns), 3), np.float32)
    rays[..., 1] = (camera.cx - columns) / camera.fx
    rays[..., 2] = ((camera.cy - rows) / camera.fy)[:, None]
    return rays @ scene.camera.rotation.T.astype(np.float32)


def cast(scene: Scene, width: int, height: int, random: np.random.Generator) -> Hits:
    """Rays through all pixels, and from where they end to the lamp."""
    mesh, owners = _assembled(scene)
    world = _world(mesh)
    rays = _camera_rays(scene, width, height)
    origin, directions = rays[0, :3], rays[:, 3:]
    answer = world.cast_rays(_open3d_core().Tensor(rays), nthreads=1)
    met = answer["primitive_ids"].numpy().astype(np.int64)
    depth = answer["t_hit"].numpy()
    met = np.minimum(met, len(owners) - 1)  # floor and wall are behind everything, so every ray meets something
    points = origin + directions * depth[:, None]
    faces = answer["primitive_normals"].numpy()
    normals = _smooth_normals(mesh, met, answer["primitive_uvs"].numpy(), faces, owners[met] > 0)
    lit = _lit(scene, world, points, faces, directions, (height, width), random)
    return Hits(owners[met], mesh.parts[met], depth, points, normals, lit)


def true_depth(scene: Scene, width: int, height: int) -> np.ndarray:
    """float32 [H, W], metres along the optical axis, as `cast` finds them."""
    world = _world(_assembled(scene)[0])
    answer = world.cast_rays(_open3d_core().Tensor(_camera_rays(scene, width, height)), nthreads=1)
    return np.asarray(answer["t_hit"].numpy()).reshape(height, width)


def _camera_rays(scene: Scene, width: int, height: int) -> np.ndarray:
    """float32 [N, 6]: origin and direction of the ray through each pixel."""
    directions = pixel_rays(scene, np.arange(width), np.arange(height), width, height).reshape(-1, 3)
    rays = np.empty((len(directions), 6), np.float32)
    rays[:, :3], rays[:, 3:] = scene.camera.position.astype(np.float32), directions
    return rays


def seen_share(scene: Scene, thing: Thing, instances: np.ndarray) -> float:
    """The share of a thing's picture that is seen: 1 where nothing hides it, 0 where it is hidden or outside the image.

    instances: int16 [H, W], as `Picture.instances`.
    """
    height, width = instances.shape
    corners = scene.camera.bearing(thing.box.corners()) * width + (width / 2, height / 2)
    low, high = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int)
    step = max(1, int((high - low).max()) // _SAMPLES)
    columns, rows = np.arange(low[0], high[0] + 1, step), np.arange(low[1], high[1] + 1, step)
    turn = (rotation("z", np.degrees(thing.yaw)) / np.array(thing.stretch)).astype(np.float32)
    rays = np.empty((len(rows), len(columns), 6), np.float32)
    rays[..., :3] = (scene.camera.position - thing.position).astype(np.float32) @ turn
    rays[..., 3:] = pixel_rays(scene, columns, rows, width, height) @ turn
    alone = _shape_world(thing.kind, thing.pose).test_occlusions(_open3d_core().Tensor(rays), nthreads=1).numpy()
    inside_x, inside_y = (columns >= 0) & (columns < width), (rows >= 0) & (rows < height)
    seen = instances[np.ix_(rows[inside_y], columns[inside_x])] == thing.number
    return min(1.0, float(seen.sum()) / max(1, int(alone.sum())))


def _open3d_core() -> Any:
    try:
        import open3d
    except ImportError as error:
        hint = "pip install 'region-perception[cloud]'"
        raise MissingDependency(f"the simulated camera needs open3d: {hint}") from error
    return open3d.core


def _world(mesh: Mesh) -> Any:
    """The mesh as open3d casts rays at it, on one thread: several scenes at a time are for several processes."""
    core = _open3d_core()
    import open3d

    world = open3d.t.geometry.RaycastingScene(nthreads=1)
    world.add_triangles(core.Tensor(mesh.vertices), core.Tensor(mesh.triangles.astype(np.uint32)))
    return world


@cache
def _shape_world(kind: str, pose: str) -> Any:
    return _world(posed(kind, pose).mesh)


def _assembled(scene: Scene) -> tuple[Mesh, np.ndarray]:
    """Everything that can be met as one mesh, and int16 [T] whose each triangle is."""
    meshes = [thing.mesh for thing in scene.things]
    owners = [thing.number for thing in scene.things]
    floor = plate([(-2, -9), (9, -9), (9, 9), (-2, 9)], 0.1).moved(z=-scene.room.drop - 0.1)
    wall = plate([(0, -9), (0.1, -9), (0.1, 9), (0, 9)], 6).moved(x=scene.room.far, z=-scene.room.drop)
    meshes += [_table_top(scene.table), floor, wall]
    owners += [TABLE, FLOOR, WALL]
    return joined(meshes), np.repeat(np.array(owners, np.int16), [len(mesh.triangles) for mesh in meshes])


def _table_top(table: Table) -> Mesh:
    thick = 0.03
    length, width = table.sides
    if table.shape == "round":
        top = turned([(0, 0), (length / 2, 0), (length / 2, thick), (0, thick)], 48)
    else:
        x, y = length / 2, width / 2
        top = plate([(-x, -y), (x, -y), (x, y), (-x, y)], thick).rotated(rotation("z", np.degrees(table.yaw)))
    return top.moved(*table.center, -thick)


def _smooth_normals(
    mesh: Mesh, met: np.ndarray, places: np.ndarray, faces: np.ndarray, curved: np.ndarray
) -> np.ndarray:
    """float32 [N, 3]: the normals of the faces, smoothed within the triangle where a thing was met."""
    normals = faces.copy()
    corners = mesh.normals[mesh.triangles[met[curved]]]  # [n, 3, 3]
    along = places[curved, :, None]
    smooth = (
        corners[:, 0] + along[:, 0] * (corners[:, 1] - corners[:, 0]) + along[:, 1] * (corners[:, 2] - corners[:, 0])
    )
    normals[curved] = smooth / np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 1e-6)
    return normals


def _lit(
    scene: Scene,
    world: Any,
    points: np.ndarray,
    faces: np.ndarray,
    directions: np.ndarray,
    shape: tuple[int, int],
    random: np.random.Generator,
) -> np.ndarray:
    """float32 [N]: soft shadows: a ray from each pixel to some point of a lamp as large as a hand, then smoothed."""
    # Off the surface by 2 mm, on the side that is looked at, so that it does not shade itself.
    off = np.where(np.einsum("ij,ij->i", faces, directions) > 0, np.float32(-2e-3), np.float32(2e-3))
    starts = points + faces * off[:, None]
    lamp = floats(scene.light.position) + random.uniform(-0.09, 0.09, points.shape).astype(np.float32)
    rays = np.concatenate((starts, lamp - starts), axis=1)
    dark = world.test_occlusions(_open3d_core().Tensor(rays), tnear=0.0, tfar=1.0, nthreads=1).numpy()
    return smoothed(1 - dark.astype(np.float32).reshape(shape)).ravel()


def smoothed(values: np.ndarray, middle: float = 2.0) -> np.ndarray:
    """Each value of [H, W, ...] averaged with its neighbours above, below and beside it; `middle` is its own weight."""
    total = middle + 2
    padded = np.concatenate((values[:1], values, values[-1:]), axis=0)
    values = (padded[:-2] + middle * padded[1:-1] + padded[2:]) / np.float32(total)
    padded = np.concatenate((values[:, :1], values, values[:, -1:]), axis=1)
    return (padded[:, :-2] + middle * padded[:, 1:-1] + padded[:, 2:]) / np.float32(total)
