"""Scenes: the same for the same seed, different for others, and within what their split allows."""

from collections import Counter
from itertools import islice, pairwise

import numpy as np
import pytest

from region_perception.errors import InvalidInput
from region_perception.simulation import SPLITS, compose, scenes
from region_perception.simulation.splits import SEEDS, is_novel, seed_of
from region_perception.simulation.surfaces import FLOORS, NOVEL_TABLES, SURFACES, TABLES, WALLS, paint, pick
from region_perception.simulation.words import COLORS, INSIDE, KINDS


@pytest.fixture(scope="module")
def many():
    return {split: [compose(split, index) for index in range(150)] for split in SPLITS}


def test_equal_seeds_give_equal_scenes():
    assert compose("train", 7) == compose("train", 7)
    assert compose("train", 7) != compose("train", 8)
    assert list(islice(scenes("val", 3), 2)) == [compose("val", 3), compose("val", 4)]
    assert list(islice(scenes("val", 1, step=4), 2)) == [compose("val", 1), compose("val", 5)]


def test_scenes_stay_what_they_were():
    """Models are measured on these very scenes: a change here makes old figures incomparable."""
    told = [(t.kind, t.color, t.size, t.pattern, t.pose) for t in compose("test", 0).named[:3]]
    assert told == [
        ("box", "white", "large", "checkered", "upright"),
        ("ball", "red", "small", "checkered", "upright"),
        ("hammer", "brown", "small", "striped", "upright"),
    ]
    assert compose("test", 0).camera.height == pytest.approx(0.759059, abs=1e-6)


def test_splits_share_no_seed():
    ranges = sorted(SEEDS.values(), key=lambda seeds: seeds.start)
    assert all(first.stop <= second.start for first, second in pairwise(ranges))
    assert seed_of("val", 5) == SEEDS["val"].start + 5


@pytest.mark.parametrize(("split", "index"), [("dev", 0), ("train", -1), ("val", 10**9)])
def test_unknown_splits_and_indices_are_refused(split, index):
    with pytest.raises(InvalidInput, match="expected"):
        compose(split, index)


def test_things_are_as_varied_as_promised(many):
    things = [thing for scene in many["train"] for thing in scene.named]
    assert {thing.kind for thing in things} == set(KINDS)
    assert {thing.color for thing in things} == set(COLORS)
    sizes = {len(scene.named) for scene in many["train"]}
    assert min(sizes) == 1
    assert max(sizes) >= 11
    poses = Counter(thing.pose for thing in things)
    assert min(poses[pose] for pose in ("upright", "lying", "standing", "upturned")) > 10
    supports = Counter(thing.support[0] for thing in things if thing.support)
    assert min(supports[word] for word in ("on top of", "inside")) > 10
    assert 0.2 < np.mean([len(scene.things) > len(scene.named) for scene in many["train"]]) < 0.5


def test_sizes_are_true_and_far_apart(many):
    """Small and large are told relative to the usual size of the kind."""
    ratios = {"small": [], "large": []}
    for scene in many["train"]:
        for thing in scene.named:
            ratios[thing.size].append(np.prod(thing.sides / thing.posed.size) ** (1 / 3))
    assert max(ratios["small"]) < 0.8
    assert min(ratios["large"]) > 1.14


def test_things_stand_on_the_table_and_apart(many):
    for scene in (scene for split in SPLITS for scene in many[split][:60]):
        standing = [thing for thing in scene.things if thing.support is None]
        for thing in standing:
            vertices = thing.mesh.vertices
            assert abs(vertices[:, 2].min()) < 1e-5
            assert scene.table.holds(vertices[:, :2]).all()
        for i, thing in enumerate(standing):
            for other in standing[i + 1 :]:
                assert not thing.box.contains(other.mesh.vertices).any()
                assert not other.box.contains(thing.mesh.vertices).any()


def test_carried_things_are_within_what_carries_them(many):
    for scene in many["train"]:
        for thing in scene.named:
            if thing.support is None:
                continue
            base = scene.thing(thing.support[1])
            assert base.support is None
            low, high = thing.mesh.bounds()
            base_low, base_high = base.mesh.bounds()
            middle = (low + high) / 2
            assert (base_low[:2] < middle[:2]).all()
            assert (middle[:2] < base_high[:2]).all()
            assert base_low[2] < low[2] < base_high[2] + 1e-4
            if thing.support[0] == INSIDE:
                assert low[2] < base_high[2] - 0.01


def test_boxes_are_tight(many):
    for scene in many["train"][:60]:
        for thing in scene.things:
            box, vertices = thing.box, thing.mesh.vertices.astype(float)
            cos, sin = np.cos(box.yaw), np.sin(box.yaw)
            local = (vertices - box.center) @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
            np.testing.assert_allclose(local.max(0), np.array(box.size) / 2, atol=1e-5)
            np.testing.assert_allclose(local.min(0), -np.array(box.size) / 2, atol=1e-5)


def test_held_out_combinations_are_nowhere_else(many):
    for split in SPLITS:
        novel = [is_novel(thing.color, thing.kind) for scene in many[split] for thing in scene.named]
        assert any(novel) == (split == "novel-combinations")
    assert 0.4 < np.mean(novel_share(many["novel-combinations"])) < 0.8
    held = [(color, kind) for color in COLORS for kind in KINDS if is_novel(color, kind)]
    assert len(held) == 2 * len(KINDS)
    assert {color for color, _ in held} == set(COLORS)


def novel_share(scenes_of_split):
    return [is_novel(thing.color, thing.kind) for scene in scenes_of_split for thing in scene.named]


def test_held_out_views_are_nowhere_else(many):
    known = [scene for split in SPLITS if split != "novel-views" for scene in many[split]]
    low = min(scene.camera.height for scene in known)
    high = max(scene.camera.height for scene in known)
    warmth = max(abs(scene.light.tint[0] - 1) for scene in known)
    lowest = min(_elevation(scene) for scene in known)
    known_tables = {name for name, *_ in TABLES if name != "plain"}
    for scene in many["novel-views"]:
        assert not low <= scene.camera.height <= high
        assert abs(scene.light.tint[0] - 1) > warmth
        assert _elevation(scene) < lowest
        assert scene.table.surface.name not in known_tables


def _elevation(scene):
    x, y, z = scene.light.position
    ahead = scene.camera.height / np.tan(scene.camera.pitch)
    return np.arctan2(z, np.hypot(x - ahead, y))


def test_surfaces_paint_their_two_tones():
    random = np.random.default_rng(0)
    points = random.uniform(-1, 1, (4000, 2)).astype(np.float32)
    for looks in (TABLES, NOVEL_TABLES, FLOORS, WALLS):
        for look in looks:
            surface = pick((look,), random)
            assert surface.name in SURFACES
            colors = paint(surface, points)
            assert colors.dtype == np.float32
            assert colors.min() > 0
            assert colors.max() < 1.05
            assert (np.ptp(colors, axis=0).max() > 0.03) == (surface.name != "plain")
