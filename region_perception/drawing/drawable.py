"""What is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from region_perception.errors import InvalidInput
from region_perception.regions import CloudFootprint, Footprint, ImageFootprint, Region


@dataclass(frozen=True, eq=False)
class Drawable:
    """One numbered region and the words about it.

    `footprint` is where the region lies in the observation, or None for words about the whole observation, which only
    appear in the legend. With `region` the picture also shows where somebody clicked or drew a stroke.
    """

    footprint: Footprint | None
    number: int
    text: str
    region: Region | None = None


Kind = TypeVar("Kind", ImageFootprint, CloudFootprint)


def footprints(items: Sequence[Drawable], kind: type[Kind]) -> list[Kind]:
    """The footprints of items that all have one of this kind."""
    found = []
    for item in items:
        if not isinstance(item.footprint, kind):
            name = type(item.footprint).__name__
            raise InvalidInput(f"region {item.number} has a footprint of type {name}, expected {kind.__name__}")
        found.append(item.footprint)
    return found
