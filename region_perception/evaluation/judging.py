"""Verdicts on what a caption says, property by property, and their counts."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from region_perception.evaluation.estimates import estimate_mean

RIGHT, WRONG, UNCLEAR, SILENT = "right", "wrong", "unclear", "silent"
VERDICTS = (RIGHT, WRONG, UNCLEAR, SILENT)  # unclear: said, but people would differ about it; silent: not said


def count_verdicts(verdicts: Sequence[Mapping[str, str]], groups: Sequence[Hashable]) -> dict[str, dict[str, Any]]:
    """For each property the share that is right among what is right or wrong, and the count of every verdict."""
    names = dict.fromkeys(name for each in verdicts for name in each)
    counted: dict[str, dict[str, Any]] = {}
    for name in names:
        given = [each.get(name, SILENT) for each in verdicts]
        decided = [i for i, verdict in enumerate(given) if verdict in (RIGHT, WRONG)]
        share = estimate_mean([given[i] == RIGHT for i in decided], [groups[i] for i in decided])
        counted[name] = share.to_dict() | {verdict: given.count(verdict) for verdict in VERDICTS}
    return counted
