"""What each modality owns, and how a new one starts from another."""

from dataclasses import replace

import pytest
import torch

from region_perception.network.modality_parts import ModalityParts

ALWAYS = {"queries", "to_language"}
TEXT = {"contrast", "text_contrast", "temperature", "match_head"}


def owned(part):
    return {name.split(".")[0] for name, _ in part.named_parameters()}


@pytest.mark.parametrize(
    ("modality", "own"),
    [
        ("image", set()),
        ("image_region", {"position", "box_head"}),
        ("cloud", {"from_points"}),
        ("cloud_region", {"from_points", "position", "box_head"}),
    ],
)
def test_parts(make_spec, modality, own):
    assert owned(ModalityParts(modality, make_spec())) == ALWAYS | TEXT | own
    assert owned(ModalityParts(modality, make_spec(text_branch=False))) == ALWAYS | own


def test_queries_differ_from_the_start(make_spec):
    queries = ModalityParts("image", make_spec()).queries
    assert torch.pdist(queries).min() > 0.01


def test_starts_from_another_modality_with_what_both_have(make_spec, randomised):
    spec = make_spec()
    image, region = randomised(ModalityParts("image", spec), 1), randomised(ModalityParts("cloud_region", spec), 2)
    before = {name: value.clone() for name, value in region.state_dict().items()}
    region.start_from(image)
    theirs = image.state_dict()
    for name, value in region.state_dict().items():
        assert torch.equal(value, theirs[name] if name in theirs else before[name])
    assert "position.0.weight" in before
    # A copy, not the same memory: training the one must not change the other.
    with torch.no_grad():
        region.queries.add_(1)
    assert not torch.equal(region.queries, image.queries)


def test_starts_without_a_text_branch_too(make_spec, randomised):
    spec = make_spec()
    bare = replace(spec, qformer=replace(spec.qformer, text_branch=False))
    image, region = randomised(ModalityParts("image", spec), 1), ModalityParts("image_region", bare)
    region.start_from(image)
    assert torch.equal(region.queries, image.queries)
