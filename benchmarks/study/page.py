"""docs/results.md: tables from results, and what people wrote between them, which stays."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from region_perception.errors import InvalidInput
from region_perception.evaluation.markdown import table
from study.store import PLAN, Result
from study.tables import Told, modalities_table, pointing_table, targets_table, variants_table
from study.variants import LOSSES, ORDER, POSITION, RECIPE, STAGES

_MARK = "<!-- Written by benchmarks/results.py: it replaces everything but what stands between `by hand` and `end`. -->"
_BY_HAND = re.compile(r"<!-- by hand: (\S+) -->\n(.*?)<!-- end -->", re.DOTALL)

_ABOUT = {
    "targets": ("Targets", "What the trained model should reach, by true regions and greedy decoding."),
    "pointing": (
        "Boxes, masks, clicks and strokes",
        "The same things pointed at in different ways; in clouds a mask is a set of points, and there are no strokes.",
    ),
    "modalities": (
        "All modalities, and the base crop by crop",
        "The paper's table 1. The base knows whole images only: of a region it captions what is cut out.",
    ),
    POSITION: (
        "Where a region is",
        "The paper's table 2. PaFE adds a region's place to the queries; preferred tokens let the cross-attention "
        "favour what lies inside.",
    ),
    STAGES: ("One stage or two", "One stage learns by all losses at once."),
    LOSSES: (
        "Each loss",
        "The language model's loss stays; one of the others is left out, or put in where the recipe has none.",
    ),
    ORDER: ("The order of modalities", "Every order reads equally many observations of each modality."),
}


def write_page(path: Path, results: Mapping[str, Result]) -> None:
    """Write the page from what there is; what was written by hand stays."""
    notes = _notes(path)
    told: dict[str, Told | None] = {
        "targets": targets_table(results),
        "pointing": pointing_table(results),
        "modalities": modalities_table(results),
        **{group: variants_table(results, group) for group in (POSITION, STAGES, LOSSES, ORDER)},
    }
    parts = [_MARK, "# Results", *_heading(results), _by_hand("summary", notes)]
    for name, what in told.items():
        if what is None and name not in notes:
            continue
        title, about = _ABOUT[name]
        parts += [f"## {title}", about]
        parts += ["Not measured yet."] if what is None else [what.table, f"What this shows: {what.shows}"]
        parts.append(_by_hand(name, notes))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _notes(path: Path) -> dict[str, str]:
    """What people wrote on a page, by section."""
    if not path.exists():
        return {}
    text = path.read_text(encoding="utf-8")
    if not text.startswith(_MARK):
        raise InvalidInput(f"{path} was not written by this command; name another page, or move that one away")
    notes = dict(_BY_HAND.findall(text))
    if unknown := sorted(set(notes) - {"summary", *_ABOUT}):
        raise InvalidInput(f"{path} has text by hand for {', '.join(unknown)}, of which there is no section")
    if len(notes) != text.count("<!-- by hand: "):
        raise InvalidInput(f"{path}: each `<!-- by hand: NAME -->` needs a name of its own and an `<!-- end -->`")
    return notes


def _by_hand(name: str, notes: Mapping[str, str]) -> str:
    return f"<!-- by hand: {name} -->\n{notes.get(name, '')}<!-- end -->"


def _heading(results: Mapping[str, Result]) -> list[str]:
    plan: Mapping[str, Any] = results[PLAN]
    about = (
        "Measured on scenes of the [tabletop world](tabletop.md) that training never saw; "
        "[evaluation](evaluation.md) says what the scores are. Shares and scores are percent, in brackets with 95 % "
        "intervals; of trainings with several seeds with the lowest and the highest."
    )
    seeds = ", ".join(map(str, plan["seeds"]))
    base = f"`{plan['base']}`" if plan["base"] else "the model's own base, its other modalities forgotten"
    rows = [
        ["command", f"`{plan['command']}`"],
        ["model", f"`{plan['model']}`, on {plan['scenes']:,} scenes of each split" + _untrained(plan)],
        [
            "short trainings",
            f"`{RECIPE}` over {base}, {plan['steps']:,} steps of {plan['batch']} out of "
            f"{plan['observations']:,} observations of each modality, measured on {plan['variant_scenes']:,} scenes; "
            f"seeds {seeds}, which decide the order of data and the choice of sentences and negatives; all begin with "
            "the same weights",
        ],
        ["hardware", "; ".join(_hardware(results.values())) or "-"],
    ]
    return [about, table(["", ""], rows).replace("--:", "---")]


def _untrained(plan: Mapping[str, Any]) -> str:
    return "; **its weights are random: no figure here means anything**" if plan["untrained"] else ""


def _hardware(results: Iterable[Result]) -> list[str]:
    """Every machine that something was measured on."""
    found = [result["report"]["run"]["hardware"] or {} for result in results if "report" in result]
    told = [
        ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items() if name != "region_perception")
        for facts in found
    ]
    return list(dict.fromkeys(told))
