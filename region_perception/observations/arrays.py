"""From whatever holds numbers (numpy, torch, lists) to arrays of the dtype and shape that observations have."""

import warnings

import numpy as np

from region_perception.errors import InputWarning, InvalidObservation

MAX_PIXELS = 100_000_000
"""Largest image that is read: beyond it a few kilobytes of file could ask for gigabytes of memory."""

MAX_POINTS = 20_000_000
"""Largest cloud that is read; voxel-sample larger ones first."""

FAR_FROM_ZERO = 10_000.0
"""Metres. Up to here float32 keeps about a millimetre; farther out coordinates are stored relative to an origin."""

LARGEST_EXTENT = 1_000_000.0
"""Metres. A wider cloud is in another unit or holds sentinel values."""

FARTHEST_MEDIAN_DEPTH = 1_000.0
"""Metres. No depth camera sees this far in half of its pixels: the numbers are in another unit."""


def numeric_array(source: object, what: str) -> np.ndarray:
    """`source` as a numpy array of real numbers; `what` names it in messages. Not copied where it is one already."""
    if np.ma.isMaskedArray(source):
        raise InvalidObservation(f"{what}: masked arrays are not supported; choose a value with .filled(...)")
    try:
        array = np.asarray(source)
    except Exception as error:  # torch alone raises TypeError (device), RuntimeError (gradient) and more
        raise InvalidObservation(
            f"{what}: this {type(source).__name__} cannot be read as an array ({error}); "
            "pass a numpy array, for a tensor tensor.detach().cpu().numpy()"
        ) from error
    if array.dtype.kind not in "uifb":
        kinds = {"c": "complex numbers", "O": "Python objects", "U": "text", "S": "bytes", "V": "structured fields"}
        seen = kinds.get(array.dtype.kind, str(array.dtype))
        raise InvalidObservation(
            f"{what}: expected numbers, got {seen} (dtype {array.dtype}, from {type(source).__name__})"
        )
    if array.dtype.kind == "b":
        raise InvalidObservation(f"{what}: a boolean array is a mask, not an observation; see Mask and PointSet")
    return array


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


def check_pixel_count(width: int, height: int, what: str = "image") -> None:
    """Refuses sizes that would exhaust memory, before anything is decoded."""
    if width * height > MAX_PIXELS:
        raise InvalidObservation(
            f"{what}: {width} x {height} is {width * height / 1e6:,.0f} megapixels, "
            f"at most {MAX_PIXELS // 10**6} are read"
        )


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


def cloud_arrays(source: object, colors: object = None) -> tuple[np.ndarray, np.ndarray | None]:
    """Coordinates [N, 3] in metres and colours (float32 [N, 3] in [0, 1], or None), not yet cleaned.

    `source` is [N, 3], or [N, 6] with RGB behind the coordinates, or an organised [H, W, 3 | 6], which is read row by
    row. `colors` has one RGB row for each point.
    """
    array = numeric_array(source, "cloud")
    _check_cloud_shape(array)
    rows = array.reshape(-1, array.shape[-1])
    if len(rows) > MAX_POINTS:
        raise too_many_points(len(rows))
    if array.shape[-1] == 6:
        if colors is not None:
            raise InvalidObservation("cloud: colours were given twice, in columns 4 to 6 and as colors=")
        colors = rows[:, 3:]
    if colors is None:
        return rows[:, :3], None
    return rows[:, :3], unit_colors(colors, len(rows))


def unit_colors(source: object, count: int) -> np.ndarray:
    """float32 [count, 3] RGB in [0, 1] (NaN stays), from floats in 0..1 or 0..255, or integers of 8 or 16 bits."""
    array = numeric_array(source, "colors")
    if array.ndim == 3 and array.shape[2] == 3:
        array = array.reshape(-1, 3)
    if array.shape != (count, 3):
        raise InvalidObservation(f"colors: expected shape [{count}, 3], one RGB row a point, got {list(array.shape)}")
    colors = array.astype(np.float32)
    low, high = (np.nanmin(colors), np.nanmax(colors)) if np.isfinite(colors).any() else (0.0, 0.0)
    full = 65535 if array.dtype == np.uint16 and high > 255 else 255
    if low < 0 or high > full:
        raise InvalidObservation(
            f"colors: expected 0..1 or 0..255, got {low:g} to {high:g}"
            + ("; are these normals? Pass coordinates only" if low < 0 else "")
        )
    if array.dtype.kind in "ui" or high > 1:
        colors /= full
    return colors


def too_many_points(count: int, what: str = "cloud") -> InvalidObservation:
    return InvalidObservation(
        f"{what}: it has {count:,} points, at most {MAX_POINTS:,} are read; reduce it first, "
        "for example with open3d's voxel_down_sample"
    )


def near_zero(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Finite coordinates [N, 3] as float32 relative to a float64 origin [3], which is zero near zero."""
    low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
    if (extent := float((high - low).max())) > LARGEST_EXTENT:
        raise InvalidObservation(
            f"cloud: it spans {extent:.3g} m (from {low.tolist()} to {high.tolist()}), "
            f"at most {LARGEST_EXTENT:g} m are read; coordinates are in metres"
        )
    far = np.maximum(abs(low), abs(high)) > FAR_FROM_ZERO
    origin = np.where(far, np.round((low + high) / 2), 0.0)
    if not far.any():
        return np.array(points, np.float32, order="C"), origin
    return (points - origin).astype(np.float32), origin


def finite_rows(points: np.ndarray, colors: np.ndarray | None) -> np.ndarray:
    """int64 indices of the rows whose numbers are all finite; warns when some are not, refuses when none is."""
    finite = np.isfinite(points).all(axis=1)
    if colors is not None:
        finite &= np.isfinite(colors).all(axis=1)
    kept = np.flatnonzero(finite)
    dropped = len(points) - len(kept)
    if len(kept) == 0:
        reason = "it has no points" if dropped == 0 else f"all {dropped:,} points are NaN or infinite"
        raise InvalidObservation(f"cloud: {reason}; expected at least 1 finite point")
    if dropped:
        warnings.warn(
            f"cloud: dropped {dropped:,} of {len(points):,} points that are NaN or infinite", InputWarning, stacklevel=4
        )
    return kept


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
            "image: its fourth channel (opacity) is 0 everywhere; to ignore it pass array[:, :, :3]"
        )
    share = alpha.astype(np.float32) / 255
    return np.rint(rgba[:, :, :3] * share + 255 * (1 - share)).astype(np.uint8)


def _check_cloud_shape(array: np.ndarray) -> None:
    shape = array.shape
    if array.dtype == np.uint8 and len(shape) == 3:
        raise InvalidObservation(f"cloud: a uint8 array of shape {list(shape)} is an image; use observe_image")
    if len(shape) == 2 and shape[0] in (3, 6) and shape[1] not in (3, 6):
        raise InvalidObservation(f"cloud: shape {list(shape)} is transposed; expected [N, 3] or [N, 6]: pass array.T")
    if len(shape) not in (2, 3) or shape[-1] not in (3, 6):
        hint = "; for coordinates only pass array[:, :3]" if len(shape) == 2 and shape[1] > 3 else ""
        raise InvalidObservation(
            f"cloud: expected shape [N, 3] (x, y, z) or [N, 6] (and r, g, b), got {list(shape)}{hint}"
        )
