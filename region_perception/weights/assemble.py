"""From a spec and tensors to a network, without ever holding the weights twice.

The network is built on the meta device, which takes no memory and no time for random numbers; then each of its tensors
is put in place as it was read. Files name a tensor as the network does, without peft's `base_layer` (see `folder`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from region_perception.errors import WeightsError
from region_perception.modalities import IMAGE
from region_perception.network.modality_parts import ModalityParts
from region_perception.network.point_encoder import PointEncoder
from region_perception.network.region_blip import RegionBlip, parameter_owner
from region_perception.network.spec import NetworkSpec
from region_perception.weights.precision import stored_dtype


@dataclass
class Slot:
    """One tensor of a network, and every name it goes by inside: tied weights have several."""

    tensor: Tensor
    names: list[str] = field(default_factory=list)

    @property
    def aliases(self) -> list[str]:
        """Its names as files would call it."""
        return [clean_name(name) for name in self.names]


def clean_name(name: str) -> str:
    """The name in files of the tensor that the network calls `name`."""
    return name.replace(".base_layer.", ".")


def slots(network: RegionBlip) -> dict[str, Slot]:
    """Every parameter and stored buffer by its name in files; tied weights once, under their first name."""
    stored = network.state_dict(keep_vars=True)
    unique: dict[int, Slot] = {}
    for name, tensor in stored.items():
        unique.setdefault(id(tensor), Slot(tensor)).names.append(name)
    return {clean_name(slot.names[0]): slot for slot in unique.values()}


def owned_tensors(network: RegionBlip) -> dict[str, dict[str, Tensor]]:
    """The tensors of each owner (`base`, `clouds`, modalities), by their names in files."""
    owners: dict[str, dict[str, Tensor]] = {}
    for name, slot in slots(network).items():
        owners.setdefault(parameter_owner(name), {})[name] = slot.tensor
    return owners


def empty_network(spec: NetworkSpec) -> RegionBlip:
    """The network of `spec` with every stored tensor on the meta device, and the others as they should be."""
    if spec.image_encoder.kind == "timm":
        # timm computes with numbers of its buffers while it builds, which the meta device has not got.
        return RegionBlip(spec)
    with torch.device("meta"):
        network = RegionBlip(spec)
    for module in network.modules():
        _restore_buffers(module)
    return network


def parameter_counts(spec: NetworkSpec) -> tuple[dict[str, int], dict[str, int]]:
    """How many parameters each part of a network has, and how many each owner has of them; made without weights."""
    parts: Counter[str] = Counter()
    owners: Counter[str] = Counter()
    for name, parameter in empty_network(spec).named_parameters():
        parts[name.partition(".")[0]] += parameter.numel()
        owners[parameter_owner(name)] += parameter.numel()
    return dict(parts), dict(owners)


def fill(network: RegionBlip, tensors: Mapping[str, Tensor], device: torch.device, dtype: torch.dtype) -> None:
    """Put tensors in their places, encoders and language model as `dtype`; names and shapes must be right already."""
    places = slots(network)
    for name, tensor in tensors.items():
        wanted = stored_dtype(name, dtype) if tensor.is_floating_point() else tensor.dtype
        _place(network, places[name], tensor.to(device=device, dtype=wanted))


def start_adapters(network: RegionBlip, seed: int) -> None:
    """Begin everything that stands on a base whose tensors are in place: clouds, parts of modalities, LoRA pairs.

    Parts start as a copy of the image's, LoRA pairs at zero, a Q-Former of the clouds' own as a copy of the shared one;
    the rest at random numbers from `seed`.
    """
    spec = network.spec
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if spec.point_encoder is not None:
            network.point_encoder = PointEncoder(spec.point_encoder)
        image: Any = network.parts[IMAGE]
        for modality in spec.adapted_modalities:
            parts = ModalityParts(modality, spec)
            parts.start_from(image)
            network.parts[modality] = parts
        for module in network.modules():
            if isinstance(module, LoraLayer):
                for modality in module.lora_A:
                    module.lora_A[modality].to_empty(device="cpu")
                    module.lora_B[modality].to_empty(device="cpu")
                    module.reset_lora_parameters(modality, init_lora_weights=True)
    places = slots(network)
    for name, slot in places.items():
        if name.startswith("cloud_qformer.") and slot.tensor.is_meta:
            _place(network, slot, places[name.removeprefix("cloud_")].tensor.detach().clone())
    network.freeze_base()


def check_tensors(expected: Mapping[str, Tensor], given: Mapping[str, Tensor], where: str) -> None:
    """Refuse tensors that are not exactly the expected ones; one error names every difference."""
    missing = sorted(set(expected) - set(given))
    unexpected = sorted(set(given) - set(expected))
    wrong = [
        f"{name} is {_describe(given[name])}; expected {_describe(expected[name])}"
        for name in sorted(set(expected) & set(given))
        if _differ(expected[name], given[name])
    ]
    report = [*_group("missing", missing), *_group("unexpected", unexpected), *_group("wrong", wrong)]
    if report:
        raise WeightsError("\n".join([f"the weights in {where} do not fit the network:", *report]))


def _differ(expected: Tensor, given: Tensor) -> bool:
    kinds = expected.is_floating_point() == given.is_floating_point()
    return expected.shape != given.shape or not kinds


def _describe(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _group(what: str, items: Iterable[str]) -> list[str]:
    lines = [f"    {item}" for item in items]
    return [f"  {what} ({len(lines)}):", *lines] if lines else []


def _place(network: RegionBlip, slot: Slot, tensor: Tensor) -> None:
    if tensor.stride() != slot.tensor.stride():
        # Files keep no memory format, and convolutions are faster in the one that their module chose.
        given = tensor
        tensor = torch.empty_strided(given.shape, slot.tensor.stride(), dtype=given.dtype, device=given.device)
        tensor.copy_(given)
    if isinstance(slot.tensor, nn.Parameter):
        tensor = nn.Parameter(tensor, requires_grad=slot.tensor.requires_grad)
    for name in slot.names:
        path, _, leaf = name.rpartition(".")
        setattr(network.get_submodule(path), leaf, tensor)


def _restore_buffers(module: Any) -> None:
    """Buffers that are computed and not stored are left empty by the meta device; compute them."""
    unstored = module._non_persistent_buffers_set  # torch tells it nowhere else
    lost = [name for name in sorted(unstored) if getattr(module, name).is_meta]
    if not lost:
        return
    if lost == ["position_ids"]:
        module.position_ids = torch.arange(module.position_ids.shape[-1]).expand(1, -1)
    elif lost == ["inv_freq", "original_inv_freq"]:
        fresh = type(module)(module.config)
        module.inv_freq, module.original_inv_freq = fresh.inv_freq, fresh.original_inv_freq
    else:
        raise NotImplementedError(f"{type(module).__name__} computes {lost}, which is not known how")
