"""What of a heap stands on what: a ball on a tray, a can in a pan, a mug on a book.

Things that touch are connected, so that a click on one takes both. Of a heap on a support those parts are cut away that
stand on something flat in it, as things do: on the floor of a tray, the top of a box, the seat of a stool. That alone
is no reason to part them, since a lamp stands on its foot and a chair's back on its seat: the part must also have
colours that are not those of the rest, and be joined with it along more than a neck. What is striped or checkered has
the colours of its own rest, and stays together.

Colours are compared among the points of one heap, lengths with its own size and noise: there is no scale here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from region_perception.regions import colour

FOOT = 0.05  # quantile of heights that tells which of several supports a heap stands on
WORK_POINTS = 5_000  # of a heap are enough for what can be told
MAX_FLATS = 3  # of a heap that things may stand on
FLAT_SHARE = 0.1  # of its points: a smaller flat place carries nothing that could be told from it
FLAT_WIDTH = 3.0  # times the tolerance: of the heights that are first taken for one flat place
LEVEL = 0.9  # cosine of the angle to the support: what leans more carries nothing
LEAST_POINTS = 12
LEAST_SHARE = 0.015  # of a heap: a smaller part is a rim or noise
MOST_SHARE = 0.9  # of a heap: a larger part is the heap
LEAST_SEAM = 0.3  # of the width of the smaller part: along a shorter seam they hang together by a neck
BIN = 5  # CIELAB: colours this near are taken for one
MOST_TONES = 256
ALIKE = 12.0  # CIELAB distance, where shade counts for less
COMMON = 0.04  # share of the rest that has a colour, from which it is one of its colours
FOREIGN = 0.4  # share of a part that has none of the colours of the rest, from which it is another thing
LEAST_CORE = 0.15  # of a part: how much of it may be another thing that leans against a rim of the heap


@dataclass(frozen=True, eq=False)
class Heap:
    """Points of one connected thing, or of several.

    points: float64 [n, 3]. lab: float32 [n, 3], CIELAB. start, end: int64 [m], which points are neighbours. heights:
    float64 [n], above the support, along `up`, float64 [3], of length 1. tolerance: how far from a plane points still
    belong to it, in the unit of the points.
    """

    points: np.ndarray
    lab: np.ndarray
    start: np.ndarray
    end: np.ndarray
    heights: np.ndarray
    up: np.ndarray
    tolerance: float


def carried(heap: Heap) -> np.ndarray:
    """int64 [n]: 1, 2, .. for the points of each thing that stands on another of the heap, 0 for what carries them."""
    labels = np.zeros(len(heap.points), np.int64)
    if len(labels) < 2 * LEAST_POINTS:
        return labels
    tones = _Tones(heap.lab)
    for middle, normal in _flats(heap):
        over = (heap.points - middle) @ normal
        flat = np.abs(over) <= heap.tolerance
        above = (over > heap.tolerance) & (labels == 0)
        for thing in _things(heap, tones, flat, above):
            labels[thing] = labels.max() + 1
    return labels


class _Tones:
    """The colours of points, near ones made one, and which of them are alike."""

    def __init__(self, lab: np.ndarray) -> None:
        side = float(BIN)
        while True:
            bins = np.floor(lab / side).astype(np.int64) + 512
            keys = (bins[:, 0] << 20) + (bins[:, 1] << 10) + bins[:, 2]
            _, self.number, self.counts = np.unique(keys, return_inverse=True, return_counts=True)
            if len(self.counts) <= MOST_TONES:
                break
            side *= 1.5
        sums = [np.bincount(self.number, weights=channel) for channel in lab.T]
        self.alike = colour.unlike_each_other(np.stack(sums, axis=1) / self.counts[:, None]) <= ALIKE

    def foreign(self, part: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """bool [n]: the points of `part` (bool [n]) that have none of the colours of `rest` (bool [n])."""
        theirs = np.bincount(self.number[rest], minlength=len(self.counts))
        return part & (self.alike @ theirs < COMMON * max(int(theirs.sum()), 1))[self.number]

    def share(self, part: np.ndarray, rest: np.ndarray) -> float:
        """How much of `part` that is."""
        return np.count_nonzero(self.foreign(part, rest)) / max(int(np.count_nonzero(part)), 1)


def _flats(heap: Heap) -> list[tuple[np.ndarray, np.ndarray]]:
    """(middle, normal) of the planes along the support that hold many points, the one that holds most first."""
    found, left = [], np.ones(len(heap.points), bool)
    least = max(FLAT_SHARE * len(left), LEAST_POINTS)
    for _ in range(MAX_FLATS):
        heights = np.sort(heap.heights[left])
        if len(heights) < least:
            break
        ends = np.searchsorted(heights, heights + FLAT_WIDTH * heap.tolerance, side="right")
        counts = ends - np.arange(len(heights))
        low = heights[np.argmax(counts)]
        if counts.max() < least:
            break
        layer = left & (heap.heights >= low) & (heap.heights <= low + FLAT_WIDTH * heap.tolerance)
        fitted = _fitted(heap, left, layer)
        if fitted is not None and np.count_nonzero(fitted[2]) >= least:
            found.append(fitted)
            left &= ~fitted[2]
        left &= ~layer
    found.sort(key=lambda each: -int(np.count_nonzero(each[2])))
    return [(middle, normal) for middle, normal, _ in found]


def _fitted(heap: Heap, left: np.ndarray, near: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Middle, normal and bool [n], the points, of the plane about the points `near`; None where it leans too much."""
    for _ in range(3):
        inside = heap.points[near]
        if len(inside) < LEAST_POINTS:
            return None
        middle = inside.mean(axis=0)
        normal = np.linalg.eigh((inside - middle).T @ (inside - middle))[1][:, 0]
        normal = normal if normal @ heap.up > 0 else -normal
        if normal @ heap.up < LEVEL:
            return None
        near = left & (np.abs((heap.points - middle) @ normal) <= heap.tolerance)
    return middle, normal, near


