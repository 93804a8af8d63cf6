"""COCO run-length encoding of masks, read as untrusted input.

Counts are the lengths of alternating runs of 0 and 1, starting with 0, down the columns. The compressed form writes
each count (from the fourth on, its difference to the one before the last) as characters of 5 bits and a continuation
bit. Everything is checked before memory is taken, which the C code of pycocotools leaves to its caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from region_perception.errors import InvalidRegion
from region_perception.observations.arrays import MAX_PIXELS
from region_perception.regions.checks import plain, shown


def decode(written: Mapping[str, Any]) -> np.ndarray:
    """bool [H, W] of {"size": [H, W], "counts": bytes, text or list of counts}."""
    if set(written) != {"size", "counts"}:
        raise InvalidRegion(f"Mask: COCO RLE has the keys 'size' and 'counts', got {shown(list(written))}")
    height, width = _size(plain(written["size"]))
    counts = plain(written["counts"])
    if isinstance(counts, str | bytes):
        runs = _decompress(counts, height * width)
    elif isinstance(counts, list | tuple):
        runs = _checked_runs(counts, height * width)
    else:
        raise InvalidRegion(f"Mask: RLE counts must be bytes, text or a list of whole numbers, got {shown(counts)}")
    if runs.sum() != height * width:
        expected = f"{height} x {width} = {height * width:,} pixels"
        raise InvalidRegion(f"Mask: RLE counts cover {int(runs.sum()):,} pixels, but its size [H, W] is {expected}")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def encode(mask: np.ndarray) -> dict[str, Any]:
    """{"size": [H, W], "counts": text} of bool [H, W], the compressed form that JSON can hold."""
    from pycocotools import mask as coco

    written = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in written["size"]], "counts": written["counts"].decode("ascii")}


def _size(size: Any) -> tuple[int, int]:
    sides = [plain(side) for side in size] if isinstance(size, list | tuple) else []
    if len(sides) != 2 or any(type(side) is not int or side < 1 for side in sides):
        raise InvalidRegion(f"Mask: RLE size must be two positive whole numbers [H, W], got {shown(size)}")
    if sides[0] * sides[1] > MAX_PIXELS:
        raise InvalidRegion(f"Mask: RLE size must have at most {MAX_PIXELS:,} pixels in all, got {shown(size)}")
    return sides[0], sides[1]


def _checked_runs(counts: list[Any] | tuple[Any, ...], pixels: int) -> np.ndarray:
    counts = [plain(count) for count in counts]
    for count in counts:
        if type(count) is not int or not 0 <= count <= pixels:
            expected = f"whole numbers from 0 to the {pixels:,} pixels of its size"
            raise InvalidRegion(f"Mask: RLE counts must be {expected}, got {shown(count)}")
    return np.array(counts, dtype=np.int64)


def _decompress(text: str | bytes, pixels: int) -> np.ndarray:
    """int64 runs of the compressed form; all characters at once, since a mask of noise has a million of them."""
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    codes = np.frombuffer(data, np.uint8).astype(np.int64) - 48
    last = codes & 32 == 0  # the last character of each count
    if len(codes) == 0 or codes.min() < 0 or codes.max() > 63 or not last[-1]:
        raise InvalidRegion(f"Mask: RLE counts are not the compressed COCO form (broken or cut off): {shown(text)}")
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > 7:  # 35 bits, more than any count that the size allows
        raise InvalidRegion(f"Mask: RLE counts hold a number of more than 35 bits: {shown(text)}")
    digit = np.arange(len(codes)) - np.repeat(starts, lengths)
    values = np.add.reduceat((codes & 31) << (5 * digit), starts)
    values -= np.where(codes[ends] & 16, 1 << (5 * lengths), 0)  # the sign bit of the last character
    values[1::2], values[2::2] = np.cumsum(values[1::2]), np.cumsum(values[2::2])
    if values.min() < 0 or values.max() > pixels:
        raise InvalidRegion(f"Mask: RLE counts hold a run outside 0 to {pixels:,} pixels: {shown(text)}")
    return values
