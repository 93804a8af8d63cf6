"""Point at a region of an image or a point cloud and get a sentence about just that region.

    from region_perception import load, Box

    captioner = load("mini", untrained=True)
    view = captioner.look("desk.png")
    print(view.caption(Box(40, 60, 120, 140)).text)

Importing this package is light: what needs torch is imported when it is first used.
"""

# ruff: noqa: F401 (the imports for type checkers are the public names that `__getattr__` serves)

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from region_perception.captioner import Captioner, load
    from region_perception.errors import InputWarning, RegionPerceptionError
    from region_perception.observations import (
        CloudObservation,
        ImageObservation,
        Intrinsics,
        observe,
        observe_cloud,
        observe_image,
    )
    from region_perception.regions import (
        Box,
        Box3D,
        Click,
        Click3D,
        Mask,
        PointSet,
        Polygon,
        Region,
        Scribble,
        region_from_dict,
    )
    from region_perception.view import Caption, Match, View

__version__ = "0.1.0"

_HOMES = {
    "captioner": ("Captioner", "load"),
    "errors": ("InputWarning", "RegionPerceptionError"),
    "observations": (
        "CloudObservation",
        "ImageObservation",
        "Intrinsics",
        "observe",
        "observe_cloud",
        "observe_image",
    ),
    "regions": (
        "Box",
        "Box3D",
        "Click",
        "Click3D",
        "Mask",
        "PointSet",
        "Polygon",
        "Region",
        "Scribble",
        "region_from_dict",
    ),
    "view": ("Caption", "Match", "View"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
