"""Augmentation keeps sentences true."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from region_perception.network.region_blip import Features
from region_perception.training.augment import augment, mirror, relight, swap_sides, zoom
from region_perception.training.examples import Example, Row, prepare
from region_perception.training.recipe import Augmentation


def image_example(sentence="the red box on the left"):
    random = torch.Generator().manual_seed(0)
    row = Row("a", torch.tensor([0.0, 0.25, 0.375, 1.0]), (sentence,), (sentence,), (("is it left", "yes"),))
    classes = {"kind": torch.randint(0, 3, (8, 8), generator=random)}
    return Example("image_region", torch.rand(3, 8, 8, generator=random), (row,), classes)


def cloud_example(sentence="a red box on top of a book"):
    random = torch.Generator().manual_seed(0)
    corners = torch.rand(8, 3, generator=random)
    row = Row("a", corners.flatten(), (sentence,), (sentence,))
    points = torch.cat([corners, torch.rand(92, 3, generator=random)])
    seen = torch.cat([points, torch.rand(100, 3, generator=random)], dim=1)
    return Example("cloud_region", seen, (row,), {"kind": torch.arange(100)})


@pytest.mark.parametrize(
    ("text", "mirrored"),
    [
        ("the mug left of the box", "the mug right of the box"),
        ("Right: the leftmost mug", "Left: the rightmost mug"),
        ("left and right", "right and left"),
        ("a bright leftover", "a bright leftover"),
    ],
)
def test_left_and_right_change_places(text, mirrored):
    assert swap_sides(text) == mirrored


@given(st.lists(st.sampled_from(["left", "right", "leftmost", "mug", "the", "rightmost", "upright"])))
def test_swapping_twice_changes_nothing(words):
    assert swap_sides(swap_sides(" ".join(words))) == " ".join(words)


def test_a_mirrored_picture_keeps_what_lies_in_a_region():
    example = image_example()
    other = mirror(example)
    x1, y1, x2, y2 = (int(v * 8) for v in other.rows[0].position)
    assert (x1, y1, x2, y2) == (5, 2, 8, 8)
    assert torch.equal(other.seen[:, y1:y2, x1:x2], example.seen[:, 2:8, 0:3].flip(-1))
    assert torch.equal(other.classes["kind"][y1:y2, x1:x2], example.classes["kind"][2:8, 0:3].flip(-1))
    assert other.rows[0].sentences == other.rows[0].references == ("the red box on the right",)
    assert other.rows[0].questions == (("is it right", "yes"),)
    assert torch.equal(mirror(other).seen, example.seen)


def test_mirroring_a_record_is_the_record_of_the_mirrored_scene(world, network):
    """Against the world itself: the mirrored example is that of the other picture, drawn the other way round."""
    source = world("image_region")
    example = prepare(source.look(2), network.spec)
    other = mirror(example)
    assert torch.equal(other.rows[0].position, torch.tensor([18 / 32, 8 / 32, 30 / 32, 24 / 32]))
    assert [row.sentences[1].split()[-1] for row in other.rows] == ["right", "left"]


def test_nothing_is_mirrored_where_words_do_not_tell_the_truth_of_it():
    random = np.random.default_rng(0)
    kept = image_example("the lid turned clockwise")
    assert augment(kept, Augmentation(flip=1.0), random) is kept
    assert augment(image_example(), Augmentation(flip=1.0), random).rows[0].sentences[0].endswith("right")
    assert augment(image_example(), Augmentation(flip=0.0, turn=5), random).rows[0].sentences[0].endswith("left")


def test_clouds_turn_with_their_regions():
    example = cloud_example()
    other = augment(example, Augmentation(turn=180, scale=1.25, shift=0.1), np.random.default_rng(0))
    assert not torch.allclose(other.seen[:, :3], example.seen[:, :3], atol=0.05)
    torch.testing.assert_close(other.seen[:8, :3].flatten(), other.rows[0].position)
    before, after = torch.pdist(example.seen[:, :3]), torch.pdist(other.seen[:, :3])
    torch.testing.assert_close(after / before, torch.full_like(before, (after / before)[0]), atol=1e-4, rtol=1e-4)
    assert 0.8 <= (after / before)[0] <= 1.25
    height = (other.seen[:, 2] - other.seen[0, 2]) / (example.seen[:, 2] - example.seen[0, 2])
    torch.testing.assert_close(height[1:], torch.full((99,), float((after / before)[0])), atol=1e-2, rtol=1e-2)
    assert torch.equal(other.seen[:, 3:], example.seen[:, 3:]), "colours stay"


@pytest.mark.parametrize("words", ["left of the mug", "behind the mug", "the nearest mug", "in the middle", "in front"])
def test_clouds_do_not_turn_where_a_sentence_depends_on_the_view(words):
    example = cloud_example(f"a red box {words}")
    other = augment(example, Augmentation(turn=180), np.random.default_rng(0))
    assert torch.equal(other.seen, example.seen)


def striped_things(modality):
    """Three things and what is around them, each of a light and a dark tone of its own colour."""
    example = replace(image_example() if modality == "image" else cloud_example(), rows=())
    things = torch.arange(64).view(8, 8) // 16 if modality == "image" else torch.arange(100) // 25
    tones = torch.tensor([[0.9, 0.5, 0.2], [0.2, 0.7, 0.4], [0.3, 0.3, 0.8], [0.6, 0.6, 0.1]])
    colors = tones[things] * (0.5 + 0.5 * (torch.arange(things.numel()).view(things.shape) % 2))[..., None]
    seen = colors.movedim(-1, 0) if modality == "image" else torch.cat([example.seen[:, :3], colors], dim=1)
    classes = {"kind": things + 1, "color": things + 2, "thing": things}
    return replace(example, seen=seen.contiguous(), classes=classes)


def colors_of(example):
    return example.seen.flatten(1).T if example.modality.startswith("image") else example.seen[:, 3:]  # [N, 3]


@pytest.mark.parametrize("modality", ["image", "cloud"])
def test_recoloured_things_keep_shape_kind_and_pattern_and_the_others_their_colour(modality):
    example = striped_things(modality)
    things, before, counts = example.classes["thing"].flatten(), colors_of(example), []
    for seed in range(40):
        other = augment(example, Augmentation(recolor=0.5), np.random.default_rng(seed))
        after, told = colors_of(other), other.classes["color"].flatten()
        if modality == "cloud":
            assert torch.equal(other.seen[:, :3], example.seen[:, :3])
        assert torch.equal(other.classes["kind"], example.classes["kind"])
        for thing in range(4):
            mine = things == thing
            unknown = (told[mine] == -1).all()
            assert unknown or torch.equal(told[mine], example.classes["color"].flatten()[mine])
            assert unknown != torch.allclose(after[mine], before[mine], atol=1e-6)
            # One colour for each tone that was there, and not the same for both.
            assert len(after[mine].unique(dim=0)) == 2
        counts.append(len(set(things[told == -1].tolist())))
    assert 1.6 < np.mean(counts) < 2.4
    assert set(counts) >= {1, 2, 3}


def test_recolouring_without_things_is_of_all_that_is_seen():
    example = striped_things("image")
    example = replace(example, classes={name: example.classes[name] for name in ("kind", "color")})
    shares = [
        (augment(example, Augmentation(recolor=0.5), np.random.default_rng(seed)).classes["color"] == -1).float().mean()
        for seed in range(40)
    ]
    assert set(map(float, shares)) == {0.0, 1.0}


def test_clouds_without_colour_are_not_recoloured():
    example = replace(cloud_example(), rows=())
    example = replace(example, seen=example.seen[:, :3])
    assert torch.equal(augment(example, Augmentation(recolor=1.0), np.random.default_rng(0)).seen, example.seen)


def test_boxes_move_by_no_more_than_their_share():
    row = replace(image_example().rows[0], position=torch.tensor([0.3, 0.2, 0.5, 0.6]))
    features = Features(torch.rand(1, 4, 2))  # what is seen need not be pixels
    example = replace(image_example(), seen=features, rows=(row, replace(row, position=None)))
    moves = []
    for seed in range(200):
        other = augment(example, Augmentation(jitter=0.1), np.random.default_rng(seed))
        assert other.seen is features
        assert other.rows[1].position is None
        moves.append(other.rows[0].position - row.position)
    largest = torch.stack(moves).abs().amax(0)
    limits = torch.tensor([0.02, 0.04, 0.02, 0.04])
    assert (largest <= limits + 1e-6).all()
    assert (largest > 0.9 * limits).all()


def test_parts_of_regions_lie_within_them():
    row = replace(image_example().rows[0], position=torch.tensor([0.3, 0.2, 0.5, 0.6]))
    boxes = []
    for seed in range(200):
        (part,) = augment(
            replace(image_example(), rows=(row,)), Augmentation(part=0.5), np.random.default_rng(seed)
        ).rows
        boxes.append(part.position)
    boxes = torch.stack(boxes)
    whole = (boxes == row.position).all(1)
    assert 70 < whole.sum() < 130
    assert (boxes[:, :2] >= row.position[:2] - 1e-6).all()
    assert (boxes[:, 2:] <= row.position[2:] + 1e-6).all()
    shares = (boxes[:, 2:] - boxes[:, :2]) / (row.position[2:] - row.position[:2])
    assert shares.amin(1).min() >= 0.1 - 1e-5
    assert shares.amax(1).min() >= 0.6 - 1e-5
    assert (shares[~whole] < 0.3).any(0).all(), "either side may be narrow"
    assert shares[~whole].max() > 0.95


def test_parts_of_regions_in_space_are_boxes_at_one_of_their_corners():
    corners = cloud_example().rows[0].position.view(8, 3)
    moved = set()
    for seed in range(60):
        (part,) = augment(cloud_example(), Augmentation(part=1.0), np.random.default_rng(seed)).rows
        after = part.position.view(8, 3)
        (kept,) = (after == corners).all(1).nonzero()
        share = torch.pdist(after) / torch.pdist(corners)
        torch.testing.assert_close(share, share[:1].expand_as(share), atol=1e-4, rtol=0)
        assert 0.4 - 1e-4 <= share[0] <= 1
        moved.add(int(kept))
    assert len(moved) == 8


def test_boxes_stay_in_the_picture():
    row = replace(image_example().rows[0], position=torch.tensor([0.0, 0.0, 1.0, 1.0]))
    for seed in range(20):
        example = replace(image_example(), rows=(row,))
        (moved,) = augment(example, Augmentation(jitter=0.5), np.random.default_rng(seed)).rows
        assert 0 <= moved.position.min() <= moved.position.max() <= 1


def test_boxes_of_clouds_stay_boxes_when_they_move():
    example = cloud_example()
    box = torch.tensor([[x, y, z] for x in (0.1, 0.3) for y in (0.2, 0.8) for z in (0.0, 0.5)])
    example = replace(example, rows=(replace(example.rows[0], position=box.flatten()),))
    for seed in range(50):
        (row,) = augment(example, Augmentation(jitter=0.2), np.random.default_rng(seed)).rows
        moved = row.position.view(8, 3)
        sides, before = moved.amax(0) - moved.amin(0), box.amax(0) - box.amin(0)
        assert 0.8 <= (sides / before).min() <= (sides / before).max() <= 1.2
        assert ((moved.mean(0) - box.mean(0)).abs() <= 0.1 * before + 1e-6).all()


def test_dropped_points_take_their_classes_along():
    other = augment(cloud_example(), Augmentation(drop=0.9), np.random.default_rng(1))
    kept = other.classes["kind"]
    assert 10 <= len(kept) < 100
    assert torch.equal(other.seen, cloud_example().seen[kept])


def labelled_picture(side=32):
    """A bright square on black, and the classes of its pixels."""
    seen, kind = torch.zeros(3, side, side), torch.zeros(side, side, dtype=torch.long)
    seen[:, 8:16, 12:20], kind[8:16, 12:20] = 1.0, 3
    return Example("image", seen, classes={"kind": kind, "size": kind.clone()})


@pytest.mark.parametrize("seed", range(20))
def test_zoom_moves_pixels_and_classes_alike(seed):
    zoomed = zoom(labelled_picture(), 1.5, np.random.default_rng(seed))
    kind = zoomed.classes["kind"]
    shown, named = zoomed.seen[0] > 0.5, kind == 3
    assert (shown != named).float().mean() < 0.02  # but for the square's blurred edge
    assert 64 / 1.5**2 * 0.8 < named.sum() < 64 * 1.5**2 * 1.2
    assert set(kind.unique().tolist()) <= {-1, 0, 3}
    assert (zoomed.classes["size"] == -1).all()


def test_zoom_of_one_changes_nothing():
    before = labelled_picture()
    after = zoom(before, 1.0, np.random.default_rng(0))
    torch.testing.assert_close(after.seen, before.seen, atol=1e-5, rtol=0)
    assert torch.equal(after.classes["kind"], before.classes["kind"])


def test_relight_keeps_what_is_where():
    before = labelled_picture()
    after = relight(before, 0.3, np.random.default_rng(1))
    assert after.classes is before.classes
    levels = after.seen.flatten(1).unique(dim=1)
    assert levels.shape[1] == 2
    assert ((levels[:, 1] - levels[:, 0]).abs() - 1).abs().max() <= 0.3 + 1e-5
    assert not torch.equal(before.seen, after.seen)
