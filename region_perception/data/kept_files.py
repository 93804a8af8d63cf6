"""Files of what is made once and kept on disk, each of them whole or not there."""

import os
from contextlib import suppress
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
