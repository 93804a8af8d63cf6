"""Gradient checkpointing gives the same gradients, adapters included."""

import pytest
import torch

from region_perception.modalities import MODALITIES
from region_perception.network.region_blip import Glance
from region_perception.training.recompute import recompute_layers


def gradients(network, modality):
    torch.manual_seed(0)
    network.zero_grad()
    if modality.startswith("cloud"):
        features = network.encode_clouds([torch.rand(40, 6), torch.rand(50, 6)])
    else:
        features = network.encode_images(torch.rand(2, 3, 32, 32))
    sizes = {"image_region": 4, "cloud_region": 24}
    positions = torch.rand(3, sizes[modality]) if modality in sizes else None
    glances = [Glance(modality, network.remember(features, modality).read_by([1, 2]), positions)]
    if modality != "image":
        # A batch that mixes modalities, so that the route matters row by row.
        glances.append(Glance("image", network.remember(network.encode_images(torch.rand(1, 3, 32, 32)), "image")))
    modalities = [glance.modality for glance in glances for _ in range(glance.rows)]
    found = network.read(glances)
    text = torch.randint(5, 300, (len(found), 5))
    targets = [[30 + i, 31, 3] for i in range(len(found))]
    loss = network.score(found, modalities, [[9]] * len(found), targets).log_probs.sum()
    loss = loss + network.write(glances, text).float().logsumexp(-1).sum() + network.match(glances, text).square().sum()
    loss.backward()
    return {name: p.grad for name, p in network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("modality", MODALITIES)
def test_gradients_are_the_same(network, modality):
    network.requires_grad_(True)
    kept = {name: gradient.clone() for name, gradient in gradients(network, modality).items()}
    recompute_layers(network)
    again = gradients(network, modality)
    assert set(again) == set(kept)
    if modality != "image":
        assert any("lora_B" in name and gradient.abs().max() > 0 for name, gradient in kept.items())
    for name, gradient in kept.items():
        torch.testing.assert_close(again[name], gradient, rtol=1e-5, atol=1e-6, msg=name)


def test_less_is_kept_for_the_backward_pass(network):
    network.requires_grad_(True)

    def kept():
        bytes_ = 0

        def count(tensor):
            nonlocal bytes_
            bytes_ += tensor.numel() * tensor.element_size()
            return tensor

        memory = network.remember(network.encode_images(torch.rand(8, 3, 32, 32)), "image_region")
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            network.read([Glance("image_region", memory, torch.rand(8, 4))])
        return bytes_

    before = kept()
    recompute_layers(network)
    assert kept() < 0.6 * before
