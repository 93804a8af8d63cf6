"""The one form in which every data set yields what there is to learn from and to be measured by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from region_perception.errors import InvalidInput
from region_perception.modalities import CLOUD_MODALITIES, MODALITIES, REGION_MODALITIES
from region_perception.observations import CloudObservation, ImageObservation
from region_perception.regions import Region, region_from_dict


@dataclass(frozen=True)
class Question:
    """A question about what a record shows, and its answer.

    topic: what it asks for ("color", "count", "relation", ...), so that answers can be counted by it.
    """

    text: str
    answer: str
    topic: str = ""


@dataclass(frozen=True, eq=False)
class Record:
    """One observation, or one region of it, with what is said of it.

    Attributes:
        id: names the record among all records of its data set.
        source: the data set.
        split: "train", "val", "test" or whatever else the data set has.
        modality: one of `modalities.MODALITIES`.
        observation: what is seen.
        region: what is pointed at, of the kind that the modality asks for; None for the whole observation.
        sentences: what is true of it; the first is the one to learn to write. May be empty where there are questions.
        references: sentences that mean this region and no other of the observation.
        questions: with their answers.
        place: where the observation is kept, as plain JSON values; records of one observation have equal places.
        meta: whatever else the data set tells, as plain JSON values.
    """

    id: str
    source: str
    split: str
    modality: str
    observation: ImageObservation | CloudObservation
    region: Region | None = None
    sentences: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    place: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.modality not in MODALITIES:
            raise InvalidInput(f"record {self.id}: modality {self.modality!r}; expected one of {', '.join(MODALITIES)}")
        wanted = CloudObservation if self.modality in CLOUD_MODALITIES else ImageObservation
        if not isinstance(self.observation, wanted):
            seen = type(self.observation).__name__
            raise InvalidInput(f"record {self.id}: {self.modality} needs a {wanted.__name__}, got {seen}")
        pointed = self.modality if self.modality in REGION_MODALITIES else None
        if (self.region.modality if self.region else None) != pointed:
            needs = f"a region of {pointed}" if pointed else "no region"
            raise InvalidInput(f"record {self.id}: {self.modality} needs {needs}, got {self.region!r}")
        if not (self.sentences or self.questions):
            raise InvalidInput(f"record {self.id}: it has neither sentences nor questions")

    def to_dict(self) -> dict[str, Any]:
        """Everything but the observation, which stays at its `place`, as plain JSON values."""
        return {
            "id": self.id,
            "source": self.source,
            "split": self.split,
            "modality": self.modality,
            "region": self.region.to_dict() if self.region else None,
            "sentences": list(self.sentences),
            "references": list(self.references),
            "questions": [asdict(question) for question in self.questions],
            "place": dict(self.place),
            "meta": dict(self.meta),
        }

    @classmethod
    def from_dict(cls, written: Mapping[str, Any], observation: ImageObservation | CloudObservation) -> Record:
        """The record that `to_dict` wrote, about the observation found at its place."""
        values = dict(written)
        region = values.pop("region")
        values["region"] = region_from_dict(region) if region else None
        values["questions"] = tuple(Question(**question) for question in values["questions"])
        for name in ("sentences", "references"):
            values[name] = tuple(values[name])
        return cls(observation=observation, **values)
