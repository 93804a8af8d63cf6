"""Caption scores: BLEU, ROUGE-L and CIDEr as the COCO caption evaluation counts them, METEOR and SPICE with Java.

The scorers are those of pycocoevalcap. Published figures are percent: 0.635 here is the "CIDEr 63.5" of a paper.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from region_perception.errors import InputWarning, InvalidInput, InvalidText, MissingDependency
from region_perception.evaluation.estimates import NOTHING, Estimate, estimate, estimate_mean
from region_perception.evaluation.words import words

BLEU = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4")
ROUGE, CIDER, METEOR, SPICE = "ROUGE-L", "CIDEr", "METEOR", "SPICE"
CAPTION_SCORES = (*BLEU, METEOR, ROUGE, CIDER, SPICE)

_NAMED = 5  # ids that an error names
_TINY, _SMALL = 1e-15, 1e-9  # what pycocoevalcap's BLEU adds, so that nothing is divided by nothing

Split = Callable[[str], Sequence[str]]
Words = dict[str, list[str]]  # sentences of each id as words with one space between them: what scorers take


@dataclass(frozen=True)
class CaptionScores:
    """Scores by name.

    scores: of all sentences. items: of each sentence, by its id. notes: what is missing, and why.
    """

    scores: dict[str, Estimate]
    items: dict[str, dict[str, float]]
    notes: tuple[str, ...]


def score_captions(
    said: Mapping[str, str],
    references: Mapping[str, Sequence[str]],
    *,
    groups: Mapping[str, Hashable] | None = None,
    java: bool = True,
    split: Split = words,
) -> CaptionScores:
    """How much sentences are like what people (or the world's truth) said of the same things.

    said: one sentence for each id; an empty one scores 0. references: one or more sentences for each of the same ids.
    groups: for each id what it belongs to (its scene), for the confidence intervals. java: whether to look for a Java
    runtime, and with it compute METEOR and, where its models are present, SPICE. split: makes words of a sentence; by
    default those that the COCO caption evaluation counts.
    """
    _check_ids(said, references, groups)
    if not said:
        return CaptionScores(dict.fromkeys((*BLEU, ROUGE, CIDER), NOTHING), {}, ("there were no sentences to score",))
    given, meant = _given_words(said, split), _reference_words(references, list(said), split)
    of_group = None if groups is None else [groups[name] for name in said]
    scores, items = _bleu(given, meant, of_group)
    notes: list[str] = []
    for name, values in _others(given, meant, notes).items():
        items[name] = values
        scores[name] = estimate_mean(list(values.values()), of_group)
    if java:
        _with_java(given, meant, of_group, scores, items, notes)
    return CaptionScores({name: scores[name] for name in CAPTION_SCORES if name in scores}, items, tuple(notes))


def _check_ids(
    said: Mapping[str, str], references: Mapping[str, Sequence[str]], groups: Mapping[str, Hashable] | None
) -> None:
    for what, ids in (("references", references), ("a group", groups)):
        if ids is None:
            continue
        if missing := [name for name in said if name not in ids]:
            raise InvalidInput(f"{_shown(missing)} {'has' if len(missing) == 1 else 'have'} no {what.split()[-1]}")
    if unsaid := [name for name in references if name not in said]:
        raise InvalidInput(f"nothing was said of {_shown(unsaid)}, for which there are references")


def _shown(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _NAMED:,} more" if len(ids) > _NAMED else ""
    return ", ".join(repr(name) for name in ids[:_NAMED]) + more


def _given_words(said: Mapping[str, str], split: Split) -> Words:
    found: Words = {}
    for name, sentence in said.items():
        if not isinstance(sentence, str):
            raise InvalidText(f"what was said of {name!r} is {type(sentence).__name__}; expected one string")
        found[name] = [" ".join(split(sentence))]
    return found


def _reference_words(references: Mapping[str, Sequence[str]], ids: list[str], split: Split) -> Words:
    """References as words, without those that have none."""
    found: Words = {}
    empty = 0
    for name in ids:
        sentences = references[name]
        if isinstance(sentences, str) or not all(isinstance(sentence, str) for sentence in sentences):
            raise InvalidText(f"the references of {name!r} are {sentences!r}; expected a list of strings")
        spelled = [" ".join(split(sentence)) for sentence in sentences]
        found[name] = [sentence for sentence in spelled if sentence]
        empty += len(spelled) - len(found[name])
    if bare := [name for name in ids if not found[name]]:
        raise InvalidText(f"no reference of {_shown(bare)} has any word; expected at least one sentence for each id")
    if empty:
        warnings.warn(f"{empty:,} references without any word were left out", InputWarning, stacklevel=3)
    return found


def _bleu(
    given: Words, meant: Words, groups: list[Hashable] | None
) -> tuple[dict[str, Estimate], dict[str, dict[str, float]]]:
    try:
        from pycocoevalcap.bleu.bleu_scorer import BleuScorer
    except ImportError as error:
        raise MissingDependency("caption scores need pycocoevalcap: pip install 'region-perception[eval]'") from error
    scorer = BleuScorer(n=len(BLEU))
    for name, sentences in given.items():
        scorer += (sentences[0], meant[name])
    _, by_item = scorer.compute_score(option="closest")
    # What BLEU of many sentences is made of: n-grams that are right and that there are, and lengths.
    counts = np.array([[*item["correct"], *item["guess"], item["testlen"], _closest(item)] for item in scorer.ctest])
    scores = dict(zip(BLEU, estimate(counts, groups, _bleu_of_sums), strict=True))
    return scores, {name: dict(zip(given, values, strict=True)) for name, values in zip(BLEU, by_item, strict=True)}


def _closest(item: dict) -> int:
    """The length of the reference that is closest in length, the shorter of two."""
    return min((abs(length - item["testlen"]), length) for length in item["reflen"])[1]


def _bleu_of_sums(sums: np.ndarray) -> np.ndarray:
    """BLEU-1 to BLEU-4 float64 [B, 4] of sums [B, 10], as pycocoevalcap computes them for a whole set."""
    right, tried = sums[:, :4], sums[:, 4:8]
    logs = np.log((right + _TINY) / (tried + _SMALL)).cumsum(axis=1) / np.arange(1, 5)
    ratio = (sums[:, 8] + _TINY) / (sums[:, 9] + _SMALL)
    return np.exp(logs + np.minimum(0.0, 1 - 1 / ratio)[:, None])


def _others(given: Words, meant: Words, notes: list[str]) -> dict[str, dict[str, float]]:
    """ROUGE-L and, where it means anything, CIDEr of each sentence."""
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    items = {ROUGE: dict(zip(given, map(float, Rouge().compute_score(meant, given)[1]), strict=True))}
    if len(given) == 1:
        notes.append("CIDEr: not computed, as it weighs words by how few of the items use them, and there is one item")
        return items
    items[CIDER] = dict(zip(given, map(float, Cider().compute_score(meant, given)[1]), strict=True))
    return items


def _with_java(
    given: Words,
    meant: Words,
    groups: list[Hashable] | None,
    scores: dict[str, Estimate],
    items: dict[str, dict[str, float]],
    notes: list[str],
) -> None:
    from region_perception.evaluation import java

    for name, compute in ((METEOR, java.meteor), (SPICE, java.spice)):
        try:
            total, values = compute(given, meant)
        except java.Unavailable as reason:
            notes.append(f"{name}: not computed, as {reason}")
            continue
        items[name] = dict(zip(given, values, strict=True))
        scores[name] = _moved(estimate_mean(values, groups), total)


def _moved(of_items: Estimate, value: float) -> Estimate:
    """The range about the mean of items, scaled to a score that weighs items by their lengths, as METEOR does."""
    if not of_items.value or of_items.low is None or of_items.high is None:
        return Estimate(value, None, None, of_items.count)
    scale = value / of_items.value
    return Estimate(value, of_items.low * scale, of_items.high * scale, of_items.count)
