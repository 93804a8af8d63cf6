"""Draws a view of a point cloud with boxes around its regions, their numbers and captions."""

import itertools
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from region_perception.drawing.camera import Camera
from region_perception.drawing.drawable import Drawable, footprints
from region_perception.drawing.furniture import draw_axes, draw_scale
from region_perception.drawing.labels import draw_labels
from region_perception.drawing.layout import Rect
from region_perception.drawing.legend import with_legend
from region_perception.drawing.marks import draw_dot
from region_perception.drawing.palette import INK, Colour, region_colour
from region_perception.drawing.splats import Splats, splat
from region_perception.drawing.viewpoint import good_azimuth, shown_rows, with_room
from region_perception.errors import InvalidInput
from region_perception.observations import CloudObservation
from region_perception.regions import Click3D, CloudFootprint

_SCALE = 2  # the view is drawn this many times larger and then reduced, which smooths its edges
_BACKGROUND = (244, 245, 247)
_LOW, _HIGH = (84, 98, 122), (226, 222, 208)  # colours of the lowest and highest points of a cloud without colours
_TINT, _TINT_OF_GREY = 0.4, 0.6  # how much of a region's colour its points take on
_STEPS = 64  # pieces that an edge is drawn in, each seen or hidden
_EDGES = ((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7))


