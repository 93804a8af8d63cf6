"""LoRA by modality: who is changed by which adapter, in which batch, in which thread."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from region_perception.errors import InvalidSpec
from region_perception.modalities import MODALITIES
from region_perception.network.adapters import add_adapters, routed, same_route_again
from region_perception.network.language import Decoding
from region_perception.network.region_blip import Glance, RegionBlip, modalities_of, parameter_owner
from region_perception.network.spec import LoraSpec

KINDS = pytest.mark.parametrize("kind", ["opt", "llama", "t5"])
ADAPTED = [name for name in MODALITIES if name != "image"]


class Pair(nn.Module):
    """Two linear layers, of which one is named by the target `query` and one only ends in it."""

    def __init__(self):
        super().__init__()
        self.query = nn.Linear(6, 5)
        self.intermediate_query = nn.Linear(5, 4)

    def forward(self, rows):
        return self.intermediate_query(self.query(rows))


@pytest.fixture
def pair(randomised):
    return randomised(adapted_pair())


def adapted_pair():
    pair = Pair()
    add_adapters(pair, LoraSpec(rank=2, alpha=3.0), ["query"], ["cloud", "image_region"])
    return pair


def rows_of(count, seed=0):
    return torch.randn(count, 3, 6, generator=torch.Generator().manual_seed(seed))


def expected_of(pair, rows, modality):
    """The formula: W x + b + alpha / rank * B A x."""
    base, layer = pair.query.base_layer, pair.query
    hidden = rows @ base.weight.T + base.bias
    if modality in layer.lora_A:
        hidden = hidden + 1.5 * rows @ layer.lora_A[modality].weight.T @ layer.lora_B[modality].weight.T
    return hidden @ pair.intermediate_query.weight.T + pair.intermediate_query.bias


@pytest.mark.parametrize("modality", ["image", "cloud", "image_region"])
@torch.no_grad()
def test_adapter_is_its_formula(pair, modality):
    with routed([modality] * 2):
        torch.testing.assert_close(pair(rows_of(2)), expected_of(pair, rows_of(2), modality), atol=5e-6, rtol=0)


@torch.no_grad()
def test_rows_of_a_mixed_batch_use_their_own_adapters(pair):
    modalities = ["cloud", "image", "image_region", "cloud", "image"]
    with routed(modalities):
        found = pair(rows_of(5))
    for row, modality in enumerate(modalities):
        expected = expected_of(pair, rows_of(5)[row], modality)
        torch.testing.assert_close(found[row], expected, atol=5e-6, rtol=0)


@torch.no_grad()
def test_more_rows_repeat_each_in_place(pair):
    with routed(["cloud", "image"]):
        found = pair(rows_of(6))
    for row in range(6):
        expected = expected_of(pair, rows_of(6)[row], "cloud" if row < 3 else "image")
        torch.testing.assert_close(found[row], expected, atol=5e-6, rtol=0)


@pytest.mark.parametrize("count", [1, 3, 5])
def test_rows_that_do_not_fit_the_modalities_are_refused(pair, count):
    with (
        routed(["cloud", "image"]),
        pytest.raises(ValueError, match=rf"a batch has {count} rows; expected 2, or a mult"),
    ):
        pair(rows_of(count))


def test_only_layers_of_exactly_that_name_are_adapted(pair):
    assert {name for name, _ in pair.named_parameters() if "lora_" in name} == {
        f"query.{matrix}.{modality}.weight" for matrix in ("lora_A", "lora_B") for modality in ("cloud", "image_region")
    }


def test_targets_that_name_nothing_are_refused():
    with pytest.raises(InvalidSpec, match=r"no layer of Pair is named by the LoRA targets \['q_proj'\]"):
        add_adapters(Pair(), LoraSpec(), ["q_proj"], ["cloud"])


def test_targets_are_names_not_patterns():
    with pytest.raises(InvalidSpec, match="named by the LoRA targets"):
        add_adapters(Pair(), LoraSpec(), [".*"], ["cloud"])


@torch.no_grad()
def test_outside_and_after_an_error_the_base_answers(pair):
    base = pair(rows_of(2))
    torch.testing.assert_close(base, expected_of(pair, rows_of(2), "image"))
    with routed(["cloud"] * 2):
        assert not torch.equal(pair(rows_of(2)), base)
    with pytest.raises(KeyError), routed(["cloud"] * 2):
        raise KeyError
    assert torch.equal(pair(rows_of(2)), base)
    with pytest.raises(ValueError, match="a batch has 3 rows"), routed(["cloud"] * 2):
        pair(rows_of(3))
    assert torch.equal(pair(rows_of(2)), base)


@torch.no_grad()
def test_inner_routes_end_where_they_end(pair):
    with routed(["cloud"] * 2):
        outer = pair(rows_of(2))
        with routed(["image_region"] * 2):
            inner = pair(rows_of(2))
        assert torch.equal(pair(rows_of(2)), outer)
    assert not torch.equal(inner, outer)


def test_threads_route_apart(pair):
    """Every thread is inside its own route while all the others are inside theirs."""
    names = ["image", "cloud", "image_region"]
    barrier, found = threading.Barrier(len(names)), {}

    def run(modality):
        with torch.no_grad(), routed([modality] * 2):
            for _ in range(20):
                barrier.wait(timeout=10)
                found.setdefault(modality, []).append(pair(rows_of(2)))

    threads = [threading.Thread(target=run, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:
        assert len(found[name]) == 20
        for output in found[name]:
            torch.testing.assert_close(output, expected_of(pair, rows_of(2), name), atol=5e-6, rtol=0)


@pytest.mark.parametrize("modalities", [["cloud"] * 4, ["cloud", "image", "image_region", "cloud"]])
def test_checkpointed_layers_learn_the_same(pair, modalities):
    """The backward pass runs after the route has ended and in another thread, as autograd does it on accelerators."""

    def gradients(checkpointed):
        pair.zero_grad()
        rows = rows_of(4).requires_grad_()
        with routed(modalities):
            if checkpointed:
                out = checkpoint(pair, rows, use_reentrant=False, context_fn=same_route_again)
            else:
                out = pair(rows)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(out.square().sum().backward).result()
        return [rows.grad, *(parameter.grad for parameter in pair.parameters() if parameter.grad is not None)]

    for again, once in zip(gradients(True), gradients(False), strict=True):
        assert torch.equal(again, once)


def test_gradients_reach_only_the_adapter_that_was_used(pair):
    with routed(["image", "cloud"]):
        pair(rows_of(2)).sum().backward()
    for name, parameter in pair.named_parameters():
        if "lora_" in name:
            assert (parameter.grad is not None) == (".cloud." in name)


def test_half_precision_base_under_full_adapters(pair):
    base = pair.query.base_layer.to(torch.bfloat16)
    rows = rows_of(2).to(torch.bfloat16)
    with torch.no_grad(), routed(["cloud", "image"]):
        found = pair.query(rows)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found[1], base(rows[1:])[0])
    assert not torch.equal(found[0], base(rows[:1])[0])


def test_adding_leaves_what_trains_as_it_was():
    pair = Pair()
    pair.query.weight.requires_grad_(False)
    add_adapters(pair, LoraSpec(), ["query"], ["cloud"])
    trains = {name for name, parameter in pair.named_parameters() if parameter.requires_grad}
    assert trains == {
        "query.base_layer.bias",
        "query.lora_A.cloud.weight",
        "query.lora_B.cloud.weight",
        "intermediate_query.weight",
        "intermediate_query.bias",
    }


def test_no_modalities_no_adapters():
    pair = Pair()
    add_adapters(pair, LoraSpec(), ["query"], [])
    assert type(pair.query) is nn.Linear


# In the whole network ----------------------------------------------------------------------------------------------


def pixels(count, seed=0):
    return torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


def glances_of(network, modalities=MODALITIES):
    """Two rows of each modality: of one observation, or of two."""
    generator = torch.Generator().manual_seed(1)
    images = network.encode_images(pixels(1))
    clouds = network.encode_clouds([torch.rand(50, 3, generator=generator), torch.rand(9, 3, generator=generator)])
    positions = {
        "image_region": torch.rand(2, 4, generator=generator),
        "cloud_region": torch.rand(2, 24, generator=generator),
    }
    glances = []
    for modality in modalities:
        features, counts = (clouds, [1, 1]) if modality.startswith("cloud") else (images, [2])
        memory = network.remember(features, modality).read_by(counts)
        glances.append(Glance(modality, memory, positions.get(modality)))
    return glances


def base_of(network):
    """The same base without adapters and without any modality but `image`."""
    spec = replace(network.spec, modalities=("image",), point_encoder=None)
    base = RegionBlip(spec).eval()
    weights = {name.replace(".base_layer.", "."): value for name, value in network.state_dict().items()}
    base.load_state_dict({name: weights[name] for name in base.state_dict()})
    assert not any("lora_" in name for name, _ in base.named_parameters())
    return base


PROMPTS = [[5, 6], [7], [], [8, 9, 10]]


@KINDS
@torch.no_grad()
def test_image_modality_is_the_base_bit_for_bit(make_network, kind):
    network = make_network(kind)
    base = base_of(network)
    results = []
    for model in (network, base):
        memory = model.remember(model.encode_images(pixels(4)), "image")
        found = model.read([Glance("image", memory)])
        text = torch.tensor([[4, 5, 6, 0]] * 4)
        results.append(
            [
                found,
                *memory.keys,
                *memory.values,
                model.match([Glance("image", memory)], text),
                model.write([Glance("image", memory)], text),
                model.contrast_text(text, "image"),
                model.score(found, ["image"] * 4, PROMPTS, [[4, 5, 3]] * 4).log_probs,
            ]
        )
        results[-1].append(model.generate(found, ["image"] * 4, PROMPTS, Decoding(max_tokens=6)))
        results[-1].append(model.generate(found, ["image"] * 4, PROMPTS, Decoding(max_tokens=6, beams=3)))
    *tensors, greedy, beams = zip(*results, strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in tensors)
    assert greedy[0] == greedy[1]
    assert beams[0] == beams[1]


@KINDS
@torch.no_grad()
def test_fresh_adapters_change_nothing(make_spec, kind):
    torch.manual_seed(0)
    network = RegionBlip(make_spec(kind)).eval()
    base = base_of(network)
    inside = torch.randn(3, 4, 16)
    memory = base.remember(base.encode_images(pixels(3)), "image")
    for modality in ADAPTED:
        with routed([modality] * 3):
            assert torch.equal(network.qformer(inside, [memory]).queries, base.qformer(inside, [memory]).queries)
        ours, theirs = (
            model.language.score(inside, PROMPTS[:3], [[4, 5, 3]] * 3, [name] * 3).log_probs
            for model, name in ((network, modality), (base, "image"))
        )
        assert torch.equal(ours, theirs)


@KINDS
@torch.no_grad()
def test_every_adapter_matters_in_both_parts(make_network, kind):
    network = make_network(kind)
    inside = torch.randn(2, 4, 16, generator=torch.Generator().manual_seed(3))
    memory = network.remember(network.encode_images(pixels(2)), "image")
    found, scores = [], []
    for modality in MODALITIES:
        with routed([modality] * 2):
            found.append(network.qformer(inside, [memory]).queries)
        scores.append(network.language.score(inside, PROMPTS[:2], [[4, 5, 3]] * 2, [modality] * 2).log_probs)
    for results in (found, scores):
        for i in range(4):
            for j in range(i):
                assert (results[i] - results[j]).abs().max() > 1e-3


@KINDS
@torch.no_grad()
def test_mixed_batch_equals_separate_runs(make_network, kind):
    network = make_network(kind)
    glances = glances_of(network)
    modalities, prompts = modalities_of(glances), PROMPTS * 2
    targets = [[4, 3], [5, 6, 7], [8], [9, 10, 11, 3]] * 2
    found = network.read(glances)
    scores = network.score(found, modalities, prompts, targets)
    for index, glance in enumerate(glances):
        rows = slice(2 * index, 2 * index + 2)
        torch.testing.assert_close(found[rows], network.read([glance]), atol=5e-6, rtol=0)
        own = network.score(found[rows], modalities[rows], prompts[rows], targets[rows])
        for row in range(2):
            mixed = scores.log_probs[2 * index + row][scores.mask[2 * index + row]]
            torch.testing.assert_close(mixed, own.log_probs[row][own.mask[row]], atol=1e-5, rtol=0)


@KINDS
@pytest.mark.parametrize("beams", [1, 3])
@torch.no_grad()
def test_generating_from_a_mixed_batch_equals_separate_runs(make_network, kind, beams):
    """In beam search of T5 the encoder sees each row once and the decoder several times."""
    network = make_network(kind)
    glances = glances_of(network)
    modalities, prompts, found = modalities_of(glances), PROMPTS * 2, network.read(glances)
    decoding = Decoding(beams=beams, max_tokens=7)
    together = network.generate(found, modalities, prompts, decoding)
    for row in range(8):
        part = slice(row, row + 1)
        (own,) = network.generate(found[part], modalities[part], prompts[part], decoding)
        assert together[row].ids == own.ids
        assert together[row].log_probs == pytest.approx(own.log_probs, abs=1e-5)
        other = MODALITIES[(MODALITIES.index(modalities[row]) + 1) % 4]
        (wrong,) = network.generate(network.read(glances)[part], [other], prompts[part], decoding)
        assert wrong.log_probs != pytest.approx(own.log_probs, abs=1e-4)


@KINDS
@pytest.mark.parametrize("released", [False, True])
def test_only_owners_learn(make_spec, kind, released):
    network = RegionBlip(make_spec(kind, separate_for_clouds=released))
    for name, parameter in network.named_parameters():
        learns = parameter_owner(name) in ADAPTED or (released and name.startswith("cloud_qformer."))
        assert parameter.requires_grad == learns, name


@KINDS
@pytest.mark.parametrize("modality", ADAPTED)
def test_training_one_modality_changes_that_alone(make_spec, randomised, kind, modality):
    network = randomised(RegionBlip(make_spec(kind))).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=1e-2, weight_decay=0.1)
    text = torch.tensor([[4, 5, 6, 0], [7, 8, 9, 10]])
    for _ in range(3):
        glances = glances_of(network, [modality])
        found, modalities = network.read(glances), [modality] * 2
        similarity = network.contrast(found, modalities) @ network.contrast_text(text, modality)[..., None]
        loss = -network.score(found, modalities, PROMPTS[:2], [[4, 5, 3], [6, 3]]).log_probs.mean()
        loss = loss + network.match(glances, text).square().mean() + network.write(glances, text).square().mean()
        loss = loss + (similarity / network.parts[modality].temperature).mean()
        if modality.endswith("region"):
            loss = loss + torch.stack(network.boxes(found, modalities)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = network.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if parameter_owner(name) == modality}
