"""Ways to point at one and the same thing: by its box, its mask, a click on it, a stroke along it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from region_perception.regions import (
    Box,
    Box3D,
    Click,
    Click3D,
    CloudFootprint,
    ImageFootprint,
    Mask,
    PointSet,
    Region,
    Scribble,
)

BOX, MASK, CLICK, SCRIBBLE = "box", "mask", "click", "scribble"
POINTINGS = (BOX, MASK, CLICK, SCRIBBLE)
CLOUD_POINTINGS = (BOX, MASK, CLICK)  # in a cloud a mask is a set of points, and there are no strokes

_STROKE = 6  # points of a stroke


def point_in_image(pointing: str, shown: np.ndarray) -> Region:
    """A region that means the thing shown by the pixels bool [H, W].

    A click is made where the thing is deepest, a stroke along its longest direction, through the deepest pixels there.
    """
    if pointing == MASK:
        return Mask(shown)
    rows, columns = np.nonzero(shown)
    if pointing == BOX:
        return Box(float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
    depth = _depth(shown)[rows, columns]
    if pointing == CLICK:
        deepest = int(depth.argmax())
        return Click(columns[deepest] + 0.5, rows[deepest] + 0.5)
    return Scribble(tuple(_stroke(rows, columns, depth)), width=3.0)


def point_in_cloud(pointing: str, box: Box3D, rows: np.ndarray, points: np.ndarray, count: int) -> Region:
    """A region that means the thing with this box.

    rows: int64 [n], its points' numbers among the `count` points that the cloud was made of; points: float [n, 3],
    where they are, in metres. A click is made on the point that is nearest to their middle.
    """
    if pointing == MASK:
        return PointSet(rows, source_count=count)
    if pointing == CLICK:
        middle = int(np.linalg.norm(points - np.median(points, axis=0), axis=1).argmin())
        return Click3D(*(float(value) for value in points[middle]))
    return box


def overlap(one: ImageFootprint | CloudFootprint, other: ImageFootprint | CloudFootprint) -> float:
    """The pixels or points that two regions of one observation share, over those that either has (IoU), in [0, 1]."""
    mine, theirs = _covered(one), _covered(other)
    return float(np.count_nonzero(mine & theirs) / np.count_nonzero(mine | theirs))


def _covered(footprint: ImageFootprint | CloudFootprint) -> np.ndarray:
    """bool [H, W] or [N]."""
    return footprint.mask() if isinstance(footprint, ImageFootprint) else footprint.members


def _depth(shown: np.ndarray) -> np.ndarray:
    """float64 [H, W]: how far each pixel lies from the edge of the shape, and from that of the picture."""
    from scipy.ndimage import distance_transform_edt

    return distance_transform_edt(np.pad(shown, 1))[1:-1, 1:-1]


def _stroke(rows: np.ndarray, columns: np.ndarray, depth: np.ndarray) -> list[tuple[float, float]]:
    """Points (x, y) along the longest direction of some pixels: of each stretch of it the deepest pixel."""
    places = np.stack([columns, rows], axis=1) + 0.5
    centred = places - places.mean(axis=0)
    along = centred @ np.linalg.svd(centred.T @ centred)[0][:, 0]
    edges = np.quantile(along, np.linspace(0.08, 0.92, _STROKE + 1))
    points: list[tuple[float, float]] = []
    for low, high in pairwise(edges):
        within = np.flatnonzero((along >= low) & (along <= high))
        if len(within):
            x, y = places[within[depth[within].argmax()]]
            points.append((float(x), float(y)))
    return points
