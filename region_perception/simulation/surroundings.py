"""Draws what is around the things of a scene: camera, table, room, light and sensor."""

import numpy as np

from region_perception.simulation import surfaces
from region_perception.simulation.scene import Camera, Light, Room, Sensor, Table
from region_perception.simulation.splits import NOVEL_VIEWS


def camera(split: str, random: np.random.Generator) -> tuple[Camera, float]:
    """A camera, and how far ahead of it (metres along x) lies the middle of what it looks at.

    `novel-views` looks from lower and from higher than any other split.
    """
    low, high = 0.46, 0.78
    if split == NOVEL_VIEWS:
        low, high = (0.36, 0.42) if random.random() < 0.5 else (0.82, 0.86)
    height, away = random.uniform(low, high), random.uniform(0.90, 1.06)
    ahead = float(np.sqrt(away**2 - height**2))
    pitch = float(np.arctan2(height - 0.04, ahead) + random.normal(0, 0.02))
    roll, field = np.radians(random.normal(0, 1.2)), np.radians(random.uniform(48, 54))
    return Camera(height, pitch, float(roll), float(field)), ahead


def table(split: str, ahead: float, random: np.random.Generator) -> Table:
    """A table under what the camera looks at; `novel-views` has tops that no other split has."""
    center = (ahead + random.uniform(-0.03, 0.10), random.uniform(-0.06, 0.06))
    surface = surfaces.pick(surfaces.NOVEL_TABLES if split == NOVEL_VIEWS else surfaces.TABLES, random)
    if random.random() < 0.3:
        width = random.uniform(1.0, 1.3)
        return Table("round", center, (width, width), 0.0, surface)
    yaw = random.uniform(-0.5, 0.5)
    return Table("rectangular", center, (random.uniform(0.9, 1.2), random.uniform(1.0, 1.6)), yaw, surface)


def light(split: str, ahead: float, random: np.random.Generator) -> Light:
    """A lamp above the table; that of `novel-views` stands lower, and is dimmer and more coloured."""
    novel = split == NOVEL_VIEWS
    around = random.uniform(0, 2 * np.pi)
    up = np.radians(random.uniform(28, 38) if novel else random.uniform(45, 82))
    away = random.uniform(1.8, 3.0)
    x, y, z = away * np.cos(up) * np.cos(around), away * np.cos(up) * np.sin(around), away * np.sin(up)
    direct = random.uniform(0.45, 0.60) if novel else random.uniform(0.45, 0.70)
    ambient = random.uniform(0.45, 0.52) if novel else random.uniform(0.48, 0.62)
    warmth = (1 if random.random() < 0.5 else -1) * random.uniform(0.09, 0.14) if novel else random.uniform(-0.07, 0.07)
    return Light((ahead + x, y, z), direct, ambient, (1 + warmth, 1.0, 1 - warmth))


def room(ahead: float, random: np.random.Generator) -> Room:
    """A floor and a wall behind the table."""
    floor, wall = surfaces.pick(surfaces.FLOORS, random), surfaces.pick(surfaces.WALLS, random)
    return Room(floor, wall, random.uniform(0.65, 0.8), ahead + random.uniform(1.2, 2.4))


def sensor(random: np.random.Generator) -> Sensor:
    """An ordinary camera with a depth channel."""
    red, green, blue = (1 + random.uniform(-0.03, 0.03, 3)).tolist()
    noise, exposure = random.uniform(0.004, 0.016), random.uniform(1.02, 1.18)
    return Sensor(noise, exposure, (red, green, blue), random.uniform(0.0005, 0.002), random.uniform(0, 0.01))
