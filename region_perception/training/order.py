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
    return int(_shuffled(seed, modality, size, lap)[place])


def generator(seed: int, modality: str, number: int, purpose: str) -> np.random.Generator:
    """A source of random numbers that depends on these four alone."""
    return np.random.default_rng([seed, zlib.crc32(f"{modality} {purpose}".encode()), number])


@lru_cache(maxsize=8)
def _shuffled(seed: int, modality: str, size: int, lap: int) -> np.ndarray:
    return generator(seed, modality, lap, "order").permutation(size)
