"""What a model said of the demo's scene, and which of it is right: asked for, counted, printed and kept as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from region_perception.cli.place import Place
from region_perception.cli.report import print_table
from region_perception.evaluation.answers import answers_right
from region_perception.evaluation.cases import Case, Decoding, ask_model
from region_perception.evaluation.judging import RIGHT, WRONG
from region_perception.evaluation.predictions import ANSWER, CAPTION, FIND, Prediction
from region_perception.evaluation.tabletop import TABLETOP, THING, THINGS, TabletopSettings, scene_cases
from region_perception.modalities import CLOUD_MODALITIES, MODALITIES

if TYPE_CHECKING:
    from region_perception.captioner import Captioner
    from region_perception.data.record import Question

IMAGE, CLOUD = "image", "cloud"
SEEN_IN = (IMAGE, CLOUD)
_ALL = "all"  # the number of everything together
# Each thing is asked about one of these, in turn: what its caption may not say comes first.
_TOPICS = ("relation", "yes/no", "size", "position", "color", "pattern")
_TOPICS_OF_ALL = ("count", "support", "yes/no")
# The sentences of random weights go on until they are stopped.
_TRAINED, _UNTRAINED = Decoding(), Decoding(max_tokens=8, answer_tokens=2)
_COUNTED = (*TABLETOP.properties, ANSWER, FIND)
_HEADINGS = {THINGS: "whole", ANSWER: "answers", FIND: "found"}


@dataclass(frozen=True, eq=False)
class Result:
    """One thing that the model said.

    Attributes:
        case: what it was shown.
        prediction: what it said, and what would have been right.
        verdicts: one of `judging.VERDICTS` for each property that a caption is judged by; for an answer or a find one,
            by the name of the task.
    """

    case: Case
    prediction: Prediction
    verdicts: Mapping[str, str]

    @property
    def number(self) -> str:
        """The thing that it is about: its number in the scene, in the cloud's file and in the pictures; or "all"."""
        return self.case.name or _ALL

    @property
    def seen_in(self) -> str:
        return CLOUD if self.case.modality in CLOUD_MODALITIES else IMAGE

    @property
    def wrong(self) -> list[str]:
        return [name for name in _COUNTED if self.verdicts.get(name) == WRONG]

    def place(self) -> Place:
        return Place.of(self.case.region, self.case.observation)

    def in_words(self) -> str:
        """The verdict on a caption."""
        if self.wrong == [THINGS]:
            return "wrong: not all are there"
        return f"wrong: {', '.join(self.wrong)}" if self.wrong else "right"

    def marked(self) -> str:
        """What was said, with a mark where it is wrong."""
        return f"{self.prediction.said} ({self.in_words()})" if self.wrong else self.prediction.said


def ask_about_scene(captioner: Captioner, index: int, size: tuple[int, int], split: str) -> list[Result]:
    """Captions of all things of a scene, answers to a question about each, and finds, in image and cloud.

    size: (width, height) of its picture in pixels. Only what the model's network knows is asked for.
    """
    known = tuple(name for name in MODALITIES if name in captioner.spec.modalities)
    settings = TabletopSettings(split=split, start=index, modalities=known, size=size)
    cases = [_with_few_questions(case) for case in scene_cases(settings, 0) if case.subject != THING]
    by_id = {case.id: case for case in cases}
    decoding = _TRAINED if captioner.trained else _UNTRAINED
    predictions, _ = ask_model(captioner, cases, (CAPTION, ANSWER, FIND), decoding)
    return [Result(by_id[each.case], each, _verdicts(each)) for each in predictions]


def captions_of_things(results: Sequence[Result]) -> list[list[Result]]:
    """The captions of single things, those in the image and then those in the cloud, as far as there are any."""
    told = [each for each in results if each.prediction.task == CAPTION and each.case.name]
    groups = ([each for each in told if each.seen_in == name] for name in SEEN_IN)
    return [group for group in groups if group]


def _with_few_questions(case: Case) -> Case:
    """The case with one question about a thing, or one of each kind about the whole."""
    by_topic: dict[str, Question] = {}
    for question in case.questions:
        by_topic.setdefault(question.topic, question)
    if not case.name:
        return replace(case, questions=tuple(by_topic[name] for name in _TOPICS_OF_ALL if name in by_topic))
    turn = (int(case.name) - 1) % len(_TOPICS)
    topics = [name for name in _TOPICS[turn:] + _TOPICS[:turn] if name in by_topic]
    return replace(case, questions=tuple(by_topic[name] for name in topics[:1]))


