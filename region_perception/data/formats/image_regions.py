"""Regions of images as COCO and those that follow it write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from region_perception.data.entries import BAD_BOX, Flawed
from region_perception.errors import InvalidRegion
from region_perception.observations.arrays import MAX_PIXELS
from region_perception.regions import Box, Mask, Polygon, raster
from region_perception.regions.checks import shown


def coco_box(written: Any) -> Box:
    """The box of [x, y, width, height] in pixels."""
    if not isinstance(written, list | tuple) or len(written) != 4:
        raise Flawed(BAD_BOX, f"expected [x, y, width, height], got {shown(written)}")
    return Box.from_xywh(*written)


def coco_mask(segmentation: Any, size: tuple[int, int] | None) -> Mask | Polygon:
    """The region of a COCO segmentation: run lengths, or one or several outlines [[x, y, x, y, ...], ...].

    size: (width, height) of the image; several outlines need it.
    """
    if isinstance(segmentation, Mapping):
        return Mask(segmentation)  # type: ignore[arg-type]
    if not isinstance(segmentation, list) or not segmentation:
        raise InvalidRegion(f"expected COCO run lengths or a list of outlines, got {shown(segmentation)}")
    parts = [Polygon(_points(outline)) for outline in segmentation]
    if len(parts) == 1:
        return parts[0]
    if size is None:
        raise InvalidRegion(f"{len(parts)} outlines, and the image's size is not known")
    if size[0] * size[1] > MAX_PIXELS:
        raise InvalidRegion(f"outlines in an image of {size[0]} x {size[1]} pixels; at most {MAX_PIXELS:,} are read")
    mask = np.zeros(size[::-1], bool)
    for part in parts:
        mask |= raster.fill(part.points, (0, 0), size[::-1])
    return Mask(mask)


def image_size(image: Mapping[str, Any]) -> tuple[int, int] | None:
    """(width, height) of an image of an annotation file, where it says so."""
    sides = (image.get("width"), image.get("height"))
    return sides if all(type(side) is int and 0 < side < 1 << 16 for side in sides) else None  # type: ignore[return-value]


def _points(outline: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(outline, list) or len(outline) % 2:
        raise InvalidRegion(f"an outline has x and y by turns, got {shown(outline)}")
    return tuple(zip(outline[::2], outline[1::2], strict=True))
