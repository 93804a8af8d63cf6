"""The node that people point with: `region_selector` turns what they do in viewers into regions, and shows what the
captioner says of them.

In space: boxes to move, turn and resize in RViz, and its clicked points. In images: clicks of rqt_image_view, polygons,
regions of interest. Nothing here waits for the captioner: what it was asked is sent when it is there, and asked again
when no answer came.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from geometry_msgs.msg import Point, PointStamped, PolygonStamped
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from region_perception_msgs.msg import Region2D, Region2DArray, Region3D, Region3DArray, RegionCaptionArray
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header
from visualization_msgs.msg import ImageMarker, InteractiveMarkerFeedback, MarkerArray

from region_perception.regions import Box
from ros_nodes.decoding import Code, Refusal, decode_click, decode_polygon, decode_roi, to_body
from ros_nodes.encoding import encode_all_markers, encode_captions, encode_image_marker, encode_region_2d
from ros_nodes.interactive.server import InteractiveServer
from ros_nodes.runtime import diagnostics
from ros_nodes.runtime.guards import Guard
from ros_nodes.runtime.parameters import Parameters
from ros_nodes.runtime.qos import FEEDBACK, LATCHED, RESULTS, newest_only
from ros_nodes.runtime.running import run
from ros_nodes.selector import menu
from ros_nodes.selector.asking import Asking
from ros_nodes.selector.boxes import Boxes, box_at, region_of
from ros_nodes.selector.selections import ASK, CAPTION, FIND, Selection, Selections, Wish, others
from ros_nodes.selector.settings import SelectorSettings, questions_of

LOOK_EVERY = 0.25  # seconds between two looks whether the captioner is there for what it was not asked yet
AGAIN_AFTER = 1.0  # seconds, where the captioner could not answer yet
LATER = (Code.NOT_READY, Code.BUSY, Code.NO_OBSERVATION, Code.STALE)
NOBODY = "no captioner answers yet"


class RegionSelector(Node):
    """All callbacks are of one group, so that only one runs at a time."""

    def __init__(self) -> None:
        super().__init__("region_selector")
        self._guard = Guard(self.get_logger(), self.context.ok)
        self._table = Parameters(self, SelectorSettings(), applied=lambda *_: self._show_all())
        self._one = MutuallyExclusiveCallbackGroup()
        self._selections = Selections(self._gone)
        self._server = InteractiveServer(self, "~", self._guard, self._felt, group=self._one)
        self._boxes = Boxes(self._server)
        self._asking = Asking(self, self._guard, self.settings.captioner, self._answered, group=self._one)
        self._candidates: dict[bool, list[Any]] = {True: [], False: []}
        self._corner: tuple[float, Any] | None = None
        self._size: tuple[int, int] | None = None
        self._begun = not self.settings.first_box
        self._listen()
        self._captions = self.create_publisher(RegionCaptionArray, "selected/region_captions", RESULTS)
        self._markers = self.create_publisher(MarkerArray, "selected/region_markers", LATCHED)
        self._outlines = self.create_publisher(ImageMarker, "selected/region_outlines", LATCHED)
        self._flat = self.create_publisher(Region2DArray, "selected/regions_2d", LATCHED)
        self._solid = self.create_publisher(Region3DArray, "selected/regions_3d", LATCHED)
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = self.create_timer(LOOK_EVERY, self._guard(self._ask_due, "asking"), self._one, clock)
        self._diagnostics = diagnostics.Diagnostics(self, self._guard, self._diagnosis, group=self._one)
        self._tell()  # viewers may still show what one before this had selected

    @property
    def settings(self) -> SelectorSettings:
        """The parameters as they are now."""
        return self._table.now

    def _listen(self) -> None:
        """What people point with: nothing of it must be lost, so all queues are deep."""
        topics: list[tuple[Any, str, Callable[[Any], Any]]] = [
            (PointStamped, "/clicked_point", self._clicked_in_space),
            (Point, "image_mouse_left", self._clicked_in_image),
            (PolygonStamped, "~/polygon", lambda message: self._pointed(decode_polygon(message), message.header)),
            (RegionOfInterest, "~/roi", lambda message: self._pointed(decode_roi(message), Header())),
            (Region2D, "~/region_2d", lambda message: self._select(message, flat=True)),
            (Region3D, "~/region_3d", self._pointed_in_space),
        ]
        for kind, topic, take in topics:
            self.create_subscription(kind, topic, self._guard(take, topic), FEEDBACK, callback_group=self._one)
        for kind, topic, take in (
            (Region2DArray, "regions_2d", lambda message: self._hear(message, flat=True)),
            (Region3DArray, "regions_3d", lambda message: self._hear(message, flat=False)),
        ):
            self.create_subscription(kind, topic, self._guard(take, topic), RESULTS, callback_group=self._one)
        # Either kind of camera is heard by who takes what comes.
        self.create_subscription(
            CameraInfo,
            "camera_info",
            self._guard(self._sized, "camera_info"),
            newest_only(True),
            callback_group=self._one,
        )

    # Pointing ---------------------------------------------------------------------------------------------------------

    def _clicked_in_space(self, message: PointStamped) -> None:
        """The thing at a point. Its stamp is that of the viewer, not of a cloud: the newest is meant."""
        region = Region3D(
            header=Header(frame_id=message.header.frame_id), kind=Region3D.KIND_CLICK, point=message.point
        )
        self._select(region, flat=False)

    def _pointed_in_space(self, message: Region3D) -> None:
        selection = self._select(message, flat=False)
        if message.kind == Region3D.KIND_BOX and message.header.frame_id:
            selection.box = box_at(message.header.frame_id, message.pose, message.size)
            self._show(selection)

    def _clicked_in_image(self, message: Point) -> None:
        size = self._size or (2**31, 2**31)
        click = decode_click(message, size)
        if self.settings.click == "thing":
            self._pointed(click, Header())
            return
        now = time.monotonic()
        (x, y) = click.points[0]  # type: ignore[attr-defined]  # a click has some
        corner, self._corner = self._corner, (now, (x, y))
        if corner is not None and now - corner[0] <= self.settings.corner_within:
            self._corner = None
            (left, right), (top, bottom) = (sorted(pair) for pair in zip(corner[1], (x, y), strict=True))
            if left == right or top == bottom:
                raise Refusal(Code.EMPTY_REGION, f"box: both corners are at {(x, y)}, expected two apart")
            self._pointed(Box(left, top, right, bottom), Header())

    def _pointed(self, region: Any, header: Header) -> None:
        """Something in the image: of the newest, as who points at it sees none of the past."""
        self._select(encode_region_2d(region, Header(frame_id=header.frame_id)), flat=True)

    def _sized(self, message: CameraInfo) -> None:
        self._size = (message.width, message.height) if message.width and message.height else None

    def _hear(self, message: Any, *, flat: bool) -> None:
        """Regions that others found: candidates to be similar, and where the first box begins."""
        for region in message.regions:
            if not region.header.frame_id:
                region.header.frame_id = message.header.frame_id
            region.header.stamp.sec = region.header.stamp.nanosec = 0  # of the newest frame
        self._candidates[flat] = list(message.regions)
        boxes = [] if flat else [region for region in message.regions if region.kind == Region3D.KIND_BOX]
        if boxes and not self._begun and boxes[0].header.frame_id:
            self._begun = True
            self._pointed_in_space(boxes[0])

    def _select(self, region: Any, *, flat: bool) -> Selection:
        """Selects something, and has it captioned."""
        selection = self._selections.add(region, flat=flat, most=self.settings.most)
        self._begun = self._begun or not flat
        self._wish(selection, CAPTION)
        return selection

    # Boxes in RViz ----------------------------------------------------------------------------------------------------

    def _felt(self, message: InteractiveMarkerFeedback) -> None:
        """What somebody does with a marker; it already is where they took it."""
        found = self._boxes.find(message.marker_name)
        selection = self._selections.get(found[0]) if found else None
        if found is None or selection is None or selection.box is None:
            return
        kind = message.event_type
        if kind == InteractiveMarkerFeedback.POSE_UPDATE:
            self._taken(selection, found[1], message)
        elif kind == InteractiveMarkerFeedback.MENU_SELECT:
            self._chosen(selection, int(message.menu_entry_id))
        elif kind == InteractiveMarkerFeedback.MOUSE_UP and selection.version != selection.released:
            selection.released = selection.version
            self._show(selection)
            if self.settings.on_release:
                self._wish(selection, CAPTION)

    def _taken(self, selection: Selection, handle: str, message: InteractiveMarkerFeedback) -> None:
        assert selection.box is not None
        selection.box = self._boxes.pull(selection.box, handle, message.pose)
        selection.version += 1
        selection.region = region_of(selection.box, selection.name)
        if handle:
            self._show(selection, but=handle)
        else:
            self._boxes.follow(selection)

    def _chosen(self, selection: Selection, entry: int) -> None:
        questions = questions_of(self.settings.questions)
        if entry == menu.DELETE:
            self._selections.remove(selection.name)
            self._tell()
            return
        if entry == menu.CAPTION:
            self._wish(selection, CAPTION)
        elif entry == menu.FIND:
            self._wish(selection, FIND, selection.caption.text if selection.caption is not None else "")
        elif (question := menu.question_of(entry, questions)) is not None:
            self._wish(selection, ASK, question)

    # Asking, and what is said -----------------------------------------------------------------------------------------

    def _wish(self, selection: Selection, what: str, text: str = "") -> None:
        wish = Wish(what, text)
        if what == FIND:
            wish.candidates = others(selection, self._candidates[selection.flat])
            if not (text and wish.candidates):
                selection.note = "nothing to compare with: no other regions are heard" if text else "caption it first"
                self._show(selection)
                return
        selection.wish = wish
        self._ask_due()

    def _ask_due(self) -> None:
        """Asks what was not asked yet, or what nobody can answer any more."""
        now = time.monotonic()
        for selection in self._selections:
            if selection.wish is not None and not self._asking.there(selection.wish):
                selection.wish.sent_at = None
                if selection.note != NOBODY:
                    selection.note = NOBODY
                    self._show(selection)
        for selection, wish in self._selections.due(now, self.settings.patience):
            if self._asking.there(wish):
                self._asking.send(selection, wish, now)

    def _answered(self, selection: Selection, wish: Wish, version: int, answer: Any) -> None:
        """What the captioner says. What is shown stays where it says nothing, or says it too late."""
        if answer is None or self._selections.get(selection.name) is not selection or selection.wish is not wish:
            return
        selection.note = ""
        if answer.status.code in LATER:
            selection.note = answer.status.message
            wish.sent_at, wish.not_before = None, time.monotonic() + AGAIN_AFTER
            self._show(selection)
            return
        selection.wish = None
        if version != selection.version:
            return  # it was moved on since, and is asked about where it is let go
        if wish.what == FIND:
            self._found(selection, wish, answer)
        else:
            self._said(selection, list(answer.captions if wish.what == CAPTION else answer.answers), answer.status)

    def _said(self, selection: Selection, said: list[Any], status: Any) -> None:
        """A caption or an answer, or why there is none, beside what was there before."""
        if said and said[0].status.code == Code.OK:
            selection.caption = said[0]
            self._place(selection)
        else:
            selection.note = said[0].status.message if said else status.message
        if said:
            self._captions.publish(encode_captions(said, said[0].header))
        if selection.caption is None and selection.box is None:
            self._guard.warn("selection", f"nothing was selected: {selection.note}")
            self._selections.remove(selection.name)
            self._tell()
            return
        self._show(selection)

    def _place(self, selection: Selection) -> None:
        """A thing in space that was clicked at becomes a box about it."""
        caption = selection.caption
        if selection.box is None and not selection.flat and caption.size.x > 0 and caption.header.frame_id:
            selection.box = box_at(caption.header.frame_id, caption.pose, caption.size)

    def _found(self, selection: Selection, wish: Wish, answer: Any) -> None:
        """The candidate that is described best by what was said of a selection is selected, too."""
        ranking = [match for match in answer.ranking if match.status.code == Code.OK]
        if not ranking or ranking[0].index >= len(wish.candidates):
            selection.note = answer.status.message or "nothing similar was found"
            self._show(selection)
            return
        found = wish.candidates[ranking[0].index]
        self._show(selection)
        if selection.flat:
            self._select(found, flat=True)
        else:
            self._pointed_in_space(found)

    # Showing ----------------------------------------------------------------------------------------------------------

    def _show(self, selection: Selection, *, but: str = "") -> None:
        number = 1 + next((i for i, each in enumerate(self._selections) if each is selection), 0)
        entries = menu.menu(questions_of(self.settings.questions))
        self._boxes.show(selection, number, entries, tilting=self.settings.tilting, but=but)
        if not but:
            self._tell()

    def _show_all(self) -> None:
        for selection in self._selections:
            self._show(selection)

    def _gone(self, selection: Selection) -> None:
        self._boxes.hide(selection)

    def _tell(self) -> None:
        """What is selected, and what is said of what cannot be taken hold of."""
        every = list(self._selections)
        flat = [each for each in every if each.flat]
        self._flat.publish(Region2DArray(regions=[each.region for each in flat]))
        self._solid.publish(Region3DArray(regions=[each.region for each in every if not each.flat]))
        captions = [each.caption for each in flat if each.caption is not None]
        header = captions[-1].header if captions else Header()
        self._outlines.publish(encode_image_marker(captions, header))
        motions = {each.header.frame_id: to_body(each.header.frame_id) for each in captions}
        self._markers.publish(encode_all_markers(captions, header, motions, text_height=self.settings.text_height))
        self._server.apply()

    def _diagnosis(self) -> diagnostics.Told:
        waiting = sum(each.wish is not None for each in self._selections)
        values = {"selections": len(self._selections), "waiting": waiting, "ignored": self._server.ignored}
        values["caught"] = self._guard.count
        if any(each.note == NOBODY for each in self._selections):
            return diagnostics.WARN, f"{self.settings.captioner}: {NOBODY}", values
        return diagnostics.OK, "listening", values


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the node; the exit code."""
    return run(RegionSelector, arguments, threads=2)


if __name__ == "__main__":
    sys.exit(main())
