"""Names for regions that last from frame to frame, so that a caption stays with its thing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NEAR = 0.5  # of the size of the smaller: how far the middle of a region moves at most from one frame to the next


class Numbers:
    """Gives each region the number of the one that was about there in the last frame, or a new one."""

    def __init__(self) -> None:
        self._next = 1
        self._last: list[tuple[int, np.ndarray, np.ndarray]] = []

    def of(self, places: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[int]:
        """One number for each of places (middle [D], size [D]) of one frame, in any unit. No two get the same."""
        distances = [
            (self._apart(middle, size, *last[1:]), new, old)
            for new, (middle, size) in enumerate(places)
            for old, last in enumerate(self._last)
        ]
        numbers: dict[int, int] = {}
        taken: set[int] = set()
        for distance, new, old in sorted(distances):
            if distance <= NEAR and new not in numbers and old not in taken:
                numbers[new] = self._last[old][0]
                taken.add(old)
        for new in range(len(places)):
            if new not in numbers:
                numbers[new] = self._next
                self._next += 1
        self._last = [(numbers[new], *place) for new, place in enumerate(places)]
        return [numbers[new] for new in range(len(places))]

    @staticmethod
    def _apart(middle: np.ndarray, size: np.ndarray, other: np.ndarray, other_size: np.ndarray) -> float:
        """How far apart two are, in sizes of the smaller; infinite where one is three times as large."""
        sizes = sorted(float(np.linalg.norm(each)) for each in (size, other_size))
        if sizes[1] > 3 * sizes[0]:
            return float("inf")
        return float(np.linalg.norm(middle - other)) / max(sizes[0], 1e-9)
