"""Meshes: outside out, the right size, and lying as they should."""

import numpy as np
import pytest

from region_perception.simulation.kinds import CATALOGUE, posed
from region_perception.simulation.oddities import odd_shape
from region_perception.simulation.shapes import arc, bar, joined, plate, rotation, slab, torus, tube, turned
from region_perception.simulation.shapes import ball as sphere
from region_perception.simulation.words import KINDS, UPRIGHT

POSED = [(kind, pose) for kind in KINDS for pose in (UPRIGHT, *CATALOGUE[kind].poses)]


def volume(mesh):
    a, b, c = mesh.vertices[mesh.triangles].astype(float).transpose(1, 0, 2)
    return np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6


@pytest.mark.parametrize(
    ("mesh", "expected", "share"),
    [
        (slab(2, 3, 4), 24, 1e-6),
        (sphere(1, 30), 4 / 3 * np.pi, 0.02),
        (torus(2, 0.5, 48, 24), 2 * np.pi**2 * 2 * 0.25, 0.02),
        (bar((0, 0, 0), (1, 2, 2), 0.5, 48), 3 * np.pi * 0.25, 0.01),
        (bar((1, 1, 1), (1, 4, 1), 0.5, 48), 3 * np.pi * 0.25, 0.01),
        (plate([(-1, -1), (1, -1), (1, 1), (-1, 1)], 3, taper=0), 4, 1e-6),
        (turned([(0, 0), (1, 0), (1, 2), (0, 2)], 96), 2 * np.pi, 0.01),
    ],
)
def test_volumes_are_those_of_the_bodies(mesh, expected, share):
    """The signed volume is right only if every triangle faces outwards."""
    assert volume(mesh) == pytest.approx(expected, rel=share)


def test_normals_agree_with_triangles():
    bent = tube([(0, 0, 0), (0, 0, 1), (0.5, 0, 2), (2, 0, 2)], 0.2)
    cup = turned([(0, 0), (1, 0), (1, 2), (0.9, 2), (0.9, 0.1), (0, 0.1)])
    for mesh in (sphere(1), torus(2, 0.4), bent, cup, joined([slab(1, 1, 1), cup.moved(3)]).scaled(1, 2, 0.5)):
        a, b, c = mesh.vertices[mesh.triangles].transpose(1, 0, 2)
        faces = np.cross(b - a, c - a)
        faces /= np.linalg.norm(faces, axis=1, keepdims=True)
        assert (np.einsum("ij,ikj->ik", faces, mesh.normals[mesh.triangles]) > 0.3).all()
        np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-5)


def test_a_profile_is_smooth_across_slight_bends_and_sharp_at_edges():
    round_body = turned([(abs(r), z) for r, z in arc((0, 0), 1, -90, 90, 24)], 32)
    np.testing.assert_allclose(round_body.normals, round_body.vertices, atol=0.08)
    flat_top = turned([(0, 0), (1, 0), (1, 1), (0, 1)])
    assert set(np.round(np.abs(flat_top.normals[:, 2]), 6).tolist()) == {0.0, 1.0}


def test_rotations_are_right_handed():
    np.testing.assert_allclose(rotation("z", 90) @ (1, 0, 0), (0, 1, 0), atol=1e-12)
    np.testing.assert_allclose(rotation("x", 90) @ (0, 1, 0), (0, 0, 1), atol=1e-12)
    np.testing.assert_allclose(rotation("y", 90) @ (0, 0, 1), (1, 0, 0), atol=1e-12)


@pytest.mark.parametrize(("kind", "pose"), POSED)
def test_every_kind_rests_on_the_table_in_every_pose(kind, pose):
    shape = posed(kind, pose)
    low, high = shape.mesh.bounds()
    assert len(KINDS) >= 24
    assert volume(shape.mesh) > 0
    assert np.isfinite(shape.mesh.normals).all()
    np.testing.assert_allclose((low + high)[:2], 0, atol=1e-6)
    assert low[2] == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(shape.size, high - low, atol=1e-6)
    upright = posed(kind).mesh
    longest = max(upright.bounds()[1] - upright.bounds()[0])
    assert longest == pytest.approx(CATALOGUE[kind].usual, rel=1e-5)
    # Back to upright, which is what stripes and checks are fixed to.
    back = (shape.mesh.vertices - shape.shift) @ shape.turn.T
    moved = upright.vertices - posed(kind).shift
    np.testing.assert_allclose(back, moved, atol=1e-6)
    # On its side it touches the table in more than a point, but for round bodies, whose line is one of vertices.
    touching = shape.mesh.vertices[shape.mesh.vertices[:, 2] < 0.0015]
    assert len(touching) >= 2 or kind in ("ball",)


def test_shapes_without_a_name_differ_and_repeat():
    sizes = {tuple(np.round(odd_shape(seed).size, 5)) for seed in range(20)}
    assert len(sizes) == 20
    first = odd_shape(3).mesh.vertices
    odd_shape.cache_clear()
    np.testing.assert_array_equal(odd_shape(3).mesh.vertices, first)
    assert all(0.05 < max(size) < 0.15 for size in sizes)
