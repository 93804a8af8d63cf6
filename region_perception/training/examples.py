"""From records to what the network reads: one observation as a tensor, and its regions as positions and sentences."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from region_perception.data.record import Record
from region_perception.data.source import Labelled, Source
from region_perception.errors import InvalidInput
from region_perception.network.region_blip import Features
from region_perception.network.spec import NetworkSpec, PointEncoderSpec
from region_perception.observations import CloudObservation, ImageObservation
from region_perception.preparation import CloudFrame, cloud_points, cloud_position, image_pixels, image_position
from region_perception.regions import CloudFootprint, ImageFootprint


@dataclass(frozen=True, eq=False)
class Row:
    """One region (or the whole) of an observation."""

    id: str
    position: Tensor | None
    """float32 [4 or 24], what PaFE reads; None for the whole."""
    sentences: tuple[str, ...]
    """What is true of it, for the language model to write."""
    references: tuple[str, ...]
    """What means it, for the text branch to match; where nothing does so alone, its sentences."""
    questions: tuple[tuple[str, str], ...] = ()
    """(question, answer)"""


@dataclass(frozen=True, eq=False)
class Example:
    """One observation, ready for the network, with its rows."""

    modality: str
    seen: Tensor | Features
    """Pixels [3, S, S], points [n, 3 or 6], or what the encoder made of them (a batch of one)."""
    rows: tuple[Row, ...] = ()
    classes: dict[str, Tensor] = field(default_factory=dict)
    """int64 [S, S] for an image, [n] for a cloud, by attribute; -1 unknown."""


class Examples(Protocol):
    """The examples of one modality, by number."""

    def __len__(self) -> int: ...

    def example(self, index: int) -> Example: ...


class PreparedExamples:
    """Examples made of a source's observations when they are asked for."""

    def __init__(self, source: Source, spec: NetworkSpec) -> None:
        self._source = source
        self._spec = spec

    def __len__(self) -> int:
        return len(self._source)

    def example(self, index: int) -> Example:
        return prepare(self._source.look(index), self._spec)


def prepare(labelled: Labelled, spec: NetworkSpec) -> Example:
    """One observation, its records and its classes as one example."""
    records = labelled.records
    if not records:
        raise InvalidInput("an observation has no records")
    silent = [record.id for record in records if not record.sentences]
    if silent:
        raise InvalidInput(f"records {', '.join(silent)} have no sentences to learn from")
    observation = records[0].observation
    if isinstance(observation, ImageObservation):
        seen, positions = image_pixels(observation, spec.image_encoder), _in_image(records, observation)
        classes = {name: _resized(labels, seen.shape[1]) for name, labels in labelled.classes.items()}
    else:
        seen, frame = cloud_points(observation, point_spec(spec), spec.position)
        positions = _in_cloud(records, observation, frame, spec)
        classes = {name: _whole_numbers(labels[frame.kept]) for name, labels in labelled.classes.items()}
    rows = tuple(_row(record, position) for record, position in zip(records, positions, strict=True))
    return Example(records[0].modality, seen, rows, classes)


def point_spec(spec: NetworkSpec) -> PointEncoderSpec:
    """The network's point encoder; refused where it has none."""
    if spec.point_encoder is None:
        raise InvalidInput(f"network {spec.name!r} reads images only; it has no point encoder")
    return spec.point_encoder


def _in_image(records: Sequence[Record], image: ImageObservation) -> list[Tensor | None]:
    """The position of each record's region, None for the whole."""
    positions: list[Tensor | None] = []
    for record in records:
        footprint = None if record.region is None else record.region.locate(image)
        positions.append(image_position(footprint) if isinstance(footprint, ImageFootprint) else None)
    return positions


def _in_cloud(
    records: Sequence[Record], cloud: CloudObservation, frame: CloudFrame, spec: NetworkSpec
) -> list[Tensor | None]:
    positions: list[Tensor | None] = []
    for record in records:
        footprint = None if record.region is None else record.region.locate(cloud)
        positions.append(cloud_position(footprint, frame, spec) if isinstance(footprint, CloudFootprint) else None)
    return positions


def _row(record: Record, position: Tensor | None) -> Row:
    return Row(
        id=record.id,
        position=position,
        sentences=tuple(record.sentences),
        references=tuple(record.references or record.sentences),
        questions=tuple((question.text, question.answer) for question in record.questions),
    )


def _resized(labels: np.ndarray, side: int) -> Tensor:
    """Labels [H, W] at the encoder's square [side, side], each that of the pixel nearest to its middle."""
    height, width = labels.shape
    rows = ((np.arange(side) + 0.5) * height / side).astype(np.int64)
    columns = ((np.arange(side) + 0.5) * width / side).astype(np.int64)
    return _whole_numbers(labels[rows[:, None], columns])


def _whole_numbers(labels: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(labels, dtype=np.int64))


def chosen_rows(
    example: Example,
    random: np.random.Generator,
    *,
    regions: int,
    questions: int,
    sentence: Literal["first", "any"],
) -> Example:
    """At most so many of its rows, each with at most one sentence, one reference and so many questions, at random."""
    rows = []
    for index in _some(len(example.rows), regions, random):
        row = example.rows[index]
        # Rows that can only be asked about have neither sentences nor references.
        told = 0 if sentence == "first" or not row.sentences else random.integers(len(row.sentences))
        meant = random.integers(len(row.references)) if row.references else 0
        rows.append(
            replace(
                row,
                sentences=row.sentences[told : told + 1],
                references=row.references[meant : meant + 1],
                questions=_asked(row.questions, questions, random),
            )
        )
    return replace(example, rows=tuple(rows))


def _asked(
    questions: Sequence[tuple[str, str]], count: int, random: np.random.Generator
) -> tuple[tuple[str, str], ...]:
    """At most so many of them, half of which are answered by yes or no where there are as many.

    Half of those are right by guessing, so that a model learns last to tell them.
    """
    closed = [place for place, (_, answer) in enumerate(questions) if answer in ("yes", "no")]
    others = [place for place in range(len(questions)) if place not in closed]
    told = min(len(others), max(count - count // 2, count - len(closed)))
    places = [others[i] for i in _some(len(others), told, random)]
    places += [closed[i] for i in _some(len(closed), count - told, random)]
    return tuple(questions[place] for place in sorted(places))


def _some(size: int, count: int, random: np.random.Generator) -> list[int]:
    """At most `count` of the numbers below `size`, in order."""
    return sorted(random.choice(size, min(count, size), replace=False).tolist())
