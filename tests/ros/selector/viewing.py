"""A viewer that keeps to the protocol of interactive markers, and a captioner whose answers are known."""

from __future__ import annotations

import time
from typing import Any

from geometry_msgs.msg import Pose
from programs import Peer, until
from rclpy.qos import QoSProfile
from region_perception_msgs.msg import RegionCaption, RegionMatch, Status
from region_perception_msgs.srv import AskRegion, CaptionRegions, FindRegion
from visualization_msgs.msg import InteractiveMarkerFeedback, InteractiveMarkerUpdate
from visualization_msgs.srv import GetInteractiveMarkers

Feedback = InteractiveMarkerFeedback


class Viewer:
    """As RViz: fetches all markers, follows the updates, and begins anew where a number is missing."""

    def __init__(self, peer: Peer, node: str, name: str = "viewer") -> None:
        self.name, self.markers, self.number, self.missed = name, {}, -1, 0
        self._waiting: list[Any] = []
        self.updates: list[Any] = []
        deep = QoSProfile(depth=100)
        self._everything = peer.node.create_client(GetInteractiveMarkers, f"{node}/get_interactive_markers")
        peer.node.create_subscription(InteractiveMarkerUpdate, f"{node}/update", self._hear, deep)
        self._feedback = peer.publisher(Feedback, f"{node}/feedback", deep)
        until(self._everything.service_is_ready, "the markers")
        self._begin()
        peer.node.create_timer(1.0, self._fetch_again)
        until(lambda: self.number >= 0, "all markers")

    def _begin(self) -> None:
        """At first, or anew."""
        self.number = -1
        self._waiting.clear()
        self._fetch()

    def _fetch(self) -> None:
        self._asked_at = time.monotonic()
        self._everything.call_async(GetInteractiveMarkers.Request()).add_done_callback(self._fetched)

    def _fetch_again(self) -> None:
        """Where it was asked for of a server that was gone, or not there yet."""
        if self.number < 0 and time.monotonic() - self._asked_at > 1.0:
            self._fetch()

    def _fetched(self, future: Any) -> None:
        answer = future.result()
        if self.number >= 0:
            return
        self.markers = {each.name: each for each in answer.markers}
        self.number = answer.sequence_number
        for update in self._waiting:
            if update.seq_num > self.number:
                self._apply(update)

    def _hear(self, update: Any) -> None:
        self.updates.append(update)
        if self.number < 0:
            self._waiting.append(update)
        elif update.seq_num != self.number + 1:
            self.missed += 1
            self._begin()
        else:
            self._apply(update)

    def _apply(self, update: Any) -> None:
        self.number = update.seq_num
        self.markers |= {each.name: each for each in update.markers}
        for each in update.poses:
            self.markers[each.name].pose = each.pose
        for name in update.erases:
            self.markers.pop(name, None)

    def boxes(self) -> list[Any]:
        """The markers that are boxes, and not handles."""
        return [each for name, each in self.markers.items() if "/" not in name]

    def act(self, marker: str, event: int, pose: Pose | None = None, entry: int = 0, frame: str = "base") -> None:
        """One feedback."""
        message = Feedback(client_id=self.name, marker_name=marker, event_type=event, menu_entry_id=entry)
        message.header.frame_id = frame
        message.pose = pose or self.markers[marker].pose
        self._feedback.publish(message)

    def choose(self, marker: str, title: str) -> None:
        """An entry of the menu."""
        entry = next(each for each in self.markers[marker].menu_entries if each.title == title)
        self.act(marker, Feedback.MENU_SELECT, entry=entry.id)

    def drag(self, marker: str, x: float, steps: int = 10) -> None:
        """Takes a marker along x, in many small moves, and lets it go."""
        start = self.markers[marker].pose
        self.act(marker, Feedback.MOUSE_DOWN)
        for step in range(1, steps + 1):
            pose = Pose(orientation=start.orientation)
            pose.position.x = start.position.x + x * step / steps
            pose.position.y, pose.position.z = start.position.y, start.position.z
            self.act(marker, Feedback.POSE_UPDATE, pose)
        self.act(marker, Feedback.MOUSE_UP, start)  # viewers may send the pose of before


class Captioner:
    """Answers every region with a sentence about where it is; what was asked is in `asked`."""

    def __init__(self, peer: Peer, name: str) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.status = Status()
        # They go with the peer: to take one away while it is waited for ends the thread that waits.
        for kind, service, answer in (
            (CaptionRegions, "caption_regions", self._caption),
            (AskRegion, "ask_region", self._ask),
            (FindRegion, "find_region", self._find),
        ):
            peer.node.create_service(kind, f"{name}/{service}", answer)

    def _about(self, region: Any) -> RegionCaption:
        caption = RegionCaption(region_id=region.id, status=self.status)
        caption.header.frame_id = region.header.frame_id or "camera_optical_frame"
        if hasattr(region, "pose"):
            caption.text = f"a thing at {region.pose.position.x:.2f}"
            caption.pose, caption.size = region.pose, region.size
            if region.kind == region.KIND_CLICK:
                caption.pose.position = region.point
                caption.size.x = caption.size.y = caption.size.z = 0.2
                caption.text = f"a thing at {region.point.x:.2f}"
        else:
            caption.text = f"pixels of kind {region.kind}"
            caption.x1, caption.y1, caption.x2, caption.y2 = 10.0, 10.0, 30.0, 30.0
        if self.status.code:
            caption.text = ""
        return caption

    def _captions(self, request: Any) -> list[RegionCaption]:
        return [self._about(region) for region in (*request.regions_2d, *request.regions_3d)]

    def _caption(self, request: Any, response: Any) -> Any:
        self.asked.append(("caption", request))
        response.captions, response.status = self._captions(request), self.status
        return response

    def _ask(self, request: Any, response: Any) -> Any:
        self.asked.append((request.question, request))
        response.answers, response.status = self._captions(request), self.status
        for answer in response.answers:
            answer.question, answer.text = request.question, "blue"
        return response

    def _find(self, request: Any, response: Any) -> Any:
        self.asked.append((request.text, request))
        count = len(request.regions_2d) + len(request.regions_3d)
        response.ranking = [RegionMatch(index=index, score=0.5) for index in reversed(range(count))]
        return response


def marker_said(viewer: Viewer, name: str, text: str) -> Any:
    """The marker, once this is written beside it."""
    return until(
        lambda: (marker := viewer.markers.get(name)) and text in marker.description and marker,
        f"{text!r} beside {name}",
    )
