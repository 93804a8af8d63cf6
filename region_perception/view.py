"""What `Captioner.look` hands back, and what can be got from it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from region_perception.confidence import ScoreMethod
from region_perception.errors import InvalidRegion
from region_perception.modalities import CLOUD, IMAGE
from region_perception.observations import CloudObservation, ImageObservation
from region_perception.regions import Footprint, ImageFootprint, Region
from region_perception.regions.proposals import MOST, propose

if TYPE_CHECKING:
    from region_perception.captioner import Captioner
    from region_perception.network.qformer import Memory
    from region_perception.network.region_blip import Features
    from region_perception.preparation import CloudFrame

# Footprints that a view remembers; those of large clouds hold a number for each point.
_REMEMBERED = 64


@dataclass(frozen=True)
class Caption:
    """A sentence about a region (or about the whole observation), or an answer to a question about it."""

    text: str
    confidence: float
    """In [0, 1]. Where the model is calibrated for the modality (`Captioner.calibration`), the chance that the sentence
    is right; else the geometric mean of the probabilities that the model gave to the tokens it wrote, the end included,
    which compares sentences of one model."""
    modality: str
    region: Region | None
    footprint: Footprint | None
    """Where the region lies in the observation; None for the whole."""
    seconds: float
    """Time of the call that made this caption, shared by all that were made in it; encoding is not in it."""
    question: str | None = None


@dataclass(frozen=True)
class Match:
    """One candidate of `View.find`."""

    index: int
    """Place in the list of candidates that was given."""
    region: Region
    score: float
    """In [0, 1], higher is better; what it measures depends on the method, see `Captioner.score`."""
    confidence: float
    """In [0, 1]: the share that this score has in the scores of all candidates. Where the model is calibrated for the
    modality and compares by its own method, the best one's is the chance that it is meant, if one of them is; the
    others divide what is left by their shares."""


class View:
    """An observation that has been encoded once. It can be asked any number of times, from any thread."""

    def __init__(
        self,
        captioner: "Captioner",
        observation: ImageObservation | CloudObservation,
        features: "Features",
        frame: "CloudFrame | None",
        seconds: float,
    ) -> None:
        self.captioner = captioner
        self.observation = observation
        self.seconds = seconds
        """Time that encoding took, shared by all observations that were encoded in the same call."""
        # The captioner's side of a view: what its network made of the observation. Memories are filled on first use.
        self.features = features
        self.frame = frame
        self.memories: dict[str, Memory] = {}
        self._locate = lru_cache(maxsize=_REMEMBERED)(lambda region: region.locate(observation))

    @property
    def modality(self) -> str:
        """The modality of the whole observation: `image` or `cloud`."""
        return IMAGE if isinstance(self.observation, ImageObservation) else CLOUD

    def locate(self, region: Region) -> Footprint:
        """Where a region lies in the observation. What was located lately is remembered: a click takes a while."""
        return self._locate(region)

    def token_weights(self, region: Region) -> np.ndarray:
        """The share of each encoder token's image patch or point group that lies in a region: float32 [tokens], 0 to 1.

        Tokens that stand for the whole, or only pad, have weight 0.
        """
        footprint = self.locate(region)
        count = self.features.tokens.shape[1]
        if isinstance(footprint, ImageFootprint):
            # What is more than a square of patches stands for the whole and comes first.
            side = math.isqrt(count)
            weights = footprint.patch_weights(side, side).ravel()
        else:
            assert self.frame is not None  # a cloud's view has a frame, groups and a mask
            assert self.features.groups is not None
            assert self.features.mask is not None
            groups = self.frame.kept[self.features.groups[0].cpu().numpy()]
            weights = footprint.group_weights(groups) * self.features.mask[0, 1:].cpu().numpy()
        return np.concatenate([np.zeros(count - len(weights), np.float32), weights])

    @overload
    def caption(self, regions: Region | None = None, **decoding: Any) -> Caption: ...

    @overload
    def caption(self, regions: Sequence[Region | None], **decoding: Any) -> list[Caption]: ...

    def caption(
        self, regions: Region | Sequence[Region | None] | None = None, **decoding: Any
    ) -> Caption | list[Caption]:
        """A caption of one region (of the whole when None), or a list of captions, one for each region of a list.

        Options are those of `Decoding`: `beams`, `max_tokens`, `min_tokens`, `sample`, `temperature`, `top_p`, `seed`,
        `length_penalty`, `repetition_penalty`. Greedy by default.
        """
        if isinstance(regions, Sequence):
            return self.captioner.caption([(self, region) for region in regions], **decoding)
        return self.captioner.caption([(self, regions)], **decoding)[0]

    @overload
    def ask(self, regions: Region | None, question: str, **decoding: Any) -> Caption: ...

    @overload
    def ask(self, regions: Sequence[Region | None], question: str, **decoding: Any) -> list[Caption]: ...

    def ask(
        self, regions: Region | Sequence[Region | None] | None, question: str, **decoding: Any
    ) -> Caption | list[Caption]:
        """The answer to a question about one region (about the whole when None), or about each region of a list."""
        if isinstance(regions, Sequence):
            return self.captioner.ask([(self, region, question) for region in regions], **decoding)
        return self.captioner.ask([(self, regions, question)], **decoding)[0]

    def propose(self, *, most: int = MOST, exact: bool = False, gap: float | None = None) -> list[Region]:
        """The things in the observation, the largest first, when nobody points: see `regions.proposals.propose`."""
        return propose(self.observation, most=most, exact=exact, gap=gap)

    def score(
        self, regions: Sequence[Region | None], texts: Sequence[str], by: ScoreMethod | None = None
    ) -> np.ndarray:
        """How well each text describes each region: float32 [regions, texts] in [0, 1]; see `Captioner.score`."""
        _refuse_one(regions)
        return self.captioner.score([(self, region) for region in regions], texts, by)

    def find(self, text: str, candidates: Sequence[Region], by: ScoreMethod | None = None) -> list[Match]:
        """The candidates in the order in which `text` describes them, best first."""
        _refuse_one(candidates)
        return self.captioner.find(self, [text], list(candidates), by)[0]


def _refuse_one(regions: object) -> None:
    if regions is None:
        raise InvalidRegion("expected a list of regions to choose from, got None")
    if isinstance(regions, Region):
        raise InvalidRegion(f"expected a list of regions to choose from, got one region: {regions!r}")
