"""Point clouds: `PointCloud2` to a `CloudObservation`.

Fields are read by name where they lie, organised or not, in either byte order, with whatever padding between points and
rows. Numbers of points are `row * width + column` of the message, which is what `CloudObservation.source_index` keeps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from region_perception.errors import InvalidObservation
from region_perception.observations import CloudObservation, ImageObservation
from region_perception.observations.cloud_arrays import FAR_FROM_ZERO, near_zero
from ros_nodes.messages.frames import STILL, Rigid, moved_cloud, to_body
from ros_nodes.messages.image_messages import raw_bytes
from ros_nodes.messages.refusals import Code, Refusal, printable

MAX_POINTS = 4_000_000  # the largest organised clouds of 3D cameras have 2.3 million
MAX_FIELDS = 64

# PointField.datatype: what numpy calls it.
DATATYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}
PACKED_COLOURS = ("rgb", "rgba")  # 0xAARRGGBB in 4 bytes, whatever the datatype says of them
PLAIN_COLOURS = ("r", "g", "b")  # a byte each


def decode_cloud(
    message: Any,
    motion: Rigid | None = None,
    *,
    axes: str = "auto",
    max_points: int = MAX_POINTS,
    min_points: int = 1,
) -> CloudObservation:
    """The finite points of a `PointCloud2`, with their colours where there are any.

    motion: from the frame of the message to the frame that the observation is wanted in (see `frames`); None turns
    optical axes into those of the body, by the name of the frame or as `axes` says. More than `max_points` (NaN points
    counted) are refused with TOO_LARGE, fewer finite ones than `min_points` with TOO_FEW_POINTS.
    """
    fields = _fields(message)
    count = _check_layout(message, fields, max_points)
    data = raw_bytes(message.data, "cloud", Code.INVALID_CLOUD)
    columns = _coordinates(message, data, fields)
    with np.errstate(invalid="ignore", over="ignore"):
        finite = np.isfinite(columns.sum(axis=0))  # one NaN or infinity makes the sum one
    rows = np.flatnonzero(finite)
    if len(rows) < max(min_points, 1):
        dropped = f"{count - len(rows):,} of {count:,} are NaN or infinite"
        raise Refusal(Code.TOO_FEW_POINTS, f"cloud: {len(rows):,} points are left, {dropped}; expected {min_points:,}")
    if len(rows) < count:
        columns = columns.take(rows, axis=1)
    motion = to_body(message.header.frame_id, axes) if motion is None else motion
    if motion is not STILL:
        move = motion.translation.astype(columns.dtype)[:, None]
        columns = motion.rotation.astype(columns.dtype) @ columns + move
    colors = _colours(message, data, fields, rows if len(rows) < count else None)
    points, origin = _stored(columns)
    return CloudObservation(points, colors, rows, count, origin)


def cloud_of_image(image: ImageObservation, motion: Rigid = STILL) -> CloudObservation:
    """The cloud of an image with depth and calibration. motion: from the axes of the camera's body (x forward), which
    is after `OPTICAL_TO_BODY` for a transform of the camera's optical frame, to the frame that is wanted."""
    if image.depth is None or image.intrinsics is None:
        missing = "depth" if image.depth is None else "camera_info"
        raise Refusal(Code.NO_CALIBRATION, f"image: there is no {missing} with it, so it has no points in space")
    try:
        return moved_cloud(image.cloud(), motion)
    except InvalidObservation as error:
        raise Refusal(Code.TOO_FEW_POINTS, str(error)) from error


def _fields(message: Any) -> dict[str, Any]:
    """The fields that are read, by name, checked."""
    if len(message.fields) > MAX_FIELDS:
        raise Refusal(Code.INVALID_CLOUD, f"cloud: it has {len(message.fields)} fields, at most {MAX_FIELDS} are read")
    wanted = ("x", "y", "z", *PACKED_COLOURS, *PLAIN_COLOURS)
    fields: dict[str, Any] = {}
    for field in message.fields:
        if field.name in wanted:
            if field.name in fields:
                raise Refusal(Code.INVALID_CLOUD, f"cloud: it has two fields {field.name!r}")
            fields[field.name] = field
    if missing := [name for name in "xyz" if name not in fields]:
        seen = printable(", ".join(str(field.name) for field in message.fields), 200) or "none"
        raise Refusal(Code.INVALID_CLOUD, f"cloud: it has no field {', '.join(missing)}; its fields are {seen}")
    for field in fields.values():
        _check_field(field, int(message.point_step))
    return fields


