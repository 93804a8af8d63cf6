"""Selections in space as interactive markers: shown, pulled at, and kept where they were put."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from geometry_msgs.msg import Pose
from region_perception_msgs.msg import Region3D
from std_msgs.msg import Header

from region_perception.drawing.palette import region_colour
from ros_nodes.interactive.box import HANDLES, HeldBox
from ros_nodes.interactive.looks import Entry, box_marker, handle_marker, handle_pose, part_names, pose_of
from ros_nodes.interactive.server import InteractiveServer
from ros_nodes.messages.frames import rotation_of
from ros_nodes.messages.refusals import Code, Refusal
from ros_nodes.messages.region_kinds import Kind3D
from ros_nodes.selector.selections import Selection

LINE_LENGTH = 40  # characters


def box_at(frame: str, pose: Any, size: Any) -> HeldBox:
    """A box from a message's pose and size; refused with INVALID_REGION where they are no box."""
    middle = np.array([pose.position.x, pose.position.y, pose.position.z], np.float64)
    sides = np.array([size.x, size.y, size.z], np.float64)
    if not (np.isfinite(middle).all() and np.isfinite(sides).all() and (sides > 0).all()):
        seen = f"middle {middle.tolist()}, size {sides.tolist()}"
        raise Refusal(Code.INVALID_REGION, f"box: expected finite metres, sizes above 0, got {seen}")
    return HeldBox(frame, middle, rotation_of(pose.orientation, Code.INVALID_REGION, "box"), sides)


def region_of(box: HeldBox, name: str) -> Region3D:
    """The box as a region of the newest cloud."""
    message = Region3D(header=Header(frame_id=box.frame), id=name, kind=int(Kind3D.BOX), pose=pose_of(box))
    message.size.x, message.size.y, message.size.z = (float(side) for side in box.sides)
    return message


class Boxes:
    """Shows selections by a server of interactive markers."""

    def __init__(self, server: InteractiveServer) -> None:
        self._server = server
        self._names: dict[str, tuple[str, str]] = {}  # of markers: selection and handle, which is empty for the box

    def find(self, marker: str) -> tuple[str, str] | None:
        """The name of the selection that a marker belongs to, and the handle that it is."""
        return self._names.get(marker)

    def show(self, selection: Selection, number: int, menu: list[Entry], *, tilting: bool, but: str = "") -> None:
        """Shows a selection as it is now, with its handles. number: says which colour. but: the handle in a hand."""
        box = selection.box
        if box is None:
            return
        self._names[selection.name] = (selection.name, "")
        self._server.insert(self._marker(selection, box, number, menu, tilting))
        for handle, name in part_names(selection.name).items():
            if name not in self._names:
                self._names[name] = (selection.name, handle)
                self._server.insert(handle_marker(name, box, handle))
            elif handle != but:
                self._server.move(name, handle_pose(box, handle))

    def follow(self, selection: Selection) -> None:
        """Moves the handles of a box that was moved itself."""
        box = selection.box
        if box is None:
            return
        for handle, name in part_names(selection.name).items():
            self._server.move(name, handle_pose(box, handle))

    def hide(self, selection: Selection) -> None:
        """Takes a selection away."""
        for name in (selection.name, *part_names(selection.name).values()):
            self._names.pop(name, None)
            self._server.erase(name)

    @staticmethod
    def pull(box: HeldBox, handle: str, pose: Pose) -> HeldBox:
        """The box after one of its markers was taken to a pose: the handle, or the box itself where that is empty."""
        point = np.array([pose.position.x, pose.position.y, pose.position.z], np.float64)
        if not np.isfinite(point).all():
            raise Refusal(Code.INVALID_REGION, f"box: it was taken to {point.tolist()}, expected finite metres")
        if handle in HANDLES:
            return box.pulled(handle, point)
        return box.moved(point, rotation_of(pose.orientation, Code.INVALID_REGION, "box"))

    @staticmethod
    def _marker(selection: Selection, box: HeldBox, number: int, menu: list[Entry], tilting: bool) -> Any:
        red, green, blue = (channel / 255 for channel in region_colour(number))
        text = "\n".join(textwrap.wrap(selection.text, LINE_LENGTH))
        return box_marker(selection.name, box, text=text, menu=menu, colour=(red, green, blue), tilting=tilting)
