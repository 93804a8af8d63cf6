"""Arrays to `Image`, `PointCloud2` and `CameraInfo`, as bytes: assigning numpy would check each of them in Python."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import numpy as np

from region_perception.observations import Intrinsics
from ros_nodes.messages.classes import CameraInfo, Header, Image, PointCloud2, PointField

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_FIELDS = ("x", "y", "z", "rgb")  # 4 bytes each, in this order
_POINT = np.dtype([(name, "<u4" if name == "rgb" else "<f4") for name in _FIELDS])
_LITTLE_ENDIAN = False  # is_bigendian of all that is written here


def data_of(values: np.ndarray) -> array:
    """The bytes of an array as messages hold them."""
    data = array("B")
    data.frombytes(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return data


def encode_image(pixels: np.ndarray, header: Header) -> Image:
    """uint8 [H, W, 3] RGB as rgb8, uint8 [H, W] as mono8, float32 [H, W] metres as 32FC1, uint16 [H, W] mm as 16UC1."""
    encodings = {("u1", 3): "rgb8", ("u1", 2): "mono8", ("f4", 2): "32FC1", ("u2", 2): "16UC1"}
    encoding = encodings.get((pixels.dtype.str[1:], pixels.ndim))
    if encoding is None or (pixels.ndim == 3 and pixels.shape[2] != 3):
        expected = "uint8 [H, W, 3], uint8, uint16 or float32 [H, W]"
        raise ValueError(f"expected {expected}, got {pixels.dtype} {list(pixels.shape)}")
    height, width = pixels.shape[:2]
    return Image(
        header=header,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=int(_LITTLE_ENDIAN),
        step=pixels.nbytes // height if height else 0,
        data=data_of(pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)),
    )


def encode_picture(picture: Picture, header: Header) -> Image:
    """A picture of Pillow, as rgb8."""
    return encode_image(np.asarray(picture.convert("RGB")), header)


def encode_cloud(points: np.ndarray, header: Header, colors: np.ndarray | None = None) -> PointCloud2:
    """Points [N, 3] or organised [H, W, 3] in metres, in the frame of the header, with colours of the same shape.

    points: floats, NaN for points that are not known. colors: uint8, or floats in [0, 1]; written as `rgb`, which is
    0x00RRGGBB in the bytes of a float, as PCL and RViz read it.
    """
    shape = points.shape[:-1] if points.ndim == 3 else (1, len(points))
    records = np.zeros(shape, _POINT)
    flat = points.reshape(*shape, 3)
    for axis, name in enumerate("xyz"):
        records[name] = flat[..., axis]
    if colors is not None:
        levels = colors if colors.dtype == np.uint8 else np.rint(np.clip(colors, 0, 1) * 255)
        red, green, blue = np.moveaxis(levels.reshape(*shape, 3).astype(np.uint32), -1, 0)
        records["rgb"] = red << 16 | green << 8 | blue
    names = _FIELDS if colors is not None else _FIELDS[:3]
    return PointCloud2(
        header=header,
        height=shape[0],
        width=shape[1],
        fields=[
            PointField(name=name, offset=4 * place, datatype=PointField.FLOAT32, count=1)
            for place, name in enumerate(names)
        ],
        is_bigendian=_LITTLE_ENDIAN,
        point_step=_POINT.itemsize,
        row_step=_POINT.itemsize * shape[1],
        data=data_of(records),
        is_dense=bool(np.isfinite(flat).all()),
    )


def encode_camera_info(intrinsics: Intrinsics, size: tuple[int, int], header: Header) -> CameraInfo:
    """A camera without distortion, for images of `size` (width, height)."""
    fx, fy, cx, cy = intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy
    return CameraInfo(
        header=header,
        width=size[0],
        height=size[1],
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )
