"""How the network is told where a region is.

An image region is 4 numbers: its box (x1, y1, x2, y2) divided by the picture's width and height. A cloud region is 24:
the 8 corners of its box, x y z each, in the frame of the cloud's points.

PaFE, position-assisted feature extraction: a two-layer MLP makes one vector of them, added to every query that reads
the region. `inside` tells which of an observation's tokens lie in it, for networks that prefer those.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from region_perception.modalities import CLOUD_REGION, IMAGE_REGION
from region_perception.network.qformer import Memory
from region_perception.network.spec import PositionSpec

POSITION_SIZES = {IMAGE_REGION: 4, CLOUD_REGION: 24}

# Signs of the half extents in the order of a box's corners, as `Box3D.corners` gives them.
_SIGNS = ((1, 1, 1), (1, -1, 1), (-1, -1, 1), (-1, 1, 1), (1, 1, -1), (1, -1, -1), (-1, -1, -1), (-1, 1, -1))

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

# The least side of a box, as a share of the picture's: one without a width has to mark a patch, too.
_SLIVER = 1e-3

# How far beside a box its marks reach, as a share of the largest half of its sides.
_REACH = 0.2


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


def inside(positions: Tensor, memory: Memory) -> Tensor:
    """How much each token of what a row reads lies in the row's region: float32 [R, N] in [0, 1].

    positions [R, 4 or 24], the rows that read the memory in order. Patches of a picture tile it in row order; tokens
    before them, and the one of a whole cloud, lie nowhere. In every region some token has weight 1.
    """
    tokens, positions = memory.keys[0].shape[2], positions.float()
    if positions.shape[1] == POSITION_SIZES[IMAGE_REGION]:
        places = covered_patches(positions, math.isqrt(tokens))
    else:
        if memory.centres is None:
            raise ValueError("a cloud's memory lacks the centres of its groups, which regions are to be compared with")
        of_row = torch.arange(len(memory.counts)).repeat_interleave(torch.tensor(memory.counts)).to(positions.device)
        centres = memory.centres[of_row].float()
        real = None if memory.mask is None else memory.mask[of_row, -centres.shape[1] :]
        places = enclosed_centres(positions.unflatten(1, (8, 3)), centres, real)
    return F.pad(places, (tokens - places.shape[1], 0))


def covered_patches(boxes: Tensor, side: int) -> Tensor:
    """How much boxes [R, 4] in [0, 1] cover each of side * side patches: [R, side * side].

    Measured by the patch that is covered most, along each axis, so that a box within one patch marks that as well as a
    large box marks its own.
    """
    across, down = _covered(boxes[:, 0], boxes[:, 2], side), _covered(boxes[:, 1], boxes[:, 3], side)
    return (down[:, :, None] * across[:, None]).flatten(1)


def _covered(low: Tensor, high: Tensor, parts: int) -> Tensor:
    """How much spans `low` to `high` [R] cover each of the equal parts of 0..1: [R, parts], the largest of a row 1."""
    low = low.clamp(0, 1 - _SLIVER)[:, None]
    high = torch.maximum(high[:, None], low + _SLIVER)
    edges = torch.arange(parts + 1, device=low.device) / parts
    shared = (torch.minimum(high, edges[1:]) - torch.maximum(low, edges[:-1])).clamp(min=0)
    return shared / shared.amax(1, keepdim=True)


def enclosed_centres(corners: Tensor, centres: Tensor, real: Tensor | None = None) -> Tensor:
    """How much each point of `centres` [R, G, 3] lies in its row's box, of corners [R, 8, 3]: [R, G]; 0 where not real.

    1 within the box, then less and less until a fifth of the box's largest half away. Where a box holds none, distance
    is measured from the nearest.
    """
    middle = corners.mean(1, keepdim=True)
    signs = torch.tensor(_SIGNS, dtype=corners.dtype, device=corners.device)
    # Sums of products: autocast would round a matrix product to half precision.
    axes = ((corners - middle)[:, :, None] * signs[..., None]).sum(1) / 8  # [R, 3, 3], the halves of the sides
    half = axes.norm(dim=-1)  # [R, 3]
    largest = half.amax(1, keepdim=True)
    # A box may be flat, or a line or a point: sides of no length have no direction.
    flat = half <= 1e-4 * largest
    directions = (axes / half[..., None]).masked_fill(flat[..., None], 0)
    offset = centres - middle  # [R, G, 3]
    along = (offset[:, :, None] * directions[:, None]).sum(-1)  # [R, G, 3], by axis
    beside = offset - (along[..., None] * directions[:, None]).sum(2)  # what no axis accounts for
    beyond = (along.abs() - half[:, None]).clamp(min=0)
    distance = (beyond.square().sum(-1) + beside.square().sum(-1)).sqrt()
    nearest = (distance if real is None else distance.masked_fill(~real, torch.inf)).amin(1, keepdim=True)
    reach = (_REACH * largest).clamp(min=1e-6)
    weights = (1 - (distance - nearest) / reach).clamp(0, 1)
    return weights if real is None else weights * real
