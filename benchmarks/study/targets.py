"""What the trained model should reach, and whether it does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from region_perception.evaluation.pointing import BOX, CLOUD_POINTINGS, POINTINGS
from region_perception.evaluation.predictions import ANSWER, CAPTION, FIND
from region_perception.evaluation.tabletop import KIND_AND_COLOR, PLACE
from region_perception.modalities import IMAGE_REGION, REGION_MODALITIES
from study.store import NOVEL, POINTED, TEST, Result

# Floats that should be equal may differ by as much; no share of so few cases lies so near to a target.
_ROUNDING = 1e-9

_BY_BOX = tuple(f"{modality} by {BOX}" for modality in REGION_MODALITIES)

Estimate = Mapping[str, Any]  # value, low, high, count, as `Estimate.to_dict` makes it


@dataclass(frozen=True)
class Target:
    """One number to reach.

    what: what is measured. shown: the section of the report, as in "image_region by box". split: of the scenes.
    wanted: at least this share, or at most, where `at_most`.
    """

    what: str
    split: str
    shown: str
    wanted: float
    at_most: bool = False

    def met(self, value: float) -> bool:
        return value <= self.wanted + _ROUNDING if self.at_most else value >= self.wanted - _ROUNDING


@dataclass(frozen=True)
class Outcome:
    """A target and what was measured; `met` is None where nothing was."""

    target: Target
    measured: Estimate | None

    @property
    def met(self) -> bool | None:
        return None if self.measured is None else self.target.met(self.measured["value"])


def outcomes(results: Mapping[str, Result]) -> list[Outcome]:
    """All targets with what the results say of them."""
    found: list[Outcome] = []
    test = sections(results.get(TEST))
    for what, wanted, path in (
        (KIND_AND_COLOR, 0.95, (CAPTION, "properties", KIND_AND_COLOR)),
        (PLACE, 0.90, (CAPTION, "properties", PLACE)),
        ("answers", 0.90, (ANSWER, "accuracy")),
        ("found by description", 0.90, (FIND, "accuracy")),
    ):
        shown = tuple(test) if what == "answers" and test else _BY_BOX
        found += [_outcome(Target(what, "test", name, wanted), test, path) for name in shown]
    ece = (CAPTION, "confidence", "ece")
    found += [
        _outcome(Target("calibration error (ECE)", "test", name, 0.05, at_most=True), test, ece) for name in _BY_BOX
    ]
    kind_and_color = (CAPTION, "properties", KIND_AND_COLOR)
    for split, result in NOVEL.items():
        novel = sections(results.get(result))
        found += [_outcome(Target(KIND_AND_COLOR, split, name, 0.85), novel, kind_and_color) for name in _BY_BOX]
    return found + _by_other_means(test, sections(results.get(POINTED)))


def _by_other_means(test: Mapping[str, Any], pointed: Mapping[str, Any]) -> list[Outcome]:
    """How much worse kind and colour are where things are pointed at by other means than boxes."""
    found = []
    for modality in REGION_MODALITIES:
        box = kind_and_color(test.get(f"{modality} by {BOX}"))
        ways = POINTINGS if modality == IMAGE_REGION else CLOUD_POINTINGS
        for pointing in (way for way in ways if way != BOX):
            shown = f"{modality} by {pointing}"
            other = kind_and_color(pointed.get(shown))
            target = Target(f"{KIND_AND_COLOR}, worse than by box", "test", shown, 0.03, at_most=True)
            worse = None
            if box is not None and other is not None:
                worse = {"value": box["value"] - other["value"], "low": None, "high": None, "count": other["count"]}
            found.append(Outcome(target, worse))
    return found


def sections(result: Result | None) -> dict[str, Any]:
    """The sections of a result's report by their names."""
    return {section["name"]: section for section in result["report"]["sections"]} if result else {}


def kind_and_color(section: Mapping[str, Any] | None) -> Estimate | None:
    return scored(section, (CAPTION, "properties", KIND_AND_COLOR))


def scored(section: Mapping[str, Any] | None, path: Sequence[str]) -> Estimate | None:
    """The estimate at a place of a section; None where there is none, or nothing was counted."""
    found: Any = section
    for name in path:
        found = (found or {}).get(name)
    return found if found and found["value"] is not None else None


def _outcome(target: Target, of_split: Mapping[str, Any], path: Sequence[str]) -> Outcome:
    return Outcome(target, scored(of_split.get(target.shown), path))