def _things(heap: Heap, tones: _Tones, flat: np.ndarray, above: np.ndarray) -> list[np.ndarray]:
    """bool [n] of each thing among the points `above` the points of a `flat` place, both bool [n]."""
    parts = [part for part in _connected(heap, above) if _seam(heap, part, flat) >= LEAST_SEAM]
    alike = [tones.share(part, ~above) >= FOREIGN for part in parts]  # things on one tray may have the same colours
    rest = ~np.any([part for part, is_alike in zip(parts, alike, strict=True) if is_alike] or [~above & above], axis=0)
    found = []
    for part in parts:
        if np.count_nonzero(part) <= MOST_SHARE * len(part) and tones.share(part, rest & ~part) >= FOREIGN:
            found.append(part)
        elif (core := _core(heap, tones, part, flat)) is not None:
            found.append(core)
    return found


def _core(heap: Heap, tones: _Tones, part: np.ndarray, flat: np.ndarray) -> np.ndarray | None:
    """bool [n]: the largest piece of `part` whose colours are nowhere else, as of what leans against a rim."""
    cores = _connected(heap, tones.foreign(part, flat))
    if not cores:
        return None
    core = max(cores, key=lambda each: int(np.count_nonzero(each)))
    large = np.count_nonzero(core) >= LEAST_CORE * np.count_nonzero(part)
    return core if large and tones.share(core, ~core) >= FOREIGN and _seam(heap, core, flat) >= LEAST_SEAM else None


def _seam(heap: Heap, part: np.ndarray, flat: np.ndarray) -> float:
    """How long the seam between `part` and `flat` is, in widths of the smaller side of the cut."""
    across = part[heap.start] != part[heap.end]
    across &= flat[heap.start] | flat[heap.end]
    count = int(np.count_nonzero(part))
    each = max(len(heap.start) / len(part), 1e-9)  # neighbours of a point, each counted once
    width = max(min(count, len(part) - count), 1) ** 0.5
    return float(np.count_nonzero(across) / each / width)


def _connected(heap: Heap, among: np.ndarray) -> list[np.ndarray]:
    """bool [n] of each connected part of the points `among` that is large enough for a thing."""
    joined = among[heap.start] & among[heap.end]
    links = np.ones(np.count_nonzero(joined), bool), (heap.start[joined], heap.end[joined])
    graph = sparse.coo_array(links, shape=(len(among),) * 2)
    labels = csgraph.connected_components(graph, directed=False)[1]
    counts = np.bincount(labels[among], minlength=1)
    return [among & (labels == each) for each in np.flatnonzero(counts >= max(LEAST_POINTS, LEAST_SHARE * len(among)))]
