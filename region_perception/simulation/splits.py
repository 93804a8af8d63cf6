"""Which seeds belong to which split, and what training never sees."""

from region_perception.errors import InvalidInput
from region_perception.simulation.words import COLORS, KINDS

TRAIN, VAL, TEST = "train", "val", "test"
NOVEL_COMBINATIONS, NOVEL_VIEWS = "novel-combinations", "novel-views"

# Every split has its own range of seeds, so that no scene can be in two of them.
SEEDS = {
    TRAIN: range(0, 1_000_000_000),
    VAL: range(1_000_000_000, 1_100_000_000),
    TEST: range(1_100_000_000, 1_200_000_000),
    NOVEL_COMBINATIONS: range(1_200_000_000, 1_300_000_000),
    NOVEL_VIEWS: range(1_300_000_000, 1_400_000_000),
}
SPLITS = tuple(SEEDS)


def seed_of(split: str, index: int) -> int:
    """The seed of the scene with this index, from 0, in a split."""
    if split not in SEEDS:
        raise InvalidInput(f"unknown split {split!r}; expected one of {', '.join(SPLITS)}")
    if not 0 <= index < len(SEEDS[split]):
        raise InvalidInput(f"scene {index:,} of {split!r}: expected an index from 0 to {len(SEEDS[split]) - 1:,}")
    return SEEDS[split][index]


def is_novel(color: str, kind: str) -> bool:
    """Whether no scene outside of `novel-combinations` has a `kind` of this `color`: two colours of every kind."""
    place = (COLORS.index(color) - 5 * KINDS.index(kind)) % len(COLORS)
    return place in (3, 8)
