"""`with_spec`: a model as a network of another spec, as ablations need it."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import torch

from region_perception.modalities import CLOUD_MODALITIES
from region_perception.network.region_blip import RegionBlip
from region_perception.network.spec import NetworkSpec
from region_perception.text import TextCodec
from region_perception.weights.assemble import fill, owned_tensors
from region_perception.weights.compare import refuse_other_base
from region_perception.weights.load import LoadedModel
from region_perception.weights.precision import set_dtype


def with_spec(model: LoadedModel, spec: NetworkSpec, *, forget: Collection[str] = (), seed: int = 0) -> LoadedModel:
    """`model` as a network of `spec`, which has to stand on the same base: for example the same without PaFE.

    Every tensor that both have, of one size, is taken over, but for what the modalities to `forget` own; what is left
    begins at random numbers from `seed`. A modality counts as trained if it was and all that it owns was taken over. A
    calibration holds for no other weights. `model` stays as it is.
    """
    refuse_other_base(Path(model.source), spec, model.network.spec)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = RegionBlip(spec)
    encoder = next(model.network.image_encoder.parameters())
    set_dtype(network, encoder.dtype)
    network.to(encoder.device)
    before, trained = owned_tensors(model.network), set(model.trained)
    for owner, tensors in owned_tensors(network).items():
        old = {} if owner in forget else before.get(owner, {})
        same = {name: old[name] for name in tensors if name in old and old[name].shape == tensors[name].shape}
        fill(network, {name: tensor.detach().clone() for name, tensor in same.items()}, encoder.device, encoder.dtype)
        if len(same) < max(len(tensors), len(old)):
            trained -= {owner, *(CLOUD_MODALITIES if owner == "clouds" else ())}
    codec = TextCodec(spec, model.codec.language, model.codec.qformer)
    kept = frozenset(trained & set(spec.modalities))
    made = replace(model, network=network.eval(), codec=codec, name=spec.name, trained=kept)
    same_weights = spec == model.network.spec and not forget
    return made if same_weights else replace(made, calibration=(), score_method=None)
