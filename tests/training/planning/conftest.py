"""Steps whose sentences are as long as a plan takes them to be, and what is measured of them."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from region_perception.modalities import CLOUD_MODALITIES, REGION_MODALITIES
from region_perception.network.position import POSITION_SIZES
from region_perception.network.region_blip import RegionBlip
from region_perception.network.spec import NetworkSpec
from region_perception.text import mini_codec
from region_perception.training.batches import Batch, collate
from region_perception.training.examples import Example, Row
from region_perception.training.phases import choose_what_learns
from region_perception.training.processes import Processes
from region_perception.training.recipe import Recipe
from region_perception.training.recompute import recompute_layers
from region_perception.training.step import TrainingStep, combine
from region_perception.weights.precision import set_dtype

WORDS = ["red", "green", "blue", "yellow", "orange", "purple", "pink", "brown"]


@dataclass(frozen=True)
class Measured:
    """Operations that torch counted, and bytes of all tensors that autograd kept, but for parameters."""

    forward: float
    backward: float
    kept: float


def made_example(modality: str, spec: NetworkSpec, number: int, regions: int, words: int) -> Example:
    random = torch.Generator().manual_seed(number)
    if modality in CLOUD_MODALITIES:
        assert spec.point_encoder is not None
        seen = torch.rand(spec.point_encoder.points, 6 if spec.point_encoder.color else 3, generator=random)
    else:
        seen = torch.randn(3, spec.image_encoder.image_size, spec.image_encoder.image_size, generator=random)
    rows = []
    for place in range(regions if modality in REGION_MODALITIES else 1):
        position = None
        if modality in REGION_MODALITIES:
            position = torch.rand(POSITION_SIZES[modality], generator=random).sort().values
        said = (" ".join(WORDS[(5 * number + 3 * place + i) % len(WORDS)] for i in range(words)),)
        rows.append(Row(f"{modality}/{number}/{place}", position, said, said))
    return Example(modality, seen, tuple(rows))


@pytest.fixture(scope="session")
def measure() -> Callable[..., Measured]:
    """measure(spec, recipe, modality) -> what one step of that modality costs, by torch's own account."""

    def measured(spec: NetworkSpec, recipe: Recipe, modality: str) -> Measured:
        torch.manual_seed(0)
        network = RegionBlip(spec)
        set_dtype(network, getattr(torch, recipe.dtype))
        choose_what_learns(network, recipe)
        if recipe.recompute:
            recompute_layers(network)
        step = TrainingStep(network, recipe, Processes(Accelerator(cpu=True))).train()
        weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
        share = recipe.shares[modality]
        numbers, words = range(share.observations), recipe.text_tokens - 2
        examples = [made_example(modality, spec, number, share.regions, words) for number in numbers]
        batch = Batch((collate(examples, mini_codec(spec), recipe.text_tokens),), 0)
        kept: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            memory = tensor.untyped_storage()
            if memory.data_ptr() not in weights:
                kept[memory.data_ptr()] = memory.nbytes()
            return tensor

        # Written out, attention is products that are counted; fused, it keeps what a GPU's would.
        with sdpa_kernel(SDPBackend.MATH):
            with FlopCounterMode(display=False) as forward:
                loss, _ = combine(step(batch), recipe.losses, step._processes)
            with FlopCounterMode(display=False) as backward:
                loss.backward()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            terms = step(batch)
        assert terms
        return Measured(forward.get_total_flops(), backward.get_total_flops(), sum(kept.values()))

    return measured
