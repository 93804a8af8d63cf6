"""Small data sets in their original layouts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from region_perception.data.entries import Entry, Flaw
from region_perception.data.sets import named_set


class Read:
    """What a reader yields: entries by id, and flaws."""

    def __init__(self, items: list[Entry | Flaw]) -> None:
        self.entries = [item for item in items if isinstance(item, Entry)]
        self.flaws = [item for item in items if isinstance(item, Flaw)]
        self.by_id = {entry.id: entry for entry in self.entries}

    @property
    def kinds(self) -> list[str]:
        return [flaw.kind for flaw in self.flaws]


@pytest.fixture
def read() -> Callable[..., Read]:
    """read(name, folder, split) -> what the data set's reader yields."""
    return lambda name, folder, split="train", masks=False: Read([*named_set(name).read(folder, split, masks)])


@pytest.fixture
def write_json() -> Callable[[Path, Any], Path]:
    def write(path: Path, value: Any) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value), encoding="utf-8")
        return path

    return write


@pytest.fixture
def write_picture() -> Callable[..., Path]:
    def write(path: Path, width: int = 64, height: int = 48) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((height, width, 3), 120, np.uint8)).save(path)
        return path

    return write


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Indexes are kept in a folder of the test's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder
