"""What a report needs to know of a protocol: what is right, what is measured, what others have published."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from region_perception.evaluation.cases import Case
from region_perception.evaluation.estimates import Estimate
from region_perception.evaluation.predictions import Prediction
from region_perception.evaluation.scoring import Judge


@dataclass(frozen=True)
class Figure:
    """A score that somebody has published, to stand beside ours.

    score: by the name that it has in our reports. percent: its value. system: whose. source: where it is published.
    """

    score: str
    percent: float
    system: str
    source: str


@dataclass(frozen=True)
class Measured:
    """The scores of a whole run by a protocol's own rules.

    notes: what is missing, and why. details: the scores of parts of it, by what they are parts of ("question type").
    """

    scores: Mapping[str, Estimate]
    notes: tuple[str, ...] = ()
    details: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)


Measure = Callable[[Sequence[Prediction], bool], Measured]
"""(predictions of a run, whether to look for Java) -> its scores"""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What a report needs to know of the protocol that a run was made by.

    name: as in the settings of its runs. reopen: from the settings of a run and a prediction to the case that it is
    about. judge: what is right in a caption, property by property. whole: see `scoring.score_sections`. headline: the
    properties that the summary shows. properties: those that pictures show. measure: the scores that are compared with
    published ones; None where those of the sections are all there is. figures: those published scores. split: that
    they are of. differs: in what a run of ours may differ from the published protocol.
    """

    name: str
    reopen: Callable[[dict[str, Any], Prediction], Case]
    judge: Judge | None = None
    whole: str = ""
    headline: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    measure: Measure | None = None
    figures: tuple[Figure, ...] = ()
    split: str = ""
    differs: tuple[str, ...] = ()

    def differs_on(self, split: str) -> list[str]:
        """In what a run over this split may differ from what was published."""
        others = [f"figures of others are of the split {self.split}, these scores of {split}"]
        return [*(others if self.figures and split != self.split else ()), *self.differs]
