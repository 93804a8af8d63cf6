"""What is selected, what was last said about it, and what has been asked and not answered; no ROS."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ros_nodes.interactive.box import HeldBox

CAPTION, ASK, FIND = "caption", "ask", "find"


@dataclass
class Wish:
    """To be asked. what: CAPTION, ASK or FIND. text: the question, or the description. candidates: of FIND."""

    what: str
    text: str = ""
    candidates: list[Any] = field(default_factory=list)
    sent_at: float | None = None
    """Seconds; None while nobody was asked."""
    not_before: float = 0.0


@dataclass(eq=False)
class Selection:
    """One thing that was pointed at.

    region: the `Region2D` or `Region3D` that is asked about. box: where it is in space, once that is known; it can be
    taken hold of then. caption: the last answer, which stays until another comes. version: counts how often the region
    has changed, so that an answer about where it was before is known; released: its version when it was last let go.
    """

    name: str
    flat: bool
    region: Any
    box: HeldBox | None = None
    caption: Any = None
    note: str = ""
    wish: Wish | None = None
    version: int = 0
    released: int = 0

    @property
    def text(self) -> str:
        """What is shown beside it."""
        if self.note:
            return self.note
        if self.caption is None:
            return ""
        said = self.caption.text or self.caption.status.message
        return f"{self.caption.question} {said}" if self.caption.question else said


class Selections:
    """All that is selected, the oldest first. gone: told of each that goes."""

    def __init__(self, gone: Callable[[Selection], None]) -> None:
        self._by_name: dict[str, Selection] = {}
        self._gone = gone
        self._count = 0

    def __iter__(self) -> Any:
        return iter(list(self._by_name.values()))

    def __len__(self) -> int:
        return len(self._by_name)

    def get(self, name: str) -> Selection | None:
        """The selection of a name, if it is still there."""
        return self._by_name.get(name)

    def add(self, region: Any, *, flat: bool, most: int, name: str = "") -> Selection:
        """Selects a region; one with the same name goes, and the oldest where there are more than `most`."""
        if not name:
            self._count += 1
            name = f"selection {self._count}"
        self.remove(name)
        while len(self._by_name) >= most:
            self.remove(next(iter(self._by_name)))
        region = copy.copy(region)
        region.id = name
        selection = self._by_name[name] = Selection(name, flat, region)
        return selection

    def remove(self, name: str) -> None:
        """Forgets a selection."""
        selection = self._by_name.pop(name, None)
        if selection is not None:
            self._gone(selection)

    def due(self, now: float, patience: float) -> list[tuple[Selection, Wish]]:
        """Those whose wish was not asked yet, or long ago."""
        return [
            (each, each.wish)
            for each in self._by_name.values()
            if each.wish is not None
            and now >= each.wish.not_before
            and (each.wish.sent_at is None or now - each.wish.sent_at > patience)
        ]


def others(selection: Selection, candidates: Sequence[Any]) -> list[Any]:
    """The regions that are not the selected one itself: whose middle lies outside of it."""
    if selection.box is not None:
        box = selection.box
        middles = [np.array([each.pose.position.x, each.pose.position.y, each.pose.position.z]) for each in candidates]
        inside = [bool((np.abs((middle - box.middle) @ box.rotation) <= box.sides / 2).all()) for middle in middles]
    elif selection.flat and selection.caption is not None:
        said = selection.caption
        spots = [((each.x1 + each.x2) / 2, (each.y1 + each.y2) / 2) for each in candidates]
        inside = [said.x1 <= x < said.x2 and said.y1 <= y < said.y2 for x, y in spots]
    else:
        inside = [False] * len(candidates)
    return [each for each, is_inside in zip(candidates, inside, strict=True) if not is_inside]
