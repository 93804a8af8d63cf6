"""Scan2Cap: captions of the objects that a detector found; what it did not find counts as nothing said.

m@kIoU: an object's caption counts where its box overlaps the object's by an IoU of k or more, else an empty one does.
Sentences are compared between "sos" and "eos", in the tokens that ScanRefer's files have, at most 30 of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from region_perception.data.record import Record
from region_perception.errors import InvalidInput, InvalidRegion, warn_about_input
from region_perception.evaluation.captions import BLEU, CIDER, METEOR, ROUGE, score_captions
from region_perception.evaluation.cases import Case
from region_perception.evaluation.estimates import Estimate, estimate_mean
from region_perception.evaluation.predictions import Prediction
from region_perception.evaluation.protocol import Figure, Measured
from region_perception.evaluation.protocols.data_protocol import REGION, DataProtocol
from region_perception.evaluation.protocols.detections import Detections, matched, read_detections
from region_perception.evaluation.protocols.regionblip import CAPTION_DECODING, LIMITS, PROMPT
from region_perception.modalities import CLOUD_REGION
from region_perception.observations import CloudObservation
from region_perception.regions import Box3D

THRESHOLDS = (0.25, 0.5)
FOUND, IOU = "found", "iou"
_UNLISTED = "unlisted"  # the fact that the file of boxes does not name a scene
_SCORES = (CIDER, BLEU[3], METEOR, ROUGE)
_LONGEST = 30  # tokens of a sentence
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)?|[^\w\s]")


def tokens(sentence: str) -> list[str]:
    """Words and marks of a sentence, in lower case, as ScanRefer's files have them."""
    return _TOKEN.findall(sentence.lower())


def scene_cases(records: Sequence[Record], detections: Detections) -> list[Case]:
    """The described objects of a scene, each with the box that was found for it, if any was."""
    scene = records[0].meta["scene_id"]
    unlisted = scene not in detections
    if unlisted:
        warn_about_input(
            f"the file of boxes does not name {scene}: nothing counts as found there; expected [] for that"
        )
    cloud = records[0].observation
    assert isinstance(cloud, CloudObservation)
    objects = [record.region for record in records if isinstance(record.region, Box3D)]
    found = [box for box in detections.get(scene, ()) if _holds_points(box, cloud)]
    matches = matched(objects, found, min(THRESHOLDS))
    return [
        Case(
            id=record.id,
            group="",
            modality=CLOUD_REGION,
            subject=REGION,
            pointing="box",
            observation=cloud,
            region=found[matches[i][0]] if i in matches else None,
            references=tuple(_references(record)),
            facts={IOU: matches[i][1] if i in matches else 0.0} | ({_UNLISTED: True} if unlisted else {}),
            missed=i not in matches,
        )
        for i, record in enumerate(records)
    ]


def _holds_points(box: Box3D, cloud: CloudObservation) -> bool:
    """Whether there is anything in a box that a model could look at."""
    try:
        box.locate(cloud)
    except InvalidRegion:
        return False
    return True


def _references(record: Record) -> Iterator[str]:
    """Descriptions as tokens with one space between them."""
    yield from (" ".join(each[:_LONGEST]) for each in record.meta["tokens"])


def measure(predictions: Sequence[Prediction], java: bool) -> Measured:
    """The four scores at each IoU, and the share of objects that were found at it."""
    scores: dict[str, Estimate] = {}
    notes: dict[str, None] = {}
    if bare := next((each.id for each in predictions if not isinstance(each.facts.get(IOU), int | float)), None):
        raise InvalidInput(f"{bare} lacks the IoU of its box with the object")
    groups = {each.id: each.group for each in predictions}
    references = {each.id: [_framed(text.split()) for text in each.expected] for each in predictions}
    for least in THRESHOLDS:
        found = [each.facts[IOU] >= least for each in predictions]
        said = {
            each.id: _framed(tokens(each.said) if there else []) for each, there in zip(predictions, found, strict=True)
        }
        told = score_captions(said, references, groups=groups, java=java, split=str.split)
        scores |= {f"{name}@{least:g}": told.scores[name] for name in _SCORES if name in told.scores}
        scores[f"{FOUND}@{least:g}"] = estimate_mean(found, list(groups.values()))
        notes |= dict.fromkeys(told.notes)
    if missing := len({each.group for each in predictions if _UNLISTED in each.facts}):
        notes[f"The file of boxes does not name {missing:,} of the scenes; nothing counts as found there."] = None
    return Measured(scores, tuple(notes))


def _framed(words: Sequence[str]) -> str:
    return " ".join(["sos", *words[:_LONGEST], "eos"])


_CITED = "as later papers cite it"
_PUBLISHED = {
    "Chat-Scene": ((77.1, 36.3), "github.com/ZzZZCHS/Chat-Scene"),
    "Vote2Cap-DETR++": ((67.6, 37.1), _CITED),
    "3D-VisTA": ((66.9, 34.0), _CITED),
    "LL3DA": ((65.2, 36.8), _CITED),
}

SCAN2CAP = DataProtocol(
    name="scan2cap",
    about="captions of what a detector found in ScanNet's scenes, at IoU 0.25 and 0.5",
    data="scanrefer",
    splits=("val",),
    modality=CLOUD_REGION,
    decoding=CAPTION_DECODING,
    cases=scene_cases,
    prepare=read_detections,
    measure=measure,
    figures=tuple(
        Figure(f"{score}@0.5", value, system, source)
        for system, (both, source) in _PUBLISHED.items()
        for score, value in zip((CIDER, BLEU[3]), both, strict=True)
    ),
    differs=(
        "boxes and objects are paired one to one, the pair that overlaps most first, among objects that somebody "
        "described; Scan2Cap's code gives a box to the object whose centre is nearest, and of several the last counts",
        "figures of others hang on their detectors: `found` says what ours found",
        PROMPT,
        LIMITS,
    ),
)
