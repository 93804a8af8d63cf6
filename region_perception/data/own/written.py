"""Entries from what `Record.to_dict` wrote, by us or by others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from region_perception.data.entries import BAD_ROW, Entry, Flawed
from region_perception.data.record import Question
from region_perception.modalities import MODALITIES, REGION_MODALITIES
from region_perception.regions import region_from_dict
from region_perception.regions.checks import shown


def entry_of(written: Any, place: Mapping[str, Any]) -> Entry:
    """The entry of a written record whose observation is at `place`, which is taken on trust."""
    if not isinstance(written, Mapping):
        raise Flawed(BAD_ROW, f"expected a record, got {shown(written)}")
    modality, region = written["modality"], written.get("region")
    if modality not in MODALITIES:
        raise Flawed(BAD_ROW, f"modality {shown(modality)}; expected one of {', '.join(MODALITIES)}")
    pointed = region_from_dict(region) if region else None
    if (pointed.modality if pointed else None) != (modality if modality in REGION_MODALITIES else None):
        raise Flawed(BAD_ROW, f"a record of {modality} with region {shown(region)}")
    return Entry(
        id=_text(written["id"]),
        split=_text(written.get("split", "train")),
        modality=modality,
        place=place,
        region=pointed,
        sentences=_texts(written, "sentences"),
        references=_texts(written, "references"),
        questions=questions_of(written),
        meta=dict(written.get("meta", {})),
    )


def questions_of(written: Mapping[str, Any]) -> tuple[Question, ...]:
    """The questions of a written record; there may be none."""
    asked = _list(written, "questions")
    return tuple(Question(**{name: _text(value) for name, value in each.items()}) for each in asked)


def _list(written: Mapping[str, Any], name: str) -> list[Any]:
    value = written.get(name, [])
    if not isinstance(value, list):
        raise Flawed(BAD_ROW, f"expected a list of {name}, got {shown(value)}")
    return value


def _texts(written: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(_text(value) for value in _list(written, name))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Flawed(BAD_ROW, f"expected text, got {shown(value)}")
    return value
