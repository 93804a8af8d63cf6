"""Numbers of parameters and bytes of weights, gradients and optimiser: exact."""

from dataclasses import replace

import pytest
import torch

from region_perception.network.specs import named_spec
from region_perception.training.loop import take_step
from region_perception.training.planning.parameters import ADAPTERS, part_sizes, planned_parameters
from region_perception.training.recipes import named_recipe
from region_perception.training.report import Speed
from region_perception.training.setup import go_on, plan_of, set_up


def bytes_of(tensors):
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


@pytest.mark.parametrize("changes", [{}, {"dtype": "bfloat16"}])
def test_a_run_holds_what_its_plan_says(make_recipe, make_data, tmp_path, changes):
    recipe = make_recipe(order="mixed", steps=1, **changes)
    run = set_up(recipe, tmp_path, make_data(recipe), cpu=True)
    take_step(run, run.batches.from_step(go_on(run)), 1e-3, Speed())
    plan, parameters = plan_of(run), list(run.module.parameters())
    assert plan.weights == bytes_of(parameters)
    assert plan.gradients == bytes_of(each.grad for each in parameters if each.grad is not None)
    means = [tensor for state in run.optimiser.state.values() for name, tensor in state.items() if name != "step"]
    assert plan.optimiser == bytes_of(means)
    assert sum(part.parameters for part in plan.parts) == sum(each.numel() for each in parameters)
    planned = planned_parameters(run.model.network.spec, recipe)
    assert part_sizes(planned, recipe) == list(plan.parts), "the same without any weights"


def test_the_published_network_has_its_published_sizes():
    spec, recipe = named_spec("regionblip-opt-2.7b"), named_recipe("regionblip-opt-2.7b")
    parameters = planned_parameters(spec, recipe)
    parts = {part.name: part for part in part_sizes(parameters, recipe)}
    assert parts["image encoder"].parameters == 985_952_256
    assert parts["point encoder"].frozen == pytest.approx(21.86e6, rel=1e-3)
    assert parts[ADAPTERS].learning == 3 * (473_088 + 2_621_440)
    assert parts["Q-Former"].learning == parts["language model"].learning == 0
    assert parts["language model"].weights == 2 * parts["language model"].frozen
    full = {part.name: part for part in part_sizes(parameters, replace(recipe, dtype="float32"))}
    assert full["language model"].weights == 2 * parts["language model"].weights


def test_shared_weights_count_once():
    word = torch.nn.Embedding(4, 3)
    tied = torch.nn.Module()
    tied.language = torch.nn.ModuleList([word, torch.nn.Linear(3, 4, bias=False)])
    tied.language[1].weight = word.weight
    (part,) = part_sizes(tied.named_parameters(), named_recipe("smoke"))
    assert (part.name, part.parameters) == ("language model", 12)
