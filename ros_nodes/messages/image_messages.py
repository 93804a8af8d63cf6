"""Images, depth and calibration: `Image`, `CompressedImage` and `CameraInfo` to an `ImageObservation`.

Messages are read by the names of their fields, so that any object with those fields will do. Sizes are checked as whole
numbers before anything is allocated: a message arrives however wrong it is.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from region_perception.errors import InvalidObservation
from region_perception.observations import ImageObservation, Intrinsics
from ros_nodes.messages.compressed_images import compressed_depth, compressed_pixels
from ros_nodes.messages.refusals import Code, Refusal, printable

MAX_PIXELS = 16_000_000  # twice 4K
FARTHEST_MEDIAN_DEPTH = 1_000.0  # metres: no camera sees this far in half of its pixels; these are millimetres

# encoding: bytes of a channel, channels, and which of them are red, green and blue.
ENCODINGS: dict[str, tuple[int, int, tuple[int, int, int]]] = {
    "rgb8": (1, 3, (0, 1, 2)),
    "bgr8": (1, 3, (2, 1, 0)),
    "rgba8": (1, 4, (0, 1, 2)),
    "bgra8": (1, 4, (2, 1, 0)),
    "mono8": (1, 1, (0, 0, 0)),
    "rgb16": (2, 3, (0, 1, 2)),
    "bgr16": (2, 3, (2, 1, 0)),
    "rgba16": (2, 4, (0, 1, 2)),
    "bgra16": (2, 4, (2, 1, 0)),
    "mono16": (2, 1, (0, 0, 0)),
    # What OpenCV calls its own arrays, whose colours are blue, green, red.
    "8UC1": (1, 1, (0, 0, 0)),
    "8UC3": (1, 3, (2, 1, 0)),
    "8UC4": (1, 4, (2, 1, 0)),
}
# encoding of depth: dtype without its byte order, and metres of one unit.
DEPTH_ENCODINGS: dict[str, tuple[str, float]] = {"16UC1": ("u2", 0.001), "mono16": ("u2", 0.001), "32FC1": ("f4", 1.0)}


def decode_image(
    message: Any,
    *,
    depth: Any = None,
    camera_info: Any = None,
    rectified: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> ImageObservation:
    """An `Image` or `CompressedImage`, with the depth and calibration that belong to it where there are any.

    depth: an `Image` or `CompressedImage` of the same size and frame, registered to the image. camera_info: a
    `CameraInfo` of the same size and frame. rectified: the image is (its matrix P counts, else K). Anything that does
    not belong together is refused with NO_CALIBRATION.
    """
    pixels = decode_pixels(message, max_pixels=max_pixels)
    height, width = pixels.shape[:2]
    metres = intrinsics = None
    if camera_info is not None:
        _check_frame(camera_info, message, "camera_info")
        intrinsics = decode_camera_info(camera_info, (width, height), rectified=rectified)
    if depth is not None:
        _check_frame(depth, message, "depth")
        metres = decode_depth(depth, max_pixels=max_pixels)
        if metres.shape != (height, width):
            seen = f"{metres.shape[1]} x {metres.shape[0]}, the image {width} x {height}"
            raise Refusal(Code.NO_CALIBRATION, f"depth: it is {seen}; expected depth that is registered to the image")
    return ImageObservation(pixels, metres, intrinsics)


def decode_pixels(message: Any, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """uint8 [H, W, 3] RGB of an `Image` or a `CompressedImage` (JPEG, PNG).

    May share memory with the message, which rclpy makes anew for every callback. Opacity is dropped, 16 bits become 8.
    """
    if hasattr(message, "format"):
        return compressed_pixels(message, max_pixels)
    size, channels, colours = _known(message, ENCODINGS, "image")
    values = _samples(message, f"u{size}", channels, "image", max_pixels)
    if size == 2:
        values = np.rint(values / np.float32(257)).astype(np.uint8)
    if channels == 3 and colours == (0, 1, 2):
        return np.ascontiguousarray(values)
    pixels = np.empty((*values.shape[:2], 3), np.uint8)
    for target, source in enumerate(colours):
        pixels[..., target] = values[..., source]
    return pixels


def decode_depth(message: Any, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """float32 [H, W] metres along the optical axis, NaN where unknown, of an `Image` or a `CompressedImage`.

    16UC1 is millimetres with 0 for unknown, 32FC1 metres with NaN for unknown and infinity for out of range (REP 117,
    118).
    """
    if hasattr(message, "format"):
        metres = compressed_depth(message, max_pixels)
    else:
        kind, unit = _known(message, DEPTH_ENCODINGS, "depth")
        values = _samples(message, kind, 1, "depth", max_pixels)[..., 0]
        metres = np.multiply(values, np.float32(unit), dtype=np.float32)
    with np.errstate(invalid="ignore"):
        metres[~((metres > 0) & (metres < np.inf))] = np.nan
    sample = metres[::8, ::8]
    sample = sample[np.isfinite(sample)]
    if sample.size and (median := float(np.median(sample))) > FARTHEST_MEDIAN_DEPTH:
        hint = "32FC1 is metres; millimetres are 16UC1"
        raise Refusal(Code.INVALID_IMAGE, f"depth: its median is {median:,.0f} m, which no camera measures; {hint}")
    return metres


def decode_camera_info(message: Any, size: tuple[int, int], *, rectified: bool = False) -> Intrinsics:
    """The pinhole camera of an image of `size` (width, height): K of a raw image, P of a `rectified` one.

    A window (roi) and binning are undone: both matrices are those of the sensor's full resolution.
    """
    matrix, name, columns = (message.p, "P", 4) if rectified else (message.k, "K", 3)
    values = [float(value) for value in matrix]
    fx, fy, cx, cy = (values[i] for i in (0, columns + 1, 2, columns + 2))
    if fx == 0:
        raise Refusal(Code.NO_CALIBRATION, f"camera_info: the camera is not calibrated: {name} begins with 0")
    if not all(map(math.isfinite, (fx, fy, cx, cy))) or fx < 0 or fy <= 0:
        seen = f"fx {fx:g}, fy {fy:g}, cx {cx:g}, cy {cy:g}"
        raise Refusal(Code.NO_CALIBRATION, f"camera_info: {name} has {seen}; expected finite, above 0 for fx and fy")
    left, top, width, height = _window(message)
    bin_x, bin_y = max(int(message.binning_x), 1), max(int(message.binning_y), 1)
    if size != (width // bin_x, height // bin_y):
        seen = f"{width // bin_x} x {height // bin_y}"
        raise Refusal(Code.NO_CALIBRATION, f"camera_info: it is for {seen} pixels, the image has {size[0]} x {size[1]}")
    # The centre of the first pixel is 0, so what binning keeps in place is half a pixel to the left of that.
    cx, cy = (cx - left + 0.5) / bin_x - 0.5, (cy - top + 0.5) / bin_y - 0.5
    try:
        return Intrinsics(fx / bin_x, fy / bin_y, cx, cy)
    except InvalidObservation as error:
        raise Refusal(Code.NO_CALIBRATION, f"camera_info: {error}") from error


def _window(message: Any) -> tuple[int, int, int, int]:
    """(x, y, width, height) of the part of the sensor that is read; all of it for a roi of size 0."""
    roi = message.roi
    if roi.width == 0 or roi.height == 0:
        return 0, 0, int(message.width), int(message.height)
    return int(roi.x_offset), int(roi.y_offset), int(roi.width), int(roi.height)


def _check_frame(message: Any, image: Any, what: str) -> None:
    """What is of another camera does not belong to the image; an empty frame_id says nothing."""
    own, other = message.header.frame_id, image.header.frame_id
    if own and other and own != other:
        raise Refusal(Code.NO_CALIBRATION, f"{what}: its frame is {printable(own)!r}, the image's {printable(other)!r}")


def _known(message: Any, encodings: dict[str, Any], what: str) -> Any:
    """What an encoding means; others are refused with the list of those that are known."""
    encoding = message.encoding
    if encoding not in encodings:
        seen, known = printable(str(encoding), 40), ", ".join(encodings)
        hint = (
            "; image_proc turns Bayer patterns and YUV into them" if encoding.startswith(("bayer", "yuv", "nv")) else ""
        )
        raise Refusal(Code.UNSUPPORTED_ENCODING, f"{what}: encoding {seen!r} is not read, {known} are{hint}")
    return encodings[encoding]


def _samples(message: Any, kind: str, channels: int, what: str, max_pixels: int) -> np.ndarray:
    """[H, W, channels] of dtype `kind`, in the byte order of the message: a view of its bytes, rows `step` apart."""
    width, height, step = int(message.width), int(message.height), int(message.step)
    if width <= 0 or height <= 0:
        raise Refusal(Code.INVALID_IMAGE, f"{what}: it has no pixels: width {width}, height {height}")
    pixel = np.dtype(kind).itemsize * channels
    if step < width * pixel:
        needed = f"{width} pixels of {pixel} bytes need {width * pixel:,}"
        raise Refusal(Code.INVALID_IMAGE, f"{what}: its step is {step:,} bytes, but {needed}")
    data = raw_bytes(message.data, what)
    if len(data) < step * height:
        seen = f"{len(data):,} bytes, but {height:,} rows of {step:,} bytes are {step * height:,}"
        raise Refusal(Code.INVALID_IMAGE, f"{what}: its data has {seen}")
    if width * height > max_pixels:
        raise Refusal(Code.TOO_LARGE, f"{what}: {width} x {height} pixels, at most {max_pixels:,} are read")
    order = ">" if message.is_bigendian else "<"
    strides = (step, pixel, np.dtype(kind).itemsize)
    return np.ndarray((height, width, channels), f"{order}{kind}", buffer=data, strides=strides)


def raw_bytes(data: Any, what: str, code: Code = Code.INVALID_IMAGE) -> np.ndarray:
    """uint8 [n] of a message's `data` (array.array, bytes, numpy), without a copy."""
    try:
        return np.frombuffer(data, np.uint8) if len(data) else np.zeros(0, np.uint8)
    except (TypeError, ValueError, BufferError) as error:
        raise Refusal(code, f"{what}: its data is a {type(data).__name__}, expected bytes") from error
