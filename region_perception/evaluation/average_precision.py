"""Average precision of telling what given boxes show, as COCO counts it for detections.

Every box of the truth is a detection at its own place, and what is asked is only its name. Of all detections of a name,
the surest first, each takes the truth of that name that it overlaps most and that none has taken; the precision at 101
levels of recall is averaged, then over ten overlaps from 0.5 to 0.95, then over the names. Boxes that lie almost upon
each other may take each other's truth, as in COCO's own evaluation, with which this agrees.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from region_perception.errors import InvalidInput

_OVERLAPS = np.linspace(0.5, 0.95, 10)
_RECALLS = np.linspace(0, 1, 101)
_MOST = 100  # detections of a name that count in one image, the surest


@dataclass(frozen=True)
class Precision:
    """Average precisions in [0, 1].

    mean: over overlaps and names; at_50, at_75: at one overlap, over names; by_name: over overlaps, of each name in the
    truth by its number. All None, and none by name, where there is no truth.
    """

    mean: float | None
    at_50: float | None
    at_75: float | None
    by_name: dict[int, float]


def average_precision(
    images: Sequence[Hashable], boxes: np.ndarray, truth: Sequence[int], scores: np.ndarray
) -> Precision:
    """How well N boxes are named.

    images: what each lies in; of two that are equally sure the one counts first whose image sorts first. boxes: float
    [N, 4] (x1, y1, x2, y2). truth: the number of each one's name. scores: float [N, C], how sure each box is of each of
    C names; NaN where it is not said to be that at all.
    """
    corners, names, sure = _checked(images, boxes, truth, scores)
    places = {image: place for place, image in enumerate(sorted(set(images), key=_rank))}
    where = np.array([places[image] for image in images], np.int64)
    members = _members(where, len(places))
    precisions = {
        int(name): _of_name(corners, names == name, sure[:, name], members) for name in np.unique(names).tolist()
    }
    if not precisions:
        return Precision(None, None, None, {})
    table = np.stack(list(precisions.values()))  # [names, overlaps]
    by_name = {name: float(each.mean()) for name, each in precisions.items()}
    return Precision(float(table.mean()), float(table[:, 0].mean()), float(table[:, 5].mean()), by_name)


def _checked(
    images: Sequence[Hashable], boxes: np.ndarray, truth: Sequence[int], scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    corners = np.asarray(boxes, np.float64).reshape(-1, 4)
    sure, names = np.asarray(scores, np.float64), np.asarray(truth, np.int64)
    if sure.ndim != 2 or not len(images) == len(corners) == len(names) == len(sure):
        raise InvalidInput(
            f"{len(images):,} images, {len(corners):,} boxes, {len(names):,} names and scores {list(sure.shape)}; "
            "expected one of each, and a row of scores, for every box"
        )
    bad = ~(np.isfinite(corners).all(axis=1) & (corners[:, 2:] > corners[:, :2]).all(axis=1))
    if bad.any():
        raise InvalidInput(f"a box is {corners[bad][0].tolist()}; expected x1 < x2 and y1 < y2, all finite")
    if len(names) and not 0 <= names.min() <= names.max() < sure.shape[1]:
        raise InvalidInput(
            f"names are numbered {names.min()} to {names.max()}; expected numbers of the {sure.shape[1]} names scored"
        )
    if np.isinf(sure).any():
        raise InvalidInput("a score is infinite; expected a finite one, or NaN where there is none")
    return corners, names, sure


def _rank(image: Hashable) -> tuple[bool, Hashable]:
    """Numbers before names, each in their order."""
    return isinstance(image, str), image


def _members(where: np.ndarray, count: int) -> list[np.ndarray]:
    """The rows of each image, image by image."""
    order = np.argsort(where, kind="stable")
    return np.split(order, np.searchsorted(where[order], np.arange(1, count)))


def _of_name(corners: np.ndarray, true: np.ndarray, sure: np.ndarray, members: list[np.ndarray]) -> np.ndarray:
    """float64 [overlaps]: the average precision of one name. true: bool [N]; sure: float64 [N], NaN where not said."""
    counts = ~np.isnan(sure)
    right = np.zeros((len(_OVERLAPS), len(sure)), bool)
    for rows in members:
        if len(rows) <= _MOST and not true[rows].any():
            continue  # nothing to find, and nothing too much
        given = rows[counts[rows]]
        given = given[np.argsort(-sure[given], kind="stable")]
        counts[given[_MOST:]] = False
        right[:, given[:_MOST]] = _right(corners[given[:_MOST]], corners[rows[true[rows]]])
    said = np.concatenate(members)
    said = said[counts[said]]
    said = said[np.argsort(-sure[said], kind="stable")]
    hits = np.cumsum(right[:, said], axis=1, dtype=np.float64)
    precision = hits / np.arange(1, hits.shape[1] + 1)
    best_from_here = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = hits / true.sum()
    return np.array([_levels(*each).mean() for each in zip(recall, best_from_here, strict=True)])


def _levels(recall: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """float64 [101]: the precision at each level of recall; 0 where that is never reached."""
    first = np.searchsorted(recall, _RECALLS, side="left")
    return np.append(precision, 0.0)[first]


def _right(given: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """bool [overlaps, D]: which boxes [D, 4], the surest first, find a truth of [G, 4] that is not taken."""
    right = np.zeros((len(_OVERLAPS), len(given)), bool)
    if not len(given) or not len(truth):
        return right
    shared = _shared(given, truth)
    free = np.ones((len(_OVERLAPS), len(truth)), bool)
    levels = np.arange(len(_OVERLAPS))
    for row, overlap in enumerate(shared):
        open_to = np.where(free, overlap, -1.0)
        best = len(truth) - 1 - open_to[:, ::-1].argmax(axis=1)  # of several the last, as COCO has it
        right[:, row] = open_to[levels, best] >= np.minimum(_OVERLAPS, 1 - 1e-10)
        free[levels, best] &= ~right[:, row]
    return right


def _shared(given: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """float64 [D, G]: what two boxes share, of what both cover."""
    low = np.maximum(given[:, None, :2], truth[None, :, :2])
    high = np.minimum(given[:, None, 2:], truth[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (given, truth)]
    return both / (areas[0][:, None] + areas[1][None] - both)
