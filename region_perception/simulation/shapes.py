"""Triangle meshes from a few parametric shapes: turned, swept, cut from a plate, or boxes.

Every shape has vertices of its own at sharp edges, so that normals can be smooth across all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

BODY, SHADE, METAL, PAPER, FLAME, DARK = range(6)  # what a part is made of; only BODY and SHADE take the thing's colour

_CREASE = np.cos(np.radians(40))  # a profile that turns by more has an edge there


def floats(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """The values as float32."""
    return np.asarray(values, np.float32)


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles with smooth normals.

    Attributes:
        vertices: float32 [V, 3].
        normals: float32 [V, 3], unit length, outwards.
        triangles: int32 [T, 3], rows of `vertices`, counter-clockwise from outside.
        parts: uint8 [T], what each triangle is made of.
    """

    vertices: np.ndarray
    normals: np.ndarray
    triangles: np.ndarray
    parts: np.ndarray

    def of(self, part: int) -> Mesh:
        """The same shape, all of one material."""
        return replace(self, parts=np.full(len(self.triangles), part, np.uint8))

    def moved(self, x: float = 0, y: float = 0, z: float = 0) -> Mesh:
        return replace(self, vertices=self.vertices + floats((x, y, z)))

    def rotated(self, rotation: np.ndarray) -> Mesh:
        """Turned by a rotation matrix [3, 3]."""
        turn = rotation.T.astype(np.float32)
        return replace(self, vertices=self.vertices @ turn, normals=self.normals @ turn)

    def scaled(self, x: float, y: float | None = None, z: float | None = None) -> Mesh:
        """Stretched along the axes, all alike where only one factor is given."""
        factors = floats((x, x if y is None else y, x if z is None else z))
        normals = self.normals / factors
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        return replace(self, vertices=self.vertices * factors, normals=normals)

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and the highest coordinates, float32 [3] each."""
        return self.vertices.min(axis=0), self.vertices.max(axis=0)


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """Several meshes as one."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.triangles + np.int32(start) for mesh, start in zip(meshes, starts, strict=True)]),
        np.concatenate([mesh.parts for mesh in meshes]),
    )


