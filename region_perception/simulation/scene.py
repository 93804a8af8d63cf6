"""A scene of the tabletop world: what stands where, seen from where, in which light. Values only, no pictures.

The base frame: metres, x forward, y left, z up; its origin lies in the plane of the table top, straight below the
camera, and x points where the camera looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from region_perception.observations import Intrinsics
from region_perception.regions import Box3D
from region_perception.simulation.kinds import Posed, posed
from region_perception.simulation.oddities import odd_shape
from region_perception.simulation.shapes import Mesh, rotation

Tone = tuple[float, float, float]  # red, green and blue in [0, 1]


@dataclass(frozen=True)
class Thing:
    """Something on the table.

    Attributes:
        number: its instance id, from 1.
        kind: one of `words.KINDS`; None for a shape without a name, which no sentence speaks of.
        color, pattern, size, pose: one each of `words.COLORS`, `PATTERNS`, `SIZES` and `POSES`.
        stretch: factors along x, y and z of its posed shape.
        yaw: radians about z, from x towards y.
        position: the middle of its underside, metres in the base frame.
        support: what it rests on or in, as (`words.ON` or `words.INSIDE`, number); None on the table.
        tone, accent: its own colour, and that of its stripes or checks.
        gloss: how much it shines, in [0, 1].
        seed: what a shape without a name is made from.
    """

    number: int
    kind: str | None
    color: str
    pattern: str
    size: str
    pose: str
    stretch: tuple[float, float, float]
    yaw: float
    position: tuple[float, float, float]
    support: tuple[str, int] | None
    tone: Tone
    accent: Tone
    gloss: float
    seed: int = 0

    @property
    def posed(self) -> Posed:
        """Its shape at its usual size, before stretch, yaw and position."""
        return odd_shape(self.seed) if self.kind is None else posed(self.kind, self.pose)

    @property
    def mesh(self) -> Mesh:
        """Its surface in the base frame."""
        shape = self.posed.mesh.scaled(*self.stretch)
        return shape.rotated(rotation("z", np.degrees(self.yaw))).moved(*self.position)

    @property
    def sides(self) -> np.ndarray:
        """float64 [3]: the sides of its box in metres: length, width, height."""
        return self.posed.size.astype(np.float64) * self.stretch

    @property
    def box(self) -> Box3D:
        """The tight box about it that is turned with it, in the base frame."""
        x, y, z = self.position
        length, width, height = (float(side) for side in self.sides)
        return Box3D((x, y, z + height / 2), (length, width, height), self.yaw)

    def moved_to(self, x: float, y: float, z: float) -> Thing:
        """The same thing with the middle of its underside elsewhere."""
        return replace(self, position=(float(x), float(y), float(z)))


@dataclass(frozen=True)
class Camera:
    """A pinhole camera above the origin of the base frame, with square pixels.

    Attributes:
        height: metres above the table top.
        pitch: radians that it looks downwards from the horizon.
        roll: radians about its optical axis, clockwise as the camera turns.
        field: horizontal angle of view in radians.
    """

    height: float
    pitch: float
    roll: float
    field: float

    def intrinsics(self, width: int, height: int) -> Intrinsics:
        """For an image of this size in pixels."""
        focal = width / 2 / np.tan(self.field / 2)
        return Intrinsics(focal, focal, (width - 1) / 2, (height - 1) / 2)

    @property
    def rotation(self) -> np.ndarray:
        """float64 [3, 3]: from camera body axes (x forward, y left, z up) to the base frame."""
        return rotation("y", np.degrees(self.pitch)) @ rotation("x", np.degrees(self.roll))

    @property
    def position(self) -> np.ndarray:
        """float64 [3], metres in the base frame."""
        return np.array((0, 0, self.height))

    def to_base(self, points: np.ndarray) -> np.ndarray:
        """float32 [N, 3]: points in camera body axes as points in the base frame; metres."""
        return (points @ self.rotation.T + self.position).astype(np.float32)

    def bearing(self, points: np.ndarray) -> np.ndarray:
        """float64 [N, 2]: where points [N, 3] of the base frame appear, in widths of the image from its middle.

        x right, y down: the image spans -0.5 to 0.5 in x.
        """
        local = (np.asarray(points, np.float64) - self.position) @ self.rotation
        return -local[:, 1:] / local[:, :1] / (2 * np.tan(self.field / 2))


@dataclass(frozen=True)
class Surface:
    """What a table, a floor or a wall looks like: one of `surfaces.SURFACES` in two tones.

    period: metres after which the pattern repeats; angle: radians that it is turned about z.
    """

    name: str
    first: Tone
    second: Tone
    period: float
    angle: float


@dataclass(frozen=True)
class Table:
    """A table top: its upper face lies in the plane z = 0.

    sides: length and width in metres; a round table has the first as its diameter. yaw: radians.
    """

    shape: str  # "round" or "rectangular"
    center: tuple[float, float]
    sides: tuple[float, float]
    yaw: float
    surface: Surface

    def holds(self, points: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """bool [N]: which of points [N, 2] (x, y) lie on it, at least `margin` metres from its edge."""
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        local = (points - np.array(self.center)) @ np.array([[cos, -sin], [sin, cos]])
        if self.shape == "round":
            return np.hypot(*local.T) <= self.sides[0] / 2 - margin
        return (np.abs(local) <= np.array(self.sides) / 2 - margin).all(axis=1)


@dataclass(frozen=True)
class Light:
    """One lamp and the light of the room.

    position: metres in the base frame; direct, ambient: strengths, 1 shows a surface in its own colour; tint: RGB.
    """

    position: tuple[float, float, float]
    direct: float
    ambient: float
    tint: Tone


@dataclass(frozen=True)
class Room:
    """What is behind the table: a floor `drop` metres below its top, and a wall `far` metres ahead of the camera."""

    floor: Surface
    wall: Surface
    drop: float
    far: float


@dataclass(frozen=True)
class Sensor:
    """How the camera departs from a perfect one.

    noise: standard deviation of pixel values, in [0, 1]; exposure: a factor; white: factors for red, green, blue.
    depth_noise: standard deviation of depth at one metre, in metres; it grows with the square of the distance.
    holes: the share of pixels whose depth is lost by chance, besides those at edges.
    """

    noise: float
    exposure: float
    white: Tone
    depth_noise: float
    holes: float


@dataclass(frozen=True)
class Scene:
    """Everything about one scene; equal seeds give equal scenes.

    things: named and nameless, in the order of their numbers.
    """

    seed: int
    split: str
    things: tuple[Thing, ...]
    table: Table
    room: Room
    light: Light
    camera: Camera
    sensor: Sensor

    def thing(self, number: int) -> Thing:
        """The thing with this instance id."""
        return self.things[number - 1]

    @cached_property
    def named(self) -> tuple[Thing, ...]:
        """The things that sentences may speak of."""
        return tuple(thing for thing in self.things if thing.kind is not None)

    @cached_property
    def bearings(self) -> np.ndarray:
        """float64 [things]: how far right of the image's middle the middle of each box appears, in image widths."""
        return self.camera.bearing(np.array([thing.box.center for thing in self.things]).reshape(-1, 3))[:, 0]

    def label_ids(self, words: Sequence[str], attribute: str) -> np.ndarray:
        """int64 [things + 1]: for each instance id the index in `words` of its `attribute`.

        -1 for the room (number 0) and for nameless things.
        """
        values = [getattr(thing, attribute) if thing.kind is not None else None for thing in self.things]
        return np.array([-1, *(words.index(value) if value in words else -1 for value in values)], np.int64)
