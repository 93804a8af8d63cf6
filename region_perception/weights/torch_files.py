"""Files that `torch.save` wrote, of today (zip) and of before torch 1.6 (pickles in a row). No pickled code is run.

zip       archive/data.pkl       the object, whose tensors name their memory by a key
          archive/data/<key>     that memory, never compressed, so it is mapped and not read
in a row  magic number, version, machine, object, keys of memories: five pickles; then each memory's size and bytes
"""

import reprlib
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from region_perception.errors import WeightsError
from region_perception.weights.inert_pickle import StorageKind, TypedStorage, unpickle

_MAGIC = 0x1950A86A20F9469CFC6C
_ZIP_START = b"PK\x03\x04"

# What the file's own entry takes in a zip before the name; the name's and the extra field's lengths end it.
_LOCAL_HEADER = struct.Struct("<4s22xHH")

# A pickle of names and shapes; the largest published one, with an optimiser's state, has a few megabytes.
_LARGEST_PICKLE = 2**28


def read_torch_file(path: Path) -> Any:
    """The object in the file: tensors as they are, `Inert` in place of what is neither tensor nor plain data."""
    if path.exists() and not path.is_file():  # a pipe would be waited for, and a device has no end
        raise WeightsError(f"{path} cannot be read: it is no plain file")
    try:
        with path.open("rb") as file:
            start = file.read(len(_ZIP_START))
            file.seek(0)
            return _read_zip(path, file) if start == _ZIP_START else _read_row(path, file)
    except WeightsError as error:
        raise WeightsError(f"{path} cannot be read: {error}") from error
    except FileNotFoundError:
        raise WeightsError(f"{path} is missing") from None
    except (OSError, zipfile.BadZipFile, struct.error, ValueError, RuntimeError, MemoryError) as error:
        raise WeightsError(
            f"{path} cannot be read: it is truncated or not written by torch.save "
            f"({type(error).__name__}: {error}); expected a zip or, of older versions, pickles in a row"
        ) from error


def _read_zip(path: Path, file: IO[bytes]) -> Any:
    with zipfile.ZipFile(file) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        if any(name.endswith("/constants.pkl") for name in entries):
            raise WeightsError("it is a TorchScript program, which would have to be run; expected a checkpoint")
        _refuse_bombs(archive.infolist(), path.stat().st_size)
        roots = [name.removesuffix("data.pkl") for name in entries if name.endswith("/data.pkl")]
        if len(roots) != 1:
            raise WeightsError(f"the zip has {len(roots)} entries */data.pkl; expected one, as torch.save writes it")
        root = roots[0]
        if root + "byteorder" in entries and archive.read(root + "byteorder").strip() != b"little":
            raise WeightsError("its numbers are big-endian; expected little-endian")
        memories = _MappedMemories(path, file, entries, root)
        with archive.open(root + "data.pkl") as program:
            return unpickle(program, memories.find)


def _refuse_bombs(entries: list[zipfile.ZipInfo], size: int) -> None:
    """That nothing in a zip is larger than the zip."""
    compressed = [entry.filename for entry in entries if entry.compress_type != zipfile.ZIP_STORED]
    if compressed:
        raise WeightsError(f"{compressed[0]} in the zip is compressed; torch.save compresses nothing")
    total = sum(entry.file_size for entry in entries)
    if total > size:
        raise WeightsError(f"the zip promises {total:,} bytes and has {size:,}")
    pickles = max((entry.file_size for entry in entries if entry.filename.endswith(".pkl")), default=0)
    if pickles > _LARGEST_PICKLE:
        raise WeightsError(f"its pickle has {pickles:,} bytes; expected at most {_LARGEST_PICKLE:,}")


