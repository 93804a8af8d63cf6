"""Camera intrinsics."""

import math

import numpy as np
import pytest

from region_perception.errors import InvalidObservation
from region_perception.observations import Intrinsics

MATRIX = np.array([[500, 0, 320], [0, 510, 240], [0, 0, 1.0]])


def test_from_matrix() -> None:
    assert Intrinsics.from_matrix(MATRIX) == Intrinsics(fx=500, fy=510, cx=320, cy=240)
    assert Intrinsics.from_matrix(MATRIX.tolist()) == Intrinsics.of(MATRIX)


def test_numbers_become_floats() -> None:
    camera = Intrinsics(np.int64(500), np.float32(510), 320, 240)
    assert all(type(value) is float for value in (camera.fx, camera.fy, camera.cx, camera.cy))


def changed(row: int, column: int, value: float) -> np.ndarray:
    matrix = MATRIX.copy()
    matrix[row, column] = value
    return matrix


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ((0, 500, 320, 240), "fx must be above 0 pixels, got 0"),
        ((500, -1, 320, 240), "fy must be above 0 pixels, got -1"),
        ((500, 500, math.nan, 240), "cx must be finite, got nan"),
        ((500, 500, 320, math.inf), "cy must be finite, got inf"),
        (("wide", 500, 320, 240), "fx must be a number, got 'wide'"),
        ((500, 500, 320), "3x3 matrix, got shape"),
        ((500, 500, 320, 240, 0), "four numbers or a 3x3 matrix"),
        ("500", "four numbers or a 3x3 matrix"),
        (None, "four numbers or a 3x3 matrix"),
        (np.eye(4), "fx must be a number"),
        (np.zeros((3, 4)), "3x3 matrix, got shape"),
        (changed(2, 2, 0), r"last row must be \[0, 0, 1\]"),
        (changed(0, 1, 3), "skew is not supported, got 3"),
        (changed(0, 0, 0), "fx must be above 0"),
        ([[500, 0], [0, 500], [1]], "3x3 matrix of numbers"),
    ],
)
def test_bad_intrinsics(value: object, message: str) -> None:
    with pytest.raises(InvalidObservation, match=f"intrinsics: .*{message}"):
        Intrinsics.of(value)
