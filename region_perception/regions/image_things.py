"""What stands out from the background of an image, by its colour alone.

The background is made of the colours that reach across the image: a table, its pattern, a wall. What is unlike all of
them falls into connected parts. That finds things of other colours than what is around them, apart from each other;
it does not know what a thing is: things that touch are one, a thing in the colour of the table is none, a hard shadow
may be one, and a photograph of a full room gives patches. With depth `cloud_things` does better.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from region_perception.regions import colour

WORK_SIDE = 256  # pixels: larger images are reduced
BIN = 6  # CIELAB: colours this near are taken for one while the background is looked for
COMMON = 0.008  # share of the image that a colour of the background has at least
REACH = 0.5  # share of the width or height of the image that it spans at least
LEAST_SHARE = 0.05  # of the pixels in those of its colours together, else nothing is the background
ALIKE = 7.0  # CIELAB distance, where shade counts for less: how far from it the background still is
NOISE = 3.0  # times the noise: the same, where the image has more
LEAST_AREA = 6e-4  # of the image: what is smaller is a speck
MOST_AREA = 0.4  # of the image: what is larger is background, too


def standing_out(pixels: np.ndarray) -> list[np.ndarray]:
    """bool [H, W] of each part, the largest first. pixels: uint8 [H, W, 3] RGB."""
    height, width = pixels.shape[:2]
    step = -(-max(height, width) // WORK_SIDE)
    image = colour.lab(_reduced(pixels, step))
    noise = colour.noise(image)
    smooth = colour.smoothed(image, min(noise / 3.5, 2.0))
    apart = _unlike_background(smooth)
    if apart is None:
        return []
    found = apart > max(ALIKE, NOISE * noise / 3.5)
    labels, count = ndimage.label(ndimage.binary_closing(ndimage.binary_opening(found)), np.ones((3, 3)))
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    order = np.argsort(-areas, kind="stable")
    kept = [label for label in order if LEAST_AREA <= areas[label] / labels.size <= MOST_AREA]
    masks = (ndimage.binary_fill_holes(labels == label + 1) for label in kept)
    return [mask.repeat(step, axis=0).repeat(step, axis=1)[:height, :width] for mask in masks]


def _reduced(pixels: np.ndarray, step: int) -> np.ndarray:
    """uint8 [ceil(H / step), ceil(W / step), 3]: the mean colour of `step` x `step` pixels."""
    from PIL import Image

    return pixels if step == 1 else np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).reduce(step))


def _unlike_background(image: np.ndarray) -> np.ndarray | None:
    """float32 [h, w]: how far each pixel of `image` (CIELAB) is from the nearest colour of the background."""
    height, width = image.shape[:2]
    bins = np.floor(image / BIN).astype(np.int64) + 64
    keys = ((bins[..., 0] << 14) + (bins[..., 1] << 7) + bins[..., 2]).ravel()
    _, number, counts = np.unique(keys, return_inverse=True, return_counts=True)
    number = number.ravel()
    rows, columns = np.divmod(np.arange(height * width), width)
    common = np.flatnonzero(counts >= max(COMMON * keys.size, 4))
    apart, share = None, 0.0
    for each in common:
        of = number == each
        spans = [np.subtract(*np.percentile(along[of], (95, 5))) for along in (rows / height, columns / width)]
        if max(spans) < REACH:
            continue
        share += counts[each] / keys.size
        distance = colour.unlike(image, np.median(image.reshape(-1, 3)[of], axis=0))
        apart = distance if apart is None else np.minimum(apart, distance)
    return apart if share >= LEAST_SHARE else None
