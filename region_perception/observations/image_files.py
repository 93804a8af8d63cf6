"""Pixels and depth from files, bytes and PIL images."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from region_perception.errors import InvalidObservation, warn_about_input
from region_perception.observations.image_arrays import check_pixel_count, depth_from_array, pixels_from_array
from region_perception.observations.kinds import cloud_kind, existing_file, first_bytes, is_from, is_path, is_stream
from region_perception.observations.numpy_files import load_npy

if TYPE_CHECKING:
    from PIL import Image

# Only formats that cameras and programs write and that are decoded in this process: PIL hands EPS to Ghostscript.
IMAGE_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")

EXIF_ORIENTATION = 0x0112


def read_pixels(source: object, *, upright: bool = True) -> np.ndarray:
    """uint8 [H, W, 3] RGB from a path, encoded bytes, an open binary file, a PIL image or an array.

    EXIF orientation is applied. With `upright=False` an image that it would turn is refused instead: depth and
    intrinsics belong to the pixels as the sensor wrote them, and would silently not fit the turned ones.
    """
    name = _name(source, "image")
    picture = _open(source, name)
    if picture is None:
        return pixels_from_array(_array_or_npy(source, name))
    return _decode(picture, name, lambda loaded: _pixels(loaded, name, upright))


def read_depth(source: object) -> np.ndarray:
    """float32 [H, W] metres, NaN where unknown, from the same kinds of source (see `depth_from_array` for units)."""
    name = _name(source, "depth")
    picture = _open(source, name)
    if picture is None:
        return depth_from_array(_array_or_npy(source, name))
    return _decode(picture, name, lambda loaded: depth_from_array(np.asarray(loaded)))


def _name(source: Any, what: str) -> str:
    """How messages call the source."""
    if is_path(source):
        return f"{what} {source}"
    return f"{what} {source.name}" if is_stream(source) and isinstance(getattr(source, "name", None), str) else what


def _array_or_npy(source: object, name: str) -> object:
    return load_npy(existing_file(source, name), name) if is_path(source) else source


def _open(source: object, name: str) -> "Image.Image | None":
    """The picture with its header read and its size checked, but not decoded; None for arrays and .npy files."""
    from PIL import Image

    if is_from(source, "PIL") and isinstance(source, Image.Image):
        check_pixel_count(*source.size, name)
        return source
    if is_path(source):
        path = existing_file(source, name)
        if path.suffix.lower() == ".npy":
            return None
        file: Path | io.BytesIO = path
        start = first_bytes(path, name)
    elif is_stream(source):
        data = _bytes_of(source, name)
        file, start = io.BytesIO(data), bytes(data[:16])
    else:
        return None
    if kind := cloud_kind(start):
        raise InvalidObservation(f"{name}: this is a point cloud ({kind}), not an image; use observe_cloud")
    try:
        picture = Image.open(file, formats=IMAGE_FORMATS)
    except Image.UnidentifiedImageError as error:
        raise InvalidObservation(
            f"{name}: not an image that can be read, it starts with {start[:8]!r}; "
            f"expected one of {', '.join(IMAGE_FORMATS)}"
        ) from error
    except Exception as error:  # a broken header makes decoders raise almost anything
        raise InvalidObservation(f"{name}: {error or type(error).__name__}") from error
    check_pixel_count(*picture.size, name)
    return picture


def _bytes_of(source: Any, name: str) -> bytes:
    data = source if isinstance(source, (bytes, bytearray, memoryview)) else source.read()
    if isinstance(data, str):
        raise InvalidObservation(f"{name}: the file is open as text; open it with mode 'rb'")
    if len(data) == 0:
        hint = "" if isinstance(source, bytes) else "; was it read to its end already? Then seek(0) first"
        raise InvalidObservation(f"{name}: there are no bytes to read{hint}")
    return bytes(data)


def _decode(picture: "Image.Image", name: str, convert: Callable[["Image.Image"], np.ndarray]) -> np.ndarray:
    """Decodes the first frame and converts it; whatever a decoder raises becomes an error that names the file."""
    try:
        frames = getattr(picture, "n_frames", 1)
        picture.load()
        array = convert(picture)
    except InvalidObservation:
        raise
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, zlib.error, ...
        raise InvalidObservation(f"{name}: it is broken or truncated ({error or type(error).__name__})") from error
    if frames > 1 and picture.format != "MPO":  # the further frames of a phone's MPO are previews
        warn_about_input(f"{name}: it has {frames} frames, the first is used")
    return array


def _pixels(picture: "Image.Image", name: str, upright: bool) -> np.ndarray:
    from PIL import ImageOps

    orientation = picture.getexif().get(EXIF_ORIENTATION, 1)
    if orientation in range(2, 9):
        if not upright:
            raise InvalidObservation(
                f"{name}: its EXIF orientation ({orientation}) turns it, so depth and intrinsics would not fit; "
                "pass the pixels as an array, turned as the depth is"
            )
        picture = ImageOps.exif_transpose(picture)
    if picture.mode == "F":
        return pixels_from_array(np.asarray(picture))
    if picture.mode.startswith("I"):
        return _from_16_bits(np.asarray(picture), name)
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    return pixels_from_array(np.asarray(picture.convert(mode)))


def _from_16_bits(grey: np.ndarray, name: str) -> np.ndarray:
    """PIL itself would clip these to 0..255, that is, to white."""
    low, high = int(grey.min()), int(grey.max())
    if low < 0 or high > 65535:
        raise InvalidObservation(f"{name}: grey values must be in 0..65535, got {low} to {high}")
    return pixels_from_array(np.rint(grey / 257).astype(np.uint8))
