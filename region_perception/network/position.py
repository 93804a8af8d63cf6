"""PaFE, position-assisted feature extraction: where a region is, added to every query that reads it.

An image region is 4 numbers: its box (x1, y1, x2, y2) divided by the picture's width and height. A cloud region is 24:
the 8 corners of its box, x y z each, in the frame of the cloud's points. A two-layer MLP makes one vector of them.
"""

import torch
from torch import Tensor, nn

from region_perception.modalities import CLOUD_REGION, IMAGE_REGION
from region_perception.network.spec import PositionSpec

POSITION_SIZES = {IMAGE_REGION: 4, CLOUD_REGION: 24}

# Signs of the half extents in the order of a box's corners, in the released code's arrangement: there the extents of
# y and z are exchanged, and so is the order in which they alternate.
_RELEASED_SIGNS = (
    (1, 1, 1),
    (1, 1, -1),
    (-1, 1, -1),
    (-1, 1, 1),
    (1, -1, 1),
    (1, -1, -1),
    (-1, -1, -1),
    (-1, -1, 1),
)


class PositionEncoder(nn.Sequential):
    """Linear, GELU, Linear: normalised positions [R, 4 or 24] -> [R, width]."""

    def __init__(self, modality: str, spec: PositionSpec, width: int) -> None:
        super().__init__(nn.Linear(POSITION_SIZES[modality], spec.hidden), nn.GELU(), nn.Linear(spec.hidden, width))


def released_corners(center: Tensor, size: Tensor) -> Tensor:
    """Corners [R, 8, 3] as RegionBLIP's released weights expect them, from centres and sizes [R, 3]; yaw is ignored.

    The y extent of a box is taken from its z size and the z extent from its y size: a slip of the released code that
    its weights have learnt.
    """
    signs = torch.tensor(_RELEASED_SIGNS, dtype=center.dtype, device=center.device)
    swapped = size[:, [0, 2, 1]]
    return center[:, None] + signs * swapped[:, None] / 2
