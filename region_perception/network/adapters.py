"""LoRA by modality: every adapted linear layer holds one low-rank pair for each modality but `image`.

peft makes the pairs. Which pair a row of a batch uses is said from outside, with `routed`, so that a batch may mix
modalities; rows of the `image` modality, and anything run outside `routed`, get the base layer's output unchanged.
"""

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from region_perception.errors import InvalidSpec
from region_perception.network.spec import LoraSpec


class _Route:
    """Which adapter each row of a batch uses."""

    def __init__(self, modalities: Sequence[str]) -> None:
        self._modalities = list(modalities)
        self._rows: dict[tuple[int, torch.device], list[tuple[str, Tensor | None]]] = {}

    def rows(self, count: int, device: torch.device) -> list[tuple[str, Tensor | None]]:
        """For each modality its rows of a batch of `count`, as int64 indices; None where all rows are its own."""
        # Every adapted layer asks for the same few counts, so each answer is made once.
        if (count, device) not in self._rows:
            self._rows[count, device] = self._find(count, device)
        return self._rows[count, device]

    def _find(self, count: int, device: torch.device) -> list[tuple[str, Tensor | None]]:
        if not count:
            return []
        repeats, rest = divmod(count, len(self._modalities))
        if rest:
            raise ValueError(f"a batch has {count} rows; expected {len(self._modalities)}, or a multiple of that")
        of_row = [modality for modality in self._modalities for _ in range(repeats)]
        names = list(dict.fromkeys(of_row))
        if len(names) == 1:
            return [(names[0], None)]
        rows = {name: [i for i, other in enumerate(of_row) if other == name] for name in names}
        return [(name, torch.tensor(rows[name], device=device)) for name in names]


# A context variable is each thread's own, so that threads may share a model.
_route: ContextVar[_Route | None] = ContextVar("route", default=None)


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
    for layer in (module for module in model.modules() if isinstance(module, LoraLayer)):
        # Nothing is active by itself: the base answers unless `routed` says otherwise.
        layer.set_adapter([])
        layer.register_forward_hook(_adapt)
    for name, parameter in model.named_parameters():
        # peft freezes and unfreezes as a side effect; what trains is the training engine's decision alone.
        parameter.requires_grad_("lora_" in name or name.replace(".base_layer.", ".") in trainable)


@contextmanager
def routed(modalities: Sequence[str]) -> Iterator[None]:
    """While open, row i of every batch that passes through adapted layers uses the adapter of `modalities[i]`.

    A batch of k times as many rows (beam search) repeats each entry k times in place. Holds for the calling thread
    only: gradient checkpointing, which runs layers once more in the backward pass, needs `same_route_again`.
    """
    with _following(_Route(modalities)):
        yield


def same_route_again() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """What `torch.utils.checkpoint.checkpoint(..., use_reentrant=False)` takes as its `context_fn`.

    Layers that run once more in the backward pass use the adapters of the forward pass, although `routed` may be over
    by then, and although autograd runs the backward pass of an accelerator in threads of its own.
    """
    return nullcontext(), _following(_route.get())


@contextmanager
def _following(route: _Route | None) -> Iterator[None]:
    token = _route.set(route)
    try:
        yield
    finally:
        _route.reset(token)


def _adapt(layer: Any, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
    """Add to a layer's output [R, ..., D] what each row's adapter says. A forward hook on every adapted layer.

    peft can choose adapters by row itself, at two to three times the cost: it copies rows of a pure batch, too.
    """
    route = _route.get()
    if route is None:
        return None
    hidden = inputs[0]
    for name, rows in route.rows(len(hidden), hidden.device):
        if name in layer.lora_A:
            down, up = layer.lora_A[name], layer.lora_B[name]
            chosen = hidden if rows is None else hidden[rows]
            change = up(down(chosen.to(down.weight.dtype))).to(output.dtype)
            scale = layer.scaling[name]
            output = output.add(change, alpha=scale) if rows is None else output.index_add(0, rows, change, alpha=scale)
    return output
