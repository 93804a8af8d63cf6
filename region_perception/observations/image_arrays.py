"""Pixels and depth from arrays: every accepted dtype and shape to the one that an `ImageObservation` holds."""

import numpy as np

from region_perception.errors import InvalidObservation
from region_perception.observations.arrays import MAX_PIXELS, numeric_array

FARTHEST_MEDIAN_DEPTH = 1_000.0
"""Metres. No depth camera sees this far in half of its pixels: the numbers are in another unit."""


def pixels_from_array(source: object) -> np.ndarray:
    """uint8 [H, W, 3] RGB, newly allocated, from [H, W], [H, W, 1], [H, W, 3] or [H, W, 4].

    Integers are 0..255, floats are in [0, 1]. The fourth channel is opacity: it is composited on white.
    """
    array = numeric_array(source, "image")
    if array.ndim == 2:
        array = array[:, :, None]
    _check_image_shape(array.shape)
    array = _to_bytes(array)
    if array.shape[2] == 4:
        return _on_white(array)
    return np.array(np.broadcast_to(array, (*array.shape[:2], 3)), order="C")


def depth_from_array(source: object) -> np.ndarray:
    """float32 [H, W] metres with NaN where unknown, newly allocated.

    The dtype decides the unit: floats are metres, integers of 16 bits and more millimetres. Zero, negative and
    infinite values mean unknown.
    """
    array = numeric_array(source, "depth")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2:
        raise InvalidObservation(f"depth: expected shape [H, W], got {list(array.shape)}")
    if array.dtype.itemsize == 1:
        raise InvalidObservation(
            "depth: 8-bit values are a picture of depth; expected uint16 millimetres or float metres"
        )
    depth = array.astype(np.float32)
    if array.dtype.kind in "ui":
        depth /= 1000
    depth[~(np.isfinite(depth) & (depth > 0))] = np.nan
    known = depth[np.isfinite(depth)]
    if known.size and (median := float(np.median(known))) > FARTHEST_MEDIAN_DEPTH:
        raise InvalidObservation(
            f"depth: {array.dtype} values mean metres (integers millimetres), but their median is {median:,.0f} m; "
            "convert them to metres"
        )
    return depth


def check_pixel_count(width: int, height: int, what: str = "image") -> None:
    """Refuses sizes that would exhaust memory, before anything is decoded."""
    if width * height > MAX_PIXELS:
        raise InvalidObservation(
            f"{what}: {width} x {height} is {width * height / 1e6:,.5g} megapixels, "
            f"at most {MAX_PIXELS // 10**6} are read"
        )


def _check_image_shape(shape: tuple[int, ...]) -> None:
    if len(shape) == 4 and shape[0] == 1:
        raise InvalidObservation(f"image: got a batch of one, shape {list(shape)}; pass the image itself: array[0]")
    if len(shape) == 3 and shape[2] not in (1, 3, 4) and shape[0] in (1, 3, 4):
        raise InvalidObservation(
            f"image: shape {list(shape)} has its channels first; expected [H, W, 3]: pass array.transpose(1, 2, 0), "
            "for a tensor tensor.permute(1, 2, 0)"
        )
    if len(shape) != 3 or shape[2] not in (1, 3, 4):
        raise InvalidObservation(f"image: expected shape [H, W], [H, W, 3] or [H, W, 4], got {list(shape)}")
    if 0 in shape:
        raise InvalidObservation(f"image: it has no pixels: width {shape[1]}, height {shape[0]}")
    check_pixel_count(shape[1], shape[0])


def _to_bytes(array: np.ndarray) -> np.ndarray:
    """Integers 0..255 or floats in [0, 1], checked, as uint8."""
    if array.dtype == np.uint8:
        return array
    low, high = array.min(), array.max()
    if array.dtype.kind == "f":
        if not (np.isfinite(low) and np.isfinite(high)):
            raise InvalidObservation("image: some values are NaN or infinite; expected floats in [0, 1]")
        rounding = 1e-5
        if low < -rounding or high > 1 + rounding:
            hint = "; divide by 255, or pass uint8" if low >= 0 and high <= 255 else ""
            raise InvalidObservation(f"image: float values must be in [0, 1], got {low:g} to {high:g}{hint}")
        return np.rint(np.clip(array, 0, 1) * np.float32(255)).astype(np.uint8)
    if low < 0 or high > 255:
        hint = "; 16-bit images: (array // 257).astype('uint8')" if array.dtype == np.uint16 else ""
        raise InvalidObservation(f"image: {array.dtype} values must be in 0..255, got {low} to {high}{hint}")
    return array.astype(np.uint8)


def _on_white(rgba: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3]: what a viewer shows on a white page."""
    alpha = rgba[:, :, 3:]
    if alpha.min() == 255:
        return np.array(rgba[:, :, :3], order="C")
    if alpha.max() == 0:
        raise InvalidObservation(
            "image: its opacity (the fourth channel) is 0 everywhere; leave that channel out, as in array[:, :, :3]"
        )
    share = alpha.astype(np.float32) / 255
    return np.rint(rgba[:, :, :3] * share + 255 * (1 - share)).astype(np.uint8)
