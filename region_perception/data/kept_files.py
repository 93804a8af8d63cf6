"""Files of what is made once and kept on disk, each of them whole or not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from region_perception.errors import TrainingError


def write_kept(path: Path, content: bytes) -> None:
    """Written beside and moved into place, so that no other process reads half of it. Folders are made as needed."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(content)
        os.replace(draft, path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise TrainingError(f"{path} cannot be written: {error}; make room, or leave data.keep empty") from error


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process makes `folder`. A process that ends lets others in, however it ends."""
    import fcntl  # not everywhere; only what keeps things on disk for several processes needs it

    place = folder.with_name(f".{folder.name}.lock")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = place.open("w")
    except OSError as error:
        raise TrainingError(f"nothing can be kept in {folder}: {error}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:  # of a file system without locks
            raise TrainingError(f"nothing can be kept in {folder}, as {place} cannot be locked: {error}") from error
        yield
