"""Pinhole intrinsics: where a camera's pixels look."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from region_perception.errors import InvalidObservation


@dataclass(frozen=True)
class Intrinsics:
    """Pinhole camera without distortion: focal lengths and principal point, all in pixels.

    As in ROS `CameraInfo.k` and OpenCV, the centre of the top left pixel is (0, 0) for `cx` and `cy`.
    """

    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            try:
                number = float(value)
            except (TypeError, ValueError) as error:
                raise InvalidObservation(f"intrinsics: {field.name} must be a number, got {value!r}") from error
            if not math.isfinite(number):
                raise InvalidObservation(f"intrinsics: {field.name} must be finite, got {number}")
            if field.name in ("fx", "fy") and number <= 0:
                raise InvalidObservation(f"intrinsics: {field.name} must be above 0 pixels, got {number}")
            object.__setattr__(self, field.name, number)

    @classmethod
    def from_matrix(cls, matrix: np.ndarray | Sequence[Sequence[float]]) -> "Intrinsics":
        """From the camera matrix [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] in pixels."""
        try:
            k = np.asarray(matrix, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidObservation(f"intrinsics: expected a 3x3 matrix of numbers, got {matrix!r}") from error
        if k.shape != (3, 3):
            raise InvalidObservation(f"intrinsics: expected a 3x3 matrix, got shape {k.shape}")
        if not np.array_equal(k[2], (0, 0, 1)):
            raise InvalidObservation(f"intrinsics: the last row must be [0, 0, 1], got {k[2].tolist()}")
        if k[0, 1] != 0 or k[1, 0] != 0:
            raise InvalidObservation(f"intrinsics: skew is not supported, got {k[0, 1]} and {k[1, 0]} instead of 0")
        return cls(fx=k[0, 0], fy=k[1, 1], cx=k[0, 2], cy=k[1, 2])

    @classmethod
    def of(cls, value: object) -> "Intrinsics":
        """From any of the accepted forms: `Intrinsics`, (fx, fy, cx, cy), or a 3x3 matrix."""
        if isinstance(value, Intrinsics):
            return value
        if isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, str):
            if len(value) == 4:
                return cls(*value)
            if len(value) == 3:
                return cls.from_matrix(value)
        raise InvalidObservation(
            f"intrinsics: expected Intrinsics(fx, fy, cx, cy), four numbers or a 3x3 matrix, got {value!r}"
        )
