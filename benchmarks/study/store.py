"""Results on disk, one JSON file each, so that a command that was broken off goes on and a page needs nothing else."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from region_perception.errors import InvalidInput

Result = dict[str, Any]

# Names of results.
PLAN = "plan"  # what was asked for
TEST, POINTED = "model-test", "model-test-pointing"  # the trained model
NOVEL = {split: f"model-{split}" for split in ("novel-combinations", "novel-views")}
CROP, BASE = "crop-test", "base-test"  # the base, region by cut-out region and of whole images
VARIANT = "variant"  # followed by the variant's name and its seed


class Store:
    """The results in one folder, by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def result(self, name: str, made_of: Mapping[str, Any], make: Callable[[], Mapping[str, Any]]) -> Result:
        """The result of this name; made if it is not there. made_of: what decides it, as plain JSON values.

        One that was made of something else is refused, not replaced: it may have taken hours.
        """
        path = self._folder / f"{name}.json"
        wanted = json.loads(json.dumps(made_of))
        if path.exists():
            found = _read(path)
            if different := _differences(found["made of"], wanted):
                raise InvalidInput(
                    f"{path} holds a result of something else (there, here): {'; '.join(different)}; "
                    "remove that file, or name another folder"
                )
            return found
        result = {"made of": wanted, **make()}
        self.write(name, result)
        return result

    def write(self, name: str, value: Mapping[str, Any]) -> None:
        """Write one file, all of it or nothing."""
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f".{name}.draft"
        draft.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
        os.replace(draft, self._folder / f"{name}.json")

    def read(self) -> dict[str, Result]:
        """All that is there, by name."""
        return {path.stem: _read(path) for path in sorted(self._folder.glob("*.json"))}


def _read(path: Path) -> Result:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error


def _differences(found: Any, wanted: Any, where: str = "") -> list[str]:
    """Every value in which two pieces of plain data differ: "steps: 60, 600"."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        names = dict.fromkeys([*found, *wanted])
        return [
            line
            for name in names
            for line in _differences(found.get(name), wanted.get(name), f"{where}.{name}".lstrip("."))
        ]
    return [] if found == wanted else [f"{where}: {found!r}, {wanted!r}"]
