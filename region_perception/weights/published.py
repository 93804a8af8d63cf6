"""The tensors of a published file, wherever in it they lie: torch or safetensors, or a folder of transformers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from region_perception.errors import WeightsError
from region_perception.weights.files import read_checkpoint, read_safetensors
from region_perception.weights.torch_files import read_torch_file

# Under which of these names a training's checkpoint keeps the weights.
_KEPT_UNDER = ("model", "state_dict", "base_model")


@dataclass(frozen=True, eq=False)
class Published:
    """What lies in a file."""

    tensors: dict[str, Tensor]
    others: tuple[str, ...]
    """What lies beside the weights: an optimiser's state, a configuration, an epoch. None of it was run."""


def read_published(path: Path) -> Published:
    """The weights in `path`. No pickled code is run; what is not plain data is passed over."""
    if path.is_dir():
        return Published(read_checkpoint(path), ())
    if path.suffix == ".safetensors":
        return Published(read_safetensors(path), ())
    return _weights_in(path, read_torch_file(path))


def _weights_in(path: Path, found: Any) -> Published:
    if not isinstance(found, dict):
        raise WeightsError(f"{path} holds {type(found).__name__}; expected named tensors")
    if any(isinstance(value, Tensor) for value in found.values()):
        return _tensors(path, found, ())
    for key in _KEPT_UNDER:
        inner = found.get(key)
        if isinstance(inner, Mapping) and any(isinstance(value, Tensor) for value in inner.values()):
            return _tensors(path, inner, tuple(str(name) for name in found if name != key))
    keys = ", ".join(str(key)[:40] for key in list(found)[:12]) or "nothing"
    raise WeightsError(f"{path} has {keys}; expected named tensors, or those under one of {', '.join(_KEPT_UNDER)}")


def _tensors(path: Path, named: Mapping[Any, Any], others: tuple[str, ...]) -> Published:
    strange = [str(name) for name, value in named.items() if not isinstance(value, Tensor) or type(name) is not str]
    if strange:
        raise WeightsError(f"{path} has weights that are no named tensors: {', '.join(strange[:6])}")
    return Published(dict(named), others)
