"""The report of a run: scores of what a model said, in JSON and in words, with pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from region_perception.errors import InvalidInput
from region_perception.evaluation import estimates
from region_perception.evaluation.cases import Case
from region_perception.evaluation.java import java_version
from region_perception.evaluation.markdown import report_in_markdown
from region_perception.evaluation.predictions import Prediction, read_predictions, read_run
from region_perception.evaluation.scoring import Judge, score_sections


@dataclass(frozen=True)
class Protocol:
    """What a report needs to know of the protocol that a run was made by.

    name: as in the settings of its runs. judge: what is right in a caption, property by property. whole: see
    `scoring.score_sections`. headline: the properties that the summary shows. properties: those that pictures show.
    reopen: from the settings of a run and a prediction to the case that it is about.
    """

    name: str
    judge: Judge | None
    whole: str
    headline: tuple[str, ...]
    properties: tuple[str, ...]
    reopen: Callable[[dict[str, Any], Prediction], Case]


def write_report(folder: Path, protocol: Protocol, *, java: bool = True, pictures: int = 8) -> dict[str, Any]:
    """Scores what a run's folder holds, and writes report.json, report.md and cases/*.jpg there; returns the report.

    java: whether to look for Java, for METEOR and SPICE. pictures: cases on each sheet; 0 for no sheets.
    """
    run = read_run(folder)
    if run["settings"].get("protocol") != protocol.name:
        raise InvalidInput(
            f"{folder} holds a run by the protocol {run['settings'].get('protocol')!r}, not {protocol.name!r}"
        )
    predictions = read_predictions(folder)
    if not predictions:
        raise InvalidInput(f"{folder} holds no predictions yet: nothing can be scored")
    sections = score_sections(predictions, protocol.judge, protocol.whole, java=java)
    report = {
        "protocol": protocol.name,
        "model": run["model"],
        "settings": run["settings"],
        "run": {name: run.get(name) for name in ("done", "seconds", "hardware")},
        "java": java_version() if java else "not looked for",
        "intervals": {"level": estimates.LEVEL, "resamples": estimates.RESAMPLES, "seed": estimates.SEED},
        "sections": [{"name": section.name} | section.scores for section in sections],
    }
    sheets: dict[str, list[tuple[str, str]]] = {}
    if pictures:
        from region_perception.evaluation.gallery import draw_gallery

        sheets = draw_gallery(
            folder, sections, protocol.properties, partial(protocol.reopen, run["settings"]), pictures
        )
    _write(folder / "report.json", json.dumps(report, indent=2) + "\n")
    _write(folder / "report.md", report_in_markdown(report, protocol.headline, sheets))
    return report


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from error