class _MappedMemories:
    """The memories of a zip, each mapped once however many tensors lie in it."""

    def __init__(self, path: Path, file: IO[bytes], entries: Mapping[str, zipfile.ZipInfo], root: str) -> None:
        # Copy on write: a tensor may be changed, the file may not.
        self._bytes = np.memmap(path, dtype=np.uint8, mode="c")
        self._file, self._entries, self._root = file, entries, root
        self._known: dict[str, TypedStorage] = {}

    def find(self, identity: Any) -> TypedStorage:
        kind, key, count = _identity(identity)
        if key not in self._known:
            entry = self._entries.get(f"{self._root}data/{key}")
            if entry is None or entry.file_size != count * kind.dtype.itemsize:
                there = "nothing" if entry is None else f"{entry.file_size:,} bytes"
                raise WeightsError(f"memory {key!r} has {there}; expected {count:,} numbers of {kind.dtype}")
            self._known[key] = TypedStorage(kind.dtype, self._map(entry))
        return self._known[key]

    def _map(self, entry: zipfile.ZipInfo) -> torch.UntypedStorage:
        position = self._file.tell()
        self._file.seek(entry.header_offset)
        _, name, extra = _LOCAL_HEADER.unpack(self._file.read(_LOCAL_HEADER.size))
        self._file.seek(position)
        start = entry.header_offset + _LOCAL_HEADER.size + name + extra
        piece = self._bytes[start : start + entry.file_size]
        if len(piece) < entry.file_size:
            raise WeightsError(f"it ends within {entry.filename}")
        # torch.save aligns; who does not is copied, because processors may refuse to read across.
        return torch.from_numpy(piece if start % 8 == 0 else piece.copy()).untyped_storage()


def _read_row(path: Path, file: IO[bytes]) -> Any:
    if path.stat().st_size > 262 and _is_tar(file):
        raise WeightsError("it is a tar of torch before 0.1.10; load it in such a version and save it again")
    if unpickle(file) != _MAGIC:
        raise WeightsError("it begins with no magic number of torch.save")
    unpickle(file)  # the version, which has been 1001 always
    machine = unpickle(file)
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise WeightsError("its numbers are big-endian; expected little-endian")
    size = path.stat().st_size
    memories: dict[str, TypedStorage] = {}

    def find(identity: Any) -> TypedStorage:
        kind, key, count = _identity(identity)
        wanted = count * kind.dtype.itemsize
        if key not in memories:
            if wanted + sum(known.memory.nbytes() for known in memories.values()) > size:
                raise WeightsError(f"memory {key!r} should have {wanted:,} bytes; the whole file has {size:,}")
            memories[key] = TypedStorage(kind.dtype, torch.UntypedStorage(wanted))
        return memories[key]

    found = unpickle(file, find)
    keys = unpickle(file)
    if not _are_keys(keys) or {str(key) for key in keys} != set(memories):
        raise WeightsError("the memories that follow are not those of its tensors")
    for key in keys:
        _fill(file, str(key), memories[str(key)])
    return found


def _fill(file: IO[bytes], key: str, storage: TypedStorage) -> None:
    (count,) = struct.unpack("<q", file.read(8))
    room = torch.empty(0, dtype=torch.uint8).set_(storage.memory).numpy()
    if count * storage.dtype.itemsize != len(room) or file.readinto(room) != len(room):  # type: ignore[attr-defined]
        raise WeightsError(
            f"it ends within memory {key!r}, or that has {count:,} numbers and its tensors expect others"
        )


def _are_keys(keys: Any) -> bool:
    return isinstance(keys, list) and all(isinstance(key, str | int) for key in keys)


def _is_tar(file: IO[bytes]) -> bool:
    file.seek(257)
    magic = file.read(5)
    file.seek(0)
    return magic == b"ustar"


def _identity(identity: Any) -> tuple[StorageKind, str, int]:
    """What a memory holds, its key and its length, from the tuple by which pickles name it."""
    if isinstance(identity, tuple) and len(identity) >= 5 and identity[0] == "storage":
        kind, key, count = identity[1], identity[2], identity[4]
        views = identity[5] if len(identity) > 5 else None
        if (
            isinstance(kind, StorageKind)
            and isinstance(key, str | int)
            and isinstance(count, int)
            and count >= 0
            and views is None
        ):
            return kind, str(key), count
    raise WeightsError(
        f"a tensor's memory is described as {reprlib.repr(identity):.120}; expected one of torch.save's kinds"
    )
