"""The tables of the page, each with a line that says what it shows: from numbers alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from region_perception.evaluation.captions import BLEU, CIDER, METEOR, ROUGE
from region_perception.evaluation.markdown import percent, table
from region_perception.evaluation.pointing import POINTINGS
from region_perception.evaluation.predictions import ANSWER, CAPTION, FIND
from region_perception.evaluation.tabletop import KIND_AND_COLOR, PLACE
from region_perception.modalities import CLOUD_REGION, IMAGE_REGION, REGION_MODALITIES
from study.published import (
    BASE_CIDER,
    BY_BOX,
    CLOUD_THING,
    REGIONBLIP_CIDER,
    SETS,
    WITHOUT_PAFE_CIDER,
)
from study.store import BASE, CROP, NOVEL, POINTED, TEST, VARIANT, Result
from study.targets import Estimate, Outcome, kind_and_color, outcomes, scored, sections
from study.variants import POSITION, WHOLE

Results = Mapping[str, Result]

_NOTHING = "-"
_COMPARED = (BY_BOX[IMAGE_REGION], CLOUD_THING, BY_BOX[CLOUD_REGION])
_CIDER = (CAPTION, "scores", CIDER)
_COLUMNS = {
    CIDER: _CIDER,
    KIND_AND_COLOR: (CAPTION, "properties", KIND_AND_COLOR),
    PLACE: (CAPTION, "properties", PLACE),
    "answers": (ANSWER, "accuracy"),
    "found": (FIND, "accuracy"),
}


@dataclass(frozen=True)
class Told:
    """A table and what it shows."""

    table: str
    shows: str


def targets_table(results: Results) -> Told:
    rows = [_target_row(outcome) for outcome in outcomes(results)]
    judged = [outcome for outcome in outcomes(results) if outcome.met is not None]
    missed = [outcome for outcome in judged if not outcome.met]
    shows = f"{len(judged) - len(missed)} of {len(judged)} targets are met."
    if missed:
        names = [f"{each.target.what} ({each.target.split}, {each.target.shown})" for each in missed]
        shows += f" Missed: {'; '.join(names)}."
    if len(judged) < len(rows):
        shows += f" {len(rows) - len(judged)} were not measured."
    return Told(table(["what is right", "scenes", "shown", "wanted", "measured", "of", "met"], rows), shows)


def _target_row(outcome: Outcome) -> list[str]:
    target, measured = outcome.target, outcome.measured
    wanted = f"{'at most' if target.at_most else 'at least'} {100 * target.wanted:.0f}"
    count = _NOTHING if measured is None else f"{measured['count']:,}"
    met = {True: "yes", False: "**no**", None: _NOTHING}[outcome.met]
    return [target.what, target.split, target.shown, wanted, percent(measured), count, met]


def pointing_table(results: Results) -> Told | None:
    """Kind and colour by each way to point at a thing, in every split."""
    rows, worst = [], None
    for split, parts in {"test": (TEST, POINTED), **{split: (name,) for split, name in NOVEL.items()}}.items():
        shown = {name: section for part in parts for name, section in sections(results.get(part)).items()}
        for modality in REGION_MODALITIES:
            found = [kind_and_color(shown.get(f"{modality} by {pointing}")) for pointing in POINTINGS]
            values = [each["value"] for each in found if each]
            if values:
                rows.append([f"{modality}, {split}", *(percent(each) for each in found)])
                worst = max(worst or 0.0, max(values) - min(values))
    if worst is None:
        return None
    shows = f"The best and the worst way to point are at most {100 * worst:.1f} points apart."
    return Told(table(["kind and color", *POINTINGS], rows), shows)


def modalities_table(results: Results) -> Told | None:
    """The paper's table 1: the base, crop by crop where it is asked about regions, beside our network."""
    ours, crop, base = (sections(results.get(name)) for name in (TEST, CROP, BASE))
    if not ours:
        return None
    rows: list[list[str]] = []
    for shown in ours:
        if shown in base:
            rows.append(_scores_row(shown, "base", base[shown], BASE_CIDER.get(shown)))
        elif shown in crop:
            rows.append(_scores_row(shown, "base, crop by crop", crop[shown], BASE_CIDER.get(shown)))
        rows.append(_scores_row(shown, "ours", ours[shown], REGIONBLIP_CIDER.get(shown)))
    columns = ["shown", "by", "of", BLEU[3], METEOR, ROUGE, CIDER, KIND_AND_COLOR, "paper's CIDEr", "on"]
    said = []
    if BASE in results:
        same, of = results[BASE]["same"], results[BASE]["of"]
        said.append(
            f"Of whole images our network says the same as its base, word for word, in {same:,} of {of:,} cases."
        )
    regions = BY_BOX[IMAGE_REGION]
    before, after = scored(crop.get(regions), _CIDER), scored(ours.get(regions), _CIDER)
    if before and after:
        said.append(
            f"On image regions CIDEr goes from {_number(before)} crop by crop to {_number(after)} "
            f"(paper: {BASE_CIDER[regions]} to {REGIONBLIP_CIDER[regions]})."
        )
    return Told(table(columns, rows), " ".join(said))


