"""Whether adapters that were made for one base may stand on another."""

import dataclasses
from pathlib import Path
from typing import Any

from region_perception.errors import WeightsError
from region_perception.network.spec import NetworkSpec

# These stand in the base's part of a spec, and yet each model that stands on the base decides them for itself.
_FREE = ("separate_for_clouds", "image_prefix", "cloud_prefix", "question_template")


def refuse_other_base(where: Path, wanted: NetworkSpec, given: NetworkSpec) -> None:
    """Raise unless the base in `where`, whose spec is `given`, is the one that `wanted` describes."""
    differing = [
        line
        for part in ("image_encoder", "qformer", "language")
        for line in _differences(part, getattr(wanted, part), getattr(given, part))
    ]
    if differing:
        raise WeightsError(
            f"the base in {where} is not the one that {wanted.name!r} stands on:\n  " + "\n  ".join(differing)
        )


def _differences(part: str, wanted: Any, given: Any) -> list[str]:
    return [
        f"{part}.{item.name} is {getattr(given, item.name)!r}; expected {getattr(wanted, item.name)!r}"
        for item in dataclasses.fields(wanted)
        if item.name not in _FREE and getattr(given, item.name) != getattr(wanted, item.name)
    ]
