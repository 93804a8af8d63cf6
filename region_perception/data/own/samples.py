"""The observations of an index across modalities: an image is one sample, whether its whole or a region is told of."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

import numpy as np

from region_perception.data.index import Index


class Samples:
    """All that an index tells, by what is seen, in the order of the data set."""

    def __init__(self, index: Index) -> None:
        self._index = index
        marks = np.fromiter((_mark(index.rows(number)[0]["place"]) for number in index.all), np.uint64, len(index.all))
        _, first, group = np.unique(marks, return_index=True, return_inverse=True)
        rank = np.empty_like(first)
        rank[np.argsort(first)] = np.arange(len(first))
        of_number = rank[group.reshape(-1)]
        self._order = np.argsort(of_number, kind="stable")
        self._firsts = np.concatenate([[0], np.cumsum(np.bincount(of_number, minlength=len(first)))]).astype(np.int64)

    def __len__(self) -> int:
        return len(self._firsts) - 1

    def rows(self, sample: int) -> list[dict[str, Any]]:
        """All that is told of one image or cloud."""
        numbers = self._order[slice(*self._firsts[sample : sample + 2])]
        return [row for number in numbers for row in self._index.rows(int(number))]


def _mark(place: dict[str, Any]) -> int:
    return int.from_bytes(blake2b(json.dumps(place, sort_keys=True).encode(), digest_size=8).digest(), "little")
