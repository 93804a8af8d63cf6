"""A few of a base's values, by which an adapter-only folder knows the base that it was made on.

Any hash would tell apart the copies of one model in float32, bfloat16 and float16, which all serve; values can be
compared with a tolerance. Of each part of the base (`PARTS`) `TENSORS` matrices are taken, from the first to the last
in the order of their names, and of each of those `VALUES` values, from its first to its last, both at even distances.
Vectors are left out: fresh norms and biases are alike in every model. A sample costs a few pages of a memory-mapped
file, whatever the size of the base.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from region_perception.errors import WeightsError
from region_perception.weights.folder import Sample

PARTS = ("image_encoder.", "qformer.", "language.", "parts.image.")
TENSORS = 4
VALUES = 8

# Neighbours in bfloat16 are up to a 128th apart, and two copies of a value, of which one went by way of float16, may be
# neighbours. The smallest float16 numbers are 6e-8 apart.
_RELATIVE = 0.01
_ABSOLUTE = 1e-7

# Enough of the differences to see what is going on.
_SHOWN = 3


def sample_base(base: Mapping[str, Tensor]) -> tuple[Sample, ...]:
    """The sample of a base, from its tensors by their names in files; values with six digits."""
    return tuple(Sample(name, _values(base[name], VALUES)) for part in PARTS for name in _chosen(base, part))


def refuse_other_weights(folder: Path, samples: tuple[Sample, ...], where: Path, base: Mapping[str, Tensor]) -> None:
    """Raise unless `base`, the tensors of the base in `where`, has the values that the adapters in `folder` stand on.

    A copy in half precision is the same base.
    """
    differing = []
    for sample in samples:
        tensor = base.get(sample.name)
        found = () if tensor is None else _values(tensor, len(sample.values))
        if not _alike(found, sample.values):
            differing.append(f"{sample.name} has {_shown(found)}; expected {_shown(sample.values)}")
    if differing:
        rest = [f"{len(differing) - _SHOWN} more"] if len(differing) > _SHOWN else []
        lines = "\n  ".join([*differing[:_SHOWN], *rest])
        raise WeightsError(
            f"the base in {where} has other weights than the one that the adapters in {folder} stand on, of the same "
            f"sizes; of {len(samples)} tensors that were compared, these differ:\n  {lines}"
        )


def _chosen(base: Mapping[str, Tensor], part: str) -> list[str]:
    ours = {name: tensor for name, tensor in base.items() if name.startswith(part)}
    names = sorted(name for name, tensor in ours.items() if tensor.ndim > 1 and tensor.is_floating_point())
    return [names[place] for place in _spread(TENSORS, len(names))]


def _values(tensor: Tensor, count: int) -> tuple[float, ...]:
    flat = tensor.detach().reshape(-1)
    taken = flat[torch.tensor(_spread(count, flat.numel()), dtype=torch.long, device=flat.device)]
    return tuple(float(f"{value:.6g}") for value in taken.float().tolist())


def _spread(count: int, length: int) -> list[int]:
    """`count` places at even distances from the first of `length` to the last; all of them where there are fewer."""
    return sorted({i * (length - 1) // max(count - 1, 1) for i in range(count)}) if length else []


def _alike(found: tuple[float, ...], expected: tuple[float, ...]) -> bool:
    return len(found) == len(expected) and all(
        abs(one - other) <= _ABSOLUTE + _RELATIVE * abs(other) for one, other in zip(found, expected, strict=True)
    )


def _shown(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.4g}" for value in values[:_SHOWN]) + ", ..." if values else "nothing"
