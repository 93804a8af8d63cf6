"""Telling what a cloud shows without having learnt its kinds: ModelNet40, by texts that are compared with the cloud."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from region_perception.data.record import Record
from region_perception.errors import InvalidInput
from region_perception.evaluation.cases import Case, Decoding
from region_perception.evaluation.predictions import CLASSIFY, Prediction
from region_perception.evaluation.protocol import Figure, Measured
from region_perception.evaluation.protocols.data_protocol import WHOLE, DataProtocol
from region_perception.evaluation.protocols.naming import ACCURACY, measure_names
from region_perception.evaluation.protocols.regionblip import README
from region_perception.modalities import CLOUD

_LISTED = (
    "airplane, bathtub, bed, bench, bookshelf, bottle, bowl, car, chair, cone, cup, curtain, desk, door, dresser, "
    "flower pot, glass box, guitar, keyboard, lamp, laptop, mantel, monitor, night stand, person, piano, plant, radio, "
    "range hood, sink, sofa, stairs, stool, table, tent, toilet, tv stand, vase, wardrobe, xbox"
)
KINDS = tuple(_LISTED.split(", "))
_TEXTS = {kind: f"a point cloud model of {kind}." for kind in KINDS}


def kind_cases(records: Sequence[Record], prepared: Any = None) -> list[Case]:
    """The object that a cloud is; one that is listed twice is shown once."""
    record = records[0]
    kind = record.meta["category"]
    if kind not in _TEXTS:
        raise InvalidInput(f"{record.id} is of the kind {kind!r}, which is none of ModelNet40's {len(KINDS)}")
    return [
        Case(
            id=record.id,
            group="",
            modality=record.modality,
            subject=WHOLE,
            pointing="",
            observation=record.observation,
            label=kind,
            labels=_TEXTS,
        )
    ]


def measure_kinds(predictions: Sequence[Prediction], java: bool = False) -> Measured:
    """The share of objects whose kind is told, of all and of each kind."""
    return measure_names(predictions)


MODELNET40 = DataProtocol(
    name="modelnet40",
    about="kinds of ModelNet40's objects, which texts about them are most like the cloud",
    data="modelnet40",
    splits=("test",),
    modality=CLOUD,
    decoding=Decoding(by="contrast"),
    cases=kind_cases,
    tasks=(CLASSIFY,),
    measure=measure_kinds,
    figures=(
        Figure(ACCURACY, 47.56, "RegionBLIP OPT-2.7B", README),
        Figure(ACCURACY, 50.12, "RegionBLIP OPT-6.7B", README),
    ),
    differs=(
        "the texts are those of RegionBLIP with OPT; its code for T5 compares the bare names",
        "kinds of two words are spelled with a space",
        "points are grouped from a fixed start; RegionBLIP's start is random",
    ),
)
