"""The protocol of interactive markers over rclpy: updates, feedback, and all markers for whoever comes late."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.node import Node
from std_msgs.msg import Header
from visualization_msgs.msg import InteractiveMarkerFeedback, InteractiveMarkerPose, InteractiveMarkerUpdate
from visualization_msgs.srv import GetInteractiveMarkers

from ros_nodes.interactive.store import MarkerStore
from ros_nodes.runtime.guards import Guard
from ros_nodes.runtime.qos import FEEDBACK

SOON = 0.05  # seconds: what moves under a mouse is told to others so often


class InteractiveServer:
    """Markers under `namespace`, for any number of viewers.

    feedback: called with each feedback that counts, after the marker has its pose from it; it must return at once.
    Whatever it changes goes out with the next update: at once when a button is let go or a menu was used.

    A viewer may have followed a server that was before this one, and was killed. It learns of that by an update whose
    number does not come after those that it heard: so each new viewer is sent one, and numbers begin at the time.
    """

    def __init__(
        self,
        node: Node,
        namespace: str,
        guard: Guard,
        feedback: Callable[[Any], None],
        *,
        group: CallbackGroup | None = None,
    ) -> None:
        self.ignored = 0
        self._id = f"{node.get_fully_qualified_name()}/{namespace}"
        self._feedback, self._guard = feedback, guard
        self._store = MarkerStore(time.time_ns() // 1_000_000)  # no server sends as many in that time
        # Numbers must go out in order, whichever threads make changes.
        self._lock = threading.RLock()
        self._updates = node.create_publisher(
            InteractiveMarkerUpdate,
            f"{namespace}/update",
            FEEDBACK,
            callback_group=group,
            event_callbacks=PublisherEventCallbacks(matched=guard(self._met, "viewers")),
        )
        self._heard = node.create_subscription(
            InteractiveMarkerFeedback,
            f"{namespace}/feedback",
            guard(self._take, "feedback"),
            FEEDBACK,
            callback_group=group,
        )
        self._service = node.create_service(
            GetInteractiveMarkers,
            f"{namespace}/get_interactive_markers",
            guard.service(self._tell_all, "get_interactive_markers"),
            callback_group=group,
        )
        clock = Clock(clock_type=ClockType.STEADY_TIME)  # hands move while simulated time stands still
        self._timer = node.create_timer(SOON, guard(self.apply, "update"), group, clock)

    @property
    def names(self) -> list[str]:
        """Of all markers."""
        with self._lock:
            return self._store.names

    def insert(self, marker: Any) -> None:
        """Adds an `InteractiveMarker`, or replaces that of its name. Its frame must be known to TF, its stamp 0."""
        with self._lock:
            self._store.insert(marker)

    def move(self, name: str, pose: Any) -> None:
        """Moves a marker, in its own frame."""
        with self._lock:
            self._store.move(name, pose)

    def erase(self, name: str) -> None:
        """Takes a marker away."""
        with self._lock:
            self._store.erase(name)

    def apply(self, *, always: bool = False) -> None:
        """Sends what has changed, if anything has. always: an update without anything, where nothing has."""
        with self._lock:
            update = self._store.apply(always=always)
            if update is None:
                return
            poses = [
                InteractiveMarkerPose(header=Header(frame_id=self._frame(name)), pose=pose, name=name)
                for name, pose in update.poses.items()
            ]
            self._updates.publish(
                InteractiveMarkerUpdate(
                    server_id=self._id,
                    seq_num=update.number,
                    type=InteractiveMarkerUpdate.UPDATE,
                    markers=update.markers,
                    poses=poses,
                    erases=update.erased,
                )
            )

    def _met(self, event: Any) -> None:
        """Somebody begins or ceases to listen."""
        if event.current_count_change > 0:
            self.apply(always=True)

    def _frame(self, name: str) -> str:
        marker = self._store.get(name)
        return marker.header.frame_id if marker is not None else ""

    def _tell_all(self, request: Any, response: Any) -> Any:
        with self._lock:
            response.sequence_number, response.markers = self._store.all()
        return response

    def _take(self, message: Any) -> None:
        with self._lock:
            if not self._store.takes(message.marker_name, message.client_id, time.monotonic()):
                self.ignored += 1
                return
            if message.event_type == InteractiveMarkerFeedback.POSE_UPDATE:
                # A pose in another frame than the marker's cannot be kept; viewers send those of stamp 0 in theirs.
                if message.header.frame_id not in ("", self._frame(message.marker_name)):
                    self.ignored += 1
                    return
                self._store.move(message.marker_name, message.pose)
        self._feedback(message)
        if message.event_type != InteractiveMarkerFeedback.POSE_UPDATE:
            self.apply()
