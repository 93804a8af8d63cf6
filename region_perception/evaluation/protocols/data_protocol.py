"""Protocols over data sets on disk: what is shown and asked of it, how sentences are sought, what scores stand beside.

A protocol is one `DataProtocol`; everything else (reading, running, keeping, going on, reporting) is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from region_perception.data.indexed import IndexedSource
from region_perception.data.kept_indexes import usable_index
from region_perception.data.record import Record
from region_perception.data.sets import named_set
from region_perception.errors import InvalidInput
from region_perception.evaluation.cases import Case, Decoding
from region_perception.evaluation.predictions import ANSWER, CAPTION, Prediction
from region_perception.evaluation.protocol import Figure, Measure, Protocol
from region_perception.evaluation.running import run
from region_perception.modalities import CLOUD_MODALITIES, IMAGE_REGION, REGION_MODALITIES
from region_perception.regions import Box, Region

if TYPE_CHECKING:
    from region_perception.captioner import Captioner

NUMBER = "number"  # the fact that says which observation of the split a prediction is about
WHOLE, REGION = "whole", "region"
MAX_BAD_SHARE = 0.01

Cases = Callable[[Sequence[Record], Any], list[Case]]
"""(records of one observation, what `prepare` read) -> what is shown and asked of it"""


@dataclass(frozen=True, kw_only=True)
class DataProtocol:
    """How models are measured on a data set.

    name, about: its own, and a line about it. data: name of the data set. splits: those that models are measured on,
    first the one that `figures` are of; others of the data set may be asked for. modality: of the records that are
    shown. decoding: the published way to seek sentences. image_size: side of the pictures in pixels that published
    figures are read at, None where that says nothing. tasks: what is asked. cases: see `Cases`. prepare: reads the file
    of predicted boxes, for protocols that need one. measure, figures, differs: as in `Protocol`.
    """

    name: str
    about: str
    data: str
    splits: tuple[str, ...]
    modality: str
    decoding: Decoding
    cases: Cases
    image_size: int | None = None
    tasks: tuple[str, ...] = (CAPTION,)
    prepare: Callable[[Path], Any] | None = None
    measure: Measure | None = None
    figures: tuple[Figure, ...] = ()
    differs: tuple[str, ...] = ()

    @property
    def for_report(self) -> Protocol:
        """What `write_report` needs to know."""
        return Protocol(
            name=self.name,
            reopen=partial(_reopen, self),
            measure=self.measure,
            figures=self.figures,
            split=self.splits[0],
            differs=self.differs,
        )


@dataclass(frozen=True)
class OnDisk:
    """Which data a protocol is run on.

    folder: of the data set. split: None for the protocol's usual one. boxes: the file of predicted boxes, for protocols
    that need one. max_bad_share: the run is refused if a larger share of rows or of observations cannot be used.
    """

    folder: Path
    split: str | None = None
    boxes: Path | None = None
    max_bad_share: float = MAX_BAD_SHARE

    def __post_init__(self) -> None:
        if not 0 <= self.max_bad_share <= 1:
            raise InvalidInput(f"max_bad_share is {self.max_bad_share}; expected a share from 0 to 1")


def evaluate(
    protocol: DataProtocol,
    captioner: Captioner,
    folder: Path,
    data: OnDisk,
    *,
    limit: int | None = None,
    decoding: Decoding | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Runs a model over a data set and keeps what it says in `folder`; goes on where a run before stopped.

    A `CropCaptioner` is the baseline that captions cut-out boxes. limit: only the first so many images, clouds or
    scenes. decoding: None for the protocol's.
    """
    from region_perception.evaluation.crop import CropCaptioner

    crop = isinstance(captioner, CropCaptioner)
    opened = _opened(protocol, data, crop)
    settings = opened.settings() | _ways(protocol, captioner) | ({"baseline": "cut out by box"} if crop else {})
    groups = len(opened.source) if limit is None else min(limit, len(opened.source))
    run(
        captioner,
        folder,
        opened.cases_of,
        groups,
        settings,
        tasks=protocol.tasks,
        decoding=decoding or protocol.decoding,
        max_bad_share=data.max_bad_share,
        progress=progress,
    )


def check_data(protocol: DataProtocol, data: OnDisk, *, crop: bool = False) -> None:
    """Refuses data that the protocol cannot be run on, before any model is there. crop: by the baseline."""
    _opened(protocol, data, crop)


