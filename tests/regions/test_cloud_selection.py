import math
import sys

import numpy as np
import pytest

from region_perception.errors import InvalidRegion, MissingDependency
from region_perception.observations import CloudObservation, observe_cloud
from region_perception.regions import Click3D

TABLE, BOX, BALL, CAN, WALL = range(5)
TOPS = {BOX: (0.15, 0.15, 0.10), BALL: (-0.2, 0.1, 0.10), CAN: (0.05, -0.2, 0.12)}


def box_surface(random, center, size, count):
    """Points on the top and the sides."""
    x, y, z = size
    sides = random.choice(5, count, p=np.array([y * z, y * z, x * z, x * z, x * y]) / (2 * y * z + 2 * x * z + x * y))
    points = random.uniform(-0.5, 0.5, (count, 3))
    points[np.arange(count), [(0, 0, 1, 1, 2)[side] for side in sides]] = np.array([0.5, -0.5, 0.5, -0.5, 0.5])[sides]
    return points * size + center


def sphere(random, center, radius, count):
    directions = random.normal(size=(count, 3))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True) * radius + center


def can(random, center, radius, height, count):
    angles = random.uniform(0, 2 * math.pi, count)
    reach = np.where(np.arange(count) < count // 4, radius * np.sqrt(random.random(count)), radius)
    heights = np.where(np.arange(count) < count // 4, height / 2, random.uniform(-height / 2, height / 2, count))
    return np.column_stack((reach * np.cos(angles), reach * np.sin(angles), heights)) + center


def tabletop(count=6000, noise=0.001, tilt=0.0, scale=1.0, wall=False):
    """A table of 1 m x 1 m with three things on it; what each point belongs to; where the things have their tops."""
    random = np.random.default_rng(0)
    parts = [
        np.column_stack((random.uniform(-0.5, 0.5, (count, 2)), np.zeros(count))),
        box_surface(random, (0.15, 0.15, 0.05), (0.12, 0.08, 0.10), count // 20),
        sphere(random, (-0.2, 0.1, 0.05), 0.05, count // 30),
        can(random, (0.05, -0.2, 0.06), 0.04, 0.12, count // 28),
    ]
    if wall:
        parts.append(np.column_stack((np.full(count // 2, 0.6), random.uniform(-0.5, 0.6, (count // 2, 2)))))
    belongs = np.concatenate([np.full(len(part), number) for number, part in enumerate(parts)])
    points = np.concatenate(parts)
    points += random.normal(0, noise, points.shape)
    turn = np.array([[math.cos(tilt), 0, math.sin(tilt)], [0, 1, 0], [-math.sin(tilt), 0, math.cos(tilt)]])
    tops = {thing: turn @ top * scale for thing, top in TOPS.items()}
    return observe_cloud(points @ turn.T * scale), belongs, tops


def overlap(members, truth):
    return (members & truth).sum() / (members | truth).sum()


@pytest.mark.parametrize(
    "scene",
    [{}, {"tilt": 0.6}, {"scale": 20}, {"scale": 0.05}, {"wall": True}, {"count": 60_000}, {"noise": 0}],
    ids=str,
)
def test_a_click_takes_the_thing_without_the_table(scene):
    cloud, belongs, tops = tabletop(**scene)
    for thing, top in tops.items():
        footprint = Click3D(*top).locate(cloud)
        assert overlap(footprint.members, belongs == thing) >= 0.9
        assert footprint.box.contains(cloud.points[footprint.members]).all()


@pytest.mark.parametrize("scale", [1, 0.05, 20])
@pytest.mark.parametrize("paint", ["plain", "striped"])
def test_a_thing_on_another_of_other_colours_is_taken_alone(scale, paint):
    cloud, belongs, _ = tabletop()
    ball = sphere(np.random.default_rng(3), TOPS[BOX] + np.array((0, 0, 0.03)), 0.03, 400)
    ball = ball[ball[:, 2] > TOPS[BOX][2] + 0.006]  # a scanner hardly sees its foot
    points = np.concatenate((cloud.points, ball)) * scale
    on_box = np.arange(len(points)) >= len(belongs)
    box = np.append(belongs, np.full(len(ball), TABLE)) == BOX
    colors = np.full((len(points), 3), 0.5)
    dark = (np.floor(points[:, 0] / scale / 0.02) % 2 == 0) & (paint == "striped")
    colors[box] = np.where(dark[box, None], (0.1, 0.1, 0.1), (0.1, 0.3, 0.8))
    colors[on_box] = np.where(dark[on_box, None], (0.9, 0.9, 0.2), (0.8, 0.1, 0.1))
    top = (TOPS[BOX] + np.array((0, 0, 0.06))) * scale
    corner = (TOPS[BOX] + np.array((0.055, 0.035, 0))) * scale
    painted = observe_cloud(points, colors=colors)
    assert overlap(Click3D(*top).locate(painted).members, on_box) >= 0.8
    assert overlap(Click3D(*corner).locate(painted).members, box) >= 0.85
    assert overlap(Click3D(*top).locate(observe_cloud(points)).members, on_box | box) >= 0.85
    colors[on_box] = colors[box][0]
    assert overlap(Click3D(*top).locate(observe_cloud(points, colors=colors)).members, on_box | box) >= 0.85


def test_noise_costs_only_the_foot_of_a_thing():
    cloud, belongs, tops = tabletop(noise=0.003)
    for thing, top in tops.items():
        members = Click3D(*top).locate(cloud).members
        assert (belongs[members] == thing).mean() >= 0.95
        assert overlap(members, belongs == thing) >= 0.75


def test_a_click_on_the_table_takes_the_table():
    cloud, belongs, _ = tabletop(wall=True)
    assert overlap(Click3D(-0.4, -0.4, 0).locate(cloud).members, belongs == TABLE) >= 0.95
    assert overlap(Click3D(0.6, 0.2, 0.4).locate(cloud).members, belongs == WALL) >= 0.9


def test_the_same_click_always_takes_the_same_points():
    cloud, _, tops = tabletop()
    once, again = (Click3D(*tops[BALL]).locate(cloud).members for _ in range(2))
    np.testing.assert_array_equal(once, again)


def test_one_stray_point_far_away_changes_little():
    cloud, belongs, tops = tabletop(count=30_000)
    cloud = observe_cloud(np.concatenate((cloud.points, [[900, 900, 900]])))
    members = Click3D(*tops[BOX]).locate(cloud).members
    assert overlap(members[:-1], belongs == BOX) >= 0.9
    assert Click3D(900, 900, 900).locate(cloud).point_count == 1


def test_a_thing_that_is_alone_is_taken_whole():
    cloud = observe_cloud(sphere(np.random.default_rng(1), (0, 0, 0), 0.3, 3000))
    assert Click3D(0, 0, 0.3).locate(cloud).members.mean() > 0.95


@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_a_handful_of_points_is_one_thing(count):
    cloud = observe_cloud(np.random.default_rng(2).uniform(0, 0.01, (count, 3)))
    assert Click3D(0, 0, 0).locate(cloud).point_count == count


def test_points_that_coincide_are_one_thing():
    footprint = Click3D(1, 1, 1).locate(observe_cloud(np.ones((25_000, 3))))
    assert footprint.point_count == 25_000
    np.testing.assert_allclose(footprint.box.size, 1e-3)


def test_a_click_into_the_air_is_refused_with_its_distance():
    cloud, _, _ = tabletop()
    with pytest.raises(InvalidRegion, match=r"Click3D\(x=0.0, y=0.0, z=0.5\) is 0.\d+ m from the nearest point"):
        Click3D(0, 0, 0.5).locate(cloud)


def test_clicks_are_in_the_coordinates_of_the_source():
    cloud, belongs, tops = tabletop()
    offset = np.array([4_500_000.0, 500_000.0, 0.0])
    far = observe_cloud(cloud.points.astype(np.float64) + offset)
    members = Click3D(*(tops[CAN] + offset)).locate(far).members
    assert overlap(members, belongs == CAN) >= 0.85


def test_without_open3d_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "open3d", None)
    cloud: CloudObservation = tabletop()[0]
    with pytest.raises(MissingDependency, match=r"Click3D needs open3d: pip install 'region_perception\[cloud\]'"):
        Click3D(0, 0, 0).locate(cloud)
