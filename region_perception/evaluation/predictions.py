"""What a model said, one line of JSON for each thing said, kept so that scores can be computed again without the model.

FOLDER/
  run.json            what was asked for, which model answered, how far it came
  predictions.jsonl   one Prediction a line, all of one group (an image, a scene) next to each other
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from region_perception.errors import InvalidInput
from region_perception.json_files import load_json, parse_json
from region_perception.modalities import MODALITIES
from region_perception.regions.checks import shown

CAPTION, ANSWER, FIND, CLASSIFY = "caption", "answer", "find", "classify"
TASKS = (CAPTION, ANSWER, FIND, CLASSIFY)

_FORMAT = 1


@dataclass(frozen=True)
class Prediction:
    """One thing that a model said, and what would have been right.

    Attributes:
        id: names it among all of its run.
        case: what was shown (`Case.id`); its caption, its answers and the rest have the same.
        group: what is drawn anew together in confidence intervals: the scene.
        task: one of TASKS.
        modality: one of `modalities.MODALITIES`.
        subject: what it is about: "region", "whole", or "thing" (a thing by itself).
        pointing: how the region was pointed at ("box", "mask", ...); empty for wholes.
        said: the sentence, the answer, the candidate that was found, or the class.
        confidence: in [0, 1], as the model told it.
        expected: references, right answers, the right candidate, or the right class.
        asked: the question, or the description of what was to be found.
        topic: what the question is about.
        options: what there was to choose from.
        facts: what the protocol needs to judge it, as plain JSON values.
        scores: those of all classes, in the order of the protocol's labels, where it asks for them.
    """

    id: str
    case: str
    group: str
    task: str
    modality: str
    subject: str
    pointing: str
    said: str
    confidence: float
    expected: tuple[str, ...]
    asked: str = ""
    topic: str = ""
    options: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    scores: tuple[float, ...] = ()

    def to_json(self) -> str:
        return json.dumps({name: value for name, value in asdict(self).items() if value not in ("", (), {})})


_NAMES = {each.name for each in fields(Prediction)}
_LISTS = ("expected", "options", "scores")
_DEFAULTS: dict[str, Any] = {"pointing": "", "said": "", "expected": ()}  # left out of a line where they are empty
_NEEDED = {each.name for each in fields(Prediction) if each.default is MISSING and each.default_factory is MISSING}


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _all(right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list | tuple) and all(map(right, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_Kind = tuple[Callable[[Any], bool], str]
_TEXT: _Kind = (_is_text, "text")
_KINDS: dict[str, _Kind] = {  # what the fields are that are not any text
    "task": (TASKS.__contains__, f"one of {', '.join(TASKS)}"),
    "modality": (MODALITIES.__contains__, f"one of {', '.join(MODALITIES)}"),
    "subject": (lambda value: _is_text(value) and value.isidentifier(), "a word"),
    "pointing": (lambda value: value == "" or (_is_text(value) and value.isidentifier()), "a word, or nothing"),
    "confidence": (_is_number, "a finite number"),
    "expected": (_all(_is_text), "a list of texts"),
    "options": (_all(_is_text), "a list of texts"),
    "scores": (_all(_is_number), "a list of finite numbers"),
    "facts": (lambda value: isinstance(value, dict), "an object with named fields"),
}
"""Names of sections become names of files, so that subject and pointing have to be words."""


def read_predictions(folder: Path) -> list[Prediction]:
    """All predictions of a run, as far as it came."""
    path = folder / "predictions.jsonl"
    size = read_run(folder)["bytes"]
    try:
        with path.open("rb") as file:
            lines = file.read(size).splitlines()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    predictions: dict[str, Prediction] = {}
    for number, line in enumerate(lines, start=1):
        read = _prediction(line, f"{path}, line {number}")
        if read.id in predictions:
            raise InvalidInput(f"{path}, line {number}: there is a line for {read.id} before")
        predictions[read.id] = read
    return list(predictions.values())


def _prediction(line: bytes, where: str) -> Prediction:
    written = parse_json(line, where)
    if not isinstance(written, dict) or set(written) - _NAMES:
        unknown = sorted(set(written) - _NAMES) if isinstance(written, dict) else type(written).__name__
        raise InvalidInput(f"{where}: expected the fields of a prediction, got {unknown}")
    values = _DEFAULTS | written
    if missing := sorted(_NEEDED - set(values)):
        raise InvalidInput(f"{where}: fields are missing: {', '.join(missing)}")
    for name, value in values.items():
        right, expected = _KINDS.get(name, _TEXT)
        if not right(value):
            raise InvalidInput(f"{where}: {name} is {shown(value)}; expected {expected}")
    return Prediction(**values | {name: tuple(values.get(name, ())) for name in _LISTS})


def read_run(folder: Path) -> dict[str, Any]:
    """What FOLDER/run.json says."""
    path = folder / "run.json"
    run = load_json(path, dict, missing=f"{folder} holds no evaluation: there is no run.json in it")
    if run.get("format") != _FORMAT:
        raise InvalidInput(f"{path}: expected a run of format {_FORMAT}, got {shown(run)}")
    for name, (right, expected) in _OF_RUN.items():
        if not right(run.get(name)):
            raise InvalidInput(f"{path}: {name} is {shown(run.get(name))}; expected {expected}")
    return run


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_said(value: Any) -> bool:
    return isinstance(value, dict) and _is_text(value.get("name")) and _is_text(value.get("source"))


_OF_RUN: dict[str, _Kind] = {
    "settings": (lambda value: isinstance(value, dict) and _is_text(value.get("split", "")), "what was asked for"),
    "model": (_is_said, "name and source of a model"),
    "done": (_is_count, "a number of groups"),
    "bytes": (_is_count, "a number of bytes"),
    "seconds": (_is_number, "a finite number"),
    "bad": (lambda value: value is None or isinstance(value, dict), "what could not be read, by number"),
}


class Recorder:
    """Adds predictions to a folder, group by group, such that a run that was broken off goes on where it stopped.

    `done` counts the groups that are complete; what was written of any other is dropped.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], model: Mapping[str, Any]) -> None:
        """settings: what was asked for, as plain JSON values; a folder is only ever continued with the same."""
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput(f"{folder}: this folder cannot be made: {error.strerror}") from error
        fresh = {"format": _FORMAT, "settings": dict(settings), "model": dict(model)}
        if (folder / "run.json").exists():
            self._run = read_run(folder)
            _refuse_others(folder, self._run, fresh)
        else:
            self._run = fresh | {"done": 0, "bytes": 0, "seconds": 0.0}
        path = folder / "predictions.jsonl"
        path.touch()
        if path.stat().st_size < self._run["bytes"]:
            raise InvalidInput(f"{path} is shorter than run.json says; something else changed it")
        os.truncate(path, self._run["bytes"])
        self._save()

    @property
    def done(self) -> int:
        return int(self._run["done"])

    @property
    def bad(self) -> dict[str, str]:
        """What could not be read so far, and why, by the number of the group."""
        return dict(self._run.get("bad", {}))

    def add(self, predictions: Sequence[Prediction], groups: int, seconds: float, **facts: Any) -> None:
        """Adds what was said about the next `groups` groups. facts: about the run, to be kept in run.json."""
        with (self.folder / "predictions.jsonl").open("ab") as file:
            file.write("".join(f"{prediction.to_json()}\n" for prediction in predictions).encode())
            file.flush()
            os.fsync(file.fileno())
            self._run["bytes"] = file.tell()
        self._run |= {"done": self.done + groups, "seconds": self._run["seconds"] + seconds, **facts}
        self._save()

    def _save(self) -> None:
        """Replaces run.json in one step, so that it is whole whenever the run ends."""
        path = self.folder / "run.json.part"
        path.write_text(json.dumps(self._run, indent=2) + "\n", encoding="utf-8")
        os.replace(path, self.folder / "run.json")


def _refuse_others(folder: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for part in ("settings", "model"):
        for name in {**wanted[part], **found[part]}:  # what stands in one of them alone, too
            there, here = found[part].get(name), wanted[part].get(name)
            if there != here:
                raise InvalidInput(
                    f"{folder} holds an evaluation with {name} {there!r}, not {here!r}; name another folder"
                )


def in_groups(predictions: Sequence[Prediction]) -> Iterator[list[Prediction]]:
    """Predictions of one section after the other: those of one modality and subject that were pointed at in one way."""
    sections: dict[tuple[str, str, str], list[Prediction]] = {}
    for prediction in predictions:
        sections.setdefault((prediction.modality, prediction.subject, prediction.pointing), []).append(prediction)
    yield from sections.values()
