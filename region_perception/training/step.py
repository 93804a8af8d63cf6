"""One pass of a batch through the network, with all losses. The only place where training calls the network.

encode  ->  read and write  ->  language, box          from every row's found tokens [R, Q, D]
                            ->  contrast  ->  match    within each modality, over all processes
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from region_perception.network.region_blip import Features, Glance, RegionBlip, modalities_of
from region_perception.training.batches import Batch, Part
from region_perception.training.dense import DenseHeads
from region_perception.training.losses import (
    Term,
    Terms,
    beside,
    box_loss,
    contrast_loss,
    hard_negatives,
    language_loss,
    match_loss,
    similarity,
    write_loss,
)
from region_perception.training.order import generator
from region_perception.training.processes import Processes
from region_perception.training.recipe import LossWeights, Recipe


@dataclass(frozen=True, eq=False)
class _Pairs:
    """How the rows of one modality and their sentences go together, over all processes (A rows; R of them own)."""

    to_texts: Tensor  # [R, A] similarities of own regions to all texts
    to_regions: Tensor  # [R, A] similarities of own texts to all regions
    belongs: Tensor  # bool [A, A]
    own: slice


class TrainingStep(nn.Module):
    """The network with the heads that only training has; called with a batch it returns the batch's losses."""

    def __init__(
        self, network: RegionBlip, recipe: Recipe, processes: Processes, heads: DenseHeads | None = None
    ) -> None:
        super().__init__()
        self.network = network
        self.heads = heads
        self._recipe = recipe
        self._processes = processes

    def forward(self, batch: Batch) -> Terms:
        """Losses by (name, modality), of this process's share of the batch."""
        half = self._recipe.precision == "bfloat16"
        with torch.autocast(next(self.parameters()).device.type, torch.bfloat16, enabled=half):
            return self._losses(batch)

    def _losses(self, batch: Batch) -> Terms:
        if self.heads is not None:
            return {key: term for part in batch.parts for key, term in self.heads(self.network, part).items()}
        weights = self._recipe.losses
        features = [self._encode(part) for part in batch.parts]
        glances = [
            Glance(part.modality, self.network.remember(seen, part.modality).read_by(part.counts), part.positions)
            for part, seen in zip(batch.parts, features, strict=True)
        ]
        found, terms = self._read_and_write(glances, batch.parts)
        if weights.language:
            terms |= self._language(found, modalities_of(glances), batch.parts)
        for part, seen, glance, rows in zip(
            batch.parts, features, glances, found.split([glance.rows for glance in glances]), strict=True
        ):
            if weights.box and part.positions is not None:
                guesses = self.network.parts[part.modality].box_head(rows.mean(1))
                terms["box", part.modality] = box_loss(guesses, part.positions)
            if (weights.contrast or weights.match) and part.text is not None:
                terms |= self._contrast_and_match(part, seen, glance, rows, batch.number)
        return terms

    def _encode(self, part: Part) -> Features:
        if isinstance(part.seen, Features):
            return part.seen
        with torch.set_grad_enabled(self._recipe.encoders_learn and torch.is_grad_enabled()):
            if isinstance(part.seen, Tensor):
                return self.network.encode_images(part.seen)
            return self.network.encode_clouds(part.seen)

    def _language(self, found: Tensor, modalities: Sequence[str], parts: Sequence[Part]) -> Terms:
        starts = _starts([sum(part.counts) for part in parts])
        chosen = torch.cat([part.row_of + start for part, start in zip(parts, starts, strict=True)])
        scores = self.network.score(
            found,
            modalities,
            [prompt for part in parts for prompt in part.prompts],
            [target for part in parts for target in part.targets],
            chosen.tolist(),
        )
        sizes = [len(part.row_of) for part in parts]
        split = zip(parts, scores.log_probs.split(sizes), scores.mask.split(sizes), strict=True)
        return {
            ("language", part.modality): language_loss(type(scores)(log_probs, mask), self._recipe.language_items)
            for part, log_probs, mask in split
        }

    def _read_and_write(
        self, glances: Sequence[Glance], parts: Sequence[Part]
    ) -> tuple[Tensor, dict[tuple[str, str], Term]]:
        """What the queries of every row found, and the loss of the text branch's writing."""
        if not (self._recipe.losses.write and self.network.spec.qformer.text_branch):
            return self.network.read(glances), {}
        pad = self.network.spec.qformer.pad_id
        text = _padded([part.text for part in parts if part.text is not None], pad)
        found, logits = self.network.read_and_write(glances, text)
        sizes = [glance.rows for glance in glances]
        return found, {
            ("write", glance.modality): write_loss(scores, ids, pad, self._recipe.label_smoothing)
            for glance, scores, ids in zip(glances, logits.split(sizes), text.split(sizes), strict=True)
        }

    def _contrast_and_match(self, part: Part, features: Features, glance: Glance, found: Tensor, number: int) -> Terms:
        terms: dict[tuple[str, str], Term] = {}
        with torch.set_grad_enabled(bool(self._recipe.losses.contrast) and torch.is_grad_enabled()):
            pairs = self._pairs(part, found)
            if self._recipe.losses.contrast:
                smoothing, belongs = self._recipe.label_smoothing, pairs.belongs[pairs.own]
                terms["contrast", part.modality] = contrast_loss(pairs.to_texts, pairs.to_regions, belongs, smoothing)
        if self._recipe.losses.match:
            terms["match", part.modality] = self._match(part, features, glance, pairs, number)
        return terms

    def _pairs(self, part: Part, found: Tensor) -> _Pairs:
        gather = self._processes.gather
        assert part.text is not None
        seen = self.network.contrast(found, [part.modality] * len(found))  # [R, Q, C]
        said = self.network.contrast_text(part.text, part.modality)  # [R, C]
        temperature = self.network.parts[part.modality].get_parameter("temperature")
        keys = gather(part.keys)
        before = self._processes.before(part.keys)
        return _Pairs(
            to_texts=similarity(seen, gather(said), temperature),
            to_regions=similarity(gather(seen), said, temperature).T,
            belongs=(keys[:, None] == keys).any(-1),
            own=slice(before, before + len(found)),
        )

    def _match(self, part: Part, features: Features, glance: Glance, pairs: _Pairs, number: int) -> Term:
        gather, pad = self._processes.gather, self.network.spec.qformer.pad_id
        assert part.text is not None
        # Seeded by the batch, not by the process, so that all processes agree on every draw.
        seed = generator(self._recipe.seed, part.modality, number, "negatives").integers(2**62)
        random = torch.Generator().manual_seed(int(seed))
        observation, belongs = self._observations(part), pairs.belongs
        if self._recipe.negatives == "observation":
            belongs = beside(belongs, observation)
        other_text = hard_negatives(gather(pairs.to_texts), belongs, random)[pairs.own].to(part.text.device)
        other_region = hard_negatives(gather(pairs.to_regions), belongs, random)[pairs.own].to(part.text.device)
        elsewhere, order = self._others(part, features, glance, other_region.clamp(min=0), observation)
        false_text = gather(part.text, pad)[other_text.clamp(min=0)]
        text = _padded([part.text, false_text, part.text[order]], pad)
        logits = self.network.match([glance, glance, elsewhere], text)
        true = torch.ones_like(other_text, dtype=torch.bool)
        # Where everything belongs together there is no negative to learn from.
        kept = torch.cat([true, other_text >= 0, (other_region >= 0)[order]])
        return match_loss(logits[kept], torch.cat([true, ~true, ~true])[kept])

    def _observations(self, part: Part) -> Tensor:
        """Which of all processes' observations each of their rows is of: int64 [A]."""
        counts = torch.tensor(part.counts, device=part.keys.device)
        observation = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)
        return self._processes.gather(observation + self._processes.before(counts))

    def _others(
        self, part: Part, features: Features, glance: Glance, rows: Tensor, observation: Tensor
    ) -> tuple[Glance, Tensor]:
        """A glance at other rows of all processes, and the order in which own rows have to follow to read it.

        Own row i looks where row `rows[i]` of all does. Rows that look at one observation come together, so that they
        share its keys and values.
        """
        gather = self._processes.gather
        looked, order = observation[rows].sort(stable=True)
        memory = glance.memory
        if self._processes.count > 1:
            chosen, looked = looked.unique(return_inverse=True)
            mask = None if features.mask is None else gather(features.mask.int())[chosen].bool()
            centres = None if features.centres is None else gather(features.centres)[chosen]
            seen = Features(gather(features.tokens)[chosen], mask, centres=centres)
            memory = self.network.remember(seen, part.modality)
        counts = looked.bincount(minlength=len(memory.counts)).tolist()
        positions = None if part.positions is None else gather(part.positions)[rows[order]]
        return Glance(part.modality, memory.read_by(counts), positions), order


