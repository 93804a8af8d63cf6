"""One input of a node: a subscription that finds its publishers, the newest of what they send, and counters of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from builtin_interfaces.msg import Time
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import ReliabilityPolicy
from rclpy.subscription import Subscription
from region_perception_msgs.msg import InputStatus

from ros_nodes.messages.caption_messages import encode_status
from ros_nodes.messages.refusals import Refusal
from ros_nodes.messages.stamps import nanoseconds
from ros_nodes.runtime.guards import Guard
from ros_nodes.runtime.newest import Frame, Newest
from ros_nodes.runtime.qos import newest_only

T = TypeVar("T")
FLOWING = 1.0  # seconds: what is silent for longer is not waited for
AUTO, RELIABLE, BEST_EFFORT = "auto", InputStatus.RELIABILITY_RELIABLE, InputStatus.RELIABILITY_BEST_EFFORT


class Input(Generic[T]):
    """Listens to one topic. `frames` holds the newest messages; they are looked at when somebody needs one.

    name: what it is for. kind: the message type. topic: relative names are remapped as usual. history: how many
    messages are kept. came: called after each, and must return at once. With reliability `auto` the subscription is
    reliable, until a publisher turns up that is not: none of its messages would ever come. Then it takes what comes,
    until all publishers are reliable again.
    """

    def __init__(
        self,
        node: Node,
        guard: Guard,
        name: str,
        kind: type,
        *,
        topic: str | None = None,
        reliability: str = AUTO,
        history: int = 1,
        came: Callable[[Frame[T]], None] | None = None,
    ) -> None:
        self.name = name
        self.frames: Newest[T] = Newest(history)
        self._node, self._guard, self._kind = node, guard, kind
        # One of its own: in a shared one, inputs that come at once keep each other from being taken before the next.
        self._group = MutuallyExclusiveCallbackGroup()
        self._came = came
        self._topic = topic or name
        self._reliability = reliability
        self._best_effort = reliability == BEST_EFFORT
        self._subscription: Subscription | None = None
        self._changing = threading.RLock()  # a transition may close what is just being replaced
        self._refused: set[int] = set()
        self._refused_before = 0
        self._last_refusal: Refusal | None = None
        self._incompatible = 0
        # A subscription is not replaced inside a callback of its own.
        self._switch = node.create_guard_condition(guard(self._replace, name), callback_group=self._group)

    @property
    def topic(self) -> str:
        """With its namespace, after remapping."""
        subscription = self._subscription  # which another thread may close meanwhile
        return subscription.topic_name if subscription else self._node.resolve_topic_name(self._topic)

    def open(self) -> None:
        """Begins to listen."""
        with self._changing:
            if self._subscription is None:
                self._subscription = self._subscribed()

    def _subscribed(self) -> Subscription:
        events = SubscriptionEventCallbacks(
            incompatible_qos=self._guard(self._incompatible_qos, self.name), use_default_callbacks=False
        )
        return self._node.create_subscription(
            self._kind,
            self._topic,
            self._guard(self._receive, self.name),
            newest_only(self._best_effort),
            callback_group=self._group,
            event_callbacks=events,
        )

    def close(self) -> None:
        """Listens no more, and forgets what came."""
        self._unsubscribe()
        self.frames.clear()

    def _unsubscribe(self) -> bool:
        """Whether it listened."""
        with self._changing:
            subscription, self._subscription = self._subscription, None
            if subscription is not None:
                self._node.destroy_subscription(subscription)
        return subscription is not None

    def listen(self, reliability: str) -> None:
        """Changes how it listens, from now on."""
        if reliability != self._reliability:
            self._reliability = reliability
            self._wish(reliability == BEST_EFFORT)

    def publishers(self) -> int:
        """How many publishers the topic has, connected or not."""
        return self._node.count_publishers(self.topic)

    def look_around(self) -> None:
        """To be called once in a while: reliable again, where it may be and all publishers are."""
        if self._reliability == AUTO and self._best_effort and self._subscription is not None:
            offered = self._node.get_publishers_info_by_topic(self.topic)
            if offered and all(each.qos_profile.reliability == ReliabilityPolicy.RELIABLE for each in offered):
                self._wish(False)

    def flows(self) -> bool:
        """Whether messages come; of a publisher that has just begun, whether they are going to."""
        return self.frames.silence() < FLOWING or (not self.frames.received and self.publishers() > 0)

    def refuse(self, refusal: Refusal, frame: Frame[T] | None = None) -> None:
        """Counts a message that could not be used, once however often it is tried."""
        if frame is not None:
            if frame.number in self._refused:
                return
            if len(self._refused) >= 1024:  # long gone, all of them
                self._refused_before += len(self._refused)
                self._refused.clear()
            self._refused.add(frame.number)
        else:
            self._refused_before += 1
        self._last_refusal = refusal.bare()
        self._guard.warn(self.name, str(refusal))

    @property
    def refused(self) -> int:
        """Messages that could not be used."""
        return self._refused_before + len(self._refused)

    def status(self) -> InputStatus:
        """What comes in, as a message."""
        frame = self.frames.peek()
        header = getattr(frame.value, "header", None) if frame else None
        return InputStatus(
            name=self.name,
            topic=self.topic,
            publishers=self.publishers(),
            reliability=BEST_EFFORT if self._best_effort else RELIABLE,
            incompatible=self._incompatible,
            received=self.frames.received,
            dropped=self.frames.dropped,
            refused=self.refused,
            last_refusal=encode_status(self._last_refusal),
            last_stamp=header.stamp if header else Time(),
            frame_id=header.frame_id if header else "",
            rate=float(self.frames.rate()),
        )

    def _receive(self, message: T) -> None:
        header = getattr(message, "header", None)
        frame = self.frames.put(message, nanoseconds(header.stamp) if header else 0)
        if self._came is not None:
            self._came(frame)

    def _incompatible_qos(self, event: Any) -> None:
        self._incompatible += int(event.total_count_change)
        if self._reliability == AUTO and not self._best_effort:
            self._wish(True)
        else:
            hint = f"{self.name}_reliability is {self._reliability}, auto would hear it"
            self._guard.warn(f"{self.name} publishers", f"one on {self.topic} cannot be connected: {hint}")

    def _wish(self, best_effort: bool) -> None:
        if best_effort != self._best_effort:
            self._best_effort = best_effort
            self._switch.trigger()

    def _replace(self) -> None:
        """The subscription anew, as it is wished; what came stays."""
        with self._changing:
            if self._unsubscribe():
                self.open()
