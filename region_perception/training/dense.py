"""Heads that name what an encoder sees at each of its tokens. They exist in training only, to teach the encoders."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from region_perception.data.source import THING
from region_perception.errors import InvalidRecipe
from region_perception.modalities import CLOUD_MODALITIES
from region_perception.network.region_blip import RegionBlip
from region_perception.training.batches import Part
from region_perception.training.losses import Term, Terms, dense_loss, place_loss, term

# A token tells the place of the thing that it shows most of, if that is at least this share of it; and a thing is asked
# for that takes up as much of one token.
_ENOUGH = 0.3


class _Things(NamedTuple):
    """The things of a part, by their K numbers; 0 is none."""

    shares: Tensor  # [B, T, K]: how much of each token each thing takes up
    boxes: Tensor  # [B, K, 4 or 6]: where each is
    classes: dict[str, Tensor]  # by attribute int64 [B, K]: what each is; -1 unknown


class _Seen(NamedTuple):
    """What an encoder made of a part, and how to say what is at each of its T tokens."""

    tokens: Tensor  # [B, T, D]
    heads: nn.ModuleDict
    shares: dict[str, Tensor]  # by attribute [B, T, classes]: how much of each token each class takes up
    things: _Things | None


class DenseHeads(nn.Module):
    """One linear layer for each attribute, and one for the thing's box; over image tokens and over groups of points."""

    def __init__(self, network: RegionBlip, classes: Mapping[str, Sequence[str]], background: float = 1.0) -> None:
        """`background`: see `losses.dense_loss`."""
        super().__init__()
        if not classes:
            raise InvalidRecipe("phase 'encoders' needs data whose records have classes; these have none")
        self.background = background
        self.counts = {name: len(names) for name, names in classes.items()}
        self.images = self._heads(network.spec.image_encoder.width, 4)
        clouds = network.spec.point_encoder
        self.clouds = None if clouds is None else self._heads(clouds.width, 6)

    def _heads(self, width: int, box: int) -> nn.ModuleDict:
        return nn.ModuleDict({name: nn.Linear(width, count) for name, count in (self.counts | {THING: box}).items()})

    def forward(self, network: RegionBlip, part: Part) -> Terms:
        """The losses of tokens, of things and of places; for the log the share of tokens and things named right."""
        seen = self._cloud(network, part) if part.modality in CLOUD_MODALITIES else self._image(network, part)
        terms: dict[tuple[str, str], Term] = {}
        for name, share in seen.shares.items():
            logits, share = seen.heads[name](seen.tokens.float()).flatten(0, 1), share.flatten(0, 1)
            terms[f"dense {name}", part.modality] = dense_loss(logits, share, self.background)
            terms[f"right {name}", part.modality] = _right(logits, share, share.sum(1) > 0)
        if seen.things is not None:
            terms |= self._of_things(seen, seen.things, part.modality)
            guesses = seen.heads[THING](seen.tokens.float())
            terms["place", part.modality] = place_loss(guesses, seen.things.shares, seen.things.boxes, _ENOUGH)
        return terms

    def _of_things(self, seen: _Seen, things: _Things, modality: str) -> Terms:
        """The loss of each attribute of each thing, by the mean of the tokens that show it; how many are right."""
        shown = things.shares[..., 1:].transpose(1, 2)  # [B, things, T]
        amount = shown.sum(2, keepdim=True)
        means = shown @ seen.tokens.float() / amount.clamp(min=_ENOUGH)  # [B, things, D]
        terms: dict[tuple[str, str], Term] = {}
        for name, classes in things.classes.items():
            wanted = classes[:, 1:]
            # Class 0 is what shows no thing, and things without a name have none.
            asked = (amount[..., 0] >= _ENOUGH) & (wanted > 0)
            logits, wanted = seen.heads[name](means)[asked], wanted[asked]
            terms[f"things {name}", modality] = term(F.cross_entropy(logits, wanted, reduction="none"))
            terms[f"right {name} of things", modality] = term(logits.detach().argmax(1) == wanted)
        return terms

    def _image(self, network: RegionBlip, part: Part) -> _Seen:
        assert isinstance(part.seen, Tensor)
        grid = network.spec.image_encoder.grid
        # Some encoders put tokens that stand for the whole picture before those of its patches.
        tokens = network.encode_images(part.seen).tokens[:, -(grid**2) :]
        classes = {name: _thinned(labels, grid) for name, labels in part.classes.items()}
        shares = {name: _patch_shares(classes[name], grid, count) for name, count in self.counts.items()}
        if THING not in classes:
            return _Seen(tokens, self.images, shares, None)
        numbers = classes[THING]
        count = _numbers(numbers)
        boxes = _pixel_boxes(numbers, count)
        things = _Things(_patch_shares(numbers, grid, count), boxes, self._classes_of(numbers, classes, count))
        return _Seen(tokens, self.images, shares, things)

    def _cloud(self, network: RegionBlip, part: Part) -> _Seen:
        assert network.point_encoder is not None
        assert self.clouds is not None
        assert isinstance(part.seen, list)
        seen = network.point_encoder(part.seen)

        # Groups that only pad a small cloud stand for nothing.
        def shares_of(labels: Tensor, count: int) -> Tensor:
            return _group_shares(labels, seen.index, count) * seen.mask[:, 1:, None]

        shares = {name: shares_of(part.classes[name], count) for name, count in self.counts.items()}
        tokens = seen.tokens[:, 1:]
        if THING not in part.classes:
            return _Seen(tokens, self.clouds, shares, None)
        numbers = part.classes[THING]
        count = _numbers(numbers)
        boxes = _point_boxes([cloud[:, :3] for cloud in part.seen], numbers, count)
        things = _Things(shares_of(numbers, count), boxes, self._classes_of(numbers, part.classes, count))
        return _Seen(tokens, self.clouds, shares, things)

    def _classes_of(self, numbers: Tensor, classes: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
        """What each thing is by attribute, int64 [B, count], of the things' and the classes' labels [B, ...]."""
        index = numbers.flatten(1).clamp(min=0)
        unknown = index.new_full((len(index), count), -1)
        return {name: unknown.scatter_reduce(1, index, classes[name].flatten(1), "amax") for name in self.counts}


def _numbers(things: Tensor) -> int:
    """How many numbers tell things apart, none and at least one thing among them."""
    return max(1, int(things.max())) + 1


def _right(logits: Tensor, shares: Tensor, counted: Tensor) -> Term:
    """How many of the tokens in `counted` (bool [N]) have the class of which there is most."""
    return term((logits.detach().argmax(1) == shares.argmax(1))[counted])


def _thinned(labels: Tensor, grid: int) -> Tensor:
    """Labels [B, S, S] with no more than 4 x 4 for each patch, which are enough to tell what it shows."""
    every = max(1, labels.shape[1] // (4 * grid))
    return labels[:, every // 2 :: every, every // 2 :: every] if labels.shape[1] % (every * grid) == 0 else labels


def _patch_shares(labels: Tensor, grid: int, count: int) -> Tensor:
    """The share of each class in each patch, [B, grid * grid, count], of labels [B, S, S]; -1 counts for none."""
    side = labels.shape[1] // grid
    patches = labels.unflatten(1, (grid, side)).unflatten(3, (grid, side)).transpose(2, 3).flatten(3).flatten(1, 2)
    return _shares(patches, count)


def _group_shares(labels: Tensor, index: Tensor, count: int) -> Tensor:
    """The share of each class in each group, [B, G, count], of labels [B, n] and the groups' points [B, G, S]."""
    index = index.to(labels.device)
    return _shares(labels.gather(1, index.flatten(1)).view(index.shape), count)


def _shares(labels: Tensor, count: int) -> Tensor:
    """[B, N, S] -> [B, N, count]"""
    shares = torch.zeros(*labels.shape[:2], count, device=labels.device)
    return shares.scatter_add_(2, labels.clamp(min=0), (labels >= 0).float() / labels.shape[2])


def _pixel_boxes(things: Tensor, count: int) -> Tensor:
    """The box about what is seen of each thing, [B, count, 4] from 0 to 1, of their numbers [B, S, S]."""
    side = things.shape[1]
    edges = torch.arange(side, device=things.device, dtype=torch.float32)
    places = torch.stack([edges.expand(side, side), edges[:, None].expand(side, side)], dim=-1).view(1, -1, 2)
    low, high = _extents(places.expand(len(things), -1, -1), things.flatten(1), count)
    return torch.cat([low, high + 1], dim=2) / side


def _point_boxes(points: Sequence[Tensor], things: Tensor, count: int) -> Tensor:
    """The middle and the extent of what is seen of each thing, [B, count, 6], of its points [n, 3]."""
    padded = nn.utils.rnn.pad_sequence(list(points), batch_first=True).to(things.device)
    low, high = _extents(padded, things, count)
    return torch.cat([(low + high) / 2, high - low], dim=2)


def _extents(places: Tensor, numbers: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Lowest and highest coordinates of each thing, twice [B, count, C], of places [B, N, C]; -1 counts for none."""
    columns = places.shape[2]
    # Places that count for none go to a row of their own.
    index = torch.where(numbers < 0, count, numbers)[..., None].expand(-1, -1, columns)
    empty = places.new_zeros(len(places), count + 1, columns)
    low = empty.scatter_reduce(1, index, places, "amin", include_self=False)
    high = empty.scatter_reduce(1, index, places, "amax", include_self=False)
    return low[:, :count], high[:, :count]
