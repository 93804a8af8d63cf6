"""The losses of RegionBLIP, each as a sum and a count.

A mean over all processes is the sum of their sums over the sum of their counts, so that a batch gives one loss however
many processes share it. R rows (regions), A rows of all processes, Q queries, T text tokens, C contrast width.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from region_perception.network.language import Scores

# Temperatures beyond these have left the rails (ALBEF's bounds).
COLDEST, HOTTEST = 0.001, 0.5


class Term(NamedTuple):
    """A loss as the sum over its items, and how many items these are."""

    total: Tensor
    items: Tensor


# Losses by (name, modality).
Terms = Mapping[tuple[str, str], Term]


def term(values: Tensor) -> Term:
    """All entries of `values` as items."""
    return Term(values.float().sum(), torch.tensor(float(values.numel()), device=values.device))


def similarity(seen: Tensor, said: Tensor, temperature: Tensor) -> Tensor:
    """How near regions (unit vectors [R, Q, C]) and texts [A, C] are: [R, A], by the query that fits best."""
    # Half precision cannot tell similarities apart that differ by less than a hundredth.
    with torch.autocast(seen.device.type, enabled=False):
        nearest = torch.einsum("rqc,ac->rqa", seen.float(), said.float()).amax(1)
        return nearest / temperature.float().clamp(COLDEST, HOTTEST)


def contrast_loss(to_texts: Tensor, to_regions: Tensor, belongs: Tensor, smoothing: float) -> Term:
    """ITC from both sides: similarities [R, A] of own regions to all texts, and of own texts to all regions.

    `belongs` (bool [R, A]) says which belong together: a row's own, and others with the same sentence or region.
    """
    wanted = belongs / belongs.sum(1, keepdim=True)
    sides = [
        F.cross_entropy(scores, wanted, reduction="none", label_smoothing=smoothing)
        for scores in (to_texts, to_regions)
    ]
    return term((sides[0] + sides[1]) / 2)


def hard_negatives(likeness: Tensor, belongs: Tensor, generator: torch.Generator) -> Tensor:
    """For each row one that does not belong to it, drawn the more often the more alike it is: [A], -1 where none is.

    `likeness`: similarities [A, A]; `belongs`: bool [A, A]. Drawn on the CPU, so that all processes draw the same.
    """
    weights = (likeness.detach().float().softmax(1) + 1e-4).masked_fill(belongs, 0).cpu()
    possible = weights.sum(1) > 0
    weights[~possible] = 1
    drawn = torch.multinomial(weights, 1, generator=generator)[:, 0]
    return torch.where(possible, drawn, -1)


def beside(belongs: Tensor, observation: Tensor) -> Tensor:
    """`belongs` (bool [A, A]) with all rows of other observations added, wherever a row has a negative in its own.

    `observation`: int64 [A]. What is added is then drawn as a negative no more.
    """
    near = (observation[:, None] == observation) & ~belongs
    return torch.where(near.any(1, keepdim=True), ~near, belongs)


def match_loss(logits: Tensor, matches: Tensor) -> Term:
    """ITM: logits [N, 2] against whether text and region belong together (bool [N])."""
    return term(F.cross_entropy(logits.float(), matches.long(), reduction="none"))


def write_loss(logits: Tensor, text: Tensor, pad_id: int, smoothing: float) -> Term:
    """ITG: word logits [R, T, V], where position t scores token t + 1 of the text [R, T]; padding does not count."""
    wanted = text[:, 1:]
    losses = F.cross_entropy(
        logits[:, :-1].float().transpose(1, 2), wanted, reduction="none", ignore_index=pad_id, label_smoothing=smoothing
    )
    return Term(losses.sum(), (wanted != pad_id).sum().float())


def language_loss(scores: Scores, items: Literal["words", "texts"] = "words") -> Term:
    """The mean over target tokens of their negative log-probabilities, or the mean over texts of their own means."""
    if items == "texts":
        return term(-scores.mean())
    return Term(-(scores.log_probs * scores.mask).sum(), scores.mask.sum().float())


def box_loss(guesses: Tensor, positions: Tensor) -> Term:
    """L1 between read-back and true positions [R, 4 or 24], as a mean over coordinates."""
    return term((guesses.float() - positions).abs())


def dense_loss(logits: Tensor, shares: Tensor, background: float = 1.0) -> Term:
    """Class logits [N, K] against the share of each class in a token [N, K]; tokens of unknown classes do not count.

    `background`: what a token of nothing but class 0 counts for beside one without it.
    """
    known = shares.sum(1) > 0
    wanted = shares[known] / shares[known].sum(1, keepdim=True)
    counts = 1 - (1 - background) * wanted[:, 0]
    losses = F.cross_entropy(logits[known].float(), wanted, reduction="none")
    return Term((losses * counts).sum(), counts.sum())


def place_loss(guesses: Tensor, things: Tensor, boxes: Tensor, enough: float) -> Term:
    """L1 between the box that a token guesses [B, T, C] and that of the thing that it shows most of.

    `things`: the share of each thing in each token [B, T, K > 1], 0 being none; `boxes`: theirs, [B, K, C]. Only tokens
    with at least the share `enough` of their thing count.
    """
    share, number = things[..., 1:].max(2)
    wanted = boxes.gather(1, (number + 1)[..., None].expand(-1, -1, boxes.shape[2]))
    return term((guesses.float() - wanted).abs()[share >= enough])
