"""What a server of interactive markers knows, without ROS: markers, changes by number, and who holds which marker.

The protocol: every update has the number of the one before plus one. Who comes late asks for all markers, is told the
number of the last update with them, and goes on from there; who misses a number asks anew. So a number is only used
when an update goes out, and what has been asked for never runs ahead of what was sent.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

HOLD = 1.0  # seconds after its last feedback in which a marker belongs to one client


@dataclass
class Update:
    """What goes out at once. markers: new ones, or those that changed all over; poses: of those that only moved."""

    number: int
    markers: list[Any] = field(default_factory=list)
    poses: dict[str, Any] = field(default_factory=dict)
    erased: list[str] = field(default_factory=list)


class MarkerStore:
    """Markers by name. They are any objects with `name` and `pose`; changes wait until `apply`.

    first: the number that the first update comes after. Not for several threads at once.
    """

    def __init__(self, first: int = 0) -> None:
        self.number = first
        self._markers: dict[str, Any] = {}
        self._inserted: dict[str, Any] = {}
        self._moved: dict[str, Any] = {}
        self._erased: dict[str, None] = {}
        self._held: dict[str, tuple[str, float]] = {}

    @property
    def names(self) -> list[str]:
        """Of all markers, those that were not sent yet, too."""
        return [name for name in {**self._markers, **self._inserted} if name not in self._erased]

    def get(self, name: str) -> Any | None:
        """A marker as it will be after `apply`; None where there is none."""
        marker = self._inserted.get(name) or self._markers.get(name)
        if marker is None or name in self._erased:
            return None
        if name in self._moved:
            marker = copy.copy(marker)
            marker.pose = self._moved[name]
        return marker

    def insert(self, marker: Any) -> None:
        """A new marker, or another one in the place of that with its name."""
        self._inserted[marker.name] = marker
        self._moved.pop(marker.name, None)
        self._erased.pop(marker.name, None)

    def move(self, name: str, pose: Any) -> bool:
        """Moves a marker; whether there is one of that name."""
        if self.get(name) is None:
            return False
        self._moved[name] = pose
        return True

    def erase(self, name: str) -> bool:
        """Takes a marker away; whether there was one of that name."""
        if self.get(name) is None:
            return False
        self._inserted.pop(name, None)
        self._moved.pop(name, None)
        self._held.pop(name, None)
        if name in self._markers:  # who never heard of it need not hear that it is gone
            self._erased[name] = None
        return True

    def apply(self, *, always: bool = False) -> Update | None:
        """What has changed since the last time, to be sent at once; None where nothing has, and no number is used.

        always: where nothing has changed, that is an update, too.
        """
        for name in [name for name, pose in self._moved.items() if name in self._inserted]:
            self._inserted[name] = copy.copy(self._inserted[name])
            self._inserted[name].pose = self._moved.pop(name)
        if not (self._inserted or self._moved or self._erased or always):
            return None
        self.number += 1
        update = Update(self.number, list(self._inserted.values()), dict(self._moved), list(self._erased))
        for name in self._erased:
            del self._markers[name]
        self._markers.update(self._inserted)
        for name, pose in self._moved.items():
            self._markers[name] = copy.copy(self._markers[name])
            self._markers[name].pose = pose
        self._inserted, self._moved, self._erased = {}, {}, {}
        return update

    def all(self) -> tuple[int, list[Any]]:
        """The number of the last update, and every marker as it was after it."""
        return self.number, list(self._markers.values())

    def takes(self, name: str, client: str, now: float) -> bool:
        """Whether feedback of a client about a marker counts: it does unless another holds it. now: seconds.

        Two people who pull at one marker at once would make it jump between them.
        """
        if self.get(name) is None:
            return False
        holder, last = self._held.get(name, (client, now))
        if holder != client and now - last < HOLD:
            return False
        self._held[name] = (client, now)
        return True
