"""Point clouds from PLY files (ASCII and binary of both byte orders); faces of a mesh are left out."""

from pathlib import Path

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

_BYTE_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "="}
_TYPES = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"},
    **{"float": "f4", "double": "f8", "float32": "f4", "float64": "f8"},
}
_COLORS = (("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue"))


def read_ply(path: Path, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Coordinates [N, 3] and colours [N, 3] of the vertices, in the dtypes of the file."""
    with path.open("rb") as file:
        encoding, count, dtype = _parse_header(header_lines(file, "end_header", name), name)
        check_point_count(count, name)
        if encoding == "ascii":
            table = complete_text_rows(file, count, len(field_names(dtype)), name)
            rows = np.empty(count, dtype)
            for field, column in zip(field_names(dtype), table.T, strict=True):
                rows[field] = column
        else:
            rows = binary_rows(file, dtype, count, name)
    color_names = next((names for names in _COLORS if set(names) <= set(field_names(dtype))), None)
    return columns(rows, ("x", "y", "z")), columns(rows, color_names) if color_names else None


def _parse_header(lines: list[list[str]], name: str) -> tuple[str, int, np.dtype]:
    """Encoding, number of vertices, and the layout of a vertex."""
    encoding = next((words[1] for words in lines if words[:1] == ["format"] and len(words) > 1), None)
    if lines[0] != ["ply"] or encoding not in _BYTE_ORDERS:
        raise InvalidObservation(f"{name}: not a PLY file with format {', '.join(_BYTE_ORDERS)}, got {encoding}")
    elements = [number for number, words in enumerate(lines) if words[:1] == ["element"]]
    if not elements or lines[elements[0]][1:2] != ["vertex"] or len(lines[elements[0]]) != 3:
        raise InvalidObservation(f"{name}: its header must declare 'element vertex <count>' first")
    first = elements[0]
    count = header_number(lines[first][2], "the vertex count", name)
    end = elements[1] if len(elements) > 1 else len(lines)
    properties = [words for words in lines[first:end] if words[:1] == ["property"]]
    for words in properties:
        if len(words) != 3 or words[1] not in _TYPES:
            raise InvalidObservation(f"{name}: vertex property {' '.join(words[1:])!r} is not a plain number")
    try:
        dtype = np.dtype([(words[2], _BYTE_ORDERS[encoding] + _TYPES[words[1]]) for words in properties])
    except ValueError as error:
        raise InvalidObservation(f"{name}: {error} among its vertex properties") from error
    if not {"x", "y", "z"} <= set(field_names(dtype)):
        raise InvalidObservation(f"{name}: vertices need the properties x, y, z, got {', '.join(field_names(dtype))}")
    return encoding, count, dtype
