"""Captions for people to see: markers in RViz, boxes over images, annotated pictures, diagnostics."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from region_perception import Caption
from region_perception.drawing import Drawable, draw_image
from region_perception.drawing.palette import region_colour
from region_perception.observations import ImageObservation
from ros_nodes.messages.array_messages import encode_picture
from ros_nodes.messages.classes import (
    ColorRGBA,
    DiagnosticStatus,
    Duration,
    Header,
    Image,
    ImageMarker,
    KeyValue,
    Marker,
    MarkerArray,
    Point,
    RegionCaption,
)
from ros_nodes.messages.frames import STILL, Rigid, rotation_of
from ros_nodes.messages.refusals import Code

TEXT_HEIGHT = 0.03  # metres, of a capital letter
LINE_LENGTH = 40  # characters, where markers break sentences
BOX_OPACITY = 0.25
OUTLINE_WIDTH = 2.0  # pixels
_SIDES = ((0, 1), (1, 2), (2, 3), (3, 0))  # of a box, by its corners


def encode_markers(
    captions: Sequence[RegionCaption],
    header: Header,
    *,
    motion: Rigid = STILL,
    lifetime: float = 0.0,
    text_height: float = TEXT_HEIGHT,
) -> MarkerArray:
    """A box and, above it, a text that faces the viewer, for each caption that lies in space; all earlier ones go.

    motion: from the frame of the header to one that stands upright, which tells where above is. lifetime: seconds after
    which markers vanish by themselves; 0 keeps them until the next array.
    """
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    up = motion.rotation[2]  # its rows are the upright frame's axes, in the frame of the header
    for number, caption in enumerate(captions, start=1):
        if caption.size.x <= 0 or caption.status.code != Code.OK:
            continue
        box = _marker(header, "boxes", number, Marker.CUBE, lifetime)
        box.pose, box.scale, box.color = caption.pose, caption.size, _colour(number, BOX_OPACITY)
        text = _marker(header, "captions", number, Marker.TEXT_VIEW_FACING, lifetime)
        sides = np.array([caption.size.x, caption.size.y, caption.size.z])
        turn = rotation_of(caption.pose.orientation, Code.INVALID_REGION, "caption")
        lines = textwrap.wrap(caption.text, LINE_LENGTH) or [""]
        above = np.abs(up @ turn) @ sides / 2 + text_height * (0.5 + len(lines) / 2)
        place = caption.pose.position
        at = np.array([place.x, place.y, place.z]) + above * up
        text.pose.position = Point(x=float(at[0]), y=float(at[1]), z=float(at[2]))
        text.scale.z, text.color, text.text = float(text_height), _colour(number, 1.0), "\n".join(lines)
        markers += [box, text]
    return MarkerArray(markers=markers)


def encode_all_markers(
    captions: Sequence[RegionCaption],
    header: Header,
    motions: Mapping[str, Rigid],
    *,
    lifetime: float = 0.0,
    text_height: float = TEXT_HEIGHT,
) -> MarkerArray:
    """As `encode_markers`, of captions whose headers name different frames. motions: by the name of the frame."""
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for frame, own in {caption.header.frame_id: caption.header for caption in captions}.items():
        # Each in its place, which gives a region its number and colour.
        of_frame = [caption if caption.header.frame_id == frame else RegionCaption() for caption in captions]
        motion = motions.get(frame, STILL)
        drawn = encode_markers(of_frame, own, motion=motion, lifetime=lifetime, text_height=text_height)
        markers += drawn.markers[1:]  # all but what deletes the others
    return MarkerArray(markers=markers)


def encode_image_marker(captions: Sequence[RegionCaption], header: Header) -> ImageMarker:
    """The boxes of all captions that lie in the image, as one list of lines in pixels."""
    message = ImageMarker(header=header, ns="boxes", type=ImageMarker.LINE_LIST, action=ImageMarker.ADD)
    message.scale = OUTLINE_WIDTH
    points: list[Point] = []
    colours: list[ColorRGBA] = []
    for number, caption in enumerate(captions, start=1):
        if caption.x2 <= caption.x1 or caption.status.code != Code.OK:
            continue
        corners = [
            (caption.x1, caption.y1),
            (caption.x2, caption.y1),
            (caption.x2, caption.y2),
            (caption.x1, caption.y2),
        ]
        points += [Point(x=corners[i][0], y=corners[i][1], z=0.0) for side in _SIDES for i in side]
        colours += [_colour(number, 1.0)] * len(_SIDES) * 2
    message.points, message.outline_colors = points, colours
    return message


def encode_annotated(image: ImageObservation, captions: Sequence[Caption], header: Header) -> Image:
    """The image with its regions, their numbers and captions drawn over it; small images are enlarged."""
    drawables = [
        Drawable(caption.footprint, number, caption.text, caption.region)
        for number, caption in enumerate(captions, start=1)
    ]
    return encode_picture(draw_image(image, drawables), header)


def encode_diagnostic(
    name: str, level: bytes, message: str, values: Mapping[str, Any], *, hardware_id: str = ""
) -> DiagnosticStatus:
    """One line of /diagnostics. level: `DiagnosticStatus.OK`, `WARN`, `ERROR` or `STALE`."""
    pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return DiagnosticStatus(level=level, name=name, message=message, hardware_id=hardware_id, values=pairs)


def _marker(header: Header, namespace: str, number: int, kind: int, lifetime: float) -> Marker:
    marker = Marker(header=header, ns=namespace, id=number, type=kind, action=Marker.ADD)
    seconds, rest = divmod(round(lifetime * 1e9), 1_000_000_000)
    marker.lifetime = Duration(sec=seconds, nanosec=rest)
    return marker


def _colour(number: int, opacity: float) -> ColorRGBA:
    red, green, blue = (channel / 255 for channel in region_colour(number))
    return ColorRGBA(r=red, g=green, b=blue, a=opacity)
