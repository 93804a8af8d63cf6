"""Heads that prefer what lies in a region: which tokens those are, and what rows then read."""

import math
from dataclasses import replace

import pytest
import torch

from region_perception.errors import InvalidSpec
from region_perception.modalities import MODALITIES
from region_perception.network.modality_parts import ModalityParts
from region_perception.network.position import covered_patches, enclosed_centres, inside
from region_perception.network.region_blip import Features, Glance, RegionBlip
from region_perception.network.spec import PositionSpec
from region_perception.network.specs import named_spec, released
from region_perception.regions import Box3D

CLOSE = {"atol": 1e-5, "rtol": 0}
REGIONS = ("image_region", "cloud_region")


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def uniform(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


# Which tokens lie in a region ----------------------------------------------------------------------------------------

PATCHES = {
    "two by two patches": ([0.25, 0.5, 0.75, 1], {5 + 4: 1, 6 + 4: 1, 13: 1, 14: 1}),
    "one patch and a half": ([0, 0, 0.375, 0.25], {0: 1, 1: 0.5}),
    "halves across, three quarters down": ([0.125, 0.0625, 0.625, 0.25], {0: 0.5, 1: 1, 2: 0.5}),
    "tiny": ([0.26, 0.3, 0.27, 0.31], {5: 1}),
    "a line": ([0.3, 0, 0.3, 1], {1: 1, 5: 1, 9: 1, 13: 1}),
    "a point": ([0.3, 0.3, 0.3, 0.3], {5: 1}),
    "a point in the last corner": ([1, 1, 1, 1], {15: 1}),
    "a box over four patches' corner": ([0.45, 0.45, 0.55, 0.55], {5: 1, 6: 1, 9: 1, 10: 1}),
    "the whole picture": ([0, 0, 1, 1], dict.fromkeys(range(16), 1)),
    "more than the picture": ([-1, -1, 2, 0.25], {0: 1, 1: 1, 2: 1, 3: 1}),
}


@pytest.mark.parametrize("name", list(PATCHES))
def test_patches_that_a_box_covers(name):
    box, marked = PATCHES[name]
    expected = torch.zeros(16)
    expected[list(marked)] = torch.tensor(list(marked.values()), dtype=torch.float32)
    torch.testing.assert_close(covered_patches(torch.tensor([box], dtype=torch.float32), 4)[0], expected, **CLOSE)


def corners_of(*boxes):
    return torch.tensor([box.corners().tolist() for box in boxes]).reshape(-1, 8, 3)


CENTRES = torch.tensor([[0.0, 0, 0], [1.9, 0, 0], [0, 0.9, 0.4], [2.1, 0, 0], [0, 0, 0.6], [5, 5, 5]])


def test_centres_that_a_box_encloses():
    """A box of 4 x 2 x 1: beside it weights fall to nothing within 0.2 * 2 metres."""
    weights = enclosed_centres(corners_of(Box3D((0, 0, 0), (4, 2, 1))), CENTRES[None])[0]
    torch.testing.assert_close(weights, torch.tensor([1, 1, 1, 0.75, 0.75, 0]), **CLOSE)


@pytest.mark.parametrize("yaw", [0.3, math.pi / 2, -2.5])
def test_a_box_that_is_turned_and_moved_encloses_the_same(yaw):
    turn = torch.tensor([[math.cos(yaw), -math.sin(yaw), 0], [math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]])
    moved = CENTRES @ turn.T + torch.tensor([3.0, -7, 2])
    corners = corners_of(Box3D((3, -7, 2), (4, 2, 1), yaw))
    straight = enclosed_centres(corners_of(Box3D((0, 0, 0), (4, 2, 1))), CENTRES[None])
    torch.testing.assert_close(enclosed_centres(corners, moved[None]), straight, **CLOSE)
    # In a mirror, too, where the corners go round the other way.
    flip = torch.tensor([-1.0, 1, 1])
    torch.testing.assert_close(enclosed_centres(corners * flip, moved[None] * flip), straight, **CLOSE)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((4, 2, 0), [1, 1, 0, 0.75, 0, 0]),  # a sheet: what lies above it does not lie in it
        ((4, 0, 0), [1, 1, 0, 0.75, 0, 0]),  # a line
        ((0, 0, 0), [1, 0, 0, 0, 0, 0]),  # a point
    ],
)
@pytest.mark.parametrize("yaw", [0.0, 0.7])
def test_boxes_without_extent(size, expected, yaw):
    turn = torch.tensor([[math.cos(yaw), -math.sin(yaw), 0], [math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]])
    corners = (corners_of(Box3D((0, 0, 0), (1, 1, 1))) * torch.tensor(size)) @ turn.T
    weights = enclosed_centres(corners, (CENTRES @ turn.T)[None])[0]
    torch.testing.assert_close(weights, torch.tensor(expected, dtype=torch.float32), **CLOSE)


