"""A report in words and tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from region_perception.evaluation.captions import BLEU, CAPTION_SCORES, CIDER, METEOR, ROUGE
from region_perception.evaluation.judging import VERDICTS
from region_perception.evaluation.predictions import ANSWER, CAPTION, CLASSIFY, FIND
from region_perception.evaluation.scoring import SELECTED
from region_perception.lines import one_line

Sheets = Mapping[str, Sequence[tuple[str, str]]]

_NOTHING = "-"
_NAMED = 5  # unreadable images or scenes that a report names; run.json has all
_SUMMARY = (CIDER, BLEU[3], METEOR, ROUGE)


def report_in_markdown(report: Mapping[str, Any], headline: Sequence[str], sheets: Sheets) -> str:
    """headline: the properties that the summary shows. sheets: pictures of each section, as (title, path)."""
    parts = [_heading(report), "## Summary", _summary(report, headline)]
    for of, scores in report.get("details", {}).items():
        rows = [[name, percent(each), f"{each['count']:,}"] for name, each in scores.items()]
        parts += [f"## By {of}", table([of.partition(",")[0], "score", "of"], rows)]
    for section in report["sections"]:
        parts += _section(section, sheets.get(section["name"], ()))
    return "\n\n".join(part for part in parts if part) + "\n"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are aligned to the right. Every row takes one line."""
    lines = [columns, ["---", *["--:"] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(one_line(cell).replace('|', '/') for cell in line)} |" for line in lines)


def percent(estimate: Mapping[str, Any] | None, interval: bool = True) -> str:
    """A score in percent with its interval: "63.5 (61.2 to 65.9)"."""
    if estimate is None or estimate["value"] is None:
        return _NOTHING
    text = f"{100 * estimate['value']:.1f}"
    if interval and estimate["low"] is not None and not math.isnan(estimate["low"]):
        text += f" ({100 * estimate['low']:.1f} to {100 * estimate['high']:.1f})"
    return text


def _heading(report: Mapping[str, Any]) -> str:
    settings, run, model = report["settings"], report["run"], report["model"]
    rows = [
        ["model", f"{model['name']}, from `{model['source']}`"],
        [
            "trained for",
            ", ".join(model["trained"]) or "nothing: its weights are random, and what it says means nothing",
        ],
        [
            "shown",
            f"{run['done']:,} scenes or images of split {settings['split']}"
            + (f", from number {settings['start']:,} on" if "start" in settings else ""),
        ],
    ]
    if run["bad"]:
        named = "; ".join(f"number {number}: {why}" for number, why in [*run["bad"].items()][:_NAMED])
        rows.append(["left out", f"{len(run['bad']):,} that could not be read: {named}"])
    shown = {name: value for name, value in settings.items() if name not in ("protocol", "split", "start", "decoding")}
    rows += [[name, _plain(value)] for name, value in shown.items()]
    rows += [["decoding", _plain(settings["decoding"])], ["time in the model", _time(run["seconds"])]]
    rows += [["hardware", _plain(run["hardware"] or {})], ["Java", report["java"] or "not found"]]
    intervals = report["intervals"]
    ranges = (
        f"Scores are percent, in brackets with {intervals['level']:.0%} confidence intervals from "
        f"{intervals['resamples']:,} draws of whole scenes or images (seed {intervals['seed']}). Where nothing is "
        "wrong an interval has no width."
    )
    title = f"# {model['name']} by the protocol {report['protocol']}, split {settings['split']}"
    return "\n\n".join([one_line(title), table(["", ""], rows).replace("--:", "---"), ranges])


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {_plain(each)}" for name, each in value.items() if each is not None)
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _time(seconds: float | None) -> str:
    return _NOTHING if seconds is None else f"{seconds:,.1f} s"


def _summary(report: Mapping[str, Any], headline: Sequence[str]) -> str:
    """What was scored, and beside published scores where a protocol is about them."""
    return "\n\n".join(part for part in (_compared(report), _by_section(report["sections"], headline)) if part)


def _compared(report: Mapping[str, Any]) -> str:
    """The scores by the protocol's own rules beside published ones, with who published them where."""
    ours, published = _scores_of_run(report), report["published"]
    if not ("measured" in report or published or report["differs"]):
        return ""
    names = _in_order([*ours, *(figure["score"] for figure in published)])
    theirs = {(figure["system"], figure["score"]): f"{figure['percent']:.1f}" for figure in published}
    sources = {figure["system"]: figure["source"] for figure in published}
    rows = [[f"this model: {report['model']['name']}", *(percent(ours.get(name)) for name in names), ""]]
    rows += [
        [system, *(theirs.get((system, name), _NOTHING) for name in names), source]
        for system, source in sources.items()
    ]
    notes = [*report.get("notes", ()), *(f"Other than published: {each}." for each in report["differs"])]
    listed = "\n".join(f"- {one_line(each)}" for each in notes)
    return "\n\n".join([table(["scores in percent", *names, "source"], rows), listed])


def _in_order(names: Sequence[str]) -> list[str]:
    """Each name once, scores of captions in their usual order behind all others."""
    usual = [name for name in CAPTION_SCORES if name in names]
    return [*dict.fromkeys(name for name in names if name not in usual), *usual]


def _scores_of_run(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the protocol measured; by default the scores of captions."""
    told = [section[CAPTION]["scores"] for section in report["sections"] if CAPTION in section]
    return report["measured"] if "measured" in report else told[0] if told else {}


def _by_section(sections: Sequence[Mapping[str, Any]], headline: Sequence[str]) -> str:
    tasks = (ANSWER, FIND, CLASSIFY, SELECTED)
    columns = ["shown", "cases", *headline, *_SUMMARY, "answers", "found", "class", "selected", "ECE"]
    rows = []
    for section in sections:
        caption = section.get(CAPTION, {})
        properties, scores = caption.get("properties", {}), caption.get("scores", {})
        row = [section["name"], f"{section['cases']:,}"]
        row += [percent(properties.get(name), interval=False) for name in headline]
        row += [percent(scores.get(name), interval=False) for name in _SUMMARY]
        row += [percent(section.get(task, {}).get("accuracy"), interval=False) for task in tasks]
        rows.append([*row, percent(caption.get("confidence", {}).get("ece"), interval=False)])
    return _without_empty(columns, rows)


def _without_empty(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The table without columns in which nothing stands."""
    kept = [i for i in range(len(columns)) if any(row[i] != _NOTHING for row in rows)]
    return table([columns[i] for i in kept], [[row[i] for i in kept] for row in rows])


def _section(section: Mapping[str, Any], sheets: Sequence[tuple[str, str]]) -> list[str]:
    parts = [f"## {section['name']}", f"{section['cases']:,} cases in {section['groups']:,} scenes or images."]
    if SELECTED in section:
        overlap, hit = percent(section[SELECTED]["overlap"]), percent(section[SELECTED]["accuracy"])
        parts.append(
            f"What clicks select overlaps the thing by {overlap} (pixels or points that both share, of those that "
            f"either has); {hit} overlap by half or more. Where a click selects something else, the rest is about that."
        )
    if CAPTION in section:
        parts += _captions(section[CAPTION])
    if ANSWER in section:
        parts += _answers(section[ANSWER])
    rows = [
        [title, percent(section[task]["accuracy"]), f"{section[task]['accuracy']['count']:,}", _chance(section[task])]
        for task, title in ((FIND, "the thing that a description means"), (CLASSIFY, "class"))
        if task in section
    ]
    if rows:
        parts += ["### Choosing", table(["chosen", "right", "of", "by chance"], rows)]
    if "confidence" in section.get(FIND, {}):
        parts += ["### Confidence of finds", *_confidence(section[FIND]["confidence"])]
    if sheets:
        parts += ["### Cases", *(f"{title}:\n\n![{title}]({path})" for title, path in sheets)]
    return parts


def _chance(scores: Mapping[str, Any]) -> str:
    return f"{100 * scores['by_chance']:.1f}" if "by_chance" in scores else _NOTHING


def _captions(caption: Mapping[str, Any]) -> list[str]:
    scores = caption["scores"]
    rows = [[name, percent(scores[name]), f"{scores[name]['count']:,}"] for name in CAPTION_SCORES if name in scores]
    parts = ["### Captions", table(["like the references", "score", "of"], rows)]
    parts += [f"- {one_line(note)}" for note in caption["notes"]]
    if "properties" in caption:
        rows = [
            [name, percent(each), *(f"{each[verdict]:,}" for verdict in VERDICTS)]
            for name, each in caption["properties"].items()
        ]
        parts.append(table(["what is said", "right, of right and wrong", *VERDICTS], rows))
    if "confidence" in caption:
        parts += ["### Confidence of captions", *_confidence(caption["confidence"])]
    return parts


def _answers(answers: Mapping[str, Any]) -> list[str]:
    rows = [["all", percent(answers["accuracy"]), f"{answers['accuracy']['count']:,}"]]
    rows += [[topic, percent(each), f"{each['count']:,}"] for topic, each in answers["by_topic"].items()]
    confidence = ["### Confidence of answers", *_confidence(answers["confidence"])]
    return ["### Answers", table(["questions", "right", "of"], rows), *confidence]


def _confidence(confidence: Mapping[str, Any]) -> list[str]:
    fit = confidence["fit"]
    sign = "+" if fit["shift"] >= 0 else "-"
    said = (
        f"Confidence is {confidence['mean']:.3f} in the mean, {confidence['right']:.3f} are right; the expected "
        f"calibration error (ECE) is {percent(confidence['ece'])}. As a chance of being right, take 1 / (1 + exp(-x)) "
        f"with x = {fit['slope']:.3f} log(c / (1 - c)) {sign} {abs(fit['shift']):.3f} for a confidence c: fitted to "
        f"one half and judged by the other, the error is {percent(confidence['ece_after_fit'])}."
    )
    rows = [
        [
            f"{each['low']:.2f} to {each['high']:.2f}",
            f"{each['confidence']:.3f}",
            f"{each['right']:.3f}",
            f"{each['count']:,}",
        ]
        for each in confidence["reliability"]
        if each["count"]
    ]
    return [said, table(["confidence", "mean", "right", "of"], rows)]
