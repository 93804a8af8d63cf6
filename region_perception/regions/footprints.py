"""Where a region lies in an observation: the positions and weights that a network reads."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from region_perception.errors import InvalidInput

if TYPE_CHECKING:
    from region_perception.regions.cloud_regions import Box3D


@dataclass(frozen=True, eq=False)
class ImageFootprint:
    """The part of an image that a region covers.

    box: (x1, y1, x2, y2) float pixels, half open, inside the image, tight around what is covered.
    image_size: (width, height) in pixels.
    window: bool [y2 - y1, x2 - x1], the covered pixels inside `box` (whose edges then are whole pixels);
        None where the whole box is covered, so that a box costs no memory.
    """

    box: tuple[float, float, float, float]
    image_size: tuple[int, int]
    window: np.ndarray | None = None

    @classmethod
    def from_mask(
        cls, mask: np.ndarray, image_size: tuple[int, int], corner: tuple[int, int] = (0, 0)
    ) -> ImageFootprint:
        """The footprint of `mask`, bool [h, w] with a pixel set, whose first pixel is pixel `corner` (x, y)."""
        columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
        left, right, top, bottom = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
        window = mask[top:bottom, left:right].copy()  # a copy, so that a large mask is not kept alive by a small part
        x, y = corner
        box = (float(x + left), float(y + top), float(x + right), float(y + bottom))
        return cls(box, image_size, window)

    def mask(self) -> np.ndarray:
        """bool [H, W]: the covered pixels, by their centres; of a box that holds no centre, the pixel of its middle."""
        mask = np.zeros(self.image_size[::-1], dtype=bool)
        left, top, right, bottom = self._whole_pixels()
        mask[top:bottom, left:right] = True if self.window is None else self.window
        return mask

    @property
    def pixel_count(self) -> int:
        """How many pixels `mask()` holds, without making it."""
        left, top, right, bottom = self._whole_pixels()
        return (right - left) * (bottom - top) if self.window is None else int(np.count_nonzero(self.window))

    def normalized_box(self) -> np.ndarray:
        """float32 [4]: (x1, y1, x2, y2) divided by the image's width and height, in [0, 1]."""
        return (np.array(self.box) / np.array(self.image_size * 2)).astype(np.float32)

    def patch_weights(self, rows: int, cols: int) -> np.ndarray:
        """float32 [rows, cols] in [0, 1]: the share of each patch that is covered; equal patches tile the whole image.

        Exact for any size, also where patches do not end on pixel edges: a box counts with its sub-pixel edges, every
        other region with its whole pixels.
        """
        rows, cols = _count(rows, "rows"), _count(cols, "cols")
        width, height = self.image_size
        x_edges, y_edges = np.arange(cols + 1) * width / cols, np.arange(rows + 1) * height / rows
        x1, y1, x2, y2 = self.box
        if self.window is None:
            covered = np.outer(np.diff(np.clip(y_edges, y1, y2)), np.diff(np.clip(x_edges, x1, x2)))
        else:
            covered = np.diff(_sum_until(self.window, np.clip(y_edges, y1, y2) - y1), axis=0)
            covered = np.diff(_sum_until(covered.T, np.clip(x_edges, x1, x2) - x1), axis=0).T
        return np.clip(covered / (width / cols * height / rows), 0, 1).astype(np.float32)

    def _whole_pixels(self) -> tuple[int, int, int, int]:
        x1, y1, x2, y2 = self.box
        (left, right), (top, bottom) = _centres_between(x1, x2), _centres_between(y1, y2)
        return left, top, right, bottom


@dataclass(frozen=True, eq=False)
class CloudFootprint:
    """The part of a cloud that a region covers.

    box: oriented box around the region, metres, in the frame of `CloudObservation.points` (source minus origin).
    members: bool [N] over the points of the observation, at least one set.
    """

    box: Box3D
    members: np.ndarray

    @property
    def point_count(self) -> int:
        """How many points are members."""
        return int(np.count_nonzero(self.members))

    def corners(self) -> np.ndarray:
        """float32 [8, 3] metres: the corners of `box`, in the order of `Box3D.corners`."""
        return self.box.corners()

    def group_weights(self, groups: np.ndarray) -> np.ndarray:
        """float32 [G] in [0, 1]: the share of each group's points that are members.

        groups: integers [G, S], rows of the observation's points.
        """
        groups = np.asarray(groups)
        if groups.ndim != 2 or groups.shape[1] == 0 or groups.dtype.kind not in "iu":
            raise InvalidInput(f"groups must be integers [G, S], got {groups.dtype} {list(groups.shape)}")
        if groups.size and not (groups.min() >= 0 and groups.max() < len(self.members)):
            seen = f"{groups.min()} to {groups.max()}"
            raise InvalidInput(f"groups must index the {len(self.members):,} points of the cloud, got {seen}")
        return self.members[groups].mean(axis=1, dtype=np.float32)


Footprint = ImageFootprint | CloudFootprint


def _count(value: Any, what: str) -> int:
    try:
        count = operator.index(value)
    except TypeError:
        raise InvalidInput(f"{what} must be a whole number of patches, got {value!r}") from None
    if count < 1:
        raise InvalidInput(f"{what} must be at least 1, got {count}")
    return count


def _centres_between(low: float, high: float) -> tuple[int, int]:
    """The pixels [first, last) along one axis whose centres lie in [low, high); never none."""
    first, last = int(np.ceil(low - 0.5)), int(np.ceil(high - 0.5))
    middle = int((low + high) / 2)
    return (first, last) if last > first else (middle, middle + 1)


def _sum_until(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """float64 [E, w]: for each edge, the sum of the rows of `values` [h, w] above it, the cut row by its share."""
    dtype = np.int32 if values.dtype == bool else np.float64
    sums = np.zeros((values.shape[0] + 1, values.shape[1]), dtype)
    np.cumsum(values, axis=0, dtype=dtype, out=sums[1:])
    whole = np.minimum(edges.astype(np.int64), values.shape[0] - 1)
    part = (edges - whole)[:, None]
    return sums[whole] * (1 - part) + sums[whole + 1] * part
