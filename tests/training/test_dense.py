"""What the encoders are taught: the classes of patches and of groups of points."""

import json

import numpy as np
import pytest
import torch

from region_perception.errors import InvalidRecipe
from region_perception.network.region_blip import Features
from region_perception.text import mini_codec
from region_perception.training.batches import Part, collate
from region_perception.training.dense import (
    THING,
    DenseHeads,
    _group_shares,
    _patch_shares,
    _pixel_boxes,
    _point_boxes,
    _thinned,
)
from region_perception.training.examples import PreparedExamples
from region_perception.training.loop import train
from region_perception.training.recipe import Optimiser, Share


def test_patches_hold_the_share_of_each_class():
    labels = torch.zeros(1, 4, 6, dtype=torch.long)[:, :, :4]
    labels[0, 0, 2:] = 2  # half of the upper right patch
    labels[0, 2:, :2] = -1
    labels[0, 3, 3] = 1
    shares = _patch_shares(labels, grid=2, count=3)
    assert shares[0].tolist() == [[1, 0, 0], [0.5, 0, 0.5], [0, 0, 0], [0.75, 0.25, 0]]


def test_groups_hold_the_share_of_each_class():
    labels = torch.tensor([[0, 1, 1, -1], [2, 2, 2, 2]])
    index = torch.tensor([[[0, 1], [3, 3]], [[0, 0], [1, 3]]])
    shares = _group_shares(labels, index, count=3)
    assert shares.tolist() == [[[0.5, 0.5, 0], [0, 0, 0]], [[0, 0, 1], [0, 0, 1]]]


@pytest.mark.parametrize(("side", "left"), [(96, 48), (24, 24), (36, 36)])
def test_large_patches_are_judged_by_some_of_their_pixels(side, left):
    """Twelve patches along a side: 8 x 8, 2 x 2, and 3 x 3 pixels each."""
    labels = torch.zeros(1, side, side, dtype=torch.long)
    labels[:, : side // 2] = 1
    thinned = _thinned(labels, grid=12)
    assert thinned.shape == (1, left, left)
    assert torch.equal(_patch_shares(thinned, 12, 2), _patch_shares(labels, 12, 2))
    assert torch.equal(_pixel_boxes(thinned, 2), _pixel_boxes(labels, 2))


def test_boxes_hold_what_is_seen_of_each_thing():
    things = torch.zeros(2, 8, 8, dtype=torch.long)
    things[0, 2:4, 1:6] = 2
    things[1, 0, 7] = 1
    things[1, 5:, :] = -1
    boxes = _pixel_boxes(things, 3)
    assert boxes[0, 2].tolist() == [1 / 8, 2 / 8, 6 / 8, 4 / 8]
    assert boxes[1, 1].tolist() == [7 / 8, 0, 1, 1 / 8]
    assert boxes[1, 0].tolist() == [0, 0, 1, 5 / 8]  # what is unknown is no part of the rest


def test_boxes_of_points_are_middles_and_extents():
    points = [torch.tensor([[0.0, 0, 0], [1, 2, 3], [3, 2, 1]]), torch.tensor([[5.0, 5, 5]])]
    things = torch.tensor([[0, 1, 1], [1, -1, -1]])
    boxes = _point_boxes(points, things, 2)
    assert boxes[0, 1].tolist() == [2, 2, 2, 2, 0, 2]
    assert boxes[1, 1].tolist() == [5, 5, 5, 0, 0, 0]


def test_the_encoders_learn_to_name_what_they_see(tmp_path, make_recipe, make_data):
    """Colours of patches and groups, from chance to mostly right in seconds."""
    recipe = make_recipe(
        phase="encoders",
        image=Share(observations=8),
        image_region=Share(),
        cloud=Share(),
        cloud_region=Share(observations=8),
        order="mixed",
        steps=60,
        optimiser=Optimiser(peak=1e-2, warmup_start=1e-3, warmup_steps=5, clip=1.0),
    )
    train(recipe, tmp_path, make_data(recipe))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    steps = [line for line in lines if line["event"] == "train"]
    for modality in ("image", "cloud_region"):
        right = [line[f"right color/{modality}"] for line in steps]
        assert np.mean(right[-5:]) > 0.8
        assert np.mean(right[:3]) < 0.7
    assert steps[-1]["loss"] < 0.5 * steps[0]["loss"]


def test_things_are_counted_apart_from_what_shows_none(network, world):
    """Heads that always say "floor" are right of the floor, and of no thing."""
    attributes = world.attributes
    heads = DenseHeads(network, attributes)
    for head in heads.images.values():
        torch.nn.init.zeros_(head.weight)
        head.bias.data[:] = torch.eye(head.out_features)[0]
    items = [PreparedExamples(world("image"), network.spec).example(i) for i in range(3)]
    terms = heads(network, collate(items, mini_codec(network.spec), 32))
    shares = _patch_shares(items[0].classes["color"][None], grid=4, count=5)[0]
    floor = (shares.argmax(1) == 0).float().mean()
    assert 0.2 < floor < 0.8
    assert terms["right color", "image"].total / terms["right color", "image"].items == pytest.approx(floor)
    things = terms["right color of things", "image"]
    assert (things.total, things.items) == (0, 3 * 2)  # two in each picture


def test_a_thing_is_what_the_mean_of_its_tokens_says(network):
    """Two things in one picture, one of them without a name; heads that say what a token's first channel says."""
    kind, number = torch.zeros(1, 16, 16, dtype=torch.long), torch.zeros(1, 16, 16, dtype=torch.long)
    number[:, :4], kind[:, :4] = 1, 2
    number[:, 8:12], kind[:, 8:12] = 2, -1
    heads = DenseHeads(network, {"kind": ["nothing", "mug", "ball"]})
    seen = torch.zeros(1, 16, network.spec.image_encoder.width)
    seen[:, :2, 0], seen[:, 2:4, 0] = 4.0, -2.0  # of the first thing's four tokens two say yes, and louder
    head = heads.images["kind"]
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    head.weight.data[2, 0] = 1.0
    nothing = torch.empty(0)
    classes = {"kind": kind, THING: number}
    part = Part("image", torch.zeros(1, 3, 16, 16), (0,), None, None, nothing, nothing, [], [], classes)
    network.encode_images = lambda pixels: Features(seen)
    terms = heads(network, part)
    expected = torch.nn.functional.cross_entropy(torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([2]))
    things = terms["things kind", "image"]
    assert things.items == 1
    torch.testing.assert_close(things.total, expected)
    assert terms["right kind of things", "image"].total == 1


def test_data_without_classes_are_refused(network):
    with pytest.raises(InvalidRecipe, match="these have none"):
        DenseHeads(network, {})
