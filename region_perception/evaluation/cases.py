"""What is shown to a model and asked of it; and asking it. The same for every protocol."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from region_perception.errors import InputWarning
from region_perception.evaluation.pointing import overlap
from region_perception.evaluation.predictions import ANSWER, CAPTION, CLASSIFY, FIND, Prediction

if TYPE_CHECKING:
    from region_perception.captioner import Captioner
    from region_perception.confidence import ScoreMethod
    from region_perception.data.record import Question
    from region_perception.observations import CloudObservation, ImageObservation
    from region_perception.regions import Region
    from region_perception.view import View


@dataclass(frozen=True, eq=False)
class Case:
    """One observation, or one region of it, with what a model should say of it.

    Attributes:
        id, group, modality, subject, pointing: as in `Prediction`.
        observation: what is seen; cases that share it are encoded once.
        region: what is pointed at; None for the whole.
        meant: exactly what is meant, where a click has to select it first: the overlap of both is kept.
        references: what a caption may say; empty where none is asked for.
        questions: with their answers.
        description: words by which it should be found among `candidates`; empty where it is not sought.
        candidates: regions of the same observation by name; one of them has `name`.
        name: its own name among the candidates.
        label: its class among `labels`; empty where it is not classified.
        labels: all classes, each with the words that regions are compared with ("mug": "a mug").
        all_scores: whether the scores of all labels are kept, and not the best one's alone.
        facts: what the protocol needs to judge what is said, as plain JSON values.
        missed: nothing is shown in its place, as where a detector did not find it: what is said of it is empty.
    """

    id: str
    group: str
    modality: str
    subject: str
    pointing: str
    observation: ImageObservation | CloudObservation
    region: Region | None = None
    meant: Region | None = None
    references: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    description: str = ""
    candidates: Mapping[str, Region] = field(default_factory=dict)
    name: str = ""
    label: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    all_scores: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    missed: bool = False


@dataclass(frozen=True)
class Decoding:
    """How sentences are sought, and how regions are compared with texts (see `Captioner.score`; None: its default).

    max_tokens: of captions; answer_tokens: of answers. What follows `by` holds for both.
    """

    beams: int = 1
    max_tokens: int = 30
    answer_tokens: int = 8
    by: ScoreMethod | None = None
    min_tokens: int = 0
    length_penalty: float = 1.0
    repetition_penalty: float = 1.0

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values. Limits and penalties that change nothing are not named."""
        idle = [each.name for each in fields(self)[4:] if getattr(self, each.name) == each.default]
        return {name: value for name, value in asdict(self).items() if name not in idle}

    def writing(self, max_tokens: int) -> dict[str, Any]:
        """The options of `Captioner.caption` and `ask` for texts of at most so many tokens."""
        return {
            "beams": self.beams,
            "max_tokens": max_tokens,
            "min_tokens": self.min_tokens,
            "length_penalty": self.length_penalty,
            "repetition_penalty": self.repetition_penalty,
        }


def ask_model(
    captioner: Captioner, cases: Sequence[Case], tasks: Sequence[str], decoding: Decoding
) -> tuple[list[Prediction], float]:
    """What the model says of these cases, case by case, and the seconds that it took."""
    started = time.perf_counter()
    return ask_about(captioner, show(captioner, cases), tasks, decoding), time.perf_counter() - started


def show(captioner: Captioner, cases: Sequence[Case]) -> list[tuple[Case, View]]:
    """Each case with the view of it; observations are encoded once."""
    distinct = {id(case.observation): case.observation for case in cases}
    with _silent_clicks():
        seen = dict(zip(distinct, captioner.look_at_all(list(distinct.values())), strict=True))
        views = [seen[id(case.observation)] for case in cases]
        return [(_with_overlap(case, view), view) for case, view in zip(cases, views, strict=True)]


def ask_about(
    captioner: Captioner, shown: Sequence[tuple[Case, View]], tasks: Sequence[str], decoding: Decoding
) -> list[Prediction]:
    """What the model says of what it was shown, case by case."""
    cases, views = [case for case, _ in shown], [view for _, view in shown]
    said: dict[int, list[Prediction]] = {i: [] for i in range(len(cases))}
    with _silent_clicks():
        for task, ask in ((CAPTION, _captions), (ANSWER, _answers), (FIND, _finds), (CLASSIFY, _classes)):
            if task in tasks:
                for i, prediction in ask(captioner, cases, views, decoding):
                    said[i].append(prediction)
    return [each for predictions in said.values() for each in predictions]


