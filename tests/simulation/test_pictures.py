"""Pictures: pixels, depth, masks and boxes agree with the geometry of the scene."""

import colorsys
from dataclasses import replace

import numpy as np
import pytest

from region_perception.errors import InvalidInput
from region_perception.simulation import compose, take_picture
from region_perception.simulation.palette import tone
from region_perception.simulation.words import COLORS, KINDS

open3d = pytest.importorskip("open3d")


def base_points(picture):
    """float32 [H * W, 3]: where each pixel's true depth lies in the base frame."""
    clean = replace(picture.image, depth=picture.depth)
    return picture.scene.camera.to_base(clean.back_project().reshape(-1, 3))


def test_the_same_scene_gives_the_same_picture():
    first, second = (take_picture(compose("train", 3), 80, 64) for _ in range(2))
    np.testing.assert_array_equal(first.image.pixels, second.image.pixels)
    np.testing.assert_array_equal(first.image.depth, second.image.depth)
    np.testing.assert_array_equal(first.instances, second.instances)
    assert first.image.pixels.shape == (64, 80, 3)


def test_every_pixel_lies_on_what_it_shows(pictures):
    for picture in pictures[::8]:
        points, instances = base_points(picture), picture.instances.ravel()
        for thing in picture.scene.things:
            mine = points[instances == thing.number]
            grown = replace(thing.box, size=tuple(side + 2e-4 for side in thing.box.size))
            assert grown.contains(mine).all()
        room = points[instances == 0]
        on_table = picture.scene.table.holds(room[:, :2], 0.002) & (room[:, 2] > -0.02)
        assert on_table.mean() > 0.2
        np.testing.assert_allclose(room[on_table, 2], 0, atol=2e-4)


def test_pixels_lie_on_the_very_surface():
    """Against open3d's own distance to the mesh, which knows nothing of rays, cameras or instances."""
    picture = take_picture(compose("val", 11), 96, 96)
    points, instances = base_points(picture), picture.instances.ravel()
    for thing in picture.scene.things:
        world = open3d.t.geometry.RaycastingScene()
        mesh = thing.mesh
        world.add_triangles(mesh.vertices, mesh.triangles.astype(np.uint32))
        mine = points[instances == thing.number]
        assert len(mine) == picture.areas[thing.number]
        if len(mine):
            assert world.compute_distance(mine).numpy().max() < 3e-4


def test_boxes_and_masks_are_what_is_seen(pictures):
    for picture in pictures[::10]:
        for thing in picture.shown:
            mask = picture.instances == thing.number
            footprint = picture.mask(thing.number).locate(picture.image)
            np.testing.assert_array_equal(footprint.mask(), mask)
            box = picture.box(thing.number)
            assert footprint.box == (box.x1, box.y1, box.x2, box.y2)


def test_boxes_in_space_appear_where_boxes_in_the_picture_are(pictures):
    for picture in pictures[::10]:
        camera = picture.scene.camera
        for thing in picture.shown:
            local = (thing.box.corners() - camera.position) @ camera.rotation
            corners = picture.image.project(local)
            np.testing.assert_allclose(
                camera.bearing(thing.box.corners()) * picture.image.width + picture.image.width / 2, corners, atol=1e-3
            )
            box = picture.box(thing.number)
            low, high = corners.min(0) - 1, corners.max(0) + 1
            assert low[0] <= box.x1 <= box.x2 <= high[0]
            assert low[1] <= box.y1 <= box.y2 <= high[1]


def test_the_seen_share_falls_as_a_thing_is_hidden():
    scene = compose("train", 3)
    ball = replace(scene.named[0], number=1, kind="ball", pose="upright", yaw=0.0, stretch=(1.0,) * 3, support=None)
    screen = replace(ball, number=2, kind="box", size="large", stretch=(0.5, 1.2, 1.6))
    shares = []
    for aside in (0.4, 0.09, 0.0):
        things = (ball.moved_to(0.85, 0, 0), screen.moved_to(0.70, aside, 0))
        shares.append(float(take_picture(replace(scene, things=things), 160, 160).seen[1]))
    assert shares[0] == pytest.approx(1, abs=0.03)
    assert shares[0] > shares[1] + 0.1 > shares[2] + 0.2
    outside = replace(scene, things=(ball.moved_to(0.6, 0.02, 0), screen.moved_to(0.75, -0.3, 0)))
    assert len(take_picture(outside, 64, 64).shown) == 2


def test_what_is_shown_is_seen_well(pictures):
    hidden = 0
    for picture in pictures:
        shown = {thing.number for thing in picture.shown}
        for thing in picture.scene.named:
            well = picture.seen[thing.number] >= 0.5 and picture.areas[thing.number] >= 0.003 * picture.instances.size
            assert (thing.number in shown) == well
            hidden += not well
        assert picture.areas.sum() == picture.instances.size
    assert hidden > 20


