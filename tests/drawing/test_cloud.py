import numpy as np
import pytest

from region_perception.drawing import Drawable, draw_cloud
from region_perception.drawing.camera import Camera
from region_perception.drawing.furniture import length_in_words, round_length
from region_perception.drawing.palette import region_colour
from region_perception.drawing.splats import splat
from region_perception.drawing.viewpoint import good_azimuth, shown_rows
from region_perception.errors import InvalidInput
from region_perception.observations import CloudObservation, ImageObservation
from region_perception.regions import Box, Box3D, Click3D, PointSet

SMALL = (240, 180)


def cloud_of(points, colors=None):
    points = np.asarray(points, dtype=np.float32)
    return CloudObservation(points, colors, np.arange(len(points)), len(points))


@pytest.fixture(scope="module")
def table():
    """A table of 1 m x 1 m with a ball of 10 cm radius on it, around (0.3, 0.2)."""
    rng = np.random.default_rng(0)
    top = np.c_[rng.uniform(-0.5, 0.5, (6000, 2)), np.zeros(6000)]
    ball = rng.normal(size=(2000, 3))
    ball = 0.1 * ball / np.linalg.norm(ball, axis=1, keepdims=True) + [0.3, 0.2, 0.1]
    return cloud_of(np.concatenate([top, ball]))


BALL = Box3D((0.3, 0.2, 0.1), (0.22, 0.22, 0.24))


def item(cloud, region, number=1, text="a ball"):
    return Drawable(region.locate(cloud), number, text, region)


# The camera -----------------------------------------------------------------------------------------------------------


def test_the_camera_stands_where_it_was_asked_to():
    camera = Camera.framing([[-1, -1, -1], [1, 1, 1]], azimuth=180, elevation=30, size=(400, 400))
    away = -camera.axes[2]
    np.testing.assert_allclose(away, [-np.cos(np.pi / 6), 0, 0.5], atol=1e-12)
    np.testing.assert_allclose(camera.axes[0], [0, -1, 0], atol=1e-12)  # facing +x, right is -y
    np.testing.assert_allclose(camera.axes @ camera.axes.T, np.eye(3), atol=1e-12)


def test_projection_golden_values():
    camera = Camera(np.array([-2.0, 0, 0]), np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]]), 2.0, (400, 300))
    focal = 150 / np.tan(np.radians(20))
    pixels, depth = camera.project([[0, 0, 0], [0, 0.1, 0], [0, 0, 0.1], [2, 0.1, 0], [-3, 0, 0]])
    np.testing.assert_allclose(depth, [2, 2, 2, 4, -1])
    expected = [[200, 150], [200 - focal * 0.05, 150], [200, 150 - focal * 0.05], [200 - focal * 0.025, 150]]
    np.testing.assert_allclose(pixels[:4], expected)
    assert np.isnan(pixels[4]).all()  # behind the camera


@pytest.mark.parametrize("azimuth", [0, 77, 180, 300])
@pytest.mark.parametrize("elevation", [-80, 0, 35, 89])
@pytest.mark.parametrize("size", [(400, 300), (300, 400)])
def test_what_is_framed_fills_the_picture_and_stays_inside(azimuth, elevation, size):
    points = np.random.default_rng(0).uniform([-3, 1, 5], [4, 2, 5.5], (200, 3))
    pixels, depth = Camera.framing(points, azimuth, elevation, size).project(points)
    assert (depth > 0).all()
    assert (pixels >= 0).all()
    assert (pixels <= size).all()
    filled = (np.ptp(pixels, axis=0) / size).max()
    assert filled > (0.85 if elevation else 0.4)  # end on, the near end would else be all that is seen
    np.testing.assert_allclose((pixels.min(axis=0) + pixels.max(axis=0)) / 2, np.array(size) / 2, atol=2)


# The points -----------------------------------------------------------------------------------------------------------


def test_nearer_points_hide_farther_ones():
    camera = Camera(np.array([-2.0, 0, 0]), np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]]), 2.0, (100, 100))
    view = splat(np.array([[1.0, 0, 0], [0, 0, 0], [2, 0, 0]]), camera)
    assert view.index[50, 50] == 1
    assert view.depth[50, 50] == pytest.approx(2)
    assert view.index[0, 0] == -1
    assert np.isinf(view.depth[0, 0])