def _scores_row(shown: str, who: str, section: Mapping, published: float | None) -> list[str]:
    cider = scored(section, _CIDER)
    count = f"{cider['count']:,}" if cider else _NOTHING
    found = [percent(scored(section, (CAPTION, "scores", name))) for name in (BLEU[3], METEOR, ROUGE, CIDER)]
    right = percent(kind_and_color(section))
    theirs = [_NOTHING, _NOTHING] if published is None else [f"{published}", SETS[shown]]
    return [shown, who, count, *found, right, *theirs]


def variants_table(results: Results, group: str) -> Told | None:
    """The variants of one group beside the one in which nothing is changed."""
    found = _by_variant(results)
    chosen = {name: runs for name, runs in found.items() if runs[0]["variant"]["group"] == group}
    if not chosen or WHOLE not in found:
        return None
    rows = [
        row
        for name, runs in ({WHOLE: found[WHOLE]} | chosen).items()
        for row in _variant_rows(name, runs, group, found)
    ]
    columns = ["training", "shown", *_COLUMNS, *(["paper's CIDEr"] if group == POSITION else [])]
    moved = [_moved(runs, found[WHOLE]) for runs in chosen.values()]
    return Told(table(columns, rows), "CIDEr, against the first row: " + "; ".join(moved) + ".")


def _by_variant(results: Results) -> dict[str, list[Result]]:
    """The results of each variant by its name, one for each seed."""
    found: dict[str, list[Result]] = {}
    for name, result in results.items():
        if name.startswith(f"{VARIANT}-"):
            found.setdefault(result["variant"]["name"], []).append(result)
    return found


def _variant_rows(name: str, runs: Sequence[Result], group: str, found: Mapping[str, object]) -> list[list[str]]:
    rows = []
    for shown in _COMPARED:
        title = runs[0]["variant"]["title"] if shown == _COMPARED[0] else ""
        row = [title, shown, *(percent(over_seeds(runs, shown, path)) for path in _COLUMNS.values())]
        if group == POSITION:
            with_pafe = "pafe-alone" if "pafe-alone" in found else WHOLE
            published = {with_pafe: REGIONBLIP_CIDER, "without-position": WITHOUT_PAFE_CIDER}.get(name, {})
            row.append(str(published.get(shown, _NOTHING)))
        rows.append(row)
    return rows


def _moved(runs: Sequence[Result], whole: Sequence[Result]) -> str:
    """By how much CIDEr moves in each of the three modalities, with the same seeds."""
    seeds = {run["variant"]["seed"] for run in runs}
    whole = [run for run in whole if run["variant"]["seed"] in seeds]
    steps = []
    for shown in _COMPARED:
        one, other = over_seeds(runs, shown, _CIDER), over_seeds(whole, shown, _CIDER)
        if one and other:
            points = round(100 * (one["value"] - other["value"]), 1) + 0.0  # no -0.0
            steps.append(f"{points:+.1f} ({shown})")
    return f"*{runs[0]['variant']['title']}* {', '.join(steps)}"


def over_seeds(runs: Sequence[Result], shown: str, path: Sequence[str]) -> Estimate | None:
    """A score of one training with its interval; of several the mean, with the lowest and the highest."""
    found = [each for run in runs if (each := scored(sections(run).get(shown), path))]
    if len(found) < 2:
        return found[0] if found else None
    values = [each["value"] for each in found]
    mean = sum(values) / len(values)
    return {"value": mean, "low": min(values), "high": max(values), "count": sum(each["count"] for each in found)}


def _number(estimate: Estimate) -> str:
    return percent(estimate, interval=False)