def _check_field(field: Any, point_step: int) -> None:
    name, kind = f"cloud: field {field.name!r}", DATATYPES.get(field.datatype)
    if kind is None:
        raise Refusal(Code.INVALID_CLOUD, f"{name} has the datatype {field.datatype}, expected 1 to 8")
    if field.name in "xyz" and kind not in ("f4", "f8"):
        raise Refusal(
            Code.INVALID_CLOUD, f"{name} has the datatype {field.datatype}, expected 7 or 8, floats in metres"
        )
    if field.name in PACKED_COLOURS and np.dtype(kind).itemsize != 4:
        raise Refusal(Code.INVALID_CLOUD, f"{name} has the datatype {field.datatype}, expected 4 bytes (5, 6 or 7)")
    if field.name in PLAIN_COLOURS and kind != "u1":
        raise Refusal(Code.INVALID_CLOUD, f"{name} has the datatype {field.datatype}, expected 2, a byte")
    if field.count < 1:
        raise Refusal(Code.INVALID_CLOUD, f"{name} has the count {field.count}, expected 1")
    if field.offset + np.dtype(kind).itemsize > point_step:
        ends = f"ends {field.offset + np.dtype(kind).itemsize:,} bytes into a point"
        raise Refusal(Code.INVALID_CLOUD, f"{name} {ends}, which has {point_step:,} (point_step)")


def _check_layout(message: Any, fields: dict[str, Any], max_points: int) -> int:
    """How many points there are; refuses what does not fit into the data."""
    width, height = int(message.width), int(message.height)
    if width <= 0 or height <= 0:
        raise Refusal(Code.EMPTY_CLOUD, f"cloud: it has no points: width {width}, height {height}")
    point_step, row_step = int(message.point_step), int(message.row_step)
    if row_step < width * point_step:
        needed = f"{width:,} points of {point_step:,} bytes need {width * point_step:,}"
        raise Refusal(Code.INVALID_CLOUD, f"cloud: its row_step is {row_step:,} bytes, but {needed}")
    if len(message.data) < row_step * height:
        seen = f"{len(message.data):,} bytes, but {height:,} rows of {row_step:,} bytes are {row_step * height:,}"
        raise Refusal(Code.INVALID_CLOUD, f"cloud: its data has {seen}")
    if width * height > max_points:
        raise Refusal(Code.TOO_LARGE, f"cloud: {width * height:,} points, at most {max_points:,} are read")
    return width * height


def _view(message: Any, data: np.ndarray, field: Any, kind: str) -> np.ndarray:
    """[H, W] of one field as dtype `kind`: a view of the message's bytes, in its byte order."""
    shape = (int(message.height), int(message.width))
    strides = (int(message.row_step), int(message.point_step))
    order = ">" if message.is_bigendian else "<"
    return np.ndarray(shape, f"{order}{kind}", buffer=data, offset=int(field.offset), strides=strides)


def _coordinates(message: Any, data: np.ndarray, fields: dict[str, Any]) -> np.ndarray:
    """[3, N] x, y and z, float32, or float64 where one of them is."""
    kinds = {DATATYPES[fields[name].datatype] for name in "xyz"}
    columns = np.empty((3, int(message.height), int(message.width)), np.float64 if "f8" in kinds else np.float32)
    for column, name in zip(columns, "xyz", strict=True):
        column[...] = _view(message, data, fields[name], DATATYPES[fields[name].datatype])
    return columns.reshape(3, -1)


def _colours(message: Any, data: np.ndarray, fields: dict[str, Any], rows: np.ndarray | None) -> np.ndarray | None:
    """float32 [N, 3] RGB in [0, 1] of the points of `rows` (of all if None); None for a cloud without colour."""
    packed = next((fields[name] for name in PACKED_COLOURS if name in fields), None)
    if packed is not None:
        # Never as floats: most packed colours are denormal or NaN when read as one, and lose bits.
        words = np.ascontiguousarray(_view(message, data, packed, "u4"), "<u4").reshape(-1)
        words = words if rows is None else words.take(rows)
        bytes_ = words.view(np.uint8).reshape(-1, 4)[:, 2::-1]
    elif all(name in fields for name in PLAIN_COLOURS):
        channels = [_view(message, data, fields[name], "u1").reshape(-1) for name in PLAIN_COLOURS]
        bytes_ = np.stack(channels if rows is None else [channel.take(rows) for channel in channels], axis=1)
    else:
        return None
    return np.multiply(bytes_, np.float32(1 / 255), dtype=np.float32)


def _stored(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float32 [N, 3] of finite columns [3, N], and the origin that far coordinates are relative to."""
    if max(columns.max(), -columns.min()) <= FAR_FROM_ZERO:
        return np.ascontiguousarray(columns.T, np.float32), np.zeros(3)
    try:
        return near_zero(columns.T)
    except InvalidObservation as error:
        raise Refusal(Code.INVALID_CLOUD, str(error)) from error
