"""Splits for data that have none of their own: by names alone, the same on every machine and in any order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b

SEED = "region-perception 1"
"""Part of what is hashed. A change makes other splits, and figures on the old ones mean nothing beside new ones."""


def rank(name: str) -> int:
    """A number below 2^64 that a name is given, evenly spread."""
    return int.from_bytes(blake2b(f"{SEED} {name}".encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def split_of(name: str, shares: Mapping[str, float], rest: str = "train") -> str:
    """The split that a name falls into, where each has about such a share of all names."""
    place, edge = rank(name) / 2**64, 0.0
    for split, share in shares.items():
        edge += share
        if place < edge:
            return split
    return rest


def drawn(names: Iterable[str], counts: Mapping[str, int]) -> dict[str, frozenset[str]]:
    """Exactly so many names for each split, those of lowest rank; all others are in none of them."""
    ranked = sorted(names, key=lambda name: (rank(name), name))
    chosen, first = {}, 0
    for split, count in counts.items():
        chosen[split] = frozenset(ranked[first : first + count])
        first += count
    return chosen