def test_a_surface_has_no_holes():
    points = np.random.default_rng(0).uniform(-1, 1, (20000, 3)) * [0, 1, 1]
    camera = Camera(np.array([-4.0, 0, 0]), np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]]), 4.0, (400, 400))
    pixels, _ = camera.project([[0, 0.9, 0.9], [0, -0.9, -0.9]])
    (left, top), (right, bottom) = pixels.astype(int)
    inside = splat(points, camera).index[top:bottom, left:right]
    assert (inside >= 0).mean() > 0.999


def test_shading_darkens_what_lies_behind_an_edge_and_no_plane():
    camera = Camera(np.array([-4.0, 0, 0]), np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]]), 4.0, (400, 400))
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 150), np.linspace(-1, 1, 150)), -1).reshape(-1, 2)
    wall = np.c_[np.full(len(grid), 0.5), grid]
    post = np.c_[np.zeros(2000), np.random.default_rng(0).uniform([-0.1, -1], [0.1, 1], (2000, 2))]
    view = splat(np.concatenate([wall, post]), camera)
    shade = view.shading(3)
    column = int(camera.project([[0.0, 0.1, 0]])[0][0, 0])
    assert shade[200, 200] == pytest.approx(1, abs=0.02)
    assert shade[200, 120] == pytest.approx(1, abs=0.02)
    assert shade[200, column - 8 : column].min() < 0.8


# What is shown --------------------------------------------------------------------------------------------------------


def test_strays_are_left_out_but_members_never():
    points = np.concatenate([np.random.default_rng(0).uniform(-1, 1, (5000, 3)), [[900, 0, 0]]]).astype(np.float32)
    nothing = np.zeros(5001, dtype=bool)
    assert shown_rows(points, [nothing], []).tolist() == list(range(5000))
    member = nothing.copy()
    member[5000] = True
    assert 5000 in shown_rows(points, [member], [])


def test_a_million_points_are_thinned():
    points = np.random.default_rng(0).random((1_000_000, 3), dtype=np.float32)
    rows = shown_rows(points, [], [])
    assert 300_000 < len(rows) < 500_000


def test_regions_are_shown_with_their_surroundings_only(table):
    corners = BALL.locate(table).corners() * 0.1  # a tiny region in a corner of the table
    rows = shown_rows(table.points, [], [corners])
    assert 0 < len(rows) < len(table.points) / 2


def test_the_view_is_from_the_side_where_the_region_is_seen():
    rng = np.random.default_rng(0)
    wall = np.c_[np.zeros(8000), rng.uniform(-1, 1, 8000), rng.uniform(0, 2, 8000)]
    thing = rng.uniform([0.3, -0.2, 0.1], [0.5, 0.2, 0.5], (500, 3))  # at +x of the wall, which hides it from -x
    points = np.concatenate([wall, thing])
    azimuth = good_azimuth(points, np.where(np.arange(8500) >= 8000, 0, -1), points, 20)
    assert np.cos(np.radians(azimuth)) > 0


def test_the_view_shows_all_regions_rather_than_one_large_before_the_others():
    rng = np.random.default_rng(0)
    things = [rng.uniform([-0.1, y - 0.1, 0], [0.1, y + 0.1, size], (800, 3)) for y, size in ((-0.4, 0.5), (0, 0.2))]
    points = np.concatenate(things)  # side by side along y: from +-y one hides the other
    azimuth = good_azimuth(points, np.repeat([0, 1], 800), points, 10)
    assert abs(np.sin(np.radians(azimuth))) < 0.9


def test_a_cloud_beside_the_origin_is_seen_from_the_sensor():
    points = np.random.default_rng(0).uniform([2, -1, -1], [2.5, 1, 1], (3000, 3))
    azimuth = good_azimuth(points, np.full(3000, -1), points, 35)
    assert np.cos(np.radians(azimuth)) < -0.7  # from -x, where the origin is


# The picture ----------------------------------------------------------------------------------------------------------


def test_the_same_input_gives_the_same_picture(table):
    items = [item(table, BALL)]
    first, second = (draw_cloud(table, items, size=SMALL) for _ in range(2))
    assert first.mode == "RGB"
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize("size", [(240, 180), (300, 300), (180, 320)])
def test_the_view_has_the_size_asked_for(table, size):
    assert draw_cloud(table, [], size=size).size == size
    captioned = draw_cloud(table, [Drawable(None, 1, "a ball on a table")], size=size)
    assert captioned.width == size[0]
    assert captioned.height > size[1]


