"""What a source is, told by its type, its suffix and its first bytes, without reading it."""

import os
from pathlib import Path
from typing import TypeGuard

from region_perception.errors import InvalidObservation

CLOUD_SUFFIXES = (".ply", ".pcd", ".npy", ".npz", ".xyz", ".txt", ".csv", ".las", ".laz")

_IMAGE_STARTS = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"RIFF": "WebP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}
_CLOUD_STARTS = {
    b"ply\n": "PLY",
    b"ply\r": "PLY",
    b"# .PCD": "PCD",
    b"VERSION": "PCD",
    b"LASF": "LAS",
    b"\x93NUMPY": "NPY",
    b"PK\x03\x04": "NPZ",
}


def is_path(source: object) -> TypeGuard[str | os.PathLike[str]]:
    return isinstance(source, (str, os.PathLike))


def is_stream(source: object) -> bool:
    """Encoded bytes, or something that reads like an open file."""
    return isinstance(source, (bytes, bytearray, memoryview)) or hasattr(source, "read")


def is_from(source: object, package: str) -> bool:
    """Whether the object's class comes from a package, without importing it."""
    return any(base.__module__.partition(".")[0] == package for base in type(source).__mro__)


def existing_file(source: str | os.PathLike[str], what: str) -> Path:
    """The path of a file that is there and holds something; `what` names it in messages."""
    if str(source).startswith(("http://", "https://")):
        raise InvalidObservation(f"{what}: this is a web address; download it and pass the file")
    path = Path(os.fsdecode(source)).expanduser()
    try:
        if path.is_dir():
            raise InvalidObservation(f"{what}: this is a folder, expected a file")
        if not path.is_file():
            raise InvalidObservation(f"{what}: there is no such file")
        if path.stat().st_size == 0:
            raise InvalidObservation(f"{what}: the file is empty (0 bytes)")
    except OSError as error:
        raise InvalidObservation(f"{what}: it cannot be read: {error.strerror}") from error
    return path


def first_bytes(path: Path, what: str, count: int = 16) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise InvalidObservation(f"{what}: it cannot be read: {error.strerror}") from error


def image_kind(start: bytes) -> str | None:
    """The image format that a file with these first bytes has, None if it is none of the accepted ones."""
    return _kind(start, _IMAGE_STARTS)


def cloud_kind(start: bytes) -> str | None:
    """The cloud format that a file with these first bytes has; None also for text, which starts with anything."""
    return _kind(start, _CLOUD_STARTS)


def _kind(start: bytes, starts: dict[bytes, str]) -> str | None:
    return next((kind for first, kind in starts.items() if start.startswith(first)), None)
