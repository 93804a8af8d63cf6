"""What a robot sees as pixels, with depth where its camera measures it."""

from dataclasses import dataclass

import numpy as np

from region_perception.errors import InvalidObservation
from region_perception.observations.cloud import CloudObservation
from region_perception.observations.intrinsics import Intrinsics


@dataclass(frozen=True, eq=False)
class ImageObservation:
    """An image, checked. Made by `observe_image`.

    Pixel coordinates are x right, y down, from the top left corner: pixel (u, v) covers [u, u+1) x [v, v+1).

    Attributes:
        pixels: uint8 [H, W, 3], RGB in 0..255.
        depth: float32 [H, W], metres along the optical axis, NaN where unknown; None without depth.
        intrinsics: the camera, None where unknown.
    """

    pixels: np.ndarray
    depth: np.ndarray | None = None
    intrinsics: Intrinsics | None = None

    def __post_init__(self) -> None:
        pixels = self.pixels
        if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise InvalidObservation(
                f"image: pixels must be uint8 [H, W, 3], got {_describe(pixels)}; see observe_image"
            )
        if pixels.size == 0:
            raise InvalidObservation(f"image: it has no pixels: width {self.width}, height {self.height}")
        if self.depth is not None:
            depth = self.depth
            if not isinstance(depth, np.ndarray) or depth.dtype != np.float32 or depth.shape != pixels.shape[:2]:
                expected = f"float32 {list(pixels.shape[:2])}"
                raise InvalidObservation(f"image: depth must be {expected}, got {_describe(depth)}; see observe_image")
        if self.intrinsics is not None and not isinstance(self.intrinsics, Intrinsics):
            raise InvalidObservation(f"image: intrinsics must be Intrinsics, got {type(self.intrinsics).__name__}")

    @property
    def width(self) -> int:
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        return self.pixels.shape[0]

    def back_project(self) -> np.ndarray:
        """The 3D point that each pixel's centre sees: float32 [H, W, 3], NaN where depth is unknown.

        Metres in camera body axes (x forward along the optical axis, y left, z up), origin at the camera.
        """
        depth, camera = self._depth_and_intrinsics()
        left = (camera.cx - np.arange(self.width)) / camera.fx
        up = (camera.cy - np.arange(self.height)) / camera.fy
        points = np.empty((self.height, self.width, 3), np.float32)
        points[..., 0] = depth
        points[..., 1] = depth * left.astype(np.float32)
        points[..., 2] = depth * up.astype(np.float32)[:, None]
        return points

    def project(self, points: np.ndarray) -> np.ndarray:
        """Where 3D points [N, 3] (metres, camera body axes) appear: float64 [N, 2], (x, y) in pixel coordinates.

        The inverse of `back_project`: the centre of pixel (u, v) is (u + 0.5, v + 0.5). Points beside the image get
        coordinates outside it, points not in front of the camera NaN.
        """
        if self.intrinsics is None:
            raise InvalidObservation("image: projecting needs intrinsics; observe_image(..., intrinsics=...)")
        camera = self.intrinsics
        forward, left, up = np.asarray(points, np.float64).reshape(-1, 3).T
        forward = np.where(forward > 0, forward, np.nan)
        x = camera.cx - camera.fx * left / forward + 0.5
        y = camera.cy - camera.fy * up / forward + 0.5
        return np.stack((x, y), axis=1)

    def cloud(self) -> CloudObservation:
        """The coloured cloud of all pixels with known depth, in camera body axes (see `back_project`).

        `source_index` is `v * width + u`, so a boolean image mask [H, W] selects points by
        `mask.reshape(-1)[cloud.source_index]`.
        """
        depth, _ = self._depth_and_intrinsics()
        known = np.flatnonzero(np.isfinite(depth))
        if len(known) == 0:
            raise InvalidObservation("image: no pixel has a known depth, so there is no cloud to make")
        return CloudObservation(
            points=self.back_project().reshape(-1, 3)[known],
            colors=self.pixels.reshape(-1, 3)[known].astype(np.float32) / 255,
            source_index=known.astype(np.int64),
            source_count=depth.size,
        )

    def _depth_and_intrinsics(self) -> tuple[np.ndarray, Intrinsics]:
        if self.depth is None or self.intrinsics is None:
            missing = [name for name in ("depth", "intrinsics") if getattr(self, name) is None]
            raise InvalidObservation(
                f"image: 3D points need {' and '.join(missing)}; observe_image(image, depth=..., intrinsics=...)"
            )
        return self.depth, self.intrinsics


def _describe(value: object) -> str:
    return f"{value.dtype} {list(value.shape)}" if isinstance(value, np.ndarray) else type(value).__name__
