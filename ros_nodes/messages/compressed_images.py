"""JPEG and PNG of `CompressedImage`, and the depth that the transports `compressed` and `compressedDepth` make of it.

The size that a file claims is read before it is decoded: a few kilobytes can ask for gigabytes.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from ros_nodes.messages.refusals import Code, Refusal, printable

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("JPEG", "PNG")
_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
_DEPTH_HEADER = struct.Struct("<iff")  # kind of compression, then a and b of quantised floats


def compressed_pixels(message: Any, max_pixels: int) -> np.ndarray:
    """uint8 [H, W, 3] RGB of a JPEG or PNG. What `format` says of the order of colours is about the image before it was
    compressed: the file itself is in the usual one."""
    if "compressedDepth" in message.format:
        raise Refusal(Code.UNSUPPORTED_ENCODING, "image: this is compressed depth; expected a JPEG or PNG of colours")
    picture = _opened(bytes(message.data), "image", message.format, max_pixels)
    if picture.mode.startswith("I"):
        return np.repeat((_decoded(picture, "image") // 257).astype(np.uint8)[..., None], 3, axis=2)
    return _decoded(picture, "image", "RGB")


def compressed_depth(message: Any, max_pixels: int) -> np.ndarray:
    """float32 [H, W], newly allocated: metres, 0 or NaN where unknown."""
    encoding, _, coding = str(message.format).partition(";")
    data = bytes(message.data)
    if "compressedDepth" not in coding:
        return _millimetres(_grey16(data, message.format, max_pixels))
    if "rvl" in coding.split():
        raise Refusal(Code.UNSUPPORTED_ENCODING, "depth: compressedDepth of the kind rvl is not read, png is")
    if len(data) < _DEPTH_HEADER.size:
        expected = f"a header of {_DEPTH_HEADER.size} bytes and a PNG"
        raise Refusal(Code.INVALID_IMAGE, f"depth: its data has {len(data)} bytes, expected {expected}")
    _, a, b = _DEPTH_HEADER.unpack_from(data)
    values = _grey16(data[_DEPTH_HEADER.size :], message.format, max_pixels)
    if encoding.strip() != "32FC1":
        return _millimetres(values)
    # a / depth + b was written as a whole number, so that what is near is exact; 0 is unknown.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        metres = np.float32(a) / (values.astype(np.float32) - np.float32(b))
    metres[values == 0] = np.nan
    return metres


def decode_mask(message: Any, max_pixels: int) -> np.ndarray:
    """bool [h, w], at least one pixel: the pixels of a PNG of one channel that are not 0."""
    picture = _opened(bytes(message.data), "mask", message.format, max_pixels, Code.INVALID_REGION)
    if picture.mode not in ("1", "L", "P"):
        expected = "one channel of 8 bits or 1 bit"
        raise Refusal(Code.INVALID_REGION, f"mask: its PNG is of the mode {picture.mode}, expected {expected}")
    return _decoded(picture, "mask", code=Code.INVALID_REGION) != 0


def _millimetres(values: np.ndarray) -> np.ndarray:
    return np.multiply(values, np.float32(0.001), dtype=np.float32)


def _grey16(data: bytes, written: str, max_pixels: int) -> np.ndarray:
    """[H, W] of a PNG of 16 bits a pixel."""
    picture = _opened(data, "depth", written, max_pixels)
    if not picture.mode.startswith("I"):
        expected = "one channel of 16 bits, millimetres"
        raise Refusal(Code.UNSUPPORTED_ENCODING, f"depth: its file is of the mode {picture.mode}, expected {expected}")
    return _decoded(picture, "depth")


def _opened(data: bytes, what: str, written: str, max_pixels: int, code: Code = Code.INVALID_IMAGE) -> Image.Image:
    """The picture with its header read and its size checked, but not decoded."""
    from PIL import Image

    if not data:
        raise Refusal(code, f"{what}: its data is empty, expected a {' or '.join(FORMATS)}")
    if not data.startswith(_STARTS):
        seen = f"it begins with {data[:8]!r}, and its format says {printable(str(written), 60)!r}"
        raise Refusal(Code.UNSUPPORTED_ENCODING, f"{what}: {seen}; {' and '.join(FORMATS)} are read")
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise Refusal(Code.TOO_LARGE, f"{what}: {error}") from error
    except Exception as error:  # a broken header makes decoders raise almost anything
        raise Refusal(code, f"{what}: its header is broken ({error or type(error).__name__})") from error
    width, height = picture.size
    if width * height > max_pixels:
        raise Refusal(Code.TOO_LARGE, f"{what}: {width} x {height} pixels, at most {max_pixels:,} are read")
    return picture


def _decoded(picture: Image.Image, what: str, mode: str | None = None, code: Code = Code.INVALID_IMAGE) -> np.ndarray:
    try:
        return np.array(picture if mode is None else picture.convert(mode))
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, zlib.error, ...
        raise Refusal(code, f"{what}: it is broken or truncated ({error or type(error).__name__})") from error
