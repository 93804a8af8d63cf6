"""The report of a run: scores of what a model said, in JSON and in words, with pictures."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from region_perception.errors import InvalidInput
from region_perception.evaluation import estimates
from region_perception.evaluation.java import java_version
from region_perception.evaluation.markdown import report_in_markdown
from region_perception.evaluation.predictions import read_predictions, read_run
from region_perception.evaluation.protocol import Protocol
from region_perception.evaluation.scoring import score_sections


def write_report(folder: Path, protocol: Protocol, *, java: bool = True, pictures: int = 8) -> dict[str, Any]:
    """Scores what a run's folder holds, and writes report.json, report.md and cases/*.jpg there; returns the report.

    java: whether to look for Java, for METEOR and SPICE. pictures: cases on each sheet; 0 for no sheets.
    """
    run = read_run(folder)
    if run["settings"].get("protocol") != protocol.name:
        raise InvalidInput(
            f"{folder} holds a run by the protocol {run['settings'].get('protocol')!r}, not {protocol.name!r}"
        )
    if missing := [name for name in ("split", "decoding") if name not in run["settings"]]:
        raise InvalidInput(f"{folder / 'run.json'}: its settings lack {missing[0]!r}; is it a whole run?")
    predictions = read_predictions(folder)
    if not predictions:
        raise InvalidInput(f"{folder} holds no predictions yet: nothing can be scored")
    sections = score_sections(predictions, protocol.judge, protocol.whole, java=java)
    measured = protocol.measure(predictions, java) if protocol.measure else None
    report = {
        "protocol": protocol.name,
        "model": run["model"],
        "settings": run["settings"],
        "run": {name: run.get(name) for name in ("done", "seconds", "hardware", "bad")},
        "java": java_version() if java else "not looked for",
        "intervals": {"level": estimates.LEVEL, "resamples": estimates.RESAMPLES, "seed": estimates.SEED},
        "sections": [{"name": section.name} | section.scores for section in sections],
    }
    if measured is not None:
        report["measured"] = {name: each.to_dict() for name, each in measured.scores.items()}
        report["notes"] = list(measured.notes)
        report["details"] = {
            of: {name: each.to_dict() for name, each in parts.items()} for of, parts in measured.details.items()
        }
    report["published"] = [asdict(figure) for figure in protocol.figures]
    report["differs"] = protocol.differs_on(run["settings"]["split"])
    _write(folder / "report.json", json.dumps(report, indent=2) + "\n")
    _write(folder / "report.md", report_in_markdown(report, protocol.headline, {}))
    if pictures:  # last, as scores are there even where the data are not any more
        from region_perception.evaluation.gallery import draw_gallery

        sheets = draw_gallery(
            folder, sections, protocol.properties, partial(protocol.reopen, run["settings"]), pictures
        )
        _write(folder / "report.md", report_in_markdown(report, protocol.headline, sheets))
    return report


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from error
