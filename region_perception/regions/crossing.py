"""From a region of an image to the same thing in a cloud, and back, for a camera that is calibrated to the cloud.

What a rectangle holds of a scene is more than the thing that it was drawn around: of the points that appear in it those
are kept that lie about as far away as what is seen in its middle.
"""

from __future__ import annotations

import numpy as np

from region_perception.observations import ImageObservation
from region_perception.regions.footprints import ImageFootprint
from region_perception.regions.image_regions import Box

MIDDLE = 0.5  # of the width and height of what is covered: where the thing is looked for
NEAREST = 0.25  # of the distances there: the thing is in front of what is behind it
DEEP = 0.5  # of the larger of width and height: how deep a thing is at most, of which the back is not seen
SLACK = 0.02  # metres, besides: the noise of depth
LEAST_SIDE = 1.0  # pixels, of a box around points


def in_space(footprint: ImageFootprint, image: ImageObservation, points: np.ndarray) -> np.ndarray:
    """Which points show the thing that a footprint covers: bool [N], none set where no point appears in it.

    points: float [N, 3], metres in the camera's body axes (x forward), whether the image's own or not.
    """
    pixels = image.project(points)
    width, height = footprint.image_size
    inside = np.zeros(len(points), bool)
    with np.errstate(invalid="ignore"):  # behind the camera is NaN, which is nowhere
        seen = (pixels >= 0).all(axis=1) & (pixels[:, 0] < width) & (pixels[:, 1] < height)
    rows = np.flatnonzero(seen)
    columns, lines = pixels[rows].astype(np.int64).T
    inside[rows] = footprint.mask()[lines, columns]
    rows = np.flatnonzero(inside)
    if len(rows) == 0:
        return inside
    assert image.intrinsics is not None  # it projects
    away = points[rows, 0].astype(np.float64)
    x1, y1, x2, y2 = footprint.box
    half = MIDDLE / 2 * np.array([x2 - x1, y2 - y1])
    central = (np.abs(pixels[rows] - ((x1 + x2) / 2, (y1 + y2) / 2)) <= half).all(axis=1)
    front = float(np.quantile(away[central] if central.any() else away, NEAREST))
    reach = DEEP * front * max((x2 - x1) / image.intrinsics.fx, (y2 - y1) / image.intrinsics.fy) + SLACK
    inside[rows] = np.abs(away - front) <= reach
    return inside


def in_image(image: ImageObservation, points: np.ndarray) -> Box | None:
    """The box in the image around points [N, 3] (metres, camera's body axes); None where none of them appears in it."""
    pixels = image.project(points)
    pixels = pixels[np.isfinite(pixels).all(axis=1)]
    limits = np.array([image.width, image.height])
    pixels = pixels[((pixels >= 0) & (pixels < limits)).all(axis=1)]
    if len(pixels) == 0:
        return None
    # Points are the middles of pixels, of which the box holds all.
    low, high = pixels.min(axis=0) - LEAST_SIDE / 2, pixels.max(axis=0) + LEAST_SIDE / 2
    (x1, y1), (x2, y2) = np.maximum(low, 0), np.minimum(high, limits)
    return Box(float(x1), float(y1), float(x2), float(y2))