def draw_cloud(
    cloud: CloudObservation,
    items: Sequence[Drawable],
    *,
    size: tuple[int, int] = (960, 720),
    azimuth: float | None = None,
    elevation: float = 35.0,
    tinted: bool = True,
) -> Image.Image:
    """Draws a perspective view of a cloud with its regions as boxes, numbered and captioned.

    `size` is (width, height) of the view in pixels; a legend for captions that do not fit into it is added below.
    The viewer stands in the direction `azimuth` (degrees about z from +x towards +y) as seen from what is shown,
    `elevation` degrees above the horizontal. Without `azimuth` one is chosen from which the regions are seen well, on
    the sensor's side where the cloud lies to one side of the origin. The points of a region take on its colour, unless
    `tinted` is False; edges of boxes are dashed where points hide them. Returns an RGB picture, the same one for the
    same input.
    """
    located = [item for item in items if item.footprint is not None]
    places = footprints(located, CloudFootprint)
    for footprint in places:
        if len(footprint.members) != len(cloud):
            counts = f"{len(cloud):,} points, but a footprint is for one of {len(footprint.members):,}"
            raise InvalidInput(f"the cloud has {counts}")
    corners = [footprint.corners() for footprint in places]
    rows = shown_rows(cloud.points, [footprint.members for footprint in places], corners)
    points, owners = cloud.points[rows], _owners(places, rows)
    framed = with_room(np.concatenate([points[:: 1 + len(points) // 5000], *corners]))
    if azimuth is None:
        azimuth = good_azimuth(points, owners, framed, elevation)
    camera = Camera.framing(framed, azimuth, elevation, (size[0] * _SCALE, size[1] * _SCALE))
    view = splat(points, camera)
    picture = Image.fromarray(
        _paint(view, _point_colours(cloud, rows, owners if tinted else np.full_like(owners, -1), located))
    )
    for item, box in zip(located, corners, strict=True):
        _draw_region(ImageDraw.Draw(picture), view, camera, item, box, cloud.origin)
    return _furnished(picture, camera, items, corners)


def _furnished(
    picture: Image.Image, camera: Camera, items: Sequence[Drawable], corners: Sequence[np.ndarray]
) -> Image.Image:
    """The picture in its final size, with axes, a scale, labels and, where captions do not fit, a legend."""
    size = (picture.width // _SCALE, picture.height // _SCALE)
    text_size = max(12, round(max(size) / 54))
    pen = ImageDraw.Draw(picture)
    furniture = [draw(pen, camera, text_size * _SCALE).reduced(_SCALE) for draw in (draw_axes, draw_scale)]
    picture = picture.resize(size, Image.Resampling.BOX)
    located = [item for item in items if item.footprint is not None]
    anchors = [_anchor(camera, box, size) for box in corners]
    captioned = draw_labels(ImageDraw.Draw(picture), Rect(0, 0, *size), located, anchors, text_size, furniture)
    listed = [item for item in items if item.footprint is None] if captioned else items
    return with_legend(picture, listed, text_size)


def _owners(places: Sequence[CloudFootprint], rows: np.ndarray) -> np.ndarray:
    """int64 [n]: which of `places` each of the points `rows` belongs to, the smallest of several, -1 for none."""
    owners = np.full(len(rows), -1)
    for i in sorted(range(len(places)), key=lambda i: -places[i].point_count):
        owners[places[i].members[rows]] = i
    return owners


def _point_colours(
    cloud: CloudObservation, rows: np.ndarray, owners: np.ndarray, located: Sequence[Drawable]
) -> np.ndarray:
    """float64 [n, 3] in 0..255: the cloud's own colours or greys by height, tinted where a region owns the point."""
    if cloud.colors is not None:
        colours, tint = cloud.colors[rows] * 255.0, _TINT
    else:
        heights = cloud.points[rows, 2].astype(np.float64)
        share = (heights - heights.min()) / max(float(np.ptp(heights)), 1e-9)
        colours, tint = np.array(_LOW) + share[:, None] * (np.array(_HIGH) - np.array(_LOW)), _TINT_OF_GREY
    inks = np.array([region_colour(item.number) for item in located]).reshape(-1, 3)
    owned = owners >= 0
    colours[owned] += tint * (inks[owners[owned]] - colours[owned])
    return colours


def _paint(view: Splats, colours: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3]: the points that are seen, shaded, before an even background."""
    pixels = np.full((*view.index.shape, 3), _BACKGROUND, dtype=np.uint8)
    seen = view.index >= 0
    shade = view.shading(reach=max(2, max(view.index.shape) // 480))
    pixels[seen] = colours[view.index[seen]] * shade[seen][:, None]
    return pixels


def _draw_region(
    pen: ImageDraw.ImageDraw, view: Splats, camera: Camera, item: Drawable, corners: np.ndarray, origin: np.ndarray
) -> None:
    """The twelve edges of a box, and a dot where somebody clicked (also over points in front of it)."""
    colour = region_colour(item.number)
    for a, b in _EDGES:
        _draw_edge(pen, view, camera, np.linspace(corners[a], corners[b], _STEPS + 1), colour)
    if isinstance(item.region, Click3D):
        clicked = np.array([[item.region.x, item.region.y, item.region.z]]) - origin
        x, y = camera.project(clicked)[0][0]
        if np.isfinite(x):
            draw_dot(pen, (x, y), max(camera.size) / 160, colour)


def _draw_edge(pen: ImageDraw.ImageDraw, view: Splats, camera: Camera, along: np.ndarray, colour: Colour) -> None:
    """A line through points [_STEPS + 1, 3] of the cloud: strong where it is seen, thin dashes where points hide it."""
    width, height = camera.size
    line = max(2, round(max(camera.size) / 480))
    pixels, depth = camera.project(along)
    x, y = np.clip((pixels[:-1] + pixels[1:]).T / 2, 0, [[width - 1], [height - 1]]).astype(int)
    free = depth[:-1] <= view.depth[y, x] + 0.01 * camera.distance
    pieces = [(tuple(pixels[i]), tuple(pixels[i + 1])) for i in range(_STEPS)]
    for piece in itertools.compress(pieces, free):
        pen.line(piece, fill=INK, width=2 * line + 2)
    for i, piece in enumerate(pieces):
        if free[i] or i % 4 < 2:
            pen.line(piece, fill=colour, width=2 * line if free[i] else line)


def _anchor(camera: Camera, corners: np.ndarray, size: tuple[int, int]) -> Rect:
    """The rectangle around a box in the picture, cut to the picture."""
    pixels = camera.project(corners)[0] / _SCALE
    (left, top), (right, bottom) = np.floor(pixels.min(axis=0)), np.ceil(pixels.max(axis=0))
    x1, y1 = int(np.clip(left, 0, size[0] - 1)), int(np.clip(top, 0, size[1] - 1))
    return Rect(x1, y1, int(np.clip(right, x1 + 1, size[0])), int(np.clip(bottom, y1 + 1, size[1])))
