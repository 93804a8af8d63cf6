"""From clouds of any size to a fixed number of overlapping groups: farthest-point centres and their neighbours.

Deterministic: the same points in the same order give the same groups on the same kind of device. Clouds in CPU memory
go through fpsample and SciPy's k-d tree, the fastest pair in `benchmarks/grouping.py` that a core install has;
clouds in accelerator memory are grouped there, all clouds of a batch at once. The two start farthest-point sampling
at different points, so their centres differ (the quality does not): hand over CPU tensors where groups have to agree
between devices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import fpsample
import torch
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from region_perception.errors import InvalidObservation

# Buckets of 2**5 points: the fastest height for 8,192 points, within 10 % of the best for a million.
BUCKET_HEIGHT = 5


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups of one cloud. Entries at or after `count` are padding."""

    centres: Tensor
    """float [G, 3], in the frame of the points; 0 where padded."""
    index: Tensor
    """int64 [G, S], rows of the cloud, nearest first; 0 where padded. Clouds of fewer than S points repeat in turn."""
    count: int
    """How many groups are real: min(points, G)."""


@dataclass(frozen=True, eq=False)
class GroupBatch:
    """The groups of B clouds, which may differ in size."""

    neighbourhoods: Tensor
    """float [B, G, S, C]: xyz relative to the group's centre, then the other columns as they were; 0 where padded."""
    centres: Tensor
    """float [B, G, 3]; 0 where padded."""
    mask: Tensor
    """bool [B, G], True for real groups, which come first."""
    index: Tensor
    """int64 [B, G, S], rows of each cloud; 0 where padded."""


def group_points(points: Tensor, groups: int, group_size: int) -> Groups:
    """Spread `groups` centres over a cloud and gather the `group_size` points nearest to each.

    `points`: float [N, 3+], xyz first, N >= 1, in any one frame and unit. Columns after xyz do not count for distance.
    With N <= groups every point is a centre. Repeated points are points: their groups may repeat too.
    Any N works, but an accelerator needs memory for groups x N distances: sample large clouds first.
    """
    _check(points)
    points = points.detach()
    if points.device.type == "cpu":
        return _group_on_host(points[:, :3].float(), groups, group_size)
    return _group_on_device([points[:, :3].float()], groups, group_size)[0]


def group_clouds(clouds: Sequence[Tensor], groups: int, group_size: int) -> GroupBatch:
    """Group several clouds, each float [N_i, C] on one device, C >= 3 and the same for all, and stack the groups.

    A cloud's groups do not depend on its company. Gradients flow to the clouds; the choice of groups has none.
    """
    if not clouds:
        raise InvalidObservation("no clouds to group; expected at least one")
    for cloud in clouds:
        _check(cloud)
    columns = sorted({cloud.shape[1] for cloud in clouds})
    if len(columns) > 1:
        raise InvalidObservation(f"clouds of one batch have {columns} columns; expected the same number in all")
    positions = [cloud.detach()[:, :3].float() for cloud in clouds]
    if clouds[0].device.type == "cpu":
        grouped = [_group_on_host(points, groups, group_size) for points in positions]
    else:
        grouped = _group_on_device(positions, groups, group_size)
    index = torch.stack([item.index for item in grouped])
    counts = torch.tensor([item.count for item in grouped], device=index.device)
    mask = torch.arange(groups, device=index.device) < counts[:, None]
    # A centre's nearest neighbour is itself, or where points repeat, another at the same place.
    points = torch.stack([cloud[item.index] for cloud, item in zip(clouds, grouped, strict=True)])  # [B, G, S, C]
    centres = points[:, :, 0, :3].masked_fill(~mask[..., None], 0)
    neighbourhoods = torch.cat([points[..., :3] - centres[:, :, None], points[..., 3:]], dim=-1)
    return GroupBatch(neighbourhoods.masked_fill(~mask[..., None, None], 0), centres, mask, index)


