"""Which observations each step reads: a function of seed and step alone, so that a run goes on wherever it stopped.

Every modality has an endless stream of draws: its observations in a random order, then in another, and so on. An epoch
is a fixed list of steps; each step takes the next draws of one modality (semi-hybrid, interleaved) or of all (mixed).
"""

import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from region_perception.training.recipe import Recipe

_ROUNDS = 8
_MIX, _WORD = 0x9E3779B97F4A7C15, 2**64 - 1  # an odd number without a pattern; 64 bits


class Draws(NamedTuple):
    """The draws `first` to `first + number - 1` of one modality's stream."""

    modality: str
    first: int
    number: int


class Schedule:
    """The steps of a run over data of given sizes (observations of each modality)."""

    def __init__(self, recipe: Recipe, sizes: Mapping[str, int]) -> None:
        self._counts = {name: share.observations for name, share in recipe.shares.items()}
        turns = {
            name: max(1, sizes[name] * share.repeats // share.observations) for name, share in recipe.shares.items()
        }
        self._epoch = _epoch(recipe.order, turns)
        # How often each modality has had its turn before each step of an epoch; the last entry counts the whole epoch.
        before = dict.fromkeys(turns, 0)
        self._before = [dict(before)]
        for names in self._epoch:
            for name in names:
                before[name] += 1
            self._before.append(dict(before))
        self.turns = dict(before)
        """In how many steps of an epoch each modality is read."""
        self.steps_per_epoch = len(self._epoch)
        self.steps = recipe.steps or recipe.epochs * self.steps_per_epoch

    def epoch(self, step: int) -> int:
        """The epoch, from 0, that a step (from 0) belongs to."""
        return step // self.steps_per_epoch

    def draws(self, step: int) -> list[Draws]:
        """What a step (from 0) reads."""
        epoch, place = divmod(step, self.steps_per_epoch)
        turns = {name: epoch * self._before[-1][name] + self._before[place][name] for name in self._epoch[place]}
        return [Draws(name, turn * self._counts[name], self._counts[name]) for name, turn in turns.items()]


def _epoch(order: str, turns: Mapping[str, int]) -> list[tuple[str, ...]]:
    """The modalities of every step of an epoch, in which each has so many turns."""
    if order == "mixed":
        return [tuple(turns)] * max(turns.values())
    steps = [((turn + 0.5) / count, name) for name, count in turns.items() for turn in range(count)]
    if order == "interleaved":
        steps.sort(key=lambda step: step[0])
    return [(name,) for _, name in steps]


def drawn_index(seed: int, modality: str, size: int, draw: int) -> int:
    """Which of `size` observations a draw of the modality's stream is."""
    lap, place = divmod(draw, size)
    keys = _keys(seed, modality, lap)
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    place = _permuted(place, half, keys)
    while place >= size:  # of a power of four that holds `size`, less than four times as large
        place = _permuted(place, half, keys)
    return place


def generator(seed: int, modality: str, number: int, purpose: str) -> np.random.Generator:
    """A source of random numbers that depends on these four alone."""
    return np.random.default_rng([seed, zlib.crc32(f"{modality} {purpose}".encode()), number])


@lru_cache(maxsize=64)
def _keys(seed: int, modality: str, lap: int) -> tuple[int, ...]:
    return tuple(generator(seed, modality, lap, "order").integers(2**63, size=_ROUNDS).tolist())


def _permuted(place: int, half: int, keys: tuple[int, ...]) -> int:
    """Where one of 4^half numbers goes in a random order: a Feistel network, so that no order is held in memory.

    In each round one half of the bits changes by a hash of the other, which can be undone; so no two places meet.
    """
    mask = (1 << half) - 1
    left, right = place >> half, place & mask
    for key in keys:
        mixed = (right + key) * _MIX & _WORD
        mixed = (mixed ^ mixed >> 29) * _MIX & _WORD
        left, right = right, left ^ (mixed >> 32 & mask)
    return left << half | right