def test_members_take_on_the_colour_of_their_region(table):
    members = BALL.locate(table).members
    grey = np.full((len(table), 3), 0.5, dtype=np.float32)
    cloud = CloudObservation(table.points, grey, table.source_index, table.source_count)

    def reddish(picture):
        pixels = np.asarray(picture).astype(int)[: SMALL[1]]
        return (pixels[..., 0] > pixels[..., 2] + 30).sum()

    whole = [Drawable(None, 1, "")]
    assert reddish(draw_cloud(cloud, whole, size=SMALL)) < 100  # the red axis only
    assert region_colour(3)[0] > 200
    tinted = [Drawable(PointSet(mask=members).locate(cloud), 3, "")]
    assert reddish(draw_cloud(cloud, tinted, size=SMALL)) > 500
    boxed = reddish(draw_cloud(cloud, tinted, size=SMALL, tinted=False))
    assert boxed < reddish(draw_cloud(cloud, tinted, size=SMALL)) - 200  # the edges of its box are red all the same


def test_hidden_edges_are_dashed():
    """A box behind a wall: its edges are drawn thin and with gaps, so they cover less of the picture."""
    rng = np.random.default_rng(0)
    behind = rng.uniform([0.5, -0.1, -0.1], [0.7, 0.1, 0.1], (300, 3))
    wall = np.c_[np.zeros(20000), rng.uniform(-1, 1, (20000, 2))]

    def share(points):
        cloud = cloud_of(points)
        region = Box3D((0.6, 0, 0), (0.4, 0.6, 0.6))
        drawn = np.asarray(draw_cloud(cloud, [item(cloud, region, 7, "")], azimuth=180, elevation=0)).astype(int)
        return (np.abs(drawn - region_colour(7)).sum(axis=2) < 12).mean()

    seen, hidden = share(behind), share(np.concatenate([behind, wall]))
    assert 0 < hidden < 0.6 * seen


@pytest.mark.parametrize("count", [1, 2, 3])
def test_clouds_of_few_points_draw(count):
    cloud = cloud_of(np.arange(3 * count).reshape(count, 3) * 0.01)
    drawn = np.asarray(draw_cloud(cloud, [item(cloud, PointSet([0]))], size=SMALL))
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 10


@pytest.mark.parametrize("shift", [0, 1000])
@pytest.mark.parametrize("scale", [1e-3, 1, 1e3])
def test_any_scale_and_place_draws(scale, shift):
    points = np.random.default_rng(0).uniform(-1, 1, (500, 3)) * scale + shift
    cloud = cloud_of(points)
    assert draw_cloud(cloud, [item(cloud, PointSet(np.arange(50)))], size=SMALL).width == 240


def test_a_region_with_a_click_shows_it_also_in_a_shifted_cloud(table):
    origin = np.array([5e5, 4e6, 0.0])
    cloud = CloudObservation(table.points, None, table.source_index, table.source_count, origin)
    here = BALL.locate(table)
    clicks = [Click3D(0.3, 0.2, 0.2), Click3D(5e5 + 0.3, 4e6 + 0.2, 0.2)]
    drawn = [
        draw_cloud(c, [Drawable(here, 1, "", click)], size=SMALL, azimuth=30)
        for c, click in zip([table, cloud], clicks, strict=True)
    ]
    without = draw_cloud(table, [Drawable(here, 1, "")], size=SMALL, azimuth=30)
    assert drawn[0].tobytes() == drawn[1].tobytes() != without.tobytes()


def test_sixty_four_regions_draw(table):
    rng = np.random.default_rng(0)
    items = []
    for i in range(64):
        x, y = rng.uniform(-0.4, 0.4, 2)
        items.append(item(table, Box3D((x, y, 0), (0.1, 0.1, 0.1), 0.5), i + 1, f"place {i}"))
    assert draw_cloud(table, items, size=(480, 360)).height > 700


def test_footprints_of_something_else_are_refused(table):
    other = cloud_of([[0, 0, 0]])
    with pytest.raises(InvalidInput, match="8,000 points, but a footprint is for one of 1"):
        draw_cloud(table, [item(other, PointSet([0]))])
    image = ImageObservation(np.zeros((8, 8, 3), dtype=np.uint8))
    with pytest.raises(InvalidInput, match="region 5 has a footprint of type ImageFootprint, expected CloudFootprint"):
        draw_cloud(table, [item(image, Box(1, 1, 4, 4), 5)])


@pytest.mark.parametrize(
    ("most", "length", "words"),
    [(0.7, 0.5, "50 cm"), (1.0, 1.0, "1 m"), (19.9, 10, "10 m"), (0.0049, 0.002, "2 mm"), (6000, 5000, "5 km")],
)
def test_the_scale_has_round_lengths(most, length, words):
    assert round_length(most) == pytest.approx(length)
    assert length_in_words(round_length(most)) == words
