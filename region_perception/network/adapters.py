"""LoRA by modality: every adapted linear layer holds one low-rank pair for each modality but `image`.

peft supplies the layers. Which pair a row of a batch uses is said from outside, with `routed`, so that a batch may mix
modalities; rows of the `image` modality, and anything run outside `routed`, get the base layer's output unchanged.
"""

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from region_perception.errors import InvalidSpec
from region_perception.network.spec import LoraSpec

# peft's own word for "no adapter on this row".
_BASE = "__base__"


def add_adapters(model: nn.Module, spec: LoraSpec, targets: Sequence[str], modalities: Sequence[str]) -> None:
    """Give every linear layer of `model` whose name ends in one of `targets` an adapter for each modality, in place.

    The second matrix starts at zero, so that a fresh adapter changes nothing. Base weights are left as they were.
    """
    if not modalities:
        return
    # The last part of a layer's name must be exactly a target: `query` is meant, `intermediate_query` is not.
    pattern = rf"(.*\.)?({'|'.join(map(re.escape, targets))})"
    trainable = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    for modality in modalities:
        config = LoraConfig(r=spec.rank, lora_alpha=spec.alpha, target_modules=pattern, lora_dropout=0.0)
        try:
            with warnings.catch_warnings():
                # Several adapters on one model are the purpose here.
                warnings.filterwarnings("ignore", message="Already found a `peft_config`")
                inject_adapter_in_model(config, model, adapter_name=modality)
        except ValueError as error:
            raise InvalidSpec(f"no layer of {type(model).__name__} is named by the LoRA targets {targets}") from error
    for layer in _lora_layers(model):
        # Nothing is active by itself: the base answers unless `routed` says otherwise.
        layer.set_adapter([])
    for name, parameter in model.named_parameters():
        # peft freezes and unfreezes as a side effect; what trains is the training engine's decision alone.
        parameter.requires_grad_("lora_" in name or name.replace(".base_layer.", ".") in trainable)


@contextmanager
def routed(model: nn.Module, modalities: Sequence[str]) -> Iterator[None]:
    """While open, row i of every batch that passes through `model` uses the adapter of `modalities[i]`.

    A batch of k times as many rows (beam search) repeats each entry k times in place. Not for use by two threads on
    one model at once: the routing hangs on the model.
    """
    names = [modality if modality in adapted_modalities(model) else _BASE for modality in modalities]

    def choose(_: nn.Module, inputs: tuple[Tensor, ...], options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        repeats = len(inputs[0]) // len(names)
        return inputs, options | {"adapter_names": [name for name in names for _ in range(repeats)]}

    if all(name == _BASE for name in names):
        yield
        return
    hooks = [layer.register_forward_pre_hook(choose, with_kwargs=True) for layer in _lora_layers(model)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def adapted_modalities(model: nn.Module) -> set[str]:
    """The modalities that `model` has adapters for."""
    return {name for layer in _lora_layers(model) for name in layer.lora_A}


def _lora_layers(model: nn.Module) -> list[Any]:
    return [module for module in model.modules() if isinstance(module, LoraLayer)]
