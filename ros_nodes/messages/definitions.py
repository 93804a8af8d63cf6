"""Where the definitions of our messages lie: inside the package once it is installed, in interfaces/ in a checkout."""

from pathlib import Path

PACKAGE = "region_perception_msgs"


def definitions() -> dict[str, str]:
    """By name ("Region2D", ...): what the file of each of our messages says."""
    here = Path(__file__).resolve().parent
    for folder in (here / "definitions", here.parents[1] / "interfaces" / PACKAGE / "msg"):
        files = sorted(folder.glob("*.msg"))
        if files:
            return {file.stem: file.read_text(encoding="utf-8") for file in files}
    raise FileNotFoundError(f"the definitions of {PACKAGE} are not installed with {here.parent.name}")
