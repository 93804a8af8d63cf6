"""Regions of the library to `Region2D` and `Region3D`, for nodes that propose or simulate them."""

from __future__ import annotations

import io
from array import array

import numpy as np

from region_perception.regions import (
    Box,
    Box3D,
    Click,
    Click3D,
    ImageFootprint,
    Mask,
    PointSet,
    Polygon,
    Region,
    Scribble,
)
from ros_nodes.messages.array_messages import data_of
from ros_nodes.messages.caption_messages import write_pose
from ros_nodes.messages.classes import CompressedImage, Header, Region2D, Region3D
from ros_nodes.messages.frames import STILL, Rigid, rigid_from_pose


def encode_region_2d(region: Region | None, header: Header, *, id: str = "", label: str = "") -> Region2D:
    """Any region of an image; None for the whole of it. A polygon's holes cannot be written: make it a mask first."""
    message = Region2D(header=header, id=id, label=label, kind=Region2D.KIND_WHOLE)
    if isinstance(region, Box):
        message.kind = Region2D.KIND_BOX
        message.x1, message.y1, message.x2, message.y2 = region.x1, region.y1, region.x2, region.y2
    elif isinstance(region, Mask):
        message.kind = Region2D.KIND_MASK
        height, width = region.mask.shape
        _write_mask(message, ImageFootprint.from_mask(region.mask, (width, height)))
    elif isinstance(region, Polygon | Scribble | Click):
        kinds = {Polygon: Region2D.KIND_POLYGON, Scribble: Region2D.KIND_SCRIBBLE, Click: Region2D.KIND_CLICK}
        message.kind = kinds[type(region)]
        message.points = array("f", [value for point in region.points for value in point])
        if isinstance(region, Click):
            message.labels = array("B", region.labels)
        elif isinstance(region, Scribble):
            message.brush_width = region.width
        elif region.holes:
            raise ValueError("a Region2D outline has no holes; write the polygon as a mask")
    elif region is not None:
        raise TypeError(f"{region!r} is not a region of an image")
    return message


def encode_region_3d(
    region: Region | None, header: Header, *, id: str = "", label: str = "", motion: Rigid = STILL
) -> Region3D:
    """Any region of a cloud; None for the whole of it.

    motion: from the frame of the header to that of the observation, as `decode_cloud` was given it; regions go back.
    """
    message = Region3D(header=header, id=id, label=label, kind=Region3D.KIND_WHOLE)
    back = motion.inverse()
    if isinstance(region, Box3D):
        message.kind = Region3D.KIND_BOX
        write_pose(message.pose, back.after(rigid_from_pose(*region.center, 0.0, 0.0, region.yaw)))
        message.size.x, message.size.y, message.size.z = region.size
    elif isinstance(region, PointSet):
        message.kind = Region3D.KIND_POINTS
        message.indices = array("I", region.indices.astype(np.uint32).tobytes())
        message.source_count = region.source_count or 0
    elif isinstance(region, Click3D):
        message.kind = Region3D.KIND_CLICK
        x, y, z = back.apply(np.array([region.x, region.y, region.z])).tolist()
        message.point.x, message.point.y, message.point.z = x, y, z
    elif region is not None:
        raise TypeError(f"{region!r} is not a region of a cloud")
    return message


def _write_mask(message: Region2D, footprint: ImageFootprint) -> None:
    """The covered pixels as a PNG of their box alone."""
    from PIL import Image

    file = io.BytesIO()
    assert footprint.window is not None  # made from a mask
    Image.fromarray(np.where(footprint.window, np.uint8(255), np.uint8(0))).save(file, "PNG", compress_level=1)
    message.x1, message.y1, message.x2, message.y2 = footprint.box
    message.mask = CompressedImage(
        header=message.header, format="png", data=data_of(np.frombuffer(file.getvalue(), "u1"))
    )
