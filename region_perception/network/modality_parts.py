"""What belongs to one modality alone, so that a modality can be added or trained without touching another's output.

Its LoRA pairs, which sit inside the Q-Former and the language model, are the only other thing that a modality owns.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from region_perception.modalities import CLOUD_MODALITIES, REGION_MODALITIES
from region_perception.network.position import POSITION_SIZES, PositionEncoder, inside
from region_perception.network.qformer import Memory, Preference
from region_perception.network.spec import NetworkSpec


class ModalityParts(nn.Module):
    """Queries, projections and heads of one modality."""

    def __init__(self, modality: str, spec: NetworkSpec) -> None:
        super().__init__()
        width = spec.qformer.width
        # Zero queries would all stay alike; the spread is BLIP-2's.
        self.queries = nn.Parameter(torch.randn(spec.qformer.queries, width) * 0.02)
        self.to_language = nn.Linear(width, spec.language.width)
        if modality in CLOUD_MODALITIES:
            assert spec.point_encoder is not None  # NetworkSpec refuses clouds without a point encoder
            self.from_points = nn.Linear(spec.point_encoder.width, spec.image_encoder.width)
        if modality in REGION_MODALITIES:
            self.box_head = nn.Linear(width, POSITION_SIZES[modality])
            if spec.position.enabled:
                self.position = PositionEncoder(modality, spec.position, width)
            if spec.position.token_bias:
                layers = range(0, spec.qformer.depth, spec.qformer.cross_every)
                # Every second head begins within the region, the others look around; one vector for each layer,
                # because vectors do not decay in training.
                heads = torch.tensor([4.0, 0.0]).repeat(spec.qformer.heads)[: spec.qformer.heads]
                self.token_bias = nn.ParameterList(nn.Parameter(heads.clone()) for _ in layers)
        if spec.qformer.text_branch:
            self.contrast = nn.Linear(width, spec.qformer.contrast_width)
            self.text_contrast = nn.Linear(width, spec.qformer.contrast_width)
            self.temperature = nn.Parameter(torch.tensor(0.07))
            self.match_head = nn.Linear(width, 2)

    def placed_queries(self, rows: int, positions: Tensor | None) -> Tensor:
        """Queries for a number of rows [R, Q, D]; PaFE adds where each row's region is (positions [R, 4 or 24])."""
        queries = self.queries.expand(rows, -1, -1)
        if positions is None or not hasattr(self, "position"):
            return queries
        return queries + self.position(positions.to(queries))[:, None]

    def preferring(self, memory: Memory, positions: Tensor | None) -> Memory:
        """The memory, whose rows at `positions` [R, 4 or 24] prefer what lies in their regions, if the spec says so."""
        if positions is None or not hasattr(self, "token_bias"):
            return memory
        return replace(memory, preference=Preference(inside(positions, memory), tuple(self.token_bias)))

    def start_from(self, other: "ModalityParts") -> None:
        """Take over what `other` has in common with this: a new modality starts as a copy of the image's."""
        theirs = other.state_dict()
        self.load_state_dict({name: theirs[name] for name in self.state_dict() if name in theirs}, strict=False)
