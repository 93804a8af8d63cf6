"""`load_model`: a network ready to use, from a name, a folder or a hub id."""

import os
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path

import torch

from region_perception.confidence import Calibration, ScoreMethod
from region_perception.errors import InvalidInput, ModelNotFound
from region_perception.modalities import IMAGE
from region_perception.network.region_blip import RegionBlip
from region_perception.network.specs import ANY_BASE, SPECS, named_spec
from region_perception.text import CODECS, TextCodec
from region_perception.weights.blip2 import import_blip2
from region_perception.weights.blip2_spec import is_blip2_folder
from region_perception.weights.folder import read_config
from region_perception.weights.places import not_found_message, search_report
from region_perception.weights.precision import set_dtype
from region_perception.weights.references import follow, locate
from region_perception.weights.samples import refuse_other_weights
from region_perception.weights.store import read_base, read_model

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
    calibration: tuple[Calibration, ...] = ()
    """By task and modality, how confidences become chances of being right; nothing where nobody has found out."""
    score_method: ScoreMethod | None = None
    """How texts and regions are compared where a user leaves it open; None: as the network's parts suggest."""


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

    `name`: the folder of a model, the name of a bundled model, a hub id ("owner/model" or "owner/model@revision", with
    "hub:" before it where no folder of that name may be meant), or the name of a network
    (`region_perception.network.specs`). A network has no weights of its own: those come from `base`, the folder or hub
    id of a transformers BLIP-2, or are random with `untrained`. The name "regionblip" takes a base of any size. For a
    model that holds adapters only, `base` says where its base lies, if not as it says; another base is refused.
    `device`: "auto" is a GPU where there is one. `dtype`: of the encoders and the language model, float32 if None; the
    Q-Former and all that learns stay float32. `seed` is that of random weights.
    """
    place, precision = pick_device(device), pick_dtype(dtype)
    check_seed(seed)
    text = os.fspath(name)
    base_text = None if base is None else os.fspath(base)
    if untrained:
        return _untrained(text, base_text, place, precision, seed)
    if text in (*SPECS, ANY_BASE) and base_text is not None:
        return _over_base(text, base_text, place, precision, seed)
    return _stored(text, base_text, place, precision)


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
    """The floating-point type meant by `dtype`; None is float32."""
    if dtype is None:
        return torch.float32
    chosen = _DTYPES.get(dtype) if isinstance(dtype, str) else dtype
    if chosen is None or chosen not in _DTYPES.values():
        raise InvalidInput(f"dtype is {dtype!r}; expected one of {', '.join(_DTYPES)}")
    return chosen


def check_seed(seed: int) -> None:
    """Refuses what cannot begin random numbers."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= seed < 2**63:
        raise InvalidInput(f"seed is {seed!r}; expected a whole number from 0 to 2**63 - 1")


def is_blip2(name: str) -> bool:
    """Whether a folder or a hub id, which is downloaded if it is not here yet, is a BLIP-2 of transformers."""
    return is_blip2_folder(_locate(name))


def _untrained(name: str, base: str | None, device: torch.device, dtype: torch.dtype, seed: int) -> LoadedModel:
    if base is not None:
        raise InvalidInput("untrained=True makes all weights random; leave out base, or leave out untrained")
    if name not in SPECS:
        raise ModelNotFound(f"untrained=True builds a network by its name; {not_found_message(name)}")
    if name not in CODECS:
        raise InvalidInput(
            f"{name!r} has no tokenizer of its own, so it cannot be built from nothing; give base=<folder or hub id of "
            f"a transformers BLIP-2> instead of untrained=True, or take one of {', '.join(CODECS)}"
        )
    spec = named_spec(name)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(seed))
        network = RegionBlip(spec)
    set_dtype(network, dtype)
    return LoadedModel(network.to(device).eval(), CODECS[name](spec), name, "untrained", frozenset())


def _over_base(name: str, base: str, device: torch.device, dtype: torch.dtype, seed: int) -> LoadedModel:
    folder = _locate(base)
    like = None if name == ANY_BASE else named_spec(name)
    imported = import_blip2(folder, like, device=device, dtype=dtype, seed=seed)
    return LoadedModel(imported.network, imported.codec, name, str(folder), frozenset({IMAGE}))


def _stored(name: str, base: str | None, device: torch.device, dtype: torch.dtype) -> LoadedModel:
    folder = _locate(name)
    config = read_config(folder)
    if config.base is None and base is not None:
        raise InvalidInput(f"the model in {folder} holds its own base; leave out base={base!r}")
    tensors = None
    if config.base is not None:
        where = follow(config.base, folder) if base is None else _locate(base)
        tensors = read_base(where, config.spec)
        refuse_other_weights(folder, config.base_samples, where, tensors)
    network, codec = read_model(folder, tensors, device, dtype)
    return LoadedModel(
        network,
        codec,
        config.spec.name,
        str(folder),
        frozenset(config.trained),
        config.calibration,
        config.score_method,
    )


def _locate(name: str) -> Path:
    """`locate`, which for a network's name tells where weights come from."""
    try:
        return locate(name)
    except ModelNotFound:
        if name in (*SPECS, ANY_BASE):
            raise ModelNotFound(_three_ways(name)) from None
        raise


def _three_ways(name: str) -> str:
    return "\n".join(
        [
            f"{name!r} is a network, and no weights for it were found; there are three ways to them:",
            f'  over a BLIP-2 of transformers:  load("{name}", base=<its folder or hub id>), or --base',
            "  a folder of this library's own: load(<folder>), or its name if it lies in one of the places below",
            '  random weights, to try it out:  load("mini", untrained=True), or --untrained',
            *search_report(),
        ]
    )
