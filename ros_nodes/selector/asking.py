"""Asking the captioner about selections by its services, without ever waiting for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from region_perception_msgs.srv import AskRegion, CaptionRegions, FindRegion

from ros_nodes.runtime.guards import Guard
from ros_nodes.selector.selections import ASK, CAPTION, FIND, Selection, Wish


class Asking:
    """Sends wishes. answered: called with the selection, its wish, its version when it was asked, and the answer."""

    def __init__(
        self,
        node: Node,
        guard: Guard,
        captioner: str,
        answered: Callable[[Selection, Wish, int, Any], None],
        *,
        group: CallbackGroup | None = None,
    ) -> None:
        self._guard, self._answered = guard, answered
        self._clients = {
            what: node.create_client(kind, f"{captioner}/{name}", callback_group=group)
            for what, kind, name in (
                (CAPTION, CaptionRegions, "caption_regions"),
                (ASK, AskRegion, "ask_region"),
                (FIND, FindRegion, "find_region"),
            )
        }

    def there(self, wish: Wish) -> bool:
        """Whether somebody answers such wishes."""
        return bool(self._clients[wish.what].service_is_ready())

    def send(self, selection: Selection, wish: Wish, now: float) -> None:
        """Asks what a selection wishes."""
        client = self._clients[wish.what]
        version, wish.sent_at = selection.version, now
        request = client.srv_type.Request()
        regions = wish.candidates if wish.what == FIND else [selection.region]
        if selection.flat:
            request.regions_2d = regions
        else:
            request.regions_3d = regions
        if wish.what == ASK:
            request.question = wish.text
        elif wish.what == FIND:
            request.text = wish.text
        done = self._guard(lambda future: self._answered(selection, wish, version, future.result()), wish.what)
        client.call_async(request).add_done_callback(done)