def test_the_nearest_centre_stands_for_a_box_that_holds_none():
    far = corners_of(Box3D((3, 0, 0), (0.2, 0.2, 0.2)))
    assert enclosed_centres(far, CENTRES[None])[0].tolist() == [0, 0, 0, 1, 0, 0]
    real = torch.tensor([[True, True, True, False, False, False]])
    assert enclosed_centres(far, CENTRES[None], real)[0].tolist() == [0, 1, 0, 0, 0, 0]


# In the network ------------------------------------------------------------------------------------------------------


def biased_spec(make_spec, **changes):
    return replace(make_spec(**changes), position=PositionSpec(token_bias=True))


@pytest.fixture
def network(make_spec, randomised):
    network = randomised(RegionBlip(biased_spec(make_spec)))
    set_bias(network, [4.0, -1.0])
    return network


def set_bias(network, heads):
    with torch.no_grad():
        for modality in REGIONS:
            for amounts in network.parts[modality].token_bias:
                amounts.copy_(torch.tensor(heads))


def seen_by(network, modality, count=2, seed=0):
    if modality.startswith("cloud"):
        return network.encode_clouds([uniform(20 + 9 * i, 3, seed=seed + i) for i in range(count)])
    return network.encode_images(noise(count, 3, 16, 16, seed=seed))


def places(modality, rows, seed=0):
    """Boxes in the lower half of what is seen, as PaFE reads them."""
    low, size = uniform(rows, 3, seed=seed) * 0.5, uniform(rows, 3, seed=seed + 1) * 0.3 + 0.1
    if modality == "image_region":
        return torch.cat([low[:, :2], low[:, :2] + size[:, :2]], dim=1)
    boxes = [Box3D(c, s, 0.4) for c, s in zip(low.tolist(), size.tolist(), strict=True)]
    return corners_of(*boxes).flatten(1)


def glance_of(network, modality, counts=(3, 3), seed=0):
    memory = network.remember(seen_by(network, modality, len(counts), seed), modality).read_by(counts)
    positions = places(modality, sum(counts), seed) if modality in REGIONS else None
    return Glance(modality, memory, positions)


@torch.no_grad()
def test_tokens_that_stand_for_the_whole_lie_nowhere(network):
    for modality, count in (("image_region", 16), ("cloud_region", 8)):
        memory, positions = network.remember(seen_by(network, modality, 1), modality), places(modality, 1)
        assert memory.keys[0].shape[2] == count + (modality == "cloud_region")
        weights = inside(positions, memory)
        assert weights.shape == (1, memory.keys[0].shape[2])
        assert weights.amax() == 1
        first = replace(memory, keys=tuple(torch.cat([keys[:, :, :1], keys], dim=2) for keys in memory.keys), mask=None)
        assert torch.equal(inside(positions, first), torch.nn.functional.pad(weights, (1, 0)))


@pytest.mark.parametrize("modality", REGIONS)
@torch.no_grad()
def test_a_bias_of_nothing_is_none(network, make_spec, modality):
    set_bias(network, [0.0, 0.0])
    plain = RegionBlip(make_spec()).eval()
    weights = network.state_dict()
    plain.load_state_dict({name: weights[name] for name in plain.state_dict()})
    found = [each.read([glance_of(each, modality)]) for each in (network, plain)]
    torch.testing.assert_close(*found, **CLOSE)
    set_bias(network, [4.0, 0.0])
    assert (network.read([glance_of(network, modality)]) - found[1]).abs().max() > 1e-3


@pytest.mark.parametrize("modality", REGIONS)
@torch.no_grad()
def test_rows_that_prefer_strongly_read_their_region_alone(network, modality):
    set_bias(network, [1e4, 1e4])
    glance = glance_of(network, modality, (1, 1))
    # Full weights or none, so that within a region all count alike.
    weights = inside(glance.positions, glance.memory)
    outside = (weights < 0.5)[:, None, :, None]
    assert 0 < outside.float().mean() < 1
    found = network.read([glance])
    assert found.isfinite().all()
    keys, values = (
        tuple(part + outside * noise(*part.shape, seed=9) for part in parts)
        for parts in (glance.memory.keys, glance.memory.values)
    )
    changed = replace(glance, memory=replace(glance.memory, keys=keys, values=values))
    torch.testing.assert_close(network.read([changed]), found, **CLOSE)
    set_bias(network, [0.0, 0.0])
    assert (network.read([changed]) - network.read([glance])).abs().max() > 1e-2


