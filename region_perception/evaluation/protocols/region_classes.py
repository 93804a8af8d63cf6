"""Telling what regions of images show: COCO's boxes and its eighty names, by accuracy and average precision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from region_perception.data.record import Record
from region_perception.errors import InvalidInput
from region_perception.evaluation.average_precision import average_precision
from region_perception.evaluation.cases import Case, Decoding
from region_perception.evaluation.estimates import Estimate
from region_perception.evaluation.predictions import CLASSIFY, Prediction
from region_perception.evaluation.protocol import Figure, Measured
from region_perception.evaluation.protocols.data_protocol import REGION, DataProtocol
from region_perception.evaluation.protocols.naming import ACCURACY, measure_names
from region_perception.modalities import IMAGE_REGION
from region_perception.regions import Box

_LISTED = (
    "person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign, "
    "parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella, "
    "handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard, "
    "surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, "
    "broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop, "
    "mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase, scissors, "
    "teddy bear, hair drier, toothbrush"
)
NAMES = tuple(_LISTED.split(", "))
PRECISION, PRECISION_ONCE = "mAP", "mAP, named once"
_TEXTS = {name: name for name in NAMES}
_IMAGE, _BOX = "image_id", "box"


def name_cases(records: Sequence[Record], prepared: Any = None) -> list[Case]:
    """Each box of an image as a case."""
    return [_case(record) for record in records]


def _case(record: Record) -> Case:
    name, box = record.meta["category"], record.region
    if name not in _TEXTS:
        raise InvalidInput(f"{record.id} is a {name!r}, which is none of COCO's {len(NAMES)} names")
    if not isinstance(box, Box):
        raise InvalidInput(f"{record.id} has the region {box!r}; expected a box")
    return Case(
        id=record.id,
        group="",
        modality=record.modality,
        subject=REGION,
        pointing="box",
        observation=record.observation,
        region=box,
        label=name,
        labels=_TEXTS,
        all_scores=True,
        facts={_IMAGE: record.meta["image_id"], _BOX: [box.x1, box.y1, box.x2, box.y2]},
    )


def measure_regions(predictions: Sequence[Prediction], java: bool = False) -> Measured:
    """The share of boxes that get their name; and mean average precisions, in two ways.

    "mAP": every box is a detection of every name, as sure as it scores. "mAP, named once": of its best name alone, and
    all are equally sure, which is how systems are measured that say a name and nothing else.
    """
    told = [each for each in predictions if each.task == CLASSIFY]
    named = measure_names(told)
    if not told:
        return named
    if bare := next((each.id for each in told if len(each.scores) != len(NAMES) or not _is_placed(each)), None):
        raise InvalidInput(f"{bare} lacks its image, its box, or a score for each of the {len(NAMES)} names")
    images, boxes = [each.facts[_IMAGE] for each in told], np.array([each.facts[_BOX] for each in told], np.float64)
    truth = [NAMES.index(each.expected[0]) for each in told]
    scores = np.array([each.scores for each in told], np.float64)
    said = np.array([[NAMES.index(each.said)] for each in told])
    once = np.where(np.arange(len(NAMES)) == said, 1.0, np.nan)
    found, found_once = average_precision(images, boxes, truth, scores), average_precision(images, boxes, truth, once)
    precisions = {PRECISION: found.mean, PRECISION_ONCE: found_once.mean}
    count = len(told)
    by_name = {
        NAMES[name]: Estimate(value, None, None, truth.count(name)) for name, value in sorted(found.by_name.items())
    }
    return Measured(
        {**named.scores, **{name: Estimate(value, None, None, count) for name, value in precisions.items()}},
        named.notes,
        {**named.details, "name, by average precision": by_name},
    )


def _is_placed(prediction: Prediction) -> bool:
    return _IMAGE in prediction.facts and len(prediction.facts.get(_BOX, ())) == 4


_REGIONGPT = "RegionGPT's paper (arXiv 2403.02330)"
_QUOTED = f"as quoted in {_REGIONGPT}"
_SPATIAL = "SpatialRGPT's paper (arXiv 2406.01584)"


def _figures() -> tuple[Figure, ...]:
    accuracies = {"LLaVA": 40.04, "Shikra": 53.91, "GPT4RoI": 64.01, "PVIT": 64.53}
    precisions = {"CLIP": 58.9, "RegionCLIP": 58.3, "ASM": 69.3}
    both = {
        "RegionGPT": (80.61, 70.0, _REGIONGPT),
        "SpatialRGPT 7B": (79.9, 69.7, _SPATIAL),
        "SpatialRGPT VILA1.5-3B": (82.5, 72.5, _SPATIAL),
        "SpatialRGPT 8B": (82.9, 72.9, _SPATIAL),
    }
    return (
        *(Figure(ACCURACY, value, system, _QUOTED) for system, value in accuracies.items()),
        *(Figure(PRECISION, value, system, _QUOTED) for system, value in precisions.items()),
        *(
            Figure(score, value, system, source)
            for system, (right, precision, source) in both.items()
            for score, value in ((ACCURACY, right), (PRECISION_ONCE, precision))
        ),
    )


COCO_CLASSES = DataProtocol(
    name="coco-classes",
    about="names of COCO's annotated boxes, which of the eighty is most like the region",
    data="coco",
    splits=("val",),
    modality=IMAGE_REGION,
    decoding=Decoding(by="contrast"),
    cases=name_cases,
    tasks=(CLASSIFY,),
    measure=measure_regions,
    figures=_figures(),
    differs=(
        "each name is scored for each box and the best taken; RegionGPT, SpatialRGPT and GPT4RoI write an answer, "
        "which is right if it is the name letter by letter",
        "the whole image is shown; SpatialRGPT shows a square around the box",
        "crowds are left out of the truth, where COCO's evaluation passes over boxes that lie in them",
        "how the scores behind the quoted mAP were made is not stated",
    ),
)
