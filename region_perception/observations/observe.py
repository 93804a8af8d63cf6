"""The front door: anything that holds an image or a cloud becomes an observation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from region_perception.errors import InvalidObservation, warn_about_input
from region_perception.observations.arrays import numeric_array
from region_perception.observations.cloud import CloudObservation
from region_perception.observations.cloud_arrays import cloud_arrays, finite_rows, near_zero
from region_perception.observations.cloud_files import read_cloud
from region_perception.observations.image import ImageObservation
from region_perception.observations.image_files import read_depth, read_pixels
from region_perception.observations.intrinsics import Intrinsics
from region_perception.observations.kinds import (
    CLOUD_SUFFIXES,
    cloud_kind,
    existing_file,
    first_bytes,
    is_from,
    is_path,
    is_stream,
)
from region_perception.observations.numpy_files import load_npy

IntrinsicsLike = Intrinsics | Sequence[float] | Sequence[Sequence[float]] | np.ndarray


def observe_image(
    source: object, *, depth: object = None, intrinsics: IntrinsicsLike | None = None
) -> ImageObservation:
    """An image, checked, from whatever holds one.

    Args:
        source: a path (PNG, JPEG, WebP, BMP, GIF, TIFF, PPM; NPY), encoded bytes, an open binary file, a PIL image, or
            an array or CPU tensor: [H, W] grey, [H, W, 3] RGB or [H, W, 4] RGBA, integers 0..255 or floats in [0, 1].
            Transparent pixels are composited on white; EXIF orientation is applied; of an animation the first frame
            is used, with a warning.
        depth: the same kinds of source, [H, W] of the image's size: uint16 means millimetres, floats metres along the
            optical axis; zero, negative and non-finite values mean unknown.
        intrinsics: `Intrinsics`, (fx, fy, cx, cy) in pixels, or a 3x3 camera matrix.
    """
    if isinstance(source, ImageObservation):
        if depth is not None or intrinsics is not None:
            raise InvalidObservation(
                "image: this is an ImageObservation already; pass its pixels to give it other depth"
            )
        return source
    if isinstance(source, CloudObservation) or is_from(source, "open3d"):
        raise InvalidObservation(f"image: got a point cloud ({type(source).__name__}); use observe_cloud")
    pixels = read_pixels(source, upright=depth is None and intrinsics is None)
    camera = None if intrinsics is None else Intrinsics.of(intrinsics)
    height, width = pixels.shape[:2]
    if camera and not (0 <= camera.cx <= width and 0 <= camera.cy <= height):
        warn_about_input(
            f"intrinsics: the principal point ({camera.cx:g}, {camera.cy:g}) is outside the {width} x {height} image; "
            "are they for another resolution?"
        )
    metres = None if depth is None else read_depth(depth)
    if metres is not None and metres.shape != (height, width):
        raise InvalidObservation(
            f"depth: it is {metres.shape[1]} x {metres.shape[0]}, the image {width} x {height}; "
            "expected the same width and height"
        )
    return ImageObservation(pixels, metres, camera)


def observe_cloud(source: object, *, colors: object = None) -> CloudObservation:
    """A point cloud, checked, from whatever holds one. Rows that are NaN or infinite are dropped with a warning.

    Args:
        source: a path (.ply .pcd .npy .npz .xyz .txt .csv .las .laz), an open3d point cloud (legacy or tensor), or an
            array or CPU tensor in metres, x forward, y left, z up: [N, 3], [N, 6] with RGB behind the coordinates, or
            an organised [H, W, 3 | 6], whose rows are counted row by row.
        colors: RGB for each point where the source does not hold it, in 0..1 or 0..255 (see `unit_colors`).
    """
    if isinstance(source, CloudObservation):
        if colors is not None:
            raise InvalidObservation(
                "cloud: this is a CloudObservation already; pass its points to give it other colours"
            )
        return source
    if isinstance(source, ImageObservation):
        raise InvalidObservation("cloud: got an ImageObservation; with depth and intrinsics its cloud() is one")
    if is_from(source, "PIL"):
        raise InvalidObservation(
            "cloud: got an image (PIL); use observe_image; with depth and intrinsics its cloud() is one"
        )
    if is_stream(source):
        raise InvalidObservation("cloud: bytes and open files do not say their format; write a file and pass its path")
    raw, own_colors = _raw_cloud(source)
    if own_colors is not None and colors is not None:
        raise InvalidObservation("cloud: colours were given twice, by the source itself and as colors=")
    points, rgb = cloud_arrays(raw, colors if own_colors is None else own_colors)
    kept = finite_rows(points, rgb)
    total = len(points)
    if len(kept) < total:
        points, rgb = points[kept], None if rgb is None else rgb[kept]
    near, origin = near_zero(points)
    return CloudObservation(near, rgb, kept, total, origin)


def observe(
    source: object, *, depth: object = None, intrinsics: IntrinsicsLike | None = None, colors: object = None
) -> ImageObservation | CloudObservation:
    """An image or a cloud, whichever the source is, by its type, its file format, or its shape and dtype.

    Arguments that only one of the two has (`depth` and `intrinsics`, or `colors`) decide as well. What could be both,
    such as floats of shape [H, W, 3], is refused: call `observe_image` or `observe_cloud`.
    """
    for_image = depth is not None or intrinsics is not None
    if for_image and colors is not None:
        raise InvalidObservation("observation: depth and intrinsics belong to an image, colors to a cloud; got both")
    if for_image or (colors is None and _is_image(source)):
        return observe_image(source, depth=depth, intrinsics=intrinsics)
    return observe_cloud(source, colors=colors)


def _raw_cloud(source: object) -> tuple[object, object]:
    """An array and, where they stand apart, colours."""
    if is_path(source):
        return read_cloud(source)
    return _from_open3d(source) if is_from(source, "open3d") else (source, None)


def _from_open3d(source: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Points and colours of a legacy or tensor point cloud."""
    if type(source).__name__ != "PointCloud":
        hint = "; sample points from it: mesh.sample_points_uniformly(...)" if "Mesh" in type(source).__name__ else ""
        raise InvalidObservation(f"cloud: expected an open3d PointCloud, got open3d's {type(source).__name__}{hint}")
    if hasattr(source, "points"):
        return np.asarray(source.points), np.asarray(source.colors) if source.has_colors() else None
    if "positions" not in source.point:
        raise InvalidObservation("cloud: this open3d PointCloud has no points")
    colors = source.point.colors.cpu().numpy() if "colors" in source.point else None
    return source.point.positions.cpu().numpy(), colors


def _is_image(source: object) -> bool:
    if isinstance(source, ImageObservation) or is_from(source, "PIL") or is_stream(source):
        return True
    if isinstance(source, CloudObservation) or is_from(source, "open3d"):
        return False
    if is_path(source):
        path = existing_file(source, f"observation {source}")
        if path.suffix.lower() == ".npy":
            return _is_image_array(load_npy(path, f"observation {path}"), f"observation {path}")
        return not _is_cloud_file(path)
    return _is_image_array(numeric_array(source, "observation"), "observation")


def _is_cloud_file(path: Path) -> bool:
    return path.suffix.lower() in CLOUD_SUFFIXES or cloud_kind(first_bytes(path, "observation")) is not None


def _is_image_array(array: np.ndarray, name: str) -> bool:
    holds_bytes = array.dtype == np.uint8
    holds_points = array.ndim in (2, 3) and array.shape[-1] in (3, 6)
    if array.ndim == 3 and (holds_bytes or not holds_points):
        return True
    if array.ndim == 2 and holds_bytes != holds_points:
        return holds_bytes
    raise InvalidObservation(
        f"{name}: an array of {array.dtype} {list(array.shape)} could be an image or a cloud; "
        "say which: observe_image(...) or observe_cloud(...)"
    )
