"""Heads that name what an encoder sees at each of its tokens. They exist in training only, to teach the encoders."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from region_perception.errors import InvalidRecipe
from region_perception.modalities import CLOUD_MODALITIES
from region_perception.network.region_blip import RegionBlip
from region_perception.training.batches import Part
from region_perception.training.losses import Term, Terms, dense_loss, term


class DenseHeads(nn.Module):
    """One linear layer for each attribute, over image tokens and over the groups of clouds."""

    def __init__(self, network: RegionBlip, classes: Mapping[str, Sequence[str]], background: float = 1.0) -> None:
        """`background`: see `losses.dense_loss`."""
        super().__init__()
        if not classes:
            raise InvalidRecipe("phase 'encoders' needs data whose records have classes; these have none")
        self.background = background
        self.counts = {name: len(names) for name, names in classes.items()}
        self.images = _heads(network.spec.image_encoder.width, self.counts)
        clouds = network.spec.point_encoder
        self.clouds = None if clouds is None else _heads(clouds.width, self.counts)

    def forward(self, network: RegionBlip, part: Part) -> Terms:
        """The loss of each attribute; for the log the share of tokens named right, and of those that show a thing."""
        if part.modality in CLOUD_MODALITIES:
            assert network.point_encoder is not None  # clouds were refused otherwise
            assert isinstance(part.seen, list)
            seen = network.point_encoder(part.seen)
            tokens, heads = seen.tokens[:, 1:], self.clouds
            shares = {name: _group_shares(part.classes[name], seen.index, n) for name, n in self.counts.items()}
            # Groups that only pad a small cloud stand for nothing.
            shares = {name: share * seen.mask[:, 1:, None] for name, share in shares.items()}
        else:
            assert isinstance(part.seen, Tensor)
            grid = network.spec.image_encoder.grid
            # Some encoders put tokens that stand for the whole picture before those of its patches.
            tokens, heads = network.encode_images(part.seen).tokens[:, -(grid**2) :], self.images
            shares = {name: _patch_shares(part.classes[name], grid, n) for name, n in self.counts.items()}
        assert heads is not None
        terms: dict[tuple[str, str], Term] = {}
        for name, share in shares.items():
            logits, share = heads[name](tokens.float()).flatten(0, 1), share.flatten(0, 1)
            terms[f"dense {name}", part.modality] = dense_loss(logits, share, self.background)
            terms[f"right {name}", part.modality] = _right(logits, share, share.sum(1) > 0)
            terms[f"right {name} of things", part.modality] = _right(logits, share, share.argmax(1) > 0)
        return terms


def _heads(width: int, counts: Mapping[str, int]) -> nn.ModuleDict:
    return nn.ModuleDict({name: nn.Linear(width, count) for name, count in counts.items()})


def _right(logits: Tensor, shares: Tensor, counted: Tensor) -> Term:
    """How many of the tokens in `counted` (bool [N]) have the class of which there is most."""
    return term((logits.detach().argmax(1) == shares.argmax(1))[counted])


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
