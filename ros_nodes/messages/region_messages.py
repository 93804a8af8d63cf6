"""What people and programs point with, as messages, to the regions of the library.

Pixels: `Region2D`, `RegionOfInterest`, `PolygonStamped`, the clicks of rqt_image_view, `Detection2D`. Space:
`Region3D`, which the nodes make of the clicks of RViz and of `Detection3D`, too. A region that is malformed is refused
with INVALID_REGION when it is decoded; one that covers nothing is found out by `locate`, and refused with EMPTY_REGION.
None stands for the whole image or cloud.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from region_perception.errors import InvalidRegion
from region_perception.observations import CloudObservation, ImageObservation
from region_perception.regions import (
    Box,
    Box3D,
    Click,
    Click3D,
    Footprint,
    ImageFootprint,
    Mask,
    PointSet,
    Polygon,
    Region,
    Scribble,
)
from region_perception.regions.checks import PIXEL_LIMIT
from ros_nodes.messages.compressed_images import decode_mask
from ros_nodes.messages.frames import Rigid, rotation_of
from ros_nodes.messages.refusals import Code, Refusal
from ros_nodes.messages.region_kinds import Kind2D, Kind3D

MAX_VERTICES = 500  # of an outline; a longer one is a mask
MAX_INDICES = 4_000_000
BRUSH_WIDTH = 5.0  # pixels, where none is said
UPRIGHT = math.cos(math.radians(5))  # of a box: how far its axis may lean and still count as vertical

Size = tuple[int, int]


def decode_region_2d(message: Any, size: Size, *, max_vertices: int = MAX_VERTICES) -> Region | None:
    """A `Region2D` over an image of `size` (width, height)."""
    kind = int(message.kind)
    if kind == Kind2D.WHOLE:
        return None
    try:
        if kind == Kind2D.BOX:
            return _box(message.x1, message.y1, message.x2, message.y2, "Region2D")
        if kind == Kind2D.MASK:
            return _mask(message, size)
        if kind in (Kind2D.POLYGON, Kind2D.SCRIBBLE, Kind2D.CLICK):
            return _drawn(message, kind, max_vertices)
    except InvalidRegion as error:
        raise Refusal(Code.INVALID_REGION, str(error)) from error
    raise Refusal(Code.INVALID_REGION, f"Region2D: its kind is {kind}, expected {_kinds(Kind2D)}")


def decode_region_3d(
    message: Any, motion: Rigid, cloud: CloudObservation | None = None, *, max_indices: int = MAX_INDICES
) -> Region | None:
    """A `Region3D`. motion: from the region's frame to that of the observation.

    cloud: needed for indices, and for a box that leans in the frame of the observation: the library's boxes stand
    upright, so such a box becomes the set of points in it.
    """
    kind = int(message.kind)
    if kind == Kind3D.WHOLE:
        return None
    try:
        if kind == Kind3D.BOX:
            return _box_3d(message.pose, message.size, motion, cloud)
        if kind == Kind3D.POINTS:
            return _points(message, cloud, max_indices)
        if kind == Kind3D.CLICK:
            return _click_3d(message.point, motion)
    except InvalidRegion as error:
        raise Refusal(Code.INVALID_REGION, str(error)) from error
    raise Refusal(Code.INVALID_REGION, f"Region3D: its kind is {kind}, expected {_kinds(Kind3D)}")


def decode_roi(message: Any) -> Region:
    """A `RegionOfInterest`. One of size 0, which elsewhere means the whole image, selects nothing here."""
    x, y, width, height = (int(v) for v in (message.x_offset, message.y_offset, message.width, message.height))
    return _checked(lambda: _box(x, y, x + width, y + height, "RegionOfInterest"))


def decode_polygon(message: Any, *, max_vertices: int = MAX_VERTICES) -> Region:
    """A `PolygonStamped` (or `Polygon`) in pixels; z is not read."""
    points = getattr(message, "polygon", message).points
    if len(points) > max_vertices:
        raise Refusal(Code.INVALID_REGION, f"polygon: it has {len(points):,} points, at most {max_vertices:,} are read")
    return _checked(lambda: _polygon([(float(point.x), float(point.y)) for point in points]))


def decode_click(message: Any, size: Size) -> Region:
    """A `Point` in pixels, as rqt_image_view sends it, which rounds to the edge beyond the last pixel."""
    x, y = float(message.x), float(message.y)
    x, y = (limit - 0.5 if limit <= v <= limit + 1 else v for v, limit in ((x, size[0]), (y, size[1])))
    return _checked(lambda: Click(x, y))


def decode_detection_2d(message: Any) -> Region:
    """The box of a `vision_msgs/Detection2D` (or its `bbox`) in pixels; a turned one becomes an outline."""
    box = getattr(message, "bbox", message)
    center = getattr(box.center, "position", box.center)
    x, y, theta = float(center.x), float(center.y), float(box.center.theta)
    half_x, half_y = float(box.size_x) / 2, float(box.size_y) / 2
    if theta == 0:
        return _checked(lambda: _box(x - half_x, y - half_y, x + half_x, y + half_y, "Detection2D"))
    cos, sin = (math.cos(theta), math.sin(theta)) if math.isfinite(theta) else (math.nan, math.nan)
    corners = [(half_x, half_y), (-half_x, half_y), (-half_x, -half_y), (half_x, -half_y)]
    return _checked(lambda: _polygon([(x + cos * a - sin * b, y + sin * a + cos * b) for a, b in corners]))


def locate(
    region: Region, observation: ImageObservation | CloudObservation, *, min_pixels: int = 1, min_points: int = 1
) -> Footprint:
    """What the region covers of the observation; EMPTY_REGION where that is nothing, or less than asked for."""
    try:
        footprint = region.locate(observation)
    except InvalidRegion as error:
        raise Refusal(Code.EMPTY_REGION, str(error)) from error
    if isinstance(footprint, ImageFootprint):
        count, least, what = footprint.pixel_count, min_pixels, "pixels"
    else:
        count, least, what = footprint.point_count, min_points, "points"
    if count < least:
        raise Refusal(Code.EMPTY_REGION, f"{region}: it covers {count:,} {what}, expected at least {least:,}")
    return footprint


def _checked(make: Any) -> Region:
    try:
        return make()
    except InvalidRegion as error:
        raise Refusal(Code.INVALID_REGION, str(error)) from error


def _box(x1: float, y1: float, x2: float, y2: float, what: str) -> Box:
    # Farther out than any image, as whole numbers of 32 bits and infinities can be, is as good as the limit.
    left, top, right, bottom = (min(max(edge, -PIXEL_LIMIT), PIXEL_LIMIT) for edge in (x1, y1, x2, y2))
    if not (x1 < x2 and y1 < y2 and left < right and top < bottom):  # NaN is neither
        seen = f"x {x1:g} to {x2:g}, y {y1:g} to {y2:g}"
        raise Refusal(Code.EMPTY_REGION, f"{what}: it has no area in an image: {seen}; expected x1 < x2 and y1 < y2")
    return Box(left, top, right, bottom)


def _mask(message: Any, size: Size) -> Mask:
    """The PNG laid into an image of `size` at pixel x1, y1."""
    corner = (message.x1, message.y1)
    if not all(math.isfinite(v) and v == int(v) and v >= 0 for v in corner):
        raise Refusal(Code.INVALID_REGION, f"Region2D: its mask begins at {corner}, expected whole pixels from 0")
    part = decode_mask(message.mask, size[0] * size[1])
    x, y = (int(v) for v in corner)
    height, width = part.shape
    if x + width > size[0] or y + height > size[1]:
        seen = f"{width} x {height} from ({x}, {y})"
        raise Refusal(Code.INVALID_REGION, f"Region2D: its mask is {seen}, beyond the {size[0]} x {size[1]} image")
    if not part.any():
        raise Refusal(Code.EMPTY_REGION, f"Region2D: no pixel of its {width} x {height} mask is set")
    mask = np.zeros((size[1], size[0]), bool)
    mask[y : y + height, x : x + width] = part
    return Mask(mask)


def _drawn(message: Any, kind: int, max_vertices: int) -> Region:
    """A polygon, scribble or click from its points."""
    values = np.asarray(message.points, np.float64)
    if len(values) % 2:
        raise Refusal(Code.INVALID_REGION, f"Region2D: its points are {len(values)} numbers, expected x, y in turn")
    if len(values) > 2 * max_vertices:
        seen = f"{len(values) // 2:,} points, at most {max_vertices:,} are read"
        raise Refusal(Code.INVALID_REGION, f"Region2D: it has {seen}")
    points = tuple((x, y) for x, y in values.reshape(-1, 2).tolist())
    if kind == Kind2D.POLYGON:
        return _polygon(points)
    if kind == Kind2D.CLICK:
        return Click(points=points, labels=[int(label) for label in message.labels] or None)
    return Scribble(points, float(message.brush_width) or BRUSH_WIDTH)


def _polygon(points: Sequence[tuple[float, float]]) -> Polygon:
    region = Polygon(tuple(points))
    if crosses_itself(np.array(region.points)):
        raise Refusal(Code.INVALID_REGION, "polygon: its outline crosses itself, expected one that does not")
    return region


def crosses_itself(points: np.ndarray) -> bool:
    """Whether two sides of a closed outline [N, 2] cross in the inside of both."""
    start, end = points, np.roll(points, -1, axis=0)
    along = end - start

    def side(of: np.ndarray) -> np.ndarray:
        """[sides, points]: on which side of each side's line each point lies."""
        away = of[None] - start[:, None]
        return np.sign(along[:, None, 0] * away[..., 1] - along[:, None, 1] * away[..., 0])

    apart = side(start) * side(end) < 0  # the ends of side j lie on both sides of side i
    return bool((apart & apart.T).any())


