"""Observations whose things are seen in other colours, for phases that learn from sentences and cached features.

Of frozen features the networks above would learn which colours a kind goes with, and miss it in others. Which
observations are recoloured, and how, depends on their number alone, so that their features can be cached like others.
"""

import re
from dataclasses import replace

import numpy as np

from region_perception.training.augment import recolor
from region_perception.training.examples import Example, Examples, Row

# Words that may be wrong, or ask for what nobody knows, where colours are others.
_COLORED = re.compile(
    r"\b(red|orange|yellow|green|blue|purple|violet|pink|brown|black|white|gr[ae]y|cyan|turquoise|teal|magenta|beige|"
    r"gold|golden|silver|dark|darker|light|lighter|bright|pale|colou?r|colou?rs|colou?red|colou?rful)\b",
    re.IGNORECASE,
)
_SEED = 0x5EED  # apart from all else that is drawn by an observation's number


class RecoloredExamples:
    """The examples of `examples`, a share of them recoloured; of those only questions are left that name no colour."""

    def __init__(self, examples: Examples, share: float) -> None:
        self._examples = examples
        self._share = share

    def __len__(self) -> int:
        return len(self._examples)

    def example(self, index: int) -> Example:
        example = self._examples.example(index)
        random = np.random.default_rng([_SEED, index])
        if random.random() >= self._share:
            return example
        rows = tuple(filter(_has_questions, map(_without_colors, example.rows)))
        return replace(recolor(example, 1.0, random), rows=rows) if rows else example


def _without_colors(row: Row) -> Row:
    """What can still be asked of `row`. Sentences go: without colours they would teach to leave them out."""
    questions = tuple(pair for pair in row.questions if not any(map(_COLORED.search, pair)))
    return replace(row, sentences=(), references=(), questions=questions)


def _has_questions(row: Row) -> bool:
    return bool(row.questions)
