"""Whether a confidence of 0.8 is right in 8 of 10 cases: reliability, expected calibration error, and a fit."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from region_perception.confidence import Fit, chance, log_odds
from region_perception.errors import InvalidInput
from region_perception.evaluation.estimates import Estimate, estimate

BINS = 15

_STEPS = 50
_RIDGE = 1e-3  # keeps the fit finite where one confidence parts all right from all wrong


@dataclass(frozen=True)
class Bin:
    """The items with a confidence in (low, high]; confidence and right are their means, None where there are none."""

    low: float
    high: float
    count: int
    confidence: float | None
    right: float | None


def reliability(confidences: Sequence[float], right: Sequence[bool], bins: int = BINS) -> list[Bin]:
    """What was right, by equally wide ranges of confidence in [0, 1]."""
    sums = _by_bin(*_checked(confidences, right), bins).sum(axis=0).reshape(bins, 3)
    return [
        Bin(i / bins, (i + 1) / bins, int(n), float(c / n) if n else None, float(r / n) if n else None)
        for i, (n, c, r) in enumerate(sums)
    ]


def calibration_error(
    confidences: Sequence[float],
    right: Sequence[bool],
    groups: Sequence[Hashable] | None = None,
    bins: int = BINS,
) -> Estimate:
    """ECE: how far confidence and share of right are apart in each bin, averaged over items."""
    items = _by_bin(*_checked(confidences, right), bins)

    def error(sums: np.ndarray) -> np.ndarray:
        parts = sums.reshape(len(sums), bins, 3)
        return (np.abs(parts[:, :, 1] - parts[:, :, 2]).sum(axis=1) / parts[:, :, 0].sum(axis=1))[:, None]

    return estimate(items, groups, error, biased=True)[0]


def fit_calibration(confidences: Sequence[float], right: Sequence[bool]) -> Fit:
    """The slope and shift that make what was right likeliest (Platt's scaling of the log-odds)."""
    given, was_right = _checked(confidences, right)
    inputs = np.stack([log_odds(given), np.ones_like(given)], axis=1)
    start = np.array([1.0, 0.0])  # leaves confidences as they are; the ridge pulls towards it
    weights = start.copy()
    for _ in range(_STEPS):
        likely = chance(inputs @ weights)
        slope = inputs.T @ (likely - was_right) + _RIDGE * (weights - start)
        bend = (inputs * (likely * (1 - likely))[:, None]).T @ inputs + _RIDGE * np.eye(2)
        step = np.linalg.solve(bend, slope)
        step *= min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))  # Newton's steps may overshoot far from the goal
        weights -= step
        if np.abs(step).max() < 1e-10:
            break
    return Fit(float(weights[0]), float(weights[1]))


def error_after_fit(
    confidences: Sequence[float], right: Sequence[bool], groups: Sequence[Hashable] | None = None, bins: int = BINS
) -> Estimate:
    """ECE after a fit, each half of the groups judged by what was fitted to the other half."""
    given, was_right = _checked(confidences, right)
    names = list(range(len(given))) if groups is None else list(groups)
    if len(names) != len(given):
        raise InvalidInput(f"{len(names):,} groups for {len(given):,} confidences; expected one for each")
    order = {name: i for i, name in enumerate(dict.fromkeys(names))}
    half = np.array([order[name] % 2 for name in names], dtype=int)
    fitted = given.copy()
    for part in (0, 1):
        if (half == 1 - part).any():
            fit = fit_calibration(given[half == 1 - part].tolist(), was_right[half == 1 - part].astype(bool).tolist())
            fitted[half == part] = fit(given[half == part])
    return calibration_error(fitted.tolist(), was_right.astype(bool).tolist(), groups, bins)


def _checked(confidences: Sequence[float], right: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
    given, was_right = np.asarray(confidences, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if given.shape != was_right.shape or given.ndim != 1:
        raise InvalidInput(f"{given.shape} confidences for {was_right.shape} right or wrong; expected as many of each")
    if outside := given[~((given >= 0) & (given <= 1))].tolist():
        raise InvalidInput(f"confidence {outside[0]}: expected numbers from 0 to 1")
    return given, was_right


def _by_bin(given: np.ndarray, was_right: np.ndarray, bins: int) -> np.ndarray:
    """float64 [N, 3 bins]: for each item a one, its confidence and whether it is right, at the place of its bin."""
    # The upper edge belongs to a bin, the lower one to the bin below: 1.0 lies in the last, as 0.0 does in the first.
    place = np.clip(np.ceil(given * bins).astype(int) - 1, 0, bins - 1)
    items = np.zeros((len(given), bins, 3))
    items[np.arange(len(given)), place] = np.stack([np.ones_like(given), given, was_right], axis=1)
    return items.reshape(len(given), 3 * bins)