@pytest.mark.parametrize("counts", [(3, 3), (1, 4), (0, 2), (5,), (0,)])
@pytest.mark.parametrize("modality", REGIONS)
@torch.no_grad()
def test_rows_together_are_rows_alone(network, modality, counts):
    """The clouds differ in size, so that padded groups and unequal counts meet."""
    glance = glance_of(network, modality, counts)
    found = network.read([glance])
    assert found.shape == (sum(counts), 4, 16)
    row = 0
    for observation, count in enumerate(counts):
        features = seen_by(network, modality, len(counts)).row(observation)
        for _ in range(count):
            alone = Glance(modality, network.remember(features, modality), glance.positions[row : row + 1])
            torch.testing.assert_close(network.read([alone])[0], found[row], **CLOSE)
            row += 1


@torch.no_grad()
def test_padded_groups_of_small_clouds_are_not_preferred(network):
    clouds = [uniform(50, 3), uniform(3, 3, seed=1)]
    positions = places("cloud_region", 2)
    features = network.encode_clouds(clouds)
    assert (~features.mask).any()
    found = network.read([Glance("cloud_region", network.remember(features, "cloud_region"), positions)])
    alone = network.remember(network.encode_clouds(clouds[1:]), "cloud_region")
    torch.testing.assert_close(network.read([Glance("cloud_region", alone, positions[1:])])[0], found[1], **CLOSE)


@pytest.mark.parametrize("separate", [False, True], ids=["shared", "two Q-Formers"])
@torch.no_grad()
def test_mixed_batch_reads_as_separate_runs(make_spec, randomised, separate):
    network = randomised(RegionBlip(biased_spec(make_spec, separate_for_clouds=separate)))
    set_bias(network, [4.0, -1.0])
    glances = [glance_of(network, modality, (2, 1), seed=i) for i, modality in enumerate((*MODALITIES, *REGIONS))]
    text = torch.randint(4, 40, (18, 5), generator=torch.Generator().manual_seed(0))
    parts = text.split(3)
    for run in ("read", "match", "write"):
        together = network.read(glances) if run == "read" else getattr(network, run)(glances, text)
        alone = [
            network.read([glance]) if run == "read" else getattr(network, run)([glance], part)
            for glance, part in zip(glances, parts, strict=True)
        ]
        torch.testing.assert_close(together, torch.cat(alone), **CLOSE)


@pytest.mark.parametrize("modality", REGIONS)
def test_the_gradient_of_each_amount_is_right(network, modality):
    network.double()
    glance = glance_of(network, modality)
    heads = network.parts[modality].token_bias
    wanted = noise(6, 4, 16, seed=3).double()

    def loss():
        return (network.read([glance]) * wanted).sum()

    loss().backward()
    assert [tuple(amounts.shape) for amounts in heads] == [(2,), (2,)]
    for amounts in heads:
        for head in range(2):
            with torch.no_grad():
                amounts[head] += 1e-5
                above = loss()
                amounts[head] -= 2e-5
                slope = (above - loss()) / 2e-5
                amounts[head] += 1e-5
            assert abs(slope) > 1e-6
            assert amounts.grad[head].item() == pytest.approx(slope.item(), rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("modality", REGIONS)
def test_autocast_stays_near_full_precision(network, modality):
    glance = glance_of(network, modality)
    with torch.no_grad():
        full = network.read([glance])
    with torch.autocast("cpu", torch.bfloat16):
        half = network.read([glance_of(network, modality)])
        half.float().sum().backward()
    assert (half.float() - full).abs().mean() < 0.02
    assert all(amounts.grad.isfinite().all() for amounts in network.parts[modality].token_bias)


def test_half_of_the_heads_begin_within_the_region(make_spec):
    parts = ModalityParts("cloud_region", biased_spec(make_spec))
    assert [amounts.tolist() for amounts in parts.token_bias] == [[4.0, 0.0], [4.0, 0.0]]
    for modality in ("image", "cloud"):
        assert not hasattr(ModalityParts(modality, biased_spec(make_spec)), "token_bias")
    assert not hasattr(ModalityParts("cloud_region", make_spec()), "token_bias")


def test_clouds_without_centres_are_refused(network):
    features = seen_by(network, "cloud_region")
    bare = network.remember(Features(features.tokens, features.mask), "cloud_region")
    with pytest.raises(ValueError, match="lacks the centres of its groups"):
        network.read([Glance("cloud_region", bare, places("cloud_region", 2))])


def test_released_corners_do_not_say_what_lies_inside():
    with pytest.raises(
        InvalidSpec, match=r"token_bias needs the corners of the box itself; corner_layout is 'released'"
    ):
        PositionSpec(token_bias=True, corner_layout="released")
    assert named_spec("mini").position.token_bias
    assert not released(named_spec("mini")).position.token_bias
    assert not named_spec("regionblip-opt-2.7b").position.token_bias
