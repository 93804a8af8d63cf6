"""Runs a model over the cases of a protocol and keeps what it said; a run that was broken off goes on."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from region_perception import __version__
from region_perception.errors import InvalidInput, warn_about_input
from region_perception.evaluation.cases import Case, Decoding, ask_model
from region_perception.evaluation.predictions import TASKS, Prediction, Recorder, read_predictions

if TYPE_CHECKING:
    from region_perception.captioner import Captioner

AT_ONCE = 8  # groups whose regions go through the network together, and are kept together
_NAMED = 3  # unreadable groups that an error names

# What the same model may say differently when regions come in other batches, or from another machine.
_CONFIDENCE_SLACK, _SHARE_SLACK = 0.02, 0.1


def run(
    captioner: Captioner,
    folder: Path,
    cases_of: Callable[[int], list[Case]],
    groups: int,
    settings: Mapping[str, Any],
    *,
    tasks: Sequence[str] = TASKS,
    decoding: Decoding | None = None,
    max_bad_share: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Shows the groups 0 to `groups` (images, scenes) of a protocol to a model and writes what it says to `folder`.

    cases_of: the cases of a group. settings: of the protocol, as plain JSON values; a folder is only continued with the
    same, and with a model that says the same of the first group. More groups than before may be asked for.
    max_bad_share: groups that cannot be read are left out and named in run.json, unless a larger share of all are
    such; 0 leaves none out. progress: told how many groups are done, of how many.
    """
    if groups < 1:
        raise InvalidInput(f"an evaluation needs at least one scene or image, got {groups}")
    if wrong := [task for task in tasks if task not in TASKS]:
        raise InvalidInput(f"unknown task {wrong[0]!r}; expected some of {', '.join(TASKS)}")
    decoding = decoding or Decoding()
    asked = dict(settings) | {"tasks": [task for task in TASKS if task in tasks], "decoding": decoding.to_dict()}
    recorder = Recorder(folder, asked, model_facts(captioner))
    progress = progress or (lambda done, total: None)
    reader = _Reader(cases_of, recorder.bad, max_bad_share * groups)
    if 0 < recorder.done < groups:
        first = next((number for number in range(recorder.done) if str(number) not in reader.bad), None)
        if first is not None:
            _check_same_words(captioner, folder, cases_of(first), tasks, decoding)
    progress(recorder.done, max(groups, recorder.done))
    while recorder.done < groups:
        numbers = range(recorder.done, min(recorder.done + AT_ONCE, groups))
        shown = [case for number in numbers for case in reader.cases(number)]
        predictions, seconds = ask_model(captioner, shown, tasks, decoding)
        recorder.add(predictions, len(numbers), seconds, hardware=hardware(captioner), bad=reader.bad)
        progress(recorder.done, groups)


class _Reader:
    """Cases group by group; counts and names those that cannot be read.

    bad: what is known to be wrong, by the number of the group. most: how many such groups there may be.
    """

    def __init__(self, cases_of: Callable[[int], list[Case]], bad: Mapping[str, str], most: float) -> None:
        self.bad = dict(bad)
        self._cases_of, self._most = cases_of, most

    def cases(self, number: int) -> list[Case]:
        if not self._most:
            return self._cases_of(number)
        try:
            return self._cases_of(number)
        except Exception as error:  # whatever a broken file makes a reader raise
            self.bad[str(number)] = f"{type(error).__name__}: {error}"
        if len(self.bad) > self._most:
            named = "; ".join(f"number {number}: {why}" for number, why in list(self.bad.items())[-_NAMED:])
            raise InvalidInput(
                f"{len(self.bad):,} images or scenes cannot be read, expected at most {math.floor(self._most):,} such; "
                f"the last: {named}"
            )
        warn_about_input(f"number {number} is left out, as it cannot be read: {self.bad[str(number)]}")
        return []


def model_facts(captioner: Captioner) -> dict[str, Any]:
    return {"name": captioner.name, "source": captioner.source, "trained": sorted(captioner.trained)}


def hardware(captioner: Captioner) -> dict[str, Any]:
    """What the model ran on."""
    import torch

    device = captioner.device
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    facts = {
        "device": str(device),
        "gpu": gpu,
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "region_perception": __version__,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _processor() -> str:
    """The processor's name as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _check_same_words(
    captioner: Captioner, folder: Path, cases: list[Case], tasks: Sequence[str], decoding: Decoding
) -> None:
    """Refuses to add to what other weights of the same name have said."""
    ids = {case.id for case in cases}
    before = {each.id: each for each in read_predictions(folder) if each.case in ids}
    again = ask_model(captioner, cases, tasks, decoding)[0]
    others = [(before.get(now.id), now) for now in again if not _alike(before.get(now.id), now)]
    if len(others) > _SHARE_SLACK * len(again):
        then, now = others[0]
        said = "nothing" if then is None else f"{then.said!r} ({then.confidence:.3f})"
        raise InvalidInput(
            f"{folder} holds what another model of the name {captioner.name!r} said: of {now.id} it said {said}, this "
            f"one says {now.said!r} ({now.confidence:.3f}); name another folder"
        )


def _alike(then: Prediction | None, now: Prediction) -> bool:
    if then is None or then.said != now.said:
        return False
    return abs(then.confidence - now.confidence) <= _CONFIDENCE_SLACK
