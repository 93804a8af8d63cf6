"""Imports only point down: faces on the captioner, the captioner on the network, all on what every room shares."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "region_perception"

# For each room what it may import of the others; the network and the rooms of user types do not know each other.
SHARED = {"errors", "modalities", "confidence", "json_files", "lines"}
BELOW_THE_CAPTIONER = SHARED | {"network", "observations", "regions", "text", "preparation", "weights"}
ALLOWED = {
    "errors": set(),
    "modalities": set(),
    "confidence": {"errors"},
    "json_files": {"errors"},
    "frugal_pickle": set(),
    "lines": set(),
    "network": SHARED,
    "observations": SHARED,
    "regions": SHARED | {"observations"},
    "text": SHARED | {"network"},
    "preparation": SHARED | {"network", "observations", "regions"},
    "weights": SHARED | {"network", "text", "frugal_pickle"},
    "view": BELOW_THE_CAPTIONER | {"captioner"},  # for type checkers only: the captioner makes views
    "captioner": BELOW_THE_CAPTIONER | {"view"},
    "drawing": SHARED | {"observations", "regions"},
    # of weights, how files of torch are read without harm
    "data": SHARED | {"observations", "regions", "frugal_pickle", "weights"},
    "simulation": SHARED | {"observations", "regions", "data"},
    "training": BELOW_THE_CAPTIONER | {"captioner", "drawing", "data", "simulation"},  # it shows what it has learnt
    "evaluation": SHARED | {"observations", "regions", "captioner", "view", "drawing", "data", "simulation"},
    "cli": BELOW_THE_CAPTIONER | {"captioner", "view", "drawing", "data", "simulation", "training", "evaluation"},
}


def rooms() -> list[str]:
    return sorted(path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file())


def imported_rooms(room: str) -> set[str]:
    """The rooms that any file of a room imports, at its head or inside a function."""
    files = (PACKAGE / room).rglob("*.py") if (PACKAGE / room).is_dir() else [PACKAGE / f"{room}.py"]
    found: set[str] = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found |= {name.split(".")[1] for name in names if name.startswith("region_perception.")}
    return found - {room}


@pytest.mark.parametrize("room", [name for name in rooms() if name != "__init__"])
def test_imports_only_point_down(room: str) -> None:
    assert room in ALLOWED, f"say in this test what the new room {room!r} may import"
    assert imported_rooms(room) <= ALLOWED[room]