def _ways(protocol: DataProtocol, captioner: Captioner) -> dict[str, Any]:
    """What of the model decides how it is asked: its prompt, and the pictures that it reads."""
    language = captioner.spec.language
    about_clouds = protocol.modality in CLOUD_MODALITIES
    prompt = language.cloud_prefix if about_clouds else language.image_prefix
    asked = {"prompt": language.question_template if ANSWER in protocol.tasks else prompt}
    return asked | ({} if about_clouds else {"image_size": captioner.image_size})


@dataclass(frozen=True, eq=False)
class _Opened:
    """A protocol over the data that it is run on."""

    protocol: DataProtocol
    data: OnDisk
    source: IndexedSource
    prepared: Any

    def settings(self) -> dict[str, Any]:
        """What a run is continued by, and a report says."""
        asked: dict[str, Any] = {"protocol": self.protocol.name, "data": self.protocol.data, "split": self.data.split}
        asked |= {"folder": str(self.data.folder.resolve()), "content": self.source.index.content}
        if self.data.boxes:
            asked |= {"boxes": str(self.data.boxes.resolve()), "boxes_content": _digest(self.data.boxes)}
        return asked

    def cases_of(self, number: int) -> list[Case]:
        """What is shown of the observation with this number. Data sets may use an id twice; cases have one each."""
        group = f"{self.protocol.data}/{self.data.split}/{number}"
        cases: dict[str, Case] = {}
        for case in self.protocol.cases(self.source.look(number).records, self.prepared):
            name = f"{case.id}@{number}"
            name += f".{len(cases)}" if name in cases else ""
            cases[name] = replace(case, id=name, group=group, facts={**case.facts, NUMBER: number})
        return list(cases.values())


def _digest(path: Path) -> str:
    return blake2b(path.read_bytes(), digest_size=8).hexdigest()


def _opened(protocol: DataProtocol, data: OnDisk, crop: bool = False) -> _Opened:
    if crop and protocol.modality != IMAGE_REGION:
        raise InvalidInput(f"{protocol.name} is about {protocol.modality}; only regions of images can be cut out")
    if (data.boxes is None) != (protocol.prepare is None):
        needs = "needs a file of predicted boxes" if protocol.prepare else "takes no file of predicted boxes"
        raise InvalidInput(f"{protocol.name} {needs}, got {data.boxes}")
    prepared = protocol.prepare(data.boxes) if protocol.prepare and data.boxes else None
    split = data.split or protocol.splits[0]
    index = usable_index(named_set(protocol.data), data.folder, split, max_bad_share=data.max_bad_share)
    source = IndexedSource(index, data.folder, protocol.modality)
    if not len(source):
        raise InvalidInput(f"{protocol.data} {split} in {data.folder} has nothing of {protocol.modality}")
    return _Opened(protocol, replace(data, split=split), source, prepared)


@lru_cache(maxsize=4)
def _again(protocol: DataProtocol, folder: str, split: str, boxes: str | None) -> _Opened:
    data = OnDisk(Path(folder), split, Path(boxes) if boxes else None, max_bad_share=1.0)
    return _opened(protocol, data)


def _reopen(protocol: DataProtocol, settings: dict[str, Any], prediction: Prediction) -> Case:
    """The case that a prediction of a run with these settings is about; the data must still be where they were."""
    opened = _again(protocol, settings["folder"], settings["split"], settings.get("boxes"))
    if {name: settings[name] for name in opened.settings()} != opened.settings():
        raise InvalidInput(
            f"{settings['folder']} holds other data than when the run was made: its cases cannot be drawn"
        )
    cases = {case.id: case for case in opened.cases_of(prediction.facts[NUMBER])}
    return cases[prediction.case]


def caption_cases(records: Sequence[Record], prepared: Any = None) -> list[Case]:
    """Each record as a case with all that people said of it; regions with the same box in whole pixels are one."""
    together: dict[Any, list[Record]] = {}
    for record in records:
        together.setdefault(_place(record), []).append(record)
    return [_case(same) for same in together.values()]


def _place(record: Record) -> Any:
    box = record.region
    if not isinstance(box, Box):
        return record.id
    return tuple(int(value) for value in (box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1))


def _case(same: Sequence[Record]) -> Case:
    first = same[0]
    said = dict.fromkeys(text for record in same for text in record.references or record.sentences)
    return Case(
        id=first.id,
        group="",
        modality=first.modality,
        subject=REGION if first.modality in REGION_MODALITIES else WHOLE,
        pointing=_pointing(first.region),
        observation=first.observation,
        region=first.region,
        references=tuple(said),
    )


def _pointing(region: Region | None) -> str:
    return "" if region is None else "box" if region.kind in ("box", "box3d") else "mask"
