"""What a box and its handles look like in RViz: `InteractiveMarker`s with controls to move, turn and resize them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from geometry_msgs.msg import Pose, Quaternion, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import InteractiveMarker, InteractiveMarkerControl, Marker, MenuEntry

from ros_nodes.interactive.box import HANDLES, HeldBox
from ros_nodes.messages.caption_messages import write_pose
from ros_nodes.messages.frames import Rigid

HANDLE_SIZE = 0.02  # metres, of a handle of a box whose sides are less than half a metre
_HALF = 0.5**0.5
# A control acts along the x axis of its orientation: these turn it to x, y and z.
ALONG = {
    "x": Quaternion(x=_HALF, y=0.0, z=0.0, w=_HALF),
    "y": Quaternion(x=0.0, y=0.0, z=_HALF, w=_HALF),
    "z": Quaternion(x=0.0, y=_HALF, z=0.0, w=_HALF),
}
_COLOURS = {"x": (0.9, 0.2, 0.2), "y": (0.2, 0.8, 0.2), "z": (0.25, 0.45, 1.0)}


@dataclass(frozen=True)
class Entry:
    """Of a menu. parent: number of the entry that it hangs under; 0 for none."""

    number: int
    title: str
    parent: int = 0


def pose_of(box: HeldBox) -> Pose:
    """Where the box is."""
    pose = Pose()
    write_pose(pose, Rigid(box.rotation, box.middle))
    return pose


def handle_pose(box: HeldBox, name: str) -> Pose:
    """Where the handle of a face is."""
    pose = Pose()
    write_pose(pose, Rigid(box.rotation, box.handle(name)))
    return pose


def box_marker(
    name: str,
    box: HeldBox,
    *,
    text: str,
    menu: Sequence[Entry],
    colour: tuple[float, float, float],
    tilting: bool = False,
) -> InteractiveMarker:
    """The box with its text above, its menu, and what moves and turns it; about all axes if `tilting`."""
    marker = InteractiveMarker(header=Header(frame_id=box.frame), pose=pose_of(box), name=name, description=text)
    marker.scale = float(max(box.sides) * 1.6 + 0.05)
    marker.menu_entries = [
        MenuEntry(id=entry.number, parent_id=entry.parent, title=entry.title, command_type=MenuEntry.FEEDBACK)
        for entry in menu
    ]
    cube = Marker(type=Marker.CUBE, scale=_vector(box.sides), color=_colour(colour, 0.35))
    cube.pose.orientation.w = 1.0
    # What is not always visible cannot be hit while the viewer does not interact.
    body = InteractiveMarkerControl(name="body", always_visible=True, markers=[cube])
    body.interaction_mode = InteractiveMarkerControl.MENU
    drag = InteractiveMarkerControl(name="drag", interaction_mode=InteractiveMarkerControl.MOVE_PLANE)
    drag.orientation = ALONG["z"]
    controls = [body, drag]
    for axis in "xyz":
        controls.append(_control(f"move_{axis}", axis, InteractiveMarkerControl.MOVE_AXIS))
        if axis == "z" or tilting:
            controls.append(_control(f"turn_{axis}", axis, InteractiveMarkerControl.ROTATE_AXIS))
    marker.controls = controls
    return marker


def handle_marker(name: str, box: HeldBox, handle: str) -> InteractiveMarker:
    """The small marker that pulls at a face of the box."""
    axis = handle[1]
    size = float(min(max(HANDLE_SIZE, 0.04 * max(box.sides)), 0.5))
    marker = InteractiveMarker(header=Header(frame_id=box.frame), pose=handle_pose(box, handle), name=name)
    marker.scale = size
    ball = Marker(type=Marker.SPHERE, scale=_vector(np.full(3, size)), color=_colour(_COLOURS[axis], 0.9))
    ball.pose.orientation.w = 1.0
    control = _control("pull", axis, InteractiveMarkerControl.MOVE_AXIS)
    control.always_visible, control.markers = True, [ball]
    marker.controls = [control]
    return marker


def part_names(box_name: str) -> dict[str, str]:
    """Names of the markers of a box, by handle; the box itself has its own."""
    return {handle: f"{box_name}/{handle}" for handle in HANDLES}


def _control(name: str, axis: str, mode: Any) -> InteractiveMarkerControl:
    return InteractiveMarkerControl(name=name, orientation=ALONG[axis], interaction_mode=mode)


def _vector(values: np.ndarray) -> Vector3:
    x, y, z = (float(value) for value in values)
    return Vector3(x=x, y=y, z=z)


def _colour(colour: tuple[float, float, float], opacity: float) -> ColorRGBA:
    red, green, blue = colour
    return ColorRGBA(r=float(red), g=float(green), b=float(blue), a=opacity)
