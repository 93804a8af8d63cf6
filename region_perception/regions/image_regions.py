"""What can be pointed at in an image: Box, Mask, Polygon, Scribble and Click."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from region_perception.errors import InvalidRegion, warn_about_input
from region_perception.observations import ImageObservation
from region_perception.observations.arrays import MAX_PIXELS
from region_perception.regions import raster, run_length
from region_perception.regions.base import ImageRegion
from region_perception.regions.checks import (
    MAX_VERTICES,
    PIXEL_LIMIT,
    number,
    plain,
    positive,
    sequence,
    shown,
    vertices,
)
from region_perception.regions.footprints import ImageFootprint

MAX_CLICKS = 20  # points of one click: each costs a search of its own
NEGLIGIBLE = 1e-3  # pixels: what rounding leaves over when a normalised box is scaled up


@dataclass(frozen=True)
class Box(ImageRegion):
    """An upright rectangle: opposite corners in float pixels, half open, x1 < x2 and y1 < y2."""

    x1: float
    y1: float
    x2: float
    y2: float

    kind = "box"

    def __post_init__(self) -> None:
        for name in ("x1", "y1", "x2", "y2"):
            object.__setattr__(self, name, number(getattr(self, name), "Box", name, PIXEL_LIMIT))
        if self.x2 <= self.x1 or self.y2 <= self.y1:
            hint = ""
            if self.x2 > 0 and self.y2 > 0:
                hint = f"; if they are x, y, width, height: Box.from_xywh{self._numbers()}"
            raise InvalidRegion(f"Box{self._numbers()} has no area: expected corners x1 < x2 and y1 < y2{hint}")

    @classmethod
    def from_xywh(cls, x: float, y: float, width: float, height: float) -> Box:
        """The box with its top left corner at (x, y), in pixels, as COCO writes boxes."""
        x, y = number(x, "Box", "x", PIXEL_LIMIT), number(y, "Box", "y", PIXEL_LIMIT)
        return cls(
            x, y, x + positive(width, "Box", "width", PIXEL_LIMIT), y + positive(height, "Box", "height", PIXEL_LIMIT)
        )

    def locate(self, image: ImageObservation) -> ImageFootprint:
        """The part of the box inside the image, with its sub-pixel edges."""
        width, height = self._size_of(image)
        box = (max(self.x1, 0.0), max(self.y1, 0.0), min(self.x2, float(width)), min(self.y2, float(height)))
        if box[2] - box[0] < NEGLIGIBLE or box[3] - box[1] < NEGLIGIBLE:
            raise _outside(f"Box{self._numbers()}", width, height)
        if max(abs(a - b) for a, b in zip(box, (self.x1, self.y1, self.x2, self.y2), strict=True)) > NEGLIGIBLE:
            _warn_clipped(f"Box{self._numbers()}", width, height)
        return ImageFootprint(box, (width, height))

    def _numbers(self) -> str:
        return f"({self.x1:g}, {self.y1:g}, {self.x2:g}, {self.y2:g})"


@dataclass(frozen=True, eq=False)
class Mask(ImageRegion):
    """Any set of pixels: bool [H, W] of the whole image.

    Also taken: integers or floats [H, W] that hold only 0 and 1, integers that hold only 0 and 255, and the COCO
    run-length form {"size": [H, W], "counts": ...}, compressed or as a list.
    """

    mask: np.ndarray

    kind = "mask"

    def __post_init__(self) -> None:
        mask = run_length.decode(self.mask) if isinstance(self.mask, Mapping) else _mask_from_array(self.mask)
        if not mask.any():
            raise InvalidRegion(f"Mask: no pixel of its {_shape(mask)} is set, expected at least 1")
        mask.flags.writeable = False
        object.__setattr__(self, "mask", mask)

    def locate(self, image: ImageObservation) -> ImageFootprint:
        """The pixels of the mask, which must have the size of the image."""
        width, height = self._size_of(image)
        if self.mask.shape != (height, width):
            hint = "; it looks transposed, expected rows first" if self.mask.shape == (width, height) else ""
            raise InvalidRegion(f"Mask is {_shape(self.mask)} [H, W], but the image is {height} x {width} [H, W]{hint}")
        return ImageFootprint.from_mask(self.mask, (width, height))

    def __eq__(self, other: object) -> bool:
        return np.array_equal(self.mask, other.mask) if isinstance(other, Mask) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.mask.shape, np.packbits(self.mask).tobytes()))

    def __repr__(self) -> str:
        return f"Mask({_shape(self.mask)}, {np.count_nonzero(self.mask):,} pixels)"

    def _written(self, name: str) -> Any:
        return run_length.encode(self.mask)


@dataclass(frozen=True)
class Polygon(ImageRegion):
    """The inside of a closed outline without its holes, in float pixels.

    points: at least three (x, y), without repeating the first at the end. Where the outline crosses itself, the
        even-odd rule holds.
    holes: outlines of the same form that are cut out.
    """

    points: tuple[tuple[float, float], ...]
    holes: tuple[tuple[tuple[float, float], ...], ...] = ()

    kind = "polygon"

    def __post_init__(self) -> None:
        outlines = sequence(self.holes, "Polygon", "holes", "a list of outlines, each a list of points (x, y)")
        points = _outline(self.points, "points")
        holes = tuple(_outline(outline, f"holes[{i}]") for i, outline in enumerate(outlines))
        total = len(points) + sum(len(hole) for hole in holes)
        if total > MAX_VERTICES:
            raise InvalidRegion(f"Polygon: expected at most {MAX_VERTICES:,} points with its holes, got {total:,}")
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "holes", holes)

    def locate(self, image: ImageObservation) -> ImageFootprint:
        """The pixels whose centres lie inside; of a sliver that holds no centre, the pixels of its outline."""
        size = self._size_of(image)
        window = raster.window(self.points, size)
        if window is None:
            raise _outside(self._name(), *size)
        leaves = _leaves(self.points, size)
        if leaves:
            _warn_clipped(self._name(), *size)
        inside = raster.fill(self.points, *window)
        for hole in self.holes:
            inside &= ~raster.fill(hole, *window)
        if not inside.any() and not self.holes and not leaves:
            inside = raster.trace(self.points, *window, closed=True)
        if not inside.any():
            raise InvalidRegion(f"{self._name()} covers no pixel of the {size[0]} x {size[1]} image")
        return ImageFootprint.from_mask(inside, size, window[0])

    def _name(self) -> str:
        return f"Polygon {_span(self.points)}"


@dataclass(frozen=True)
class Scribble(ImageRegion):
    """A line drawn with a brush: the pixels within (width - 1) / 2 of those that the polyline passes through.

    In an image with depth it stands for the things that it runs along, too, for a good part of their length; see
    `stroke_selection`.

    points: one (a dot) or more (x, y) in float pixels; width: of the brush in pixels, at least 1.
    """

    points: tuple[tuple[float, float], ...]
    width: float = 5.0

    kind = "scribble"

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", vertices(self.points, "Scribble", "points", least=1))
        object.__setattr__(self, "width", number(self.width, "Scribble", "width", PIXEL_LIMIT))
        if self.width < 1:
            raise InvalidRegion(f"Scribble: width must be at least 1 pixel, got {self.width:g}")

    def locate(self, image: ImageObservation) -> ImageFootprint:
        """The pixels under the brush, and the things there. Where the line leaves the image, nothing is painted."""
        size = self._size_of(image)
        window = raster.window(self.points, size)
        if window is None:
            raise _outside(self._name(), *size)
        passed = raster.trace(self.points, *window)
        if not passed.any():
            raise _outside(self._name(), *size)
        if _leaves(self.points, size):
            _warn_clipped(self._name(), *size)
        painted, corner = raster.grow(passed, (self.width - 1) / 2, window[0], size)
        footprint = ImageFootprint.from_mask(painted, size, corner)
        if image.depth is None:
            return footprint
        from region_perception.regions.stroke_selection import things_along

        line = ImageFootprint.from_mask(passed, size, window[0]).mask()
        things = things_along(image.pixels, image.depth, line)
        return ImageFootprint.from_mask(footprint.mask() | things, size)

    def _name(self) -> str:
        return f"Scribble {_span(self.points)}"


@dataclass(frozen=True, init=False)
class Click(ImageRegion):
    """The thing under one or more points: `Click(88, 97)` or `Click(points=[(88, 97), (20, 30)], labels=[1, 0])`.

    points: (x, y) in float pixels; labels: 1 for points on the thing, 0 for points that are not; all 1 unless given.
    """

    points: tuple[tuple[float, float], ...]
    labels: tuple[int, ...]

    kind = "click"

    def __init__(self, x: Any = None, y: Any = None, *, points: Any = None, labels: Any = None) -> None:
        if points is None:
            if y is None:
                raise InvalidRegion(f"Click: expected Click(x, y) or Click(points=[(x, y), ...]), got x={shown(x)}")
            points = [(x, y)]
        elif x is not None or y is not None:
            raise InvalidRegion("Click: got both x, y and points; expected one of them")
        checked = vertices(points, "Click", "points", least=1)
        if len(checked) > MAX_CLICKS:
            raise InvalidRegion(f"Click: expected at most {MAX_CLICKS} points, got {len(checked):,}")
        object.__setattr__(self, "points", checked)
        object.__setattr__(self, "labels", _labels(labels, len(checked)))

    def locate(self, image: ImageObservation) -> ImageFootprint:
        """What stands out from its support in depth, where known, else what looks alike; see `image_selection`."""
        from region_perception.regions.image_selection import select

        width, height = self._size_of(image)
        seeds: dict[int, list[tuple[int, int]]] = {1: [], 0: []}
        for (x, y), label in zip(self.points, self.labels, strict=True):
            if 0 <= x < width and 0 <= y < height:
                seeds[label].append((int(x), int(y)))
            elif label == 1 and len(self.points) == 1:
                raise _outside(f"Click({x:g}, {y:g})", width, height)
            else:
                _warn_clipped(f"Click with a point at ({x:g}, {y:g})", width, height)
        if not seeds[1]:
            raise InvalidRegion(f"Click: none of its positive points lies in the {width} x {height} image")
        if clash := set(seeds[1]) & set(seeds[0]):
            raise InvalidRegion(f"Click: pixel {min(clash)} is pointed at by a positive and a negative point")
        mask = select(image.pixels, image.depth, seeds[1], seeds[0])
        return ImageFootprint.from_mask(mask, (width, height))


def _outside(name: str, width: int, height: int) -> InvalidRegion:
    return InvalidRegion(f"{name} lies outside the image, which is {width} x {height} (width x height) pixels")


def _warn_clipped(name: str, width: int, height: int) -> None:
    warn_about_input(
        f"{name} reaches outside the {width} x {height} image (width x height): only what is inside counts"
    )


def _span(points: raster.Points) -> str:
    low, high = np.min(points, axis=0), np.max(points, axis=0)
    return f"from ({low[0]:g}, {low[1]:g}) to ({high[0]:g}, {high[1]:g})"


def _leaves(points: raster.Points, size: tuple[int, int]) -> bool:
    """Whether some of `points` lie outside the image."""
    return bool(
        (np.min(points, axis=0) < -NEGLIGIBLE).any() or (np.max(points, axis=0) > np.add(size, NEGLIGIBLE)).any()
    )


def _shape(array: np.ndarray) -> str:
    return " x ".join(str(side) for side in array.shape)


def _outline(value: Any, what: str) -> tuple[tuple[float, float], ...]:
    """A closed outline that holds an area: points that do not all lie on one line."""
    points = vertices(value, "Polygon", what, least=3)
    arms = np.array(points) - points[0]
    far = arms[np.argmax((arms**2).sum(axis=1))]
    away = np.abs(arms[:, 0] * far[1] - arms[:, 1] * far[0]).max()  # distance from the longest arm, times its length
    if away <= 1e-9 * max(far @ far, 1e-9):
        raise InvalidRegion(f"Polygon: {what} must hold an area, but lie on one line: {shown(points)}")
    return points


def _labels(value: Any, count: int) -> tuple[int, ...]:
    labels = [1] * count if value is None else sequence(value, "Click", "labels", "a list of 1 and 0")
    if len(labels) != count:
        raise InvalidRegion(f"Click: expected one label for each of its {count} points, got {len(labels)}")
    labels = [plain(label) for label in labels]
    for label in labels:
        if type(label) not in (int, bool) or label not in (0, 1):
            raise InvalidRegion(f"Click: labels must be 1 (on the thing) or 0 (not on it), got {shown(label)}")
    if 1 not in labels:
        raise InvalidRegion("Click: expected at least one positive point, got only negative ones")
    return tuple(int(label) for label in labels)


def _mask_from_array(value: Any) -> np.ndarray:
    """bool [H, W], a copy, of an array or nested lists that hold two values."""
    expected = "expected bool [H, W], or numbers that are all 0 or 1"
    try:
        array = np.asarray(value)
    except Exception as error:  # foreign objects raise what they like while numpy reads them
        raise InvalidRegion(f"Mask: {shown(value)} is not an array ({error}); {expected}") from None
    if array.dtype.kind not in "buif":
        raise InvalidRegion(f"Mask: {expected}, got {shown(value)}")
    if array.ndim != 2:
        hint = ": pick one mask of the stack" if array.ndim == 3 else ""
        raise InvalidRegion(f"Mask: {expected}, got an array of shape {list(array.shape)}{hint}")
    if not 0 < array.size <= MAX_PIXELS:
        raise InvalidRegion(f"Mask: expected 1 to {MAX_PIXELS:,} pixels, got {_shape(array)}")
    mask = array != 0
    full = 255 if array.dtype.kind in "ui" and array.max() == 255 else 1
    if not (array[mask] == full).all():
        seen = f"{array.min()} to {array.max()}"
        hint = "; for one thing of an instance map: Mask(instances == number)" if array.dtype.kind in "ui" else ""
        raise InvalidRegion(f"Mask: {expected}, got {array.dtype} from {seen}{hint}")
    return mask
