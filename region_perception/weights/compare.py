"""In what two descriptions differ, and whether adapters that were made for one base may stand on another."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from region_perception.errors import WeightsError
from region_perception.network.spec import NetworkSpec

# These stand in the base's part of a spec, and yet each model that stands on the base decides them for itself.
_FREE = (
    "tokens_norm_eps",
    "separate_for_clouds",
    "image_prefix",
    "cloud_prefix",
    "question_template",
    "reference_question",
)


def refuse_other_base(where: Path, wanted: NetworkSpec, given: NetworkSpec) -> None:
    """Raise unless the base in `where`, whose spec is `given`, is the one that `wanted` describes."""
    differing = []
    for part in ("image_encoder", "qformer", "language"):
        expected = getattr(wanted, part)
        names = [item.name for item in dataclasses.fields(expected) if item.name not in _FREE]
        differing += differences(part, names, given=getattr(given, part), expected=expected)
    if differing:
        raise WeightsError(
            f"the base in {where} is not the one that {wanted.name!r} stands on:\n  " + "\n  ".join(differing)
        )


def differences(where: str, names: Iterable[str], *, given: Any, expected: Any) -> list[str]:
    """A line for each of the named attributes that two objects have not in common; a missing one counts as None."""
    pairs = ((name, getattr(given, name, None), getattr(expected, name, None)) for name in names)
    return [f"{where}.{name} is {found!r}; expected {wanted!r}" for name, found, wanted in pairs if found != wanted]
