"""Colour as people see it, for telling what belongs together in an image."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

SHADE = 0.35  # share of a difference in shade that counts
BLACK = np.array((16, 0, 0), np.float32)  # CIELAB plus this is scaled as a whole when light dims

_FROM_SRGB = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_BYTES = np.arange(256) / 255
_LINEAR = np.where(_BYTES > 0.04045, ((_BYTES + 0.055) / 1.055) ** 2.4, _BYTES / 12.92).astype(np.float32)


def lab(pixels: np.ndarray) -> np.ndarray:
    """CIELAB (L in [0, 100], a, b) of sRGB: float32 [..., 3] of uint8 [..., 3]. A distance of 2 is just seen."""
    to_xyz = (_FROM_SRGB / _FROM_SRGB.sum(axis=1, keepdims=True)).astype(np.float32)  # relative to white
    xyz = _LINEAR[pixels] @ to_xyz.T
    x, y, z = np.moveaxis(np.where(xyz > 216 / 24389, np.cbrt(xyz), xyz * (24389 / 27 / 116) + 16 / 116), -1, 0)
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), axis=-1).astype(np.float32)


def noise(image: np.ndarray) -> float:
    """The standard deviation of the noise in `image` [h, w, C], over all channels together.

    From the second difference along both axes, which is zero on every slope of light.
    """
    if min(image.shape[:2]) < 2:
        return 0.0
    ripple = image[1:, 1:] - image[1:, :-1] - image[:-1, 1:] + image[:-1, :-1]
    deviations = np.median(np.abs(ripple), axis=(0, 1)) / 0.6745 / 2  # four pixels of noise add up to twice its size
    return float(np.linalg.norm(deviations))


def smoothed(image: np.ndarray, sigma: float) -> np.ndarray:
    """`image` [h, w, C], blurred over `sigma` pixels."""
    return ndimage.gaussian_filter(image, (sigma, sigma, 0)) if sigma > 0.4 else image


def unlike(image: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """float32 [h, w]: how far `image` [h, w, 3] (CIELAB) is from `colour` [3], where shade counts for less than hue."""
    rays, ray = image + BLACK, colour + BLACK
    length = np.linalg.norm(ray)
    along = rays @ (ray / length).astype(np.float32)
    across = np.maximum((rays**2).sum(axis=2) - along**2, 0)
    return np.sqrt(across + (SHADE * (along - length)) ** 2)


def unlike_each_other(colours: np.ndarray) -> np.ndarray:
    """float [n, n]: how far each of `colours` [n, 3] (CIELAB) is from each, its column, as `unlike`."""
    rays = colours + BLACK
    lengths = np.maximum(np.linalg.norm(rays, axis=1), 1e-6)
    along = rays @ (rays / lengths[:, None]).T
    across = np.maximum((lengths**2)[:, None] - along**2, 0)
    return np.sqrt(across + (SHADE * (along - lengths)) ** 2)