@contextmanager
def _silent_clicks() -> Iterator[None]:
    """How much of the picture clicks select is part of what is measured, and nothing to warn of."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Click", category=InputWarning)
        yield


def _with_overlap(case: Case, view: View) -> Case:
    """The case, with how well what a click selects covers what it means."""
    if case.region is None or case.meant is None:
        return case
    shared = overlap(view.locate(case.region), view.locate(case.meant))
    return replace(case, facts={**case.facts, "overlap": round(shared, 4)})


_Told = Iterator[tuple[int, Prediction]]


def _captions(captioner: Captioner, cases: Sequence[Case], views: Sequence[View], decoding: Decoding) -> _Told:
    yield from (
        (i, _prediction(each, CAPTION, "", 0.0, each.references)) for i, each in enumerate(cases) if each.missed
    )
    chosen = [i for i, case in enumerate(cases) if case.references and not case.missed]
    wanted = [(views[i], cases[i].region) for i in chosen]
    for i, told in zip(chosen, captioner.caption(wanted, **decoding.writing(decoding.max_tokens)), strict=True):
        yield i, _prediction(cases[i], CAPTION, told.text, told.confidence, cases[i].references)


def _answers(captioner: Captioner, cases: Sequence[Case], views: Sequence[View], decoding: Decoding) -> _Told:
    chosen = [(i, number) for i, case in enumerate(cases) for number in range(len(case.questions))]
    wanted = [(views[i], cases[i].region, cases[i].questions[number].text) for i, number in chosen]
    told = captioner.ask(wanted, **decoding.writing(decoding.answer_tokens))
    for (i, number), answer in zip(chosen, told, strict=True):
        question = cases[i].questions[number]
        yield (
            i,
            _prediction(
                cases[i],
                ANSWER,
                answer.text,
                answer.confidence,
                (question.answer,),
                number,
                asked=question.text,
                topic=question.topic,
            ),
        )


def _finds(captioner: Captioner, cases: Sequence[Case], views: Sequence[View], decoding: Decoding) -> _Told:
    """Descriptions of one view that choose among the same candidates are compared together."""
    alike: dict[tuple[int, int], list[int]] = {}
    for i, case in enumerate(cases):
        if case.description:
            alike.setdefault((id(views[i]), id(case.candidates)), []).append(i)
    for chosen in alike.values():
        view, candidates = views[chosen[0]], cases[chosen[0]].candidates
        texts = [cases[i].description for i in chosen]
        names = tuple(candidates)
        for i, matches in zip(chosen, captioner.find(view, texts, list(candidates.values()), decoding.by), strict=True):
            case, said, sure = cases[i], names[matches[0].index], matches[0].confidence
            yield i, _prediction(case, FIND, said, sure, (case.name,), asked=case.description, options=names)


def _classes(captioner: Captioner, cases: Sequence[Case], views: Sequence[View], decoding: Decoding) -> _Told:
    alike: dict[int, list[int]] = {}
    for i, case in enumerate(cases):
        if case.label:
            alike.setdefault(id(case.labels), []).append(i)
    for chosen in alike.values():
        labels = cases[chosen[0]].labels
        names = tuple(labels)
        scores = captioner.score([(views[i], cases[i].region) for i in chosen], list(labels.values()), decoding.by)
        for row, i in enumerate(chosen):
            best = int(scores[row].argmax())
            every = tuple(round(float(score), 7) for score in scores[row]) if cases[i].all_scores else ()
            sure = float(scores[row, best])
            yield i, _prediction(cases[i], CLASSIFY, names[best], sure, (cases[i].label,), scores=every)


def _prediction(
    case: Case, task: str, said: str, confidence: float, expected: tuple[str, ...], number: int = 0, **details: Any
) -> Prediction:
    return Prediction(
        id=f"{case.id}#{task}{f'-{number}' if task == ANSWER else ''}",
        case=case.id,
        group=case.group,
        task=task,
        modality=case.modality,
        subject=case.subject,
        pointing=case.pointing,
        said=said,
        confidence=confidence,
        expected=expected,
        facts=case.facts,
        **details,
    )
