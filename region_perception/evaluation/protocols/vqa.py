"""Answers to questions about whole images: VQAv2, by the accuracy that ten people's answers give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from region_perception.data.record import Record
from region_perception.evaluation.cases import Case, Decoding
from region_perception.evaluation.estimates import Estimate, estimate_mean
from region_perception.evaluation.predictions import ANSWER, Prediction
from region_perception.evaluation.protocol import Figure, Measured
from region_perception.evaluation.protocols.data_protocol import WHOLE, DataProtocol
from region_perception.evaluation.protocols.regionblip import PAPER
from region_perception.evaluation.vqa import vqa_accuracy
from region_perception.modalities import IMAGE

ACCURACY, BY_LAVIS = "accuracy", "accuracy by LAVIS"
_PEOPLE, _QUESTION_TYPE = "people", "question_type"

_NOTE = "Under Answers, an answer is right if it is the one that most people gave; accuracy is that of all ten."


def question_cases(records: Sequence[Record], prepared: Any = None) -> list[Case]:
    """Each question about an image as a case, with what people answered."""
    return [_case(record, number) for record in records for number in range(len(record.questions))]


def _case(record: Record, number: int) -> Case:
    meta = record.meta
    return Case(
        id=f"vqav2/{meta['question_ids'][number]}",
        group="",
        modality=record.modality,
        subject=WHOLE,
        pointing="",
        observation=record.observation,
        questions=(record.questions[number],),
        facts={_PEOPLE: meta["answers"][number], _QUESTION_TYPE: meta["question_types"][number]},
    )


def measure_answers(predictions: Sequence[Prediction], java: bool = False) -> Measured:
    """The official accuracy, of all and by what kind of answer and question it is; and that by LAVIS' rules."""
    told = [each for each in predictions if each.task == ANSWER]
    groups = [each.group for each in told]
    right = [vqa_accuracy(each.said, each.facts.get(_PEOPLE, ())) for each in told]
    right_by_lavis = [vqa_accuracy(each.said, each.facts.get(_PEOPLE, ()), "lavis") for each in told]
    scores = {ACCURACY: estimate_mean(right, groups), BY_LAVIS: estimate_mean(right_by_lavis, groups)}
    for kind, places in _places([each.topic for each in told]).items():
        scores[kind] = estimate_mean([right[i] for i in places], [groups[i] for i in places])
    types = _places([str(each.facts.get(_QUESTION_TYPE, "")) for each in told])
    by_type = {
        kind: Estimate(sum(right[i] for i in places) / len(places), None, None, len(places))
        for kind, places in types.items()
    }
    return Measured(scores, (_NOTE,), {"question type": by_type})


def _places(kinds: Sequence[str]) -> dict[str, list[int]]:
    """Where each kind stands, by name."""
    places: dict[str, list[int]] = {}
    for i, kind in enumerate(kinds):
        places.setdefault(kind or "not stated", []).append(i)
    return dict(sorted(places.items()))


VQAV2 = DataProtocol(
    name="vqav2",
    about="answers to questions about COCO's images, by ten people's answers",
    data="vqav2",
    splits=("val",),
    modality=IMAGE,
    decoding=Decoding(beams=5, answer_tokens=10, min_tokens=1, length_penalty=-1.0),
    cases=question_cases,
    image_size=224,
    tasks=(ANSWER,),
    measure=measure_answers,
    figures=tuple(
        Figure(BY_LAVIS, value, f"RegionBLIP and BLIP-2 {language}", PAPER)
        for language, value in (
            ("OPT-2.7B", 51.88),
            ("OPT-6.7B", 54.01),
            ("FlanT5-XL", 63.13),
            ("FlanT5-XXL", 65.11),
        )
    ),
    differs=(
        "questions are asked by the model's own template, which for BLIP-2 is the published one",
        "the length penalty is -1 if nothing else is asked for, as published for T5; that of OPT is LAVIS' default, 0",
        "questions are read as people wrote them; LAVIS reads them in lower case, without most marks but ? and comma, "
        "cut to 32 tokens",
    ),
)