def _verdicts(prediction: Prediction) -> Mapping[str, str]:
    if prediction.task == CAPTION:
        assert TABLETOP.judge is not None  # the world knows the truth
        return TABLETOP.judge(prediction)
    if prediction.task == ANSWER:
        right = answers_right(prediction.said, prediction.expected)
    else:
        right = prediction.said in prediction.expected
    return {prediction.task: RIGHT if right else WRONG}


# For people ---------------------------------------------------------------------------------------------------------


def print_results(results: Sequence[Result]) -> None:
    """Tables of captions, answers and finds, with what is wrong and what is true instead, and how many are right."""
    rows = [row for group in _together(results, CAPTION) for row in _caption_rows(group)]
    columns = ["#", "seen in", "sentence", "sure", "is"]
    print_table(columns, rows, "Each thing, by its box", {"sentence": 50, "is": 25})
    rows = [_compared(group, group[0].prediction.asked) for group in _together(results, ANSWER)]
    if rows:
        print()
        widths = {"question": 46, IMAGE: 16, CLOUD: 16}
        print_table(["#", "question", *SEEN_IN, "truth"], rows, "A question about each, and about all", widths)
    found = _together(results, FIND)
    rows = [_compared(group, group[0].prediction.asked)[1:] for group in found]
    if rows:
        print()
        title = f"Found by words: the number of what fits best, of {len(found[0][0].case.candidates)}"
        print_table(["words", *SEEN_IN, "truth"], rows, title, {"words": 60})
    print()
    counts = count_right(results)
    rows = [[name, *(_share(counts[name].get(each)) for each in _COUNTED)] for name in SEEN_IN if name in counts]
    print_table(["", *(_HEADINGS.get(name, name) for name in _COUNTED)], rows, "Right, of what is said")


def _together(results: Sequence[Result], task: str) -> list[list[Result]]:
    """The results of a task, those of image and cloud about the same together; things by number, then the whole."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for each in results:
        if each.prediction.task == task:
            groups.setdefault((each.number, each.prediction.asked), []).append(each)
    return sorted(groups.values(), key=lambda group: (group[0].number == _ALL, int(group[0].case.name or 0)))


def _caption_rows(group: Sequence[Result]) -> Iterator[list[str]]:
    """A row for each way in which a thing was seen, and one with the truth where one of them is wrong."""
    for i, each in enumerate(group):
        said, sure = each.prediction.said, f"{each.prediction.confidence:.2f}"
        yield ["" if i else each.number, each.seen_in, said, sure, each.in_words()]
    if any(each.wrong for each in group):
        yield ["", "truth", group[0].prediction.expected[0], "", ""]


def _compared(group: Sequence[Result], asked: str) -> list[str]:
    """What was asked, what was said in the image and in the cloud, and the truth."""
    said = {each.seen_in: each.prediction.said + (" (wrong)" if each.wrong else "") for each in group}
    return [group[0].number, asked, *(said.get(name, "-") for name in SEEN_IN), group[0].prediction.expected[0]]


def _share(count: Mapping[str, int] | None) -> str:
    return f"{count['right']}/{count['of']}" if count else "-"


# For programs -------------------------------------------------------------------------------------------------------


def count_right(results: Sequence[Result]) -> dict[str, dict[str, dict[str, int]]]:
    """For image and cloud, and each property and task, how many are right, of how many that are right or wrong."""
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for each in results:
        for name in _COUNTED:
            if each.verdicts.get(name) in (RIGHT, WRONG):
                count = counts.setdefault(each.seen_in, {}).setdefault(name, {"right": 0, "of": 0})
                count["right"] += each.verdicts[name] == RIGHT
                count["of"] += 1
    return counts


def results_in_json(results: Sequence[Result]) -> dict[str, Any]:
    """All that was said, with the regions, the truth and the verdicts; what is about the whole has no number."""
    written: dict[str, list[dict[str, Any]]] = {CAPTION: [], ANSWER: [], FIND: []}
    for each in results:
        told = each.prediction
        facts: dict[str, Any] = {"number": int(each.case.name) if each.case.name else None, "modality": told.modality}
        if told.task == CAPTION:
            facts |= {"text": told.said, "truth": list(told.expected), "verdicts": dict(each.verdicts)}
            facts |= each.place().in_json()
        else:
            facts |= {"asked": told.asked, "said": told.said, "truth": told.expected[0], "right": not each.wrong}
        written[told.task].append(facts | {"confidence": told.confidence})
    return {
        "captions": written[CAPTION],
        "answers": written[ANSWER],
        "finds": written[FIND],
        "right": count_right(results),
    }
