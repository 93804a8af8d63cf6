"""What turns the figures of a network into confidences that mean something. Every room may use it; numpy alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from region_perception.errors import InvalidSpec

Task = Literal["caption", "answer", "find"]
CALIBRATED_TASKS: tuple[Task, ...] = get_args(Task)

ScoreMethod = Literal["match", "contrast", "likelihood"]
SCORE_METHODS: tuple[ScoreMethod, ...] = get_args(ScoreMethod)

_EDGE = 1e-6  # confidences are kept this far from 0 and 1, where the log-odds end


@dataclass(frozen=True)
class Fit:
    """Two numbers that turn a confidence c into a chance of being right.

    It is 1 / (1 + exp(-x)) with x = slope * log(c / (1 - c)) + shift.
    """

    slope: float
    shift: float

    def __call__(self, confidences: Sequence[float] | np.ndarray) -> np.ndarray:
        """float64, of the same shape, in [0, 1]."""
        return chance(self.slope * log_odds(np.asarray(confidences, dtype=np.float64)) + self.shift)


@dataclass(frozen=True)
class Calibration:
    """The fit for what a model says in one task about one modality, as the model keeps it."""

    task: Task
    modality: str
    slope: float
    """Above 0: what had more confidence before has no less afterwards."""
    shift: float

    def __post_init__(self) -> None:
        what = f"the calibration of {self.task} in {self.modality}"
        if not (math.isfinite(self.slope) and math.isfinite(self.shift)):
            raise InvalidSpec(f"{what} has slope {self.slope} and shift {self.shift}; expected finite numbers")
        if self.slope <= 0:
            raise InvalidSpec(f"{what} has slope {self.slope}; expected one above 0")

    @property
    def fit(self) -> Fit:
        return Fit(self.slope, self.shift)


def log_odds(chances: np.ndarray) -> np.ndarray:
    """log(c / (1 - c)) of chances in [0, 1], each kept a little away from 0 and 1."""
    kept = np.clip(chances, _EDGE, 1 - _EDGE)
    return np.log(kept / (1 - kept))


def chance(odds: np.ndarray) -> np.ndarray:
    """The chances in [0, 1] that have these log-odds."""
    return 1 / (1 + np.exp(-np.clip(odds, -40, 40)))


def shares(scores: np.ndarray) -> np.ndarray:
    """Which share of all scores for a text each region has: float64 [R, T] in [0, 1], of scores [R, T].

    Where all scores are 0 the shares are equal.
    """
    scores = np.asarray(scores, dtype=np.float64)
    totals = scores.sum(axis=0, keepdims=True)
    return np.where(totals > 0, scores / np.where(totals > 0, totals, 1), 1 / max(len(scores), 1))


def sure_of_best(parts: np.ndarray, best: np.ndarray) -> np.ndarray:
    """How likely each region is meant, float64 [R, T], if the one with the largest part is with the chances `best` [T].

    parts: float [R, T], as of `shares`. What is left goes to the others by their parts, to none more than to the best.
    """
    if len(parts) == 0:
        return parts
    places = parts.argmax(axis=0)[None]
    others = parts.copy()
    np.put_along_axis(others, places, 0.0, axis=0)
    sure = np.minimum(shares(others) * (1 - best), best)
    np.put_along_axis(sure, places, best[None], axis=0)
    return sure