def _box_3d(pose: Any, size: Any, motion: Rigid, cloud: CloudObservation | None) -> Region:
    """A box turned in any way: upright if one of its axes is vertical, else the points in it."""
    center = np.array([pose.position.x, pose.position.y, pose.position.z], np.float64)
    sides = np.array([size.x, size.y, size.z], np.float64)
    turn = motion.rotation @ rotation_of(pose.orientation, Code.INVALID_REGION, "box")
    if not (np.isfinite(center).all() and np.isfinite(sides).all()):
        seen = f"center {center.tolist()}, size {sides.tolist()}"
        raise Refusal(Code.INVALID_REGION, f"box: expected finite metres, got {seen}")
    if not (sides >= 0).all():
        raise Refusal(Code.INVALID_REGION, f"box: its size is {sides.tolist()}, expected metres above 0")
    if not sides.all():
        raise Refusal(Code.EMPTY_REGION, f"box: its size is {sides.tolist()}, so it has no volume")
    middle = motion.apply(center)
    vertical = int(np.argmax(np.abs(turn[2])))
    if abs(turn[2, vertical]) >= UPRIGHT:
        length, width = (axis for axis in range(3) if axis != vertical)
        yaw = math.atan2(turn[1, length], turn[0, length])
        return Box3D(tuple(middle), (sides[length], sides[width], sides[vertical]), yaw)
    if cloud is None:
        raise Refusal(Code.INVALID_REGION, "box: it leans, and there is no cloud to take the points in it from")
    local = (cloud.points - (middle - cloud.origin)) @ turn
    members = (np.abs(local) <= sides / 2).all(axis=1)
    if not members.any():
        raise Refusal(Code.EMPTY_REGION, f"box at {middle.round(3).tolist()} m: no point of the cloud lies in it")
    return PointSet(cloud.source_index[members], source_count=cloud.source_count)


