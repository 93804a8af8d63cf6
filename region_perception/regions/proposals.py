"""Regions without a person: what there is in an observation to point at."""

from __future__ import annotations

import operator
from numbers import Real
from typing import Any

import numpy as np

from region_perception.errors import InvalidInput
from region_perception.observations import CloudObservation, ImageObservation
from region_perception.regions.base import Region
from region_perception.regions.cloud_regions import Box3D, PointSet
from region_perception.regions.image_regions import Box, Mask

MOST = 32


def propose(
    observation: ImageObservation | CloudObservation, *, most: int = MOST, exact: bool = False, gap: float | None = None
) -> list[Region]:
    """The things in an observation, the largest first, as regions to caption or to choose from.

    A cloud, and an image with depth and intrinsics, give what stands on their planes: on a table, on the floor, before
    a wall (see `cloud_things`). An image alone gives what stands out from its background by colour (see
    `image_things`), which is a guess: it takes nothing but plain things on a plain table well apart. The same
    observation always gives the same regions; often there are none.

    Args:
        most: at most so many regions, 1 or more.
        exact: `PointSet` and `Mask`, exactly what was found, instead of the boxes around it: `Box3D`, upright and
            turned so that they are tight, down to the support where that is level; and `Box`.
        gap: metres of nothing that part two things of a cloud; None takes what follows from how dense the points are.
    """
    count = _count(most)
    if gap is not None and (isinstance(gap, bool) or not (isinstance(gap, Real) and 0 < gap < np.inf)):
        raise InvalidInput(f"gap must be metres above 0, or None, got {gap!r}")
    if isinstance(observation, CloudObservation):
        return _in_cloud(observation, count, exact, gap)
    if not isinstance(observation, ImageObservation):
        seen = type(observation).__name__
        raise InvalidInput(f"propose needs an ImageObservation or a CloudObservation, got {seen}; see observe()")
    masks = _masks(observation, count, gap)
    return [Mask(mask) if exact else _box(mask) for mask in masks]


def _in_cloud(cloud: CloudObservation, most: int, exact: bool, gap: float | None) -> list[Region]:
    from region_perception.regions.cloud_things import box_around, things

    found, supports = things(cloud.points, gap=gap, colors=cloud.colors)
    if exact:
        return [PointSet(cloud.source_index[rows], source_count=cloud.source_count) for rows in found[:most]]
    boxes = [box_around(cloud.points[rows], supports) for rows in found[:most]]
    return [Box3D(tuple(np.array(box.center) + cloud.origin), box.size, box.yaw) for box in boxes]


def _masks(image: ImageObservation, most: int, gap: float | None) -> list[np.ndarray]:
    """bool [H, W] of each thing, by its shape where depth tells it, else by its colour."""
    from region_perception.regions.image_things import standing_out

    if image.depth is None or image.intrinsics is None or not np.isfinite(image.depth).any():
        return standing_out(image.pixels)[:most]
    from region_perception.regions.cloud_things import things

    cloud = image.cloud()
    # Points are counted in pixels, so that what is large is what covers much of the picture.
    found = sorted(things(cloud.points, np.zeros(3), gap, cloud.colors)[0], key=len, reverse=True)
    masks = []
    for rows in found[:most]:
        mask = np.zeros(image.depth.shape, bool)
        mask.ravel()[cloud.source_index[rows]] = True
        masks.append(_closed(mask))
    return masks


def _closed(mask: np.ndarray) -> np.ndarray:
    """`mask` with the pixels between its own that have no depth, which are as narrow as edges."""
    from scipy import ndimage

    padded = np.pad(mask, 2)
    return ndimage.binary_closing(padded, np.ones((3, 3)))[2:-2, 2:-2] | mask


def _box(mask: np.ndarray) -> Box:
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def _count(most: Any) -> int:
    try:
        count = operator.index(most)
    except TypeError:
        raise InvalidInput(f"most must be a whole number of regions, got {most!r}") from None
    if count < 1 or isinstance(most, bool):
        raise InvalidInput(f"most must be at least 1 region, got {most!r}")
    return count
