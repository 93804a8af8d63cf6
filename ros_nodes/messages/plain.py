"""Messages without ROS: plain Python classes with the fields and constants of the real ones, and their bytes.

rosbags knows the messages of ROS 2 Jazzy; ours are read from their definitions. What `encoding` writes with these
classes, or with the real ones, `serialise` makes into the bytes that a bag keeps (CDR).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from region_perception.errors import MissingDependency
from ros_nodes.messages.definitions import PACKAGE, definitions

# What rosbags does not keep: fields that a definition starts with something else than zero.
_DEFAULTS = {"geometry_msgs/msg/Quaternion": {"w": 1.0}}
_NUMBERS = {"uint8": "B", "uint32": "I", "float32": "f", "float64": "d", "bool": "B"}  # as array.array calls them
_ZEROS: dict[str, Any] = {"string": "", "bool": False, "byte": b"\0", "float32": 0.0, "float64": 0.0}


def new_typestore() -> Any:
    """A `rosbags.typesys.store.Typestore` with the messages of ROS 2 Jazzy and ours."""
    try:
        from rosbags.typesys import Stores, get_types_from_msg, get_typestore
    except ImportError as error:
        hint = "pip install 'region-perception[bag]'"
        raise MissingDependency(f"messages without ROS need rosbags: {hint}") from error
    store = get_typestore(Stores.ROS2_JAZZY)
    types: dict[str, Any] = {}
    for name, text in definitions().items():
        types |= get_types_from_msg(text, f"{PACKAGE}/msg/{name}")
    store.register(types)
    return store


@cache
def typestore() -> Any:
    """The one that is used for what is written."""
    return new_typestore()


@cache
def plain_class(name: str) -> Any:
    """The class of "package/Message". A field that it does not have cannot be set."""
    kind = full_name(name)
    constants, fields = typestore().fielddefs[kind]
    defaults = _DEFAULTS.get(kind, {})

    def initialise(self: Any, **values: Any) -> None:
        for field, description in fields:
            setattr(self, field, values.pop(field) if field in values else defaults.get(field, _zero(description)))
        for field, value in values.items():
            setattr(self, field, value)

    known = {constant: bytes([value]) if base == "byte" else value for constant, base, value in constants}
    return type(
        name.rpartition("/")[2], (), {"__slots__": [field for field, _ in fields], "__init__": initialise} | known
    )


def full_name(name: str) -> str:
    """ "package/Message" as bags write it, "package/msg/Message"; one that is written so stays."""
    package, _, message = name.partition("/")
    return f"{package}/msg/{message.removeprefix('msg/')}"


def serialise(message: Any, name: str) -> bytes:
    """The bytes of a message of type `name`, real or plain, as ROS 2 sends and records them (CDR)."""
    kind = full_name(name)
    return bytes(typestore().serialize_cdr(_storable(message, kind), kind))


def _storable(message: Any, kind: str) -> Any:
    """The message as rosbags wants it: of its own classes, with numpy where there are numbers in a row."""
    fields = typestore().fielddefs[kind][1]
    values = [_stored(getattr(message, field), description) for field, description in fields]
    return typestore().types[kind](*values)


def _stored(value: Any, description: Any) -> Any:
    if _is_message(description):
        return _storable(value, description[1])
    item = _item(description)
    if item is None:
        return value
    if _is_message(item):
        return [_storable(each, item[1]) for each in value]
    return list(value) if item[1][0] == "string" else np.asarray(value, _dtype(item[1][0]))


def _zero(description: Any) -> Any:
    if _is_message(description):
        return plain_class(description[1].replace("/msg/", "/"))()
    item = _item(description)
    if item is None:
        return _ZEROS.get(description[1][0], 0)
    length = description[1][1] if description[0].name == "ARRAY" else 0
    if not _is_message(item) and item[1][0] in _NUMBERS:
        return array(_NUMBERS[item[1][0]], [0] * length)
    return [_zero(item) for _ in range(length)]


def _is_message(description: Any) -> bool:
    return description[0].name == "NAME"


def _item(description: Sequence[Any]) -> Any:
    """What an array or a sequence holds; None for a single value."""
    return description[1][0] if description[0].name in ("ARRAY", "SEQUENCE") else None


def _dtype(base: str) -> np.dtype:
    return np.dtype({"byte": "uint8", "char": "uint8"}.get(base, base))
