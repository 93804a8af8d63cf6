"""Point-BERT's point transformer: groups of points become tokens, tokens look at each other.

A small PointNet reads each group on its own, relative to the group's centre; a transformer then relates the groups,
told where each one lies. Module names are those of the published Point-BERT, so that its weights load by name.
Groups that only pad a batch take no part: a cloud's tokens are the same alone and in company.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from region_perception.errors import InvalidObservation
from region_perception.network.grouping import group_clouds
from region_perception.network.spec import PointEncoderSpec
from region_perception.network.transformer import Block

POSITION_WIDTH = 128


@dataclass(frozen=True, eq=False)
class PointTokens:
    """What the point encoder saw in B clouds. Token 0 stands for the whole cloud, token 1 + g for group g."""

    tokens: Tensor
    """float [B, 1 + G, width]; 0 where masked."""
    mask: Tensor
    """bool [B, 1 + G], True for tokens that are real."""
    index: Tensor
    """int64 [B, G, S], rows of each cloud that make up a group; 0 where the group is masked."""
    centres: Tensor
    """float [B, G, 3], where each group lies, in the frame of the points; 0 where masked."""


class MiniPointNet(nn.Module):
    """One token for each group of points, whatever their order."""

    def __init__(self, spec: PointEncoderSpec) -> None:
        super().__init__()
        self.feature_width = features = spec.feature_width
        self.unit = spec.neighbourhood
        self.first_conv = nn.Sequential(
            nn.Conv1d(6 if spec.color else 3, spec.point_width, 1),
            _norm(spec, spec.point_width),
            nn.ReLU(inplace=True),
            nn.Conv1d(spec.point_width, features, 1),
        )
        self.second_conv = nn.Sequential(
            nn.Conv1d(2 * features, 2 * features, 1),
            _norm(spec, 2 * features),
            nn.ReLU(inplace=True),
            nn.Conv1d(2 * features, spec.encoder_width, 1),
        )

    def forward(self, neighbourhoods: Tensor) -> Tensor:
        """float [K, S, C], xyz relative to the group's centre and then colour -> float [K, width]."""
        units = neighbourhoods.new_ones(neighbourhoods.shape[-1])
        units[:3] = self.unit
        features = self.first_conv((neighbourhoods / units).transpose(1, 2))  # [K, F, S]
        whole = features.amax(2, keepdim=True)
        # This layer reads the group's features, then the point's. The group's part is the same for all its points,
        # so it is computed once for each group instead of once for each point.
        weight, bias = self.second_conv.get_parameter("0.weight"), self.second_conv.get_parameter("0.bias")
        of_group, of_point = weight.split(self.feature_width, dim=1)
        mixed = F.conv1d(features, of_point) + F.conv1d(whole, of_group, bias)
        return self.second_conv[1:](mixed).amax(2)


def _norm(spec: PointEncoderSpec, channels: int) -> nn.Module:
    return nn.BatchNorm1d(channels) if spec.norm == "batch" else nn.GroupNorm(1, channels)


class Transformer(nn.Module):
    """Blocks that are each told anew where the groups lie."""

    def __init__(self, spec: PointEncoderSpec) -> None:
        super().__init__()
        hidden = int(spec.mlp_ratio * spec.width)
        self.blocks = nn.ModuleList(Block(spec.width, spec.heads, hidden, qkv_bias=False) for _ in range(spec.depth))

    def forward(self, x: Tensor, position: Tensor, mask: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x + position, mask)
        return x


class PointEncoder(nn.Module):
    """Clouds to tokens. Points are expected in the network's frame: `PositionSpec.cloud_frame`."""

    def __init__(self, spec: PointEncoderSpec) -> None:
        super().__init__()
        self.spec = spec
        self.encoder = MiniPointNet(spec)
        self.reduce_dim = nn.Linear(spec.encoder_width, spec.width)
        self.cls_token = nn.Parameter(torch.empty(1, 1, spec.width))
        self.cls_pos = nn.Parameter(torch.empty(1, 1, spec.width))
        self.pos_embed = nn.Sequential(
            nn.Linear(3 + 6 * spec.waves, POSITION_WIDTH), nn.GELU(), nn.Linear(POSITION_WIDTH, spec.width)
        )
        self.blocks = Transformer(spec)
        self.norm = nn.LayerNorm(spec.width)
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        nn.init.trunc_normal_(self.cls_pos, std=0.02)

    def forward(self, clouds: Sequence[Tensor]) -> PointTokens:
        """Group and encode clouds, each float [N_i, 3] xyz, or [N_i, 6] xyz and RGB in [0, 1] if the spec has colour.

        A spec with colour needs colour of every cloud: where a cloud has none, hand over grey, 0.5 in each channel.
        Clouds are grouped where they lie and encoded where the weights lie; hand over CPU tensors for groups that
        do not depend on the accelerator.
        """
        columns = 6 if self.spec.color else 3
        for cloud in clouds:
            if cloud.ndim != 2 or cloud.shape[1] != columns:
                raise InvalidObservation(
                    f"a cloud has shape {list(cloud.shape)}; this point encoder expects [N, {columns}], "
                    + ("xyz and RGB (grey 0.5 where there is no colour)" if self.spec.color else "xyz without colour")
                )
        batch = group_clouds(clouds, self.spec.groups, self.spec.group_size)
        mask = batch.mask.to(self.cls_token.device)
        centres = batch.centres.to(mask.device)
        # `to(tensor)` is to that tensor's device and dtype.
        tokens = self.encode_groups(batch.neighbourhoods.to(self.cls_token), centres, mask)
        return PointTokens(tokens, _with_whole(mask), batch.index.to(mask.device), centres)

    def encode_groups(self, neighbourhoods: Tensor, centres: Tensor, mask: Tensor) -> Tensor:
        """Tokens [B, 1 + G, width] of clouds that are grouped already, as `group_clouds` gives them.

        `neighbourhoods` float [B, G, S, 3 or 6] relative to `centres` float [B, G, 3]; `mask` bool [B, G].
        """
        # Only real groups are read: padding would enter the batch statistics in training, and costs time.
        features = self.reduce_dim(self.encoder(neighbourhoods[mask]))
        groups = features.new_zeros(*mask.shape, self.spec.width)
        groups[mask] = features
        batch = len(mask)
        x = torch.cat([self.cls_token.expand(batch, -1, -1), groups], dim=1)
        # Places in half precision are off by millimetres, which short waves would make much of.
        places = self._places(centres).to(self.cls_pos.dtype)
        position = torch.cat([self.cls_pos.expand(batch, -1, -1), self.pos_embed(places)], dim=1)
        real = _with_whole(mask)
        x = self.norm(self.blocks(x, position, real[:, None, None]))
        return x.masked_fill(~real[..., None], 0)

    def _places(self, centres: Tensor) -> Tensor:
        """What is told of where groups lie, [B, G, 3 + 6 * waves]: xyz, and sines and cosines of ever longer waves."""
        angles = [centres * (torch.pi / (self.spec.neighbourhood * 2**wave)) for wave in range(self.spec.waves)]
        return torch.cat([centres, *map(torch.sin, angles), *map(torch.cos, angles)], dim=-1)


def _with_whole(mask: Tensor) -> Tensor:
    """[B, G] -> [B, 1 + G]: the token of the whole cloud is always real."""
    return F.pad(mask, (1, 0), value=True)
