"""Data sets on disk as sources to learn from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import numpy as np

from region_perception.data.index import Index
from region_perception.data.places import open_place
from region_perception.data.record import Record
from region_perception.data.source import Labelled
from region_perception.errors import InvalidObservation, InvalidRegion, warn_about_input
from region_perception.observations import CloudObservation, ImageObservation
from region_perception.regions import Box, Box3D


class IndexedSource:
    """The observations of one modality that an index tells of; see `Source`. It holds no rows in memory.

    folder: of the data set, to which the places of observations are relative; most: only the first so many of them.
    """

    attributes: Mapping[str, Sequence[str]] = {}

    def __init__(self, index: Index, folder: Path, modality: str, most: int | None = None) -> None:
        self.index, self.folder, self.modality = index, folder, modality
        self._numbers = index.observations(modality)[:most]
        self.fingerprint = f"{index.source} {index.content} {modality} {len(self._numbers)}"

    def __len__(self) -> int:
        return len(self._numbers)

    def look(self, index: int) -> Labelled:
        """One observation and its records; those whose box lies outside of it are left out with a warning."""
        written = self.index.rows(self._numbers[index])
        observation = open_place(self.folder, written[0]["place"])
        records = [Record.from_dict(row, observation) for row in written]
        if "scan" not in written[0]["place"]:  # whose boxes are made of its points
            records = [record for record in records if _in_sight(record)]
        if not records:
            raise InvalidRegion(f"of {written[0]['id']} no box is in sight")
        return Labelled(records)


class JoinedSource:
    """Several sources of one modality, one after the other."""

    attributes: Mapping[str, Sequence[str]] = {}

    def __init__(self, sources: Sequence[IndexedSource]) -> None:
        self._sources = sources
        self._ends = list(accumulate(map(len, sources)))
        self.fingerprint = "; ".join(source.fingerprint for source in sources)

    def __len__(self) -> int:
        return self._ends[-1]

    def look(self, index: int) -> Labelled:
        """One observation and its records."""
        number = bisect_right(self._ends, index)
        if not 0 <= index < len(self):
            raise InvalidObservation(f"there is no observation {index}; there are {len(self):,}")
        return self._sources[number].look(index - (self._ends[number - 1] if number else 0))


def _in_sight(record: Record) -> bool:
    """Whether anything of a record's box is in its image or cloud; other regions are looked at when located."""
    box, seen = record.region, record.observation
    if isinstance(box, Box) and isinstance(seen, ImageObservation):
        there = box.x1 < seen.width and box.y1 < seen.height and box.x2 > 0 and box.y2 > 0
        what = f"the image, {seen.width} x {seen.height} pixels"
    elif isinstance(box, Box3D) and isinstance(seen, CloudObservation):
        there = bool(replace(box, center=tuple(np.subtract(box.center, seen.origin))).contains(seen.points).any())
        what = f"all {len(seen):,} points of the cloud"
    else:
        return True
    if not there:
        warn_about_input(f"{record.id}: {box} lies outside of {what}; left out")
    return there
