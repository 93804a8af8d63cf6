"""Pictures on disk, so that a scene is drawn once for all modalities, epochs and runs.

A file is one deflated stream: shares that are seen, instances, depth, pixels. How long each is follows from the size of
the picture and from its scene, which is composed anew: that takes a fraction of the time of drawing it.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from region_perception.data.kept_files import write_kept
from region_perception.observations import ImageObservation
from region_perception.simulation.picture import Picture, take_picture
from region_perception.simulation.scene import Scene

_BYTES = (2, 4, 3)  # of a pixel: the number of what it shows, its depth, its colour


def kept_picture(path: Path, scene: Scene, width: int, height: int) -> Picture:
    """The picture of a scene, drawn and written to `path` the first time, the same bits read from there after that."""
    try:
        return _unpacked(path.read_bytes(), scene, width, height)
    except (OSError, ValueError, zlib.error):  # not there yet, or cut off when the machine stopped
        picture = take_picture(scene, width, height)
        write_kept(path, _packed(picture))
        return picture


def _packed(picture: Picture) -> bytes:
    depth = picture.image.depth
    assert depth is not None
    # The bytes of equal weight side by side: sign and exponent hardly change, the low bits are the sensor's noise.
    planes = depth.view(np.uint8).reshape(-1, depth.itemsize).T
    parts = (picture.seen, picture.instances, planes, picture.image.pixels)
    return zlib.compress(b"".join(part.tobytes() for part in parts), level=1)


def _unpacked(content: bytes, scene: Scene, width: int, height: int) -> Picture:
    """ValueError or zlib.error where the content is not that of a picture of this scene and size."""
    area, numbers = width * height, len(scene.things) + 1
    # A bytearray, so that arrays over it can be written to, as those of a fresh picture can.
    values = np.frombuffer(bytearray(zlib.decompress(content)), np.uint8)
    if len(values) != 4 * numbers + sum(_BYTES) * area:
        raise ValueError(f"{len(values)} bytes are no picture of {width} x {height} with {numbers - 1} things")
    lengths = (4 * numbers, *(each * area for each in _BYTES[:2]))
    seen, instances, planes, pixels = np.split(values, np.cumsum(lengths))
    depth = np.ascontiguousarray(planes.reshape(4, area).T).view(np.float32).reshape(height, width)
    image = ImageObservation(pixels.reshape(height, width, 3), depth, scene.camera.intrinsics(width, height))
    return Picture(scene, image, instances.view(np.int16).reshape(height, width), seen.view(np.float32))
