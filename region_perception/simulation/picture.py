"""A scene as its camera sees it, with the truth about every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from region_perception.errors import InvalidInput
from region_perception.observations import ImageObservation
from region_perception.regions import Box, Mask
from region_perception.simulation.rendering import cast, seen_share, true_depth
from region_perception.simulation.scene import Scene, Thing
from region_perception.simulation.shading import shade

LEAST_SHARE = 0.5  # of a thing's picture that must be seen for sentences to speak of it
LEAST_AREA = 0.003  # of the image that it must cover: 150 pixels of 224 x 224


@dataclass(frozen=True, eq=False)
class Picture:
    """What the camera of `scene` records.

    Attributes:
        image: pixels, depth as a real sensor measures it (noise, holes), and intrinsics.
        instances: int16 [H, W], the number of the thing that each pixel shows, 0 for table and room.
        seen: float32 [things + 1], for each number the share of its picture that is not hidden; 0 for the nameless.
    """

    scene: Scene
    image: ImageObservation
    instances: np.ndarray
    seen: np.ndarray

    @cached_property
    def depth(self) -> np.ndarray:
        """float32 [H, W], true metres along the optical axis."""
        return true_depth(self.scene, self.image.width, self.image.height)

    @cached_property
    def areas(self) -> np.ndarray:
        """int64 [things + 1], pixels that show each number."""
        return _areas(self.scene, self.instances)

    @cached_property
    def shown(self) -> tuple[Thing, ...]:
        """The named things that are seen well enough to be spoken of."""
        least = LEAST_AREA * self.instances.size
        return tuple(
            thing
            for thing in self.scene.named
            if self.seen[thing.number] >= LEAST_SHARE and self.areas[thing.number] >= least
        )

    def mask(self, number: int) -> Mask:
        """The pixels that show a thing."""
        return Mask(self.instances == number)

    def box(self, number: int) -> Box:
        """The tight box about the pixels that show a thing."""
        shows = self.instances == number
        columns, rows = np.flatnonzero(shows.any(axis=0)), np.flatnonzero(shows.any(axis=1))
        if len(rows) == 0:
            raise InvalidInput(f"thing {number} is not to be seen in the picture of scene {self.scene.seed}")
        return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def take_picture(scene: Scene, width: int = 224, height: int = 224) -> Picture:
    """The picture of a scene at this size in pixels; the same each time."""
    if not (8 <= width <= 4096 and 8 <= height <= 4096):
        raise InvalidInput(f"a picture must be 8 to 4096 pixels wide and high, got {width} x {height}")
    random = np.random.default_rng((scene.seed, 2))
    hits = cast(scene, width, height, random)
    shape = (height, width)
    pixels = shade(scene, hits, shape, random)
    instances = np.maximum(hits.owners, 0).reshape(shape)
    depth = hits.depth.reshape(shape)
    image = ImageObservation(pixels, _measured(scene, depth, random), scene.camera.intrinsics(width, height))
    areas = _areas(scene, instances)
    seen = np.zeros(len(scene.things) + 1, np.float32)
    for thing in scene.named:
        if areas[thing.number]:
            seen[thing.number] = seen_share(scene, thing, instances)
    return Picture(scene, image, instances, seen)


def _areas(scene: Scene, instances: np.ndarray) -> np.ndarray:
    return np.bincount(instances.ravel(), minlength=len(scene.things) + 1)


def _measured(scene: Scene, depth: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """float32 [H, W]: depth with the sensor's noise, and holes (NaN) by chance and where the distance jumps."""
    sensor = scene.sensor
    spread = np.float32(sensor.depth_noise) * depth * depth
    measured = depth + spread * random.standard_normal(depth.shape, np.float32)
    jump = np.zeros(depth.shape, bool)
    jump[:, 1:] |= np.abs(np.diff(depth, axis=1)) > 0.04
    jump[1:] |= np.abs(np.diff(depth, axis=0)) > 0.04
    lost = random.random(depth.shape, np.float32) < np.where(jump, np.float32(0.5), np.float32(sensor.holes))
    measured[lost] = np.nan
    return measured
