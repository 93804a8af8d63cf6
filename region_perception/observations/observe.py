"""The front door: anything that holds an image or a cloud becomes an observation."""

from collections.abc import Sequence

import numpy as np

from region_perception.errors import InvalidObservation
from region_perception.observations.arrays import (
    cloud_arrays,
    depth_from_array,
    finite_rows,
    near_zero,
    pixels_from_array,
)
from region_perception.observations.cloud import CloudObservation
from region_perception.observations.image import ImageObservation
from region_perception.observations.intrinsics import Intrinsics


def observe_image(
    source: object, *, depth: object = None, intrinsics: Intrinsics | Sequence[float] | np.ndarray | None = None
) -> ImageObservation:
    """An image from an array; see `pixels_from_array` and `depth_from_array`."""
    if isinstance(source, ImageObservation):
        return source
    pixels = pixels_from_array(source)
    metres = None if depth is None else depth_from_array(depth)
    if metres is not None and metres.shape != pixels.shape[:2]:
        raise InvalidObservation(
            f"depth: it is {metres.shape[1]} x {metres.shape[0]}, the image {pixels.shape[1]} x {pixels.shape[0]}; "
            "expected the same width and height"
        )
    return ImageObservation(pixels, metres, None if intrinsics is None else Intrinsics.of(intrinsics))


def observe_cloud(source: object, *, colors: object = None) -> CloudObservation:
    """A cloud from an array; see `cloud_arrays`."""
    if isinstance(source, CloudObservation):
        return source
    points, rgb = cloud_arrays(source, colors)
    kept = finite_rows(points, rgb)
    total = len(points)
    if len(kept) < total:
        points, rgb = points[kept], None if rgb is None else rgb[kept]
    near, origin = near_zero(points)
    return CloudObservation(near, rgb, kept, total, origin)