def rotation(axis: str, degrees: float) -> np.ndarray:
    """float64 [3, 3]: the turn about "x", "y" or "z"."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = cos
    matrix[first, second], matrix[second, first] = -sin, sin
    return matrix


def turned(profile: Sequence[tuple[float, float]], segments: int = 28) -> Mesh:
    """The body that a profile of points (radius, z) sweeps about the z axis.

    The outside lies to the right of the way along the profile: bottom to top makes a solid body.
    """
    points = np.array(profile, np.float64)
    steps = np.diff(points, axis=0)
    facing = np.stack((steps[:, 1], -steps[:, 0]), axis=1) / np.linalg.norm(steps, axis=1, keepdims=True)
    starts, ends = facing.copy(), facing.copy()
    for i in range(1, len(facing)):
        if facing[i - 1] @ facing[i] > _CREASE:
            between = facing[i - 1] + facing[i]
            ends[i - 1] = starts[i] = between / np.linalg.norm(between)
    angles = np.linspace(0, 2 * np.pi, segments + 1)
    circle = np.stack((np.cos(angles), np.sin(angles)), axis=1)
    rings = np.stack((points[:-1], points[1:]), axis=1)  # [M-1, 2, 2]
    slopes = np.stack((starts, ends), axis=1)
    return _grids(_spun(rings, circle), _spun(slopes, circle))


def _spun(flat: np.ndarray, circle: np.ndarray) -> np.ndarray:
    """[M, 2, S, 3]: points or directions (r, z) [M, 2, 2] at every angle of the circle [S, 2]."""
    around = flat[..., 0, None, None] * circle
    height = np.broadcast_to(flat[..., 1, None, None], (*around.shape[:-1], 1))
    return np.concatenate((around, height), axis=-1)


def _grids(vertices: np.ndarray, normals: np.ndarray) -> Mesh:
    """Strips [M, rows, columns, 3], each stitched along its rows and columns; triangles without area left out."""
    count, rows, columns, _ = vertices.shape
    index = np.arange(count * rows * columns).reshape(count, rows, columns)
    a, b = index[:, :-1, :-1].ravel(), index[:, :-1, 1:].ravel()
    c, d = index[:, 1:, 1:].ravel(), index[:, 1:, :-1].ravel()
    triangles = np.concatenate((np.stack((a, b, c), 1), np.stack((a, c, d), 1)))
    flat = vertices.reshape(-1, 3)
    corners = flat[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    triangles = triangles[area > 1e-12].astype(np.int32)
    return Mesh(
        flat.astype(np.float32),
        normals.reshape(-1, 3).astype(np.float32),
        triangles,
        np.zeros(len(triangles), np.uint8),
    )


def arc(
    center: tuple[float, float], radius: float | tuple[float, float], start: float, end: float, steps: int = 8
) -> list[tuple[float, float]]:
    """Points of a circle, or of an ellipse with two radii, from `start` to `end` degrees."""
    wide, high = radius if isinstance(radius, tuple) else (radius, radius)
    angles = np.radians(np.linspace(start, end, steps + 1))
    return [(center[0] + wide * float(np.cos(a)), center[1] + high * float(np.sin(a))) for a in angles]


def ball(radius: float, steps: int = 14) -> Mesh:
    """A ball around the origin."""
    return turned([(abs(r), z) for r, z in arc((0, 0), radius, -90, 90, steps)])


def tube(path: Sequence[Sequence[float]] | np.ndarray, radius: float | Sequence[float], sides: int = 10) -> Mesh:
    """A round bar along a path of points, of one radius or one for each point. It may end where it starts."""
    points = np.array(path, np.float64)
    radii = np.broadcast_to(np.asarray(radius, np.float64), len(points))
    ahead = np.gradient(points, axis=0)
    if np.allclose(points[0], points[-1]):
        ahead[0] = ahead[-1] = points[1] - points[-2]
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    side = np.cross(ahead[0], (0, 0, 1) if abs(ahead[0, 2]) < 0.9 else (1, 0, 0))
    angles = np.linspace(0, 2 * np.pi, sides + 1)
    rings, outward = [], []
    for point, direction, size in zip(points, ahead, radii, strict=True):
        side = side - (side @ direction) * direction  # carried along without twisting
        side /= np.linalg.norm(side)
        up = np.cross(direction, side)
        out = np.cos(angles)[:, None] * side + np.sin(angles)[:, None] * up
        outward.append(out)
        rings.append(point + size * out)
    return _grids(np.array(rings)[None], np.array(outward)[None])


def bar(start: Sequence[float] | np.ndarray, end: Sequence[float] | np.ndarray, radius: float, sides: int = 10) -> Mesh:
    """A straight round bar with flat ends."""
    tip, tail = np.array(end, np.float64), np.array(start, np.float64)
    length = float(np.linalg.norm(tip - tail))
    rod = turned([(0, 0), (radius, 0), (radius, length), (0, length)], sides)
    toward = (tip - tail) / length
    across = np.cross(toward, (0, 1, 0) if abs(toward[1]) < 0.9 else (1, 0, 0))
    across /= np.linalg.norm(across)
    frame = np.stack((across, np.cross(toward, across), toward), axis=1)
    return rod.rotated(frame).moved(*tail)


def torus(radius: float, thickness: float, segments: int = 28, sides: int = 12) -> Mesh:
    """A ring about the z axis; `thickness` is the radius of its bar."""
    angles = np.linspace(0, 2 * np.pi, segments + 1)
    circle = np.stack((radius * np.cos(angles), radius * np.sin(angles), np.zeros_like(angles)), axis=1)
    return tube(circle, thickness, sides)


def slab(x: float, y: float, z: float) -> Mesh:
    """A box with these sides, standing on the plane z = 0 about the z axis."""
    return plate([(-x / 2, -y / 2), (x / 2, -y / 2), (x / 2, y / 2), (-x / 2, y / 2)], z)


def plate(outline: Sequence[tuple[float, float]], thickness: float, taper: float = 1.0) -> Mesh:
    """A flat piece cut along an outline (x, y), counter-clockwise and seen whole from its middle; from z = 0 upwards.

    `taper` shrinks the upper face about the middle: 0 makes a pyramid.
    """
    low = np.array(outline, np.float64)
    middle = low.mean(axis=0)
    high = middle + (low - middle) * taper
    count = len(low)
    bottom, top = np.insert(low, 2, 0, axis=1), np.insert(high, 2, thickness, axis=1)
    after = np.roll(np.arange(count), -1)
    walls = np.stack((bottom, bottom[after], top[after], top), axis=1)  # [K, 4, 3]
    facing = np.cross(walls[:, 1] - walls[:, 0], walls[:, 3] - walls[:, 0])
    facing /= np.linalg.norm(facing, axis=1, keepdims=True)
    pieces = [_flat(corners, normal) for corners, normal in zip(walls, facing, strict=True)]
    pieces.append(_fan(bottom[::-1], np.append(middle, 0), (0, 0, -1)))
    if taper > 0:
        pieces.append(_fan(top, np.append(middle, thickness), (0, 0, 1)))
    return joined(pieces)


def _flat(corners: np.ndarray, normal: np.ndarray) -> Mesh:
    """Four corners in one plane."""
    triangles = np.array([(0, 1, 2), (0, 2, 3)], np.int32)
    return Mesh(
        corners.astype(np.float32), np.tile(floats(normal), (4, 1)), triangles, np.zeros(len(triangles), np.uint8)
    )


def _fan(rim: np.ndarray, hub: np.ndarray, normal: tuple[float, float, float]) -> Mesh:
    """The face between a rim [K, 3] and its middle."""
    count = len(rim)
    ring = np.arange(count)
    triangles = np.stack((ring, np.roll(ring, -1), np.full(count, count)), axis=1).astype(np.int32)
    vertices = np.concatenate((rim, hub[None])).astype(np.float32)
    return Mesh(vertices, np.tile(floats(normal), (count + 1, 1)), triangles, np.zeros(count, np.uint8))
