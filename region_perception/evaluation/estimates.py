"""Scores with the range that another sample of the same kind would likely give: bootstrap confidence intervals.

What is said about several regions of one scene is right or wrong together more often than by chance, so it is scenes,
not regions, that are drawn again. Where everything is right every draw is, too: then the range has no width, and only
the count tells how much that says.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from region_perception.errors import InvalidInput

RESAMPLES = 1000
LEVEL = 0.95
SEED = 0

# At most this many random numbers at a time, so that memory stays bounded however many scenes there are.
_MOST_DRAWN = 4_000_000


@dataclass(frozen=True)
class Estimate:
    """A score, the range that holds it with 95 % confidence, and how many items it was taken of.

    value is None where there was nothing to score; low and high are None, too, where one group leaves nothing to draw.
    """

    value: float | None
    low: float | None
    high: float | None
    count: int

    def to_dict(self) -> dict[str, float | int | None]:
        return asdict(self)


NOTHING = Estimate(None, None, None, 0)


def estimate_mean(values: Sequence[float], groups: Sequence[Hashable] | None = None) -> Estimate:
    """The mean of numbers, or the share of True.

    groups: what each belongs to; each is one of its own unless given.
    """
    numbers = np.asarray(values, dtype=np.float64).reshape(-1)
    sums = np.stack([numbers, np.ones_like(numbers)], axis=1)
    return estimate(sums, groups, lambda totals: totals[:, :1] / totals[:, 1:])[0]


def estimate(
    items: np.ndarray,
    groups: Sequence[Hashable] | None,
    combine: Callable[[np.ndarray], np.ndarray],
    *,
    biased: bool = False,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> list[Estimate]:
    """Scores that are made of sums over items.

    items: float [N, K], what each item adds to the sums. combine: from sums float64 [B, K] to scores [B, S]. Returns S
    estimates; the range is that between the percentiles of scores of groups drawn with replacement. biased: scores of
    draws lie higher than the score on the whole, as errors do that add up chance; the range is moved back by as much.
    """
    items = np.asarray(items, dtype=np.float64)
    if not np.isfinite(items).all():
        row = int(np.flatnonzero(~np.isfinite(items).all(axis=1))[0])
        raise InvalidInput(f"item {row} of {len(items):,} is {items[row].tolist()}; expected finite numbers")
    if groups is not None and len(groups) != len(items):
        raise InvalidInput(f"{len(groups):,} groups for {len(items):,} items; expected one for each")
    if len(items) == 0:
        return [NOTHING] * combine(np.ones((1, items.shape[1]))).shape[1]
    sums = _sums(items, groups)
    values = combine(sums.sum(axis=0, keepdims=True))[0]
    if len(sums) == 1:
        return [Estimate(float(value), None, None, len(items)) for value in values]
    drawn = np.concatenate([combine(totals) for totals in _draw(sums, resamples, seed)])
    tail = (1 - LEVEL) / 2
    with np.errstate(invalid="ignore"):
        low, high = np.nanquantile(drawn, [tail, 1 - tail], axis=0)
        if biased:
            above = np.nanmean(drawn, axis=0) - values
            low, high = np.maximum(low - above, 0), high - above
    return [
        Estimate(float(value), float(a), float(b), len(items)) for value, a, b in zip(values, low, high, strict=True)
    ]


def _sums(items: np.ndarray, groups: Sequence[Hashable] | None) -> np.ndarray:
    """float64 [G, K]: what each group adds."""
    if groups is None:
        return items
    numbers: dict[Hashable, int] = {}
    rows = [numbers.setdefault(group, len(numbers)) for group in groups]
    sums = np.zeros((len(numbers), items.shape[1]))
    np.add.at(sums, rows, items)
    return sums


def _draw(sums: np.ndarray, resamples: int, seed: int) -> list[np.ndarray]:
    """Sums float64 [B, K] of groups that were drawn with replacement, in parts that make `resamples` together."""
    random = np.random.default_rng(seed)
    groups = len(sums)
    at_once = max(1, _MOST_DRAWN // groups)
    parts = [min(at_once, resamples - start) for start in range(0, resamples, at_once)]
    shares = np.full(groups, 1 / groups)
    return [random.multinomial(groups, shares, size=part) @ sums for part in parts]
