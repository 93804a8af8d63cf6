"""How many of the things that were shown got their right name, whatever they are."""

from __future__ import annotations

from collections.abc import Sequence

from region_perception.evaluation.estimates import Estimate, estimate_mean
from region_perception.evaluation.predictions import CLASSIFY, Prediction
from region_perception.evaluation.protocol import Measured

ACCURACY, BY_NAME = "accuracy", "accuracy, mean of names"


def measure_names(predictions: Sequence[Prediction]) -> Measured:
    """The share that is named right: of all things, of those of each name, and the mean of those."""
    told = [each for each in predictions if each.task == CLASSIFY]
    right = [each.said in each.expected for each in told]
    of_name: dict[str, list[bool]] = {}
    for each, was_right in zip(told, right, strict=True):
        of_name.setdefault(each.expected[0], []).append(was_right)
    shares = {name: Estimate(sum(all_) / len(all_), None, None, len(all_)) for name, all_ in sorted(of_name.items())}
    mean = sum(each.value or 0.0 for each in shares.values()) / len(shares) if shares else None
    scores = {
        ACCURACY: estimate_mean(right, [each.group for each in told]),
        BY_NAME: Estimate(mean, None, None, len(told)),
    }
    return Measured(scores, details={"name": shares})