def _padded(texts: Sequence[Tensor], pad: int) -> Tensor:
    """Texts [R_i, T_i] one below the other, padded to the longest."""
    longest = max(text.shape[1] for text in texts)
    return torch.cat([F.pad(text, (0, longest - text.shape[1]), value=pad) for text in texts])


def _starts(sizes: Sequence[int]) -> list[int]:
    return [sum(sizes[:i]) for i in range(len(sizes))]


def combine(terms: Terms, weights: LossWeights, processes: Processes) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss to go back from, and every mean over all processes by name ("language/image_region"; "loss").

    The gradient of the loss, averaged over processes, is that of the weighted sum of means over all their items.
    """
    keys = sorted(terms)
    totals, counts = torch.stack([terms[key].total for key in keys]), torch.stack([terms[key].items for key in keys])
    all_totals, all_counts = processes.sum(torch.stack([totals.detach(), counts]))
    items = {name: sum(all_counts[i] for i, key in enumerate(keys) if key[0] == name) for name, _ in keys}
    factors = torch.stack([_weight(name, weights) / items[name].clamp(min=1) for name, _ in keys])
    means = {f"{name}/{where}": all_totals[i] / all_counts[i].clamp(min=1) for i, (name, where) in enumerate(keys)}
    means["loss"] = (all_totals * factors).sum()
    return (totals * factors).sum() * processes.count, means


def _weight(name: str, weights: LossWeights) -> float:
    """What a loss counts for; what is not a loss (the share that is right) counts nothing."""
    return float(getattr(weights, name.split()[0], 0.0))
