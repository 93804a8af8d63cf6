"""`load_model`: a network ready to use, from a name, a folder or a hub id."""

import os
from dataclasses import dataclass

import torch

from region_perception.errors import InvalidInput, ModelNotFound
from region_perception.network.region_blip import RegionBlip
from region_perception.network.specs import SPECS, named_spec
from region_perception.text import TextCodec, mini_codec
from region_perception.weights.places import not_found_message
from region_perception.weights.precision import set_dtype

# Adopts whatever sizes the base has, where the other names stand for certain sizes.
ANY_BASE = "regionblip"

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_DEVICES = ("auto", "cpu", "cuda", "cuda:<index>", "mps")


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A network in evaluation mode and its tokenizers."""

    network: RegionBlip
    codec: TextCodec
    name: str
    source: str
    """Where the weights come from: a folder, or "untrained"."""
    trained: frozenset[str]
    """The modalities whose weights have learnt something."""


def load_model(
    name: str | os.PathLike[str],
    *,
    base: str | os.PathLike[str] | None = None,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype | None = None,
    untrained: bool = False,
    seed: int = 0,
) -> LoadedModel:
    """Load a network.

    `name`: the folder of a model, the name of a bundled model, a hub id ("owner/model"), or the name of a network
    (`region_perception.network.specs`), which has no weights of its own: those come from `base`, the folder or hub id
    of a transformers BLIP-2, or are random with `untrained`. The name "regionblip" takes the sizes of any base.
    `device`: "auto" is a GPU where there is one. `dtype`: of the encoders and the language model, float32 if None;
    the Q-Former and all that learns stay float32. `seed` is that of random weights.
    """
    chosen_device, chosen_dtype = pick_device(device), pick_dtype(dtype)
    if untrained:
        loaded = _untrained(os.fspath(name), base, seed)
    else:
        raise ModelNotFound(not_found_message(os.fspath(name)))
    loaded.network.to(chosen_device).eval()
    set_dtype(loaded.network, chosen_dtype)
    return loaded


def pick_device(device: str | torch.device) -> torch.device:
    """The device meant by `device`; one that is unknown or not there is refused."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError):
        raise InvalidInput(f"device is {device!r}; expected one of {', '.join(_DEVICES)}") from None
    counts = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if chosen.type not in counts:
        raise InvalidInput(f"device is {str(device)!r}; expected one of {', '.join(_DEVICES)}")
    if (chosen.index or 0) >= counts[chosen.type]:
        raise InvalidInput(f"device is {str(device)!r}, but this machine has {counts[chosen.type]} of that kind")
    return chosen


def pick_dtype(dtype: str | torch.dtype | None) -> torch.dtype:
    """The floating-point type meant by `dtype`."""
    if dtype is None:
        return torch.float32
    chosen = _DTYPES.get(dtype) if isinstance(dtype, str) else dtype
    if chosen not in _DTYPES.values():
        raise InvalidInput(f"dtype is {dtype!r}; expected one of {', '.join(_DTYPES)}")
    return chosen


def _untrained(name: str, base: str | os.PathLike[str] | None, seed: int) -> LoadedModel:
    if base is not None:
        raise InvalidInput("untrained=True makes all weights random; leave out base, or leave out untrained")
    if name not in SPECS:
        raise ModelNotFound(not_found_message(name))
    if name != "mini":
        raise InvalidInput(
            f"{name!r} has no tokenizer of its own, so it cannot be built from nothing; "
            "give base=<folder or hub id of a transformers BLIP-2> instead of untrained=True, or take 'mini'"
        )
    spec = named_spec(name)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = RegionBlip(spec)
    return LoadedModel(network, mini_codec(spec), name, "untrained", frozenset())