def _points(message: Any, cloud: CloudObservation | None, max_indices: int) -> PointSet:
    if len(message.indices) > max_indices:
        seen = f"{len(message.indices):,} indices, at most {max_indices:,} are read"
        raise Refusal(Code.TOO_LARGE, f"Region3D: it has {seen}")
    if len(message.indices) == 0:
        raise Refusal(Code.EMPTY_REGION, "Region3D: it has no indices")
    if cloud is None:
        raise Refusal(Code.NO_OBSERVATION, "Region3D: its indices count the points of a cloud, and there is none")
    rows = np.asarray(message.indices).astype(np.int64)
    said = int(message.source_count)
    if rows.max() >= cloud.source_count or said not in (0, cloud.source_count):
        of = f" of {said:,} points" if said else ""
        seen = f"indices up to {rows.max():,}{of}, but the cloud has {cloud.source_count:,} points"
        raise Refusal(Code.INVALID_REGION, f"Region3D: it has {seen}")
    return PointSet(rows, source_count=cloud.source_count)


def _click_3d(point: Any, motion: Rigid) -> Click3D:
    return Click3D(*motion.apply(np.array([point.x, point.y, point.z], np.float64)))


def _kinds(kinds: Any) -> str:
    return ", ".join(f"{kind.value} ({kind.name})" for kind in kinds if kind.name != "UNSET")
