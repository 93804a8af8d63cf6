"""JSON that somebody hands over, whole. Whatever is wrong with it is said in the same words, wherever it is read.

Long lists of data sets are read item by item; see `data.formats.json_stream`.
"""

import json
from pathlib import Path
from typing import Any

from region_perception.errors import InvalidInput, RegionPerceptionError

LONGEST = 1 << 25  # bytes: what is read whole takes up to twenty times as much memory
_EXPECTED: dict[type, str] = {dict: "an object with named fields", list: "a list"}


def load_json(
    path: Path,
    kind: type | None = None,
    *,
    name: str = "",
    missing: str = "",
    refused: type[RegionPerceptionError] = InvalidInput,
) -> Any:
    """The value in a JSON file. kind: dict or list, None for any. name: what messages call it, by default its path.
    missing: what is said where there is no file, by default that. refused: the error that is raised where there is no
    such value."""
    name = name or str(path)
    try:
        if not path.exists():
            raise refused(missing or f"{name} is missing")
        if not path.is_file():  # a pipe might never end, and a device has no end
            raise refused(f"{name} cannot be read: it is no plain file")
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
    except OSError as error:
        raise refused(f"{name} cannot be read: {error.strerror or error}") from error
    value = parse_json(content, name, refused)
    if kind is not None and not isinstance(value, kind):
        raise refused(f"{name} holds {type(value).__name__}; expected {_EXPECTED[kind]}")
    return value


def parse_json(content: bytes, name: str, refused: type[RegionPerceptionError] = InvalidInput) -> Any:
    """The value that some bytes are. NaN and infinities come as such: whoever wants numbers looks at them."""
    if len(content) > LONGEST:
        raise refused(f"{name} cannot be read: it is longer than {LONGEST:,} bytes")
    try:
        return json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        why = f"it is not UTF-8 (byte {error.object[error.start]:#04x} at {error.start:,})"
    except json.JSONDecodeError as error:
        why = f"{error}; is it cut off?"
    except RecursionError:
        why = "lists within lists, too many to be data"
    except ValueError as error:  # a number of thousands of digits
        why = str(error)
    raise refused(f"{name} cannot be read: it is no JSON: {why}")
