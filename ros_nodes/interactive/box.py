"""A box that is moved, turned and resized, without ROS: where it is, and what pulling at one of its faces does."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

LEAST_SIDE, MOST_SIDE = 0.005, 100.0  # metres
HANDLES = {
    f"{sign}{axis}": (number, 1 if sign == "+" else -1) for number, axis in enumerate("xyz") for sign in ("+", "-")
}
"""Names of the handles, one for each face: (axis, direction)."""
AWAY, FURTHER = 0.02, 0.1  # from a face to its handle: metres, and besides a share of the side


@dataclass(frozen=True, eq=False)
class HeldBox:
    """frame: in which it lies. middle: float64 [3], metres. rotation: float64 [3, 3], from its own axes. sides: [3]."""

    frame: str
    middle: np.ndarray
    rotation: np.ndarray
    sides: np.ndarray

    def moved(self, middle: np.ndarray, rotation: np.ndarray) -> HeldBox:
        """Elsewhere, of the same size."""
        return replace(self, middle=middle, rotation=rotation)

    def handle(self, name: str) -> np.ndarray:
        """float64 [3]: where the handle of a face is, a little outside of it."""
        axis, direction = HANDLES[name]
        reach = self.sides[axis] / 2 + AWAY + FURTHER * self.sides[axis]
        return self.middle + direction * reach * self.rotation[:, axis]

    def pulled(self, name: str, point: np.ndarray) -> HeldBox:
        """With the face of a handle where `point` [3] pulls it; the face across stays where it is."""
        axis, direction = HANDLES[name]
        along = float((point - self.middle) @ self.rotation[:, axis]) * direction
        half = self.sides[axis] / 2
        # From the face across to the handle it is the side, AWAY and FURTHER sides.
        side = float(np.clip((along + half - AWAY) / (1 + FURTHER), LEAST_SIDE, MOST_SIDE))
        sides = self.sides.copy()
        sides[axis] = side
        shift = direction * (side - self.sides[axis]) / 2
        return replace(self, middle=self.middle + shift * self.rotation[:, axis], sides=sides)
