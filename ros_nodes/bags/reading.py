"""Recorded bags: a folder with metadata.yaml, an .mcap or a .db3. Whatever is wrong with one is said in words."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from region_perception.errors import InvalidInput, MissingDependency
from ros_nodes.messages.definitions import PACKAGE
from ros_nodes.messages.plain import new_typestore, typestore
from ros_nodes.messages.refusals import Code, Refusal, printable

Record = tuple[Any, int, bytes]  # connection, nanoseconds of the clock of whoever recorded, bytes of the message

_HEADER = {0: struct.Struct(">iII"), 1: struct.Struct("<iII")}  # by the byte that tells the byte order


@dataclass(frozen=True)
class Stamped:
    """The header of a message: nanoseconds, and the name of the frame."""

    stamp: int
    frame_id: str


class Bag:
    """A bag that is open for reading. Made by `opened`."""

    def __init__(self, path: Path, reader: Any) -> None:
        self.path = path
        self._reader = reader
        self.connections: list[Any] = list(reader.connections)
        self.message_count: int = reader.message_count
        self.span: tuple[int, int] = (reader.start_time, reader.end_time)

    @property
    def storage(self) -> str:
        """mcap or sqlite3."""
        storages = getattr(self._reader.storage, "storages", [self._reader.storage])
        return "mcap" if type(storages[0]).__name__ == "McapReader" else "sqlite3"

    def named(self, topic: str) -> list[Any]:
        """The connections of a topic."""
        return [connection for connection in self.connections if connection.topic == topic]

    def records(self, topics: Collection[str] | None = None, start: int | None = None) -> Iterator[Record]:
        """Messages in the order in which they were recorded: of these topics (all if None), from `start` on."""
        wanted = [each for each in self.connections if topics is None or each.topic in topics]
        messages = self._reader.messages(connections=wanted, start=start) if wanted else iter(())
        while True:
            with _in_words(self.path):
                try:
                    record = next(messages)
                except StopIteration:
                    return
            yield record

    def read(self, connection: Any, raw: bytes) -> Any:
        """The message in these bytes; refused where they are not one."""
        try:
            return self._typestore.deserialize_cdr(raw, connection.msgtype)
        except Exception as error:  # what bytes make a decoder raise is not written anywhere
            code = Code.INVALID_CLOUD if connection.msgtype.endswith("PointCloud2") else Code.INVALID_IMAGE
            code = code if connection.msgtype.startswith("sensor_msgs/") else Code.INVALID_REGION
            raise Refusal(code, f"its bytes are no {connection.msgtype}: {error}") from error

    def check_types(self, topics: Collection[str]) -> None:
        """Refuses topics whose messages this version does not know, before anything else is done."""
        for connection in self.connections:
            if connection.topic in topics:
                self._check_type(connection)

    def _check_type(self, connection: Any) -> None:
        known = self._typestore.fielddefs
        written: dict[str, Any] = {}
        with suppress(Exception):  # a definition that cannot be read is as good as none
            written = definitions_in(connection)
            self._typestore.register({name: each for name, each in written.items() if name not in known})
        for name, (_, fields) in written.items():
            if name.startswith(f"{PACKAGE}/") and fields != known[name][1]:
                what = f"topic {connection.topic} was recorded with another version of {name}"
                raise InvalidInput(f"{self.path}: {what}; expected the one that is installed here")
        if connection.msgtype not in known:
            what = f"topic {connection.topic} is of the type {connection.msgtype}"
            raise InvalidInput(f"{self.path}: {what}, of which neither the bag nor rosbags knows the definition")

    @cached_property
    def _typestore(self) -> Any:
        return new_typestore()


@contextmanager
def opened(path: Path) -> Iterator[Bag]:
    """The bag in a folder or file."""
    try:
        from rosbags.rosbag2 import Reader
    except ImportError as error:
        raise MissingDependency("bags need rosbags: pip install 'region-perception[bag]'") from error
    if not path.exists():
        raise InvalidInput(f"{path}: there is no such file or folder")
    if path.suffix == ".bag":
        raise InvalidInput(f"{path}: this is a bag of ROS 1; rosbags-convert makes one of ROS 2 of it")
    if path.is_dir() and not (path / "metadata.yaml").is_file():
        hint = "name the .mcap or .db3 in it, or let `ros2 bag reindex` write one"
        raise InvalidInput(f"{path}: this folder is no bag, there is no metadata.yaml in it; {hint}")
    with _in_words(path):
        for database in path.glob("*.db3") if path.is_dir() else [path]:
            _check_length(database)
        reader = Reader(path)
        reader.open()
    try:
        yield Bag(path, reader)
    finally:
        with suppress(Exception):
            reader.close()


def _check_length(path: Path) -> None:
    """Refuses an SQLite file that is shorter than it says: what is missing would only be noticed when it is read."""
    with path.open("rb") as file:
        head = file.read(100)
    if len(head) < 100 or not head.startswith(b"SQLite format 3\0"):
        return
    page, pages = int.from_bytes(head[16:18], "big"), int.from_bytes(head[28:32], "big")
    expected = (65536 if page == 1 else page) * pages
    size = path.stat().st_size
    if head[24:28] == head[92:96] and size < expected:  # else the number of pages is an old one
        raise OSError(f"{path.name} has {size:,} bytes of {expected:,}")


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """What rosbags raises over a broken bag, which may be anything, as an error that names the bag."""
    try:
        yield
    except (InvalidInput, GeneratorExit, KeyboardInterrupt, StopIteration):
        raise
    except Exception as error:
        what = printable(str(error)) or type(error).__name__
        hint = "expected a bag of ROS 2 (a folder, .mcap or .db3) that was closed when it was recorded"
        rescue = "`ros2 bag reindex` or `mcap recover` save what is whole of one that is cut off"
        raise InvalidInput(f"{path}: it cannot be read: {what}; {hint}; {rescue}") from error


def stamped(raw: bytes) -> Stamped:
    """The header at the beginning of a message's bytes, without reading the rest of it."""
    try:
        seconds, nanoseconds, length = _HEADER[raw[1]].unpack_from(raw, 4)
        text = raw[16 : 16 + max(length - 1, 0)].decode()
    except (KeyError, IndexError, struct.error, UnicodeDecodeError) as error:
        raise Refusal(Code.INVALID_IMAGE, f"its bytes hold no header: {error or type(error).__name__}") from error
    return Stamped(seconds * 1_000_000_000 + nanoseconds, text)


def definitions_in(connection: Any) -> dict[str, Any]:
    """What the bag itself says of the type of a connection, and of the types in it; empty where it says nothing."""
    from rosbags.interfaces import MessageDefinitionFormat
    from rosbags.typesys import get_types_from_idl, get_types_from_msg

    written = connection.msgdef
    if written.format == MessageDefinitionFormat.MSG:
        return get_types_from_msg(written.data, connection.msgtype)
    return get_types_from_idl(written.data) if written.format == MessageDefinitionFormat.IDL else {}


def hash_of(connection: Any) -> str:
    """The hash of a connection's type as bags keep it, computed where an older bag has none."""
    if connection.digest:
        return connection.digest
    store = typestore()
    with suppress(Exception):
        if written := definitions_in(connection):
            store = new_typestore()
            store.register({name: each for name, each in written.items() if name not in store.fielddefs})
        return store.hash_rihs01(connection.msgtype)
    return "RIHS01_" + "0" * 64  # a type that nobody knows
