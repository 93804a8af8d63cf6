"""Clouds: points lie on what they are said to belong to, in the base frame, in the right colours."""

import colorsys

import numpy as np
import pytest

from region_perception.errors import InvalidRegion
from region_perception.simulation import compose, picture_cloud, scene_cloud, take_picture, thing_cloud

open3d = pytest.importorskip("open3d")


def distance_to(mesh, points):
    world = open3d.t.geometry.RaycastingScene()
    world.add_triangles(mesh.vertices, mesh.triangles.astype(np.uint32))
    return world.compute_distance(np.ascontiguousarray(points)).numpy()


def test_the_cloud_of_a_picture_is_what_was_measured():
    picture = take_picture(compose("train", 4), 96, 96)
    labelled = picture_cloud(picture)
    cloud, scene = labelled.cloud, picture.scene
    assert len(labelled.instances) == len(cloud)
    np.testing.assert_array_equal(labelled.instances, picture.instances.ravel()[cloud.source_index])
    np.testing.assert_allclose(cloud.colors, picture.image.pixels.reshape(-1, 3)[cloud.source_index] / 255, atol=1e-6)
    assert cloud.points[:, 2].min() > -0.021
    table = cloud.points[labelled.instances == 0]
    assert np.abs(np.median(table[:, 2])) < 0.002
    noise = 5 * scene.sensor.depth_noise
    for thing in picture.shown:
        mine = cloud.points[labelled.instances == thing.number]
        assert distance_to(thing.mesh, mine).max() < noise * 2


def test_the_cloud_of_a_scene_lies_on_all_its_surfaces():
    scene = compose("train", 4)
    labelled = scene_cloud(scene, 6000)
    assert len(labelled.cloud) == 6000
    counts = np.bincount(labelled.instances, minlength=len(scene.things) + 1)
    assert counts[0] == int(6000 * 0.35)
    assert counts[1:].min() >= 32
    points = labelled.cloud.points
    np.testing.assert_allclose(points[labelled.instances == 0][:, 2], 0, atol=1e-6)
    assert scene.table.holds(points[labelled.instances == 0][:, :2], -1e-5).all()
    for thing in scene.things:
        mine = points[labelled.instances == thing.number]
        assert distance_to(thing.mesh, mine).max() < 1e-4
        low, high = thing.mesh.bounds()
        assert (mine.max(0) - mine.min(0) > 0.6 * (high - low)).all()
    # The hidden sides are there too: some points lie beyond what the camera can see.
    assert len(scene_cloud(scene, 6000).cloud.points) == 6000
    np.testing.assert_array_equal(scene_cloud(scene, 6000).cloud.points, points)


def test_a_thing_alone_is_about_zero_and_whole():
    scene = next(s for s in (compose("train", i) for i in range(50)) if s.named[0].pattern == "plain")
    thing = scene.named[0]
    labelled = thing_cloud(scene, thing, 1500)
    assert len(labelled.cloud) == 1500
    assert set(labelled.instances) == {thing.number}
    mesh = thing.mesh.moved(*(-np.array(thing.box.center)))
    assert distance_to(mesh, labelled.cloud.points).max() < 1e-4
    low, high = mesh.bounds()
    np.testing.assert_allclose(labelled.cloud.points.min(0), low, atol=0.02)
    np.testing.assert_allclose(labelled.cloud.points.max(0), high, atol=0.02)


def test_colors_are_those_of_the_thing():
    plain = (
        (scene, thing)
        for scene in (compose("train", i) for i in range(60))
        for thing in scene.named
        if thing.pattern == "plain" and thing.kind in ("ball", "ring", "pyramid", "cone") and thing.color == "blue"
    )
    scene, thing = next(plain)
    hue = colorsys.rgb_to_hsv(*np.median(thing_cloud(scene, thing).cloud.colors, axis=0))[0]
    assert abs(hue - 0.63) < 0.03


def test_boxes_hold_the_points_of_their_things(pictures):
    for picture in pictures[::12]:
        sampled = scene_cloud(picture.scene, 4096)
        for thing in picture.shown:
            members = thing.box.locate(sampled.cloud).members
            assert members[sampled.instances == thing.number].mean() > 0.999
        measured = picture_cloud(picture)
        for thing in picture.shown:
            try:
                members = thing.box.locate(measured.cloud).members
            except InvalidRegion:
                continue  # thinner than the noise of the sensor
            assert (measured.instances[members] == thing.number).mean() > 0.3
