"""From a stroke in an image with depth to the things that it runs along.

Nobody paints a thing whole: a stroke along a bottle means the bottle. So the things under the stroke are taken as by
clicks, one after another, until little of the stroke is left. What it only slips on to is left out, and so is the
support that things stand on: a stroke on a table means that place on the table. How long the stroke is says how large
the thing may be: along a pea on a plate it does not mean the plate, even where both are selected together.
"""

from __future__ import annotations

import numpy as np

from region_perception.regions.image_selection import thing_at

MOST_TRIES = 4  # of finding another thing or support along one stroke
LEAST = 0.25  # of a stroke that lies on a thing which is meant
MOST_LONGER = 3.0  # times as long as the stroke that a thing may be which is meant


def things_along(pixels: np.ndarray, depth: np.ndarray, stroke: np.ndarray) -> np.ndarray:
    """bool [H, W]: the things that `stroke` (bool [H, W]) runs along; none set where it runs along none.

    pixels: uint8 [H, W, 3] RGB. depth: float32 [H, W] metres, NaN where unknown.
    """
    selected = np.zeros(stroke.shape, dtype=bool)
    left, least = stroke.copy(), max(LEAST * np.count_nonzero(stroke), 1)
    for _ in range(MOST_TRIES):
        rows, columns = np.nonzero(left)
        if len(rows) < least:
            break
        middle = np.abs(rows - np.median(rows)) + np.abs(columns - np.median(columns))
        seed = int(np.argmin(middle))
        x, y = int(columns[seed]), int(rows[seed])
        found = thing_at(pixels, depth, (x, y))
        if found is None:  # in a hole in depth, such as shiny things have: the rest of the stroke says what is meant
            left &= np.isfinite(depth)
            left[y, x] = False
            continue
        thing, is_support = found
        runs_along = np.count_nonzero(thing & stroke) >= least and _extent(thing) <= MOST_LONGER * _extent(stroke)
        if not is_support and runs_along:
            selected |= thing
        left &= ~thing
    return selected


def _extent(mask: np.ndarray) -> float:
    """The diagonal of the box around the pixels of bool [H, W], which has some."""
    rows, columns = np.nonzero(mask)
    return float(np.hypot(np.ptp(rows) + 1, np.ptp(columns) + 1))
