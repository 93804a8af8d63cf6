"""Point clouds from PCD files (ASCII, binary and compressed), as the Point Cloud Library writes them."""

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from region_perception.errors import InvalidObservation
from region_perception.observations.cloud_arrays import check_point_count
from region_perception.observations.tables import (
    binary_rows,
    columns,
    complete_text_rows,
    field_names,
    header_lines,
    header_number,
)

_TYPES = {"F": (4, 8), "I": (1, 2, 4, 8), "U": (1, 2, 4, 8)}

MAX_POINT_BYTES = 1024
"""Largest size of one point; PCL's own types stay below, FPFH descriptors with 308 values are not clouds to look at."""


def read_pcd(path: Path, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Coordinates [N, 3] and colours (uint8 [N, 3], where a field rgb or rgba is there) of a PCD file."""
    with path.open("rb") as file:
        encoding, count, dtype = _parse_header(header_lines(file, "data", name), name)
        check_point_count(count, name)
        if encoding == "ascii":
            rows = _from_text(file, dtype, count, name)
        elif encoding == "binary":
            rows = binary_rows(file, dtype, count, name)
        else:
            rows = _from_compressed(file, dtype, count, name)
    packed = next((field for field in ("rgb", "rgba") if field in field_names(dtype)), None)
    return columns(rows, ("x", "y", "z")), _unpack_colors(rows[packed], name) if packed else None


def _parse_header(lines: list[list[str]], name: str) -> tuple[str, int, np.dtype]:
    """Encoding, number of points, and the layout of a point."""
    entries = {words[0].upper(): words[1:] for words in lines if words and not words[0].startswith("#")}
    missing = [key for key in ("FIELDS", "SIZE", "TYPE", "DATA") if not entries.get(key)]
    if missing:
        raise InvalidObservation(f"{name}: not a PCD file, its header lacks {', '.join(missing)}")
    encoding = entries["DATA"][0].lower()
    if encoding not in ("ascii", "binary", "binary_compressed"):
        raise InvalidObservation(f"{name}: DATA must be ascii, binary or binary_compressed, got {encoding}")
    if "POINTS" in entries:
        count = header_number(" ".join(entries["POINTS"]), "POINTS", name)
    else:
        sides = [header_number(" ".join(entries.get(key, ["1"])), key, name) for key in ("WIDTH", "HEIGHT")]
        count = sides[0] * sides[1]
    fields = entries["FIELDS"]
    layout = [entries["SIZE"], entries["TYPE"], entries.get("COUNT", ["1"] * len(fields))]
    if any(len(entry) != len(fields) for entry in layout):
        raise InvalidObservation(
            f"{name}: FIELDS, SIZE, TYPE and COUNT must have as many entries, got {[fields, *layout]}"
        )
    description = [_field(number, entry, name) for number, entry in enumerate(zip(fields, *layout, strict=True))]
    try:
        dtype = np.dtype(description)
    except ValueError as error:
        raise InvalidObservation(f"{name}: {error} among its fields") from error
    if not {"x", "y", "z"} <= set(field_names(dtype)):
        raise InvalidObservation(f"{name}: points need the fields x, y, z, got {', '.join(fields)}")
    if dtype.itemsize > MAX_POINT_BYTES:
        raise InvalidObservation(f"{name}: a point takes {dtype.itemsize} bytes, at most {MAX_POINT_BYTES} are read")
    return encoding, count, dtype


def _field(number: int, entry: tuple[str, str, str, str], name: str) -> tuple[str, str, tuple[int, ...]]:
    """Name, type and shape of one field for numpy, from its entries of FIELDS, SIZE, TYPE and COUNT."""
    label, size, kind, count = entry
    bytes_each = header_number(size, "SIZE", name)
    repeats = header_number(count, "COUNT", name)
    if bytes_each not in _TYPES.get(kind.upper(), ()) or not 1 <= repeats <= MAX_POINT_BYTES:
        raise InvalidObservation(
            f"{name}: field {label} has TYPE {kind}, SIZE {size}, COUNT {count}, which is no layout"
        )
    used = label in ("x", "y", "z", "rgb", "rgba")
    if used and repeats != 1:
        raise InvalidObservation(f"{name}: field {label} must have COUNT 1, got {repeats}")
    # Padding fields are all called "_": everything that is not read gets a name of its own.
    return label if used else f"field {number}", f"<{kind.lower()}{bytes_each}", (repeats,) if repeats > 1 else ()


def _from_text(file: BinaryIO, dtype: np.dtype, count: int, name: str) -> np.ndarray:
    widths = [int(np.prod(dtype[field].shape)) for field in field_names(dtype)]
    table = complete_text_rows(file, count, sum(widths), name)
    rows = np.empty(count, dtype)
    starts = np.cumsum([0, *widths])
    for field, width, start in zip(field_names(dtype), widths, starts, strict=False):
        if width == 1:  # wider fields are padding and descriptors, which nobody reads
            rows[field] = table[:, start]
    return rows


def _from_compressed(file: BinaryIO, dtype: np.dtype, count: int, name: str) -> np.ndarray:
    """Compressed files hold one field after another, each for all points."""
    sizes = file.read(8)
    packed, unpacked = struct.unpack("<II", sizes) if len(sizes) == 8 else (0, 0)
    data = file.read(packed)
    if len(sizes) < 8 or len(data) < packed:
        raise InvalidObservation(f"{name}: truncated, {len(data):,} of {packed:,} compressed bytes are there")
    if unpacked != count * dtype.itemsize:
        raise InvalidObservation(
            f"{name}: it unpacks to {unpacked:,} bytes, but {count:,} points of {dtype.itemsize} bytes were promised"
        )
    plain = _unpack_lzf(data, unpacked, name)
    rows = np.empty(count, dtype)
    start = 0
    for field in field_names(dtype):
        base = dtype[field]
        rows[field] = np.ndarray((count, *base.shape), base.base, plain, start)
        start += count * base.itemsize
    return rows


def _unpack_lzf(data: bytes, size: int, name: str) -> bytearray:
    """LZF: a byte below 32 starts a run of literals, any other a copy of what came before."""
    out = bytearray()
    at = 0
    try:
        while at < len(data) and len(out) <= size:
            control = data[at]
            at += 1
            if control < 32:
                out += data[at : at + control + 1]
                at += control + 1
                continue
            length = control >> 5
            if length == 7:
                length += data[at]
                at += 1
            distance = ((control & 31) << 8) + data[at] + 1
            at += 1
            start = len(out) - distance
            if start < 0:
                raise IndexError
            piece = out[start : start + length + 2]
            if distance < length + 2:  # a copy that reaches into itself repeats
                piece *= 1 + (length + 2) // distance
            out += piece[: length + 2]
    except IndexError as error:
        raise InvalidObservation(f"{name}: its compressed points are corrupt") from error
    if len(out) != size:
        raise InvalidObservation(f"{name}: its compressed points are corrupt ({len(out):,} of {size:,} bytes)")
    return out


def _unpack_colors(packed: np.ndarray, name: str) -> np.ndarray:
    """uint8 [N, 3] from 0x00RRGGBB, which PCL also stores in the bits of a float."""
    if packed.dtype.itemsize != 4:
        raise InvalidObservation(f"{name}: field rgb must have SIZE 4, got {packed.dtype.itemsize}")
    return np.ascontiguousarray(packed).view(np.uint8).reshape(-1, 4)[:, 2::-1]
