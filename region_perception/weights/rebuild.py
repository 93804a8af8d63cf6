"""A network as one of another spec, with all that both have, and what is new begun as every network begins it."""

from collections.abc import Collection
from typing import Any

import torch

from region_perception.modalities import CLOUD_MODALITIES, IMAGE
from region_perception.network.modality_parts import ModalityParts
from region_perception.network.qformer import QFormer
from region_perception.network.region_blip import RegionBlip
from region_perception.network.spec import NetworkSpec
from region_perception.weights.assemble import empty_network, fill, slots, start_adapters


def rebuild(network: RegionBlip, spec: NetworkSpec, seed: int) -> tuple[RegionBlip, frozenset[str]]:
    """`network` as one of `spec`, on the CPU, and the names in files of the tensors that are new in it.

    Tensors of one name and size are taken over, not copied. A new text branch and what stands on the base begin at
    random numbers from `seed`. A position table of another size stays empty, on the meta device, to be filled.
    """
    made = empty_network(spec)
    dtype = next(network.image_encoder.parameters()).dtype
    cpu = torch.device("cpu")
    old = {name: slot.tensor.detach() for name, slot in slots(network).items()}
    places = {name: slot.tensor for name, slot in slots(made).items()}
    same = {name: old[name] for name, tensor in places.items() if name in old and old[name].shape == tensor.shape}
    fill(made, same, cpu, dtype)
    fill(made, _begun_text(spec, {name for name in places if name not in same}, seed), cpu, dtype)
    start_adapters(made, seed)
    fill(made, {name: tensor for name, tensor in same.items() if name in slots(made)}, cpu, dtype)
    return made, frozenset(name for name in places if name not in same)


@torch.no_grad()
def begin_again(network: RegionBlip, stale: Collection[str], new: Collection[str]) -> None:
    """Let modalities that are `stale` say of everything what the image's parts say of it, as new ones do, in place.

    Of the others, and of a Q-Former of the clouds' own, the tensors that are `new` (by their names in files) begin as
    those of the image and of the shared Q-Former.
    """
    tensors = {name: slot.tensor for name, slot in slots(network).items()}
    parts: Any = network.parts
    for modality in stale:
        parts[modality].start_from(parts[IMAGE])
        for name, tensor in tensors.items():
            if f".lora_B.{modality}." in name:
                tensor.zero_()
    copies = {}
    for modality in network.spec.adapted_modalities:
        prefix = f"parts.{modality}."
        own = [name for name in new if name.startswith(prefix) and modality not in stale]
        copies.update({name: f"parts.{IMAGE}." + name.removeprefix(prefix) for name in own})
    all_clouds = set(CLOUD_MODALITIES) & set(network.spec.adapted_modalities) <= set(stale)
    for name in tensors:
        if name.startswith("cloud_qformer.") and "lora_" not in name and (name in new or all_clouds):
            copies[name] = name.removeprefix("cloud_")
    for name, source in copies.items():
        if source in tensors:
            tensors[name].copy_(tensors[source])


def _begun_text(spec: NetworkSpec, missing: set[str], seed: int) -> dict[str, torch.Tensor]:
    """Those of the `missing` tensors that a text branch of the base consists of."""
    if not spec.qformer.text_branch:
        return {}
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        modules = {
            "qformer.": QFormer(spec.qformer, memory_width=spec.image_encoder.width),
            f"parts.{IMAGE}.": ModalityParts(IMAGE, spec),
        }
    begun = {
        prefix + name: tensor for prefix, module in modules.items() for name, tensor in module.state_dict().items()
    }
    return {name: tensor for name, tensor in begun.items() if name in missing}
