"""The bag that comes out: everything that came in, byte for byte, and the captions between."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from heapq import merge
from operator import attrgetter
from pathlib import Path
from typing import Any

from region_perception.errors import InvalidInput
from ros_nodes.bags.parts import Entry, Parts
from ros_nodes.bags.reading import Bag, Record, hash_of
from ros_nodes.messages.plain import full_name, typestore

FILES = {".mcap": "mcap", ".db3": "sqlite3"}
CAPTIONS, MARKERS = "region_perception_msgs/RegionCaptionArray", "visualization_msgs/MarkerArray"


def check_out(out: Path, bag: Bag, topics: Sequence[str]) -> None:
    """Refuses what could not be written at the end, before the work is done."""
    if out.exists():
        raise InvalidInput(f"{out} exists already; remove it, or name another --out")
    if out.suffix not in FILES and out.suffix:
        raise InvalidInput(f"{out}: expected a name that ends in {' or '.join(FILES)}, or a folder's without an ending")
    if not out.absolute().parent.is_dir():
        raise InvalidInput(f"{out}: there is no folder {out.absolute().parent}")
    for topic in topics:
        if not topic.startswith("/"):
            raise InvalidInput(f"topic {topic!r}: expected a name that begins with /")
        if bag.named(topic):
            raise InvalidInput(f"{bag.path}: it has a topic {topic} already; name another for what is written")


def write_bag(bag: Bag, parts: Parts, out: Path, topics: tuple[str, str]) -> int:
    """Writes `out` from the bag and the parts, whole or not at all; returns how many messages of the bag it holds.

    topics: of captions and of markers.
    """
    from rosbags.rosbag2 import StoragePlugin, Writer

    storage = FILES.get(out.suffix, bag.storage)
    folder = parts.folder / "bag" / (out.stem if out.suffix else out.name)
    shutil.rmtree(folder.parent, ignore_errors=True)  # what a run that was ended left
    plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
    copied = 0
    with Writer(folder, version=9, storage_plugin=plugin) as writer:
        connections = _copied(writer, bag)
        for topic, kind in zip(topics, (CAPTIONS, MARKERS), strict=True):
            connections[topic] = writer.add_connection(topic, full_name(kind), typestore=typestore())
        said = sorted((each for part in parts for each in part.entries), key=attrgetter("time"))
        # At the same time, what was recorded comes before what is said of it.
        sources: tuple[Iterable[Record | Entry], ...] = (bag.records(), said)
        for item in merge(*sources, key=_time):
            if isinstance(item, Entry):
                writer.write(connections[item.topic], item.time, item.data)
            else:
                connection, time, raw = item
                writer.write(connections[connection.id], time, raw)
                copied += 1
    if out.suffix:
        (written,) = folder.glob(f"*{out.suffix}")
        os.replace(written, out)
    else:
        os.replace(folder, out)
    return copied


def _copied(writer: Any, bag: Bag) -> dict[Any, Any]:
    """The topics of the bag in the new one, by the number that they have in the bag."""
    made: dict[Any, Any] = {}
    same: dict[Any, Any] = {}
    for connection in bag.connections:
        # A bag may hold a topic twice, as that of a recording that was put together from several.
        key = (connection.topic, connection.msgtype, str(connection.ext))
        if key not in same:
            same[key] = writer.add_connection(
                connection.topic,
                connection.msgtype,
                msgdef=_definition(connection),
                rihs01=hash_of(connection),
                serialization_format=connection.ext.serialization_format,
                offered_qos_profiles=connection.ext.offered_qos_profiles,
            )
        made[connection.id] = same[key]
    return made


def _definition(connection: Any) -> str:
    """What the bag says of a type, or where an older one says nothing, what ROS 2 Jazzy does."""
    if connection.msgdef.data or connection.msgtype not in typestore().fielddefs:
        return connection.msgdef.data
    return typestore().generate_msgdef(connection.msgtype, ros_version=2)[0]


def _time(item: Record | Entry) -> int:
    return item.time if isinstance(item, Entry) else item[1]
