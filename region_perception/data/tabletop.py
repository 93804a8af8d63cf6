"""Records of scenes that `simulation.export` wrote to disk; streams of fresh ones are `simulation.records`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from region_perception.data.record import Record
from region_perception.errors import InvalidInput
from region_perception.observations import CloudObservation, ImageObservation, observe_cloud, observe_image

_MILLIMETRES = 1000.0


def exported_records(folder: Path | str) -> Iterator[Record]:
    """All records of an export, scene by scene; records of one observation share it."""
    folder = Path(folder)
    paths = sorted((folder / "scenes").glob("*.json"))
    if not paths:
        raise InvalidInput(f"{folder} holds no exported scenes: expected scenes/*.json")
    for path in paths:
        opened = lru_cache(maxsize=None)(lambda place: _open(folder, json.loads(place)))
        for written in json.loads(path.read_text())["records"]:
            yield Record.from_dict(written, opened(json.dumps(written["place"])))


def _open(folder: Path, place: dict[str, Any]) -> ImageObservation | CloudObservation:
    from PIL import Image

    if "cloud" in place:
        return observe_cloud(folder / place["cloud"])
    depth = np.asarray(Image.open(folder / place["depth"])).astype(np.float32) / _MILLIMETRES
    return observe_image(folder / place["image"], depth=depth, intrinsics=place["intrinsics"])