def test_shadows_fall_away_from_the_lamp():
    scene = compose("train", 3)
    light = replace(scene.light, position=(0.9, 2.0, 1.6), direct=0.8, ambient=0.4)
    thing = replace(scene.named[0], number=1, kind="candle", pose="upright", yaw=0.0, stretch=(1.2,) * 3, support=None)
    plain = replace(scene.table.surface, name="plain", first=(0.7,) * 3)
    table = replace(scene.table, surface=plain)
    picture = take_picture(replace(scene, things=(thing.moved_to(0.9, 0, 0),), light=light, table=table), 160, 160)
    points, bright = base_points(picture), picture.image.pixels.mean(axis=2).ravel()
    floor = (picture.instances.ravel() == 0) & (np.abs(points[:, 2]) < 1e-3) & (np.abs(points[:, 0] - 0.9) < 0.02)
    dark = floor & (points[:, 1] < -0.06) & (points[:, 1] > -0.12)
    lit = floor & (points[:, 1] > 0.06) & (points[:, 1] < 0.12)
    assert bright[dark].mean() < 0.75 * bright[lit].mean()


def test_depth_is_measured_as_sensors_do(pictures):
    for picture in pictures[::20]:
        measured, true = picture.image.depth, picture.depth
        known = np.isfinite(measured)
        assert np.isfinite(true).all()
        assert 0.5 < known.mean() < 1
        error = (measured - true)[known] / true[known] ** 2
        assert abs(error.mean()) < 5e-4
        assert error.std() == pytest.approx(picture.scene.sensor.depth_noise, rel=0.2)


@pytest.mark.parametrize("color", COLORS)
def test_colors_look_like_their_names(color):
    """The picture of a plain ball, by hue, saturation and brightness as people name them."""
    scene = compose("train", 3)
    random = np.random.default_rng(COLORS.index(color))
    things = {"kind": "ball", "pose": "upright", "stretch": (1.2,) * 3, "support": None, "pattern": "plain"}
    thing = replace(scene.named[0], number=1, color=color, tone=tone(color, random), gloss=0.0, **things)
    light = replace(scene.light, position=(0.3, 0.3, 2.0), direct=0.6, ambient=0.55, tint=(1.0, 1.0, 1.0))
    picture = take_picture(replace(scene, things=(thing.moved_to(0.8, 0, 0),), light=light), 96, 96)
    pixel = np.median(picture.image.pixels[picture.instances == 1], axis=0) / 255
    hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
    hues = {"red": 0.99, "orange": 0.08, "yellow": 0.145, "green": 0.36, "cyan": 0.51, "blue": 0.63, "purple": 0.77}
    if color in hues:
        assert abs((hue - hues[color] + 0.5) % 1 - 0.5) < 0.035
        assert saturation > 0.6
    elif color == "pink":
        assert 0.88 < hue < 0.96
        assert value > 0.7
    elif color == "brown":
        assert 0.03 < hue < 0.11
        assert value < 0.5
    else:
        assert saturation < 0.2
        assert {"black": value < 0.2, "gray": 0.3 < value < 0.6, "white": value > 0.75}[color]


def test_patterns_show_two_tones():
    scene = compose("train", 3)
    base = replace(scene.named[0], number=1, kind="vase", pose="upright", stretch=(1.2,) * 3, support=None)
    base = replace(base, tone=(0.8, 0.1, 0.1), accent=(0.95, 0.95, 0.95), gloss=0.0).moved_to(0.8, 0, 0)
    shares, rows = {}, {}
    for pattern in ("plain", "striped", "checkered"):
        picture = take_picture(replace(scene, things=(replace(base, pattern=pattern),)), 160, 160)
        mine = picture.instances == 1
        light = (picture.image.pixels[..., 1] > 0.5 * picture.image.pixels[..., 0].astype(float)) & mine
        shares[pattern] = light.sum() / mine.sum()
        rows[pattern] = np.mean([np.ptp(light[row, mine[row]].astype(int)) for row in np.flatnonzero(mine.sum(1) > 10)])
    assert shares["plain"] < 0.02
    assert 0.25 < shares["striped"] < 0.6
    assert 0.3 < shares["checkered"] < 0.7
    # Stripes run around an upright vase, so that most rows are of one tone; checks change within a row.
    assert rows["striped"] < 0.6 < rows["checkered"]


def test_label_ids_follow_the_instances(pictures):
    for picture in pictures[:10]:
        kinds = picture.scene.label_ids(KINDS, "kind")
        assert kinds[0] == -1
        for thing in picture.scene.things:
            assert kinds[thing.number] == (-1 if thing.kind is None else KINDS.index(thing.kind))


@pytest.mark.parametrize("size", [(4, 64), (64, 5000)])
def test_sizes_out_of_range_are_refused(size):
    with pytest.raises(InvalidInput, match="8 to 4096"):
        take_picture(compose("train", 0), *size)


def test_a_thing_that_is_not_seen_has_no_box(pictures):
    picture = pictures[0]
    with pytest.raises(InvalidInput, match="not to be seen"):
        picture.box(len(picture.scene.things) + 5)