def _check(points: Tensor) -> None:
    if points.ndim != 2 or points.shape[0] < 1 or points.shape[1] < 3:
        raise InvalidObservation(f"points have shape {list(points.shape)}; expected [N, 3 or more] with N >= 1")
    if not points.is_floating_point():
        raise InvalidObservation(f"points are {points.dtype}; expected floating point")
    if not torch.isfinite(points).all():
        raise InvalidObservation("points hold NaN or infinite values; expected finite numbers")


def _repeat_in_turn(index: Tensor, size: int) -> Tensor:
    """[G, K] -> [G, size]: neighbours once, then again from the nearest, where a cloud has only K < size points."""
    return index[:, torch.arange(size, device=index.device) % index.shape[1]]


def _pad_groups(points: Tensor, centre_index: Tensor, index: Tensor, groups: int) -> Groups:
    count = len(centre_index)
    centres = points.new_zeros(groups, 3)
    centres[:count] = points[centre_index]
    padded = index.new_zeros(groups, index.shape[1])
    padded[:count] = index
    return Groups(centres, padded, count)


def _group_on_host(points: Tensor, groups: int, group_size: int) -> Groups:
    """`group_points` of float32 [N, 3] in CPU memory."""
    array = points.contiguous().numpy()
    total = len(array)
    if total <= groups:
        centre_index = torch.arange(total)
    else:
        height = min(BUCKET_HEIGHT, total.bit_length() - 1)
        # `start_idx` counts points in the order of the buckets: it fixes the start without saying which row that is.
        # Without it fpsample would draw one from NumPy's global random state.
        chosen = fpsample.bucket_fps_kdline_sampling(array, groups, h=height, start_idx=0)
        centre_index = torch.from_numpy(chosen.astype("int64"))
    neighbours = min(group_size, total)
    # At these sizes an unbalanced tree saves more in building than it costs in queries.
    tree = cKDTree(array, leafsize=32, compact_nodes=False, balanced_tree=False)
    found = tree.query(array[centre_index.numpy()], k=neighbours)[1].reshape(-1, neighbours)
    index = _repeat_in_turn(torch.from_numpy(found.astype("int64", copy=False)), group_size)
    return _pad_groups(points, centre_index, index, groups)


def _group_on_device(clouds: Sequence[Tensor], groups: int, group_size: int) -> list[Groups]:
    """`group_points` of several float32 [N_i, 3] at once, in operations that any accelerator has."""
    large = [points for points in clouds if len(points) > groups]
    sampled = iter(_farthest_points(large, groups) if large else ())
    grouped = []
    for points in clouds:
        chosen = next(sampled) if len(points) > groups else torch.arange(len(points), device=points.device)
        distance = torch.cdist(points[chosen], points, compute_mode="donot_use_mm_for_euclid_dist")
        index = distance.topk(min(group_size, len(points)), largest=False).indices
        grouped.append(_pad_groups(points, chosen, _repeat_in_turn(index, group_size), groups))
    return grouped


def _farthest_points(clouds: Sequence[Tensor], groups: int) -> Tensor:
    """Farthest-point sampling from row 0 of every cloud at once: int64 [B, groups], rows of each cloud.

    Each step takes the point that lies farthest from all taken so far.
    """
    points = pad_sequence(list(clouds), batch_first=True)  # [B, N, 3]
    sizes = torch.tensor([len(cloud) for cloud in clouds], device=points.device)
    padding = torch.arange(points.shape[1], device=points.device) >= sizes[:, None]
    x, y, z = (plane.contiguous() for plane in points.unbind(-1))  # [B, N] each: three times faster than [B, N, 3]
    # Squared distance to the nearest point taken; padding is nearer than any point can be, so it is never taken.
    nearest = torch.full_like(x, torch.inf).masked_fill(padding, -torch.inf)
    taken = torch.zeros(len(clouds), groups, dtype=torch.int64, device=points.device)
    latest = taken[:, :1]
    for step in range(1, groups):
        distance = (x - x.gather(1, latest)).square_()
        distance += (y - y.gather(1, latest)).square_()
        distance += (z - z.gather(1, latest)).square_()
        nearest = torch.minimum(nearest, distance)
        latest = nearest.argmax(dim=1, keepdim=True)
        taken[:, step] = latest[:, 0]
    return taken
