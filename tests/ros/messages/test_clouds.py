"""Point clouds from messages: known points in every layout, frames, and everything that can be wrong."""

from array import array
from typing import Any

import numpy as np
import pytest
from conftest import Types
from hypothesis import given
from hypothesis import strategies as st
from stand_ins import stand_in
from test_images import refused

from region_perception.observations import ImageObservation, Intrinsics
from ros_nodes.decoding import OPTICAL_TO_BODY, STILL, Code, Refusal, Rigid, cloud_of_image, decode_cloud, moved_cloud

POINTS = np.array([[1, 2, 3], [4, 5, 6], [-1, 0.5, 2], [0, 0, 9]], np.float32)
COLOURS = np.array([[255, 0, 0], [1, 2, 3], [0, 255, 0], [9, 8, 7]], np.uint8)
KINDS = {"i1": 1, "u1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "f4": 7, "f8": 8}
XYZ = [("x", "f4", 0), ("y", "f4", 4), ("z", "f4", 8)]
PCL = [*XYZ, ("rgb", "f4", 16)]


def packed(colours: np.ndarray) -> np.ndarray:
    red, green, blue = colours.astype(np.uint32).T
    return red << 16 | green << 8 | blue


def cloud(
    make: Types,
    values: dict[str, np.ndarray],
    layout: list[Any],
    *,
    step: int = 32,
    shape: tuple[int, int] = (1, 4),
    padding: int = 0,
    big: bool = False,
    frame: str = "lidar",
    **other: Any,
) -> Any:
    """A message of `shape` (rows, columns) with fields (name, type, offset), `padding` bytes behind each row."""
    order = ">" if big else "<"
    rows = np.full((shape[0], shape[1] * step + padding), 99, np.uint8)
    for name, kind, offset in layout:
        column = values[name].reshape(shape)
        raw = column.astype(f"{order}u4" if column.dtype == np.uint32 else f"{order}{kind}")
        width = np.dtype(kind).itemsize
        for byte in range(width):
            part = rows[:, offset + byte :][:, : (shape[1] - 1) * step + 1 : step]
            part[...] = raw.view(np.uint8).reshape(*shape, width)[..., byte]
    fields = [make("sensor_msgs/PointField", name=n, offset=o, datatype=KINDS[k], count=1) for n, k, o in layout]
    given = {
        "header": make("std_msgs/Header", frame_id=frame),
        "height": shape[0],
        "width": shape[1],
        "fields": fields,
        "point_step": step,
        "row_step": rows.shape[1],
        "data": array("B", rows.tobytes()),
        "is_bigendian": big,
        "is_dense": True,
    }
    return make("sensor_msgs/PointCloud2", **(given | other))


def columns(points: np.ndarray = POINTS) -> dict[str, np.ndarray]:
    return dict(zip("xyz", points.T, strict=True)) | {"rgb": packed(COLOURS), "rgba": packed(COLOURS) | 0xFF000000}


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("padding", [0, 7])
@pytest.mark.parametrize("shape", [(1, 4), (2, 2), (4, 1)])
def test_points_and_colours_are_found_where_they_lie(make: Types, shape: tuple[int, int], padding: int, big: bool):
    message = cloud(make, columns(), PCL, shape=shape, padding=padding, big=big)
    for _ in range(2):  # reading changes nothing
        seen = decode_cloud(message)
        np.testing.assert_array_equal(seen.points, POINTS)
        np.testing.assert_array_equal(np.rint(seen.colors * 255), COLOURS)
    assert seen.points.dtype == seen.colors.dtype == np.float32
    assert seen.source_index.tolist() == [0, 1, 2, 3]
    assert seen.source_count == 4


@pytest.mark.parametrize("field", [("rgb", "f4", 16), ("rgb", "u4", 12), ("rgba", "u4", 20), ("rgba", "i4", 13)])
def test_packed_colours_of_any_type(make: Types, field: Any):
    seen = decode_cloud(cloud(make, columns(), [*XYZ, field]))
    np.testing.assert_array_equal(np.rint(seen.colors * 255), COLOURS)


def test_colours_in_fields_of_their_own(make: Types):
    values = columns() | dict(zip("rgb", COLOURS.T, strict=True))
    layout = [*XYZ, ("r", "u1", 12), ("g", "u1", 13), ("b", "u1", 14)]
    np.testing.assert_array_equal(np.rint(decode_cloud(cloud(make, values, layout)).colors * 255), COLOURS)


def test_other_fields_and_orders_do_not_disturb(make: Types):
    values = columns() | {"ring": np.arange(4, dtype=np.uint16), "intensity": np.ones(4, np.float32)}
    layout = [("ring", "u2", 0), ("z", "f8", 24), ("intensity", "f4", 2), ("x", "f8", 8), ("y", "f8", 16)]
    seen = decode_cloud(cloud(make, values, layout))
    np.testing.assert_array_equal(seen.points, POINTS)
    assert seen.colors is None


def test_points_that_are_not_finite_are_dropped_and_keep_their_numbers(make: Types):
    points = POINTS.copy()
    points[0, 1], points[2, 2] = np.nan, -np.inf
    seen = decode_cloud(cloud(make, columns(points), PCL, shape=(2, 2)))  # is_dense lies
    np.testing.assert_array_equal(seen.points, POINTS[[1, 3]])
    np.testing.assert_array_equal(np.rint(seen.colors * 255), COLOURS[[1, 3]])
    assert seen.source_index.tolist() == [1, 3]
    assert seen.source_count == 4


def test_optical_frames_are_turned_into_body_axes(make: Types):
    message = cloud(make, columns(), XYZ, frame="camera_depth_optical_frame")
    np.testing.assert_array_equal(decode_cloud(message).points[0], [3, -1, -2])  # z forward, x right, y down
    np.testing.assert_array_equal(decode_cloud(message, axes="body").points[0], [1, 2, 3])
    np.testing.assert_array_equal(decode_cloud(message, STILL).points[0], [1, 2, 3])
    assert decode_cloud(cloud(make, columns(), XYZ), axes="optical").points[0].tolist() == [3, -1, -2]


def test_a_motion_takes_points_to_another_frame(make: Types):
    motion = Rigid(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), np.array([10.0, 20, 30]))
    seen = decode_cloud(cloud(make, columns(), XYZ, frame="x_optical"), motion)
    np.testing.assert_allclose(seen.points[0], [8, 21, 33])
    np.testing.assert_allclose(motion.inverse().apply(seen.points), POINTS, atol=1e-5)


def test_far_coordinates_keep_their_precision(make: Types):
    far = POINTS.astype(np.float64) + np.array([4_500_000.0, 650_000.0, 0.0])
    layout = [("x", "f8", 0), ("y", "f8", 8), ("z", "f8", 16)]
    seen = decode_cloud(cloud(make, columns(far), layout))
    np.testing.assert_allclose(seen.points + seen.origin, far, atol=1e-5)
    turned = moved_cloud(seen, Rigid(np.diag([-1.0, -1, 1]), np.zeros(3)))
    np.testing.assert_allclose(turned.points + turned.origin, far * [-1, -1, 1], atol=1e-5)


def test_the_cloud_of_an_image_is_that_of_its_camera(make: Types):
    depth = np.array([[2, np.nan]], np.float32)
    image = ImageObservation(np.zeros((1, 2, 3), np.uint8), depth, Intrinsics(1, 1, 0, 0))
    assert cloud_of_image(image).points.tolist() == [[2, 0, 0]]
    optical_is_world = OPTICAL_TO_BODY.inverse()
    np.testing.assert_allclose(cloud_of_image(image, optical_is_world).points, [[0, 0, 2]])
    for poor in (ImageObservation(image.pixels), ImageObservation(image.pixels, depth)):
        assert refused(cloud_of_image, poor).code == Code.NO_CALIBRATION
    blind = ImageObservation(image.pixels, depth * np.nan, image.intrinsics)
    assert refused(cloud_of_image, blind).code == Code.TOO_FEW_POINTS


# What can be wrong ----------------------------------------------------------------------------------------------------


def field(make: Types, **values: Any) -> Any:
    return make("sensor_msgs/PointField", **({"name": "x", "offset": 0, "datatype": 7, "count": 1} | values))


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [{"name": "x"}, {"name": "y", "offset": 4}],
        [{"name": "x", "datatype": 0}],
        [{"name": "x", "datatype": 9}],
        [{"name": "x", "datatype": 3}],
        [{"name": "x", "offset": 29}],
        [{"name": "x", "offset": 2**32 - 1}],
        [{"name": "x", "count": 0}],
        [{"name": "x"}, {"name": "x", "offset": 4}],
        [{"name": "rgb", "datatype": 8, "offset": 16}],
        [{"name": "r", "datatype": 7, "offset": 16}],
        [{"name": "f"}] * 99,
    ],
    ids=str,
)
def test_fields_that_cannot_be_read(make: Types, fields: list[dict[str, Any]]):
    names = {values["name"] for values in fields}
    rest = [{"name": n, "offset": o} for n, _, o in XYZ if n not in names and len(fields) == 1]
    message = cloud(make, columns(), XYZ, fields=[field(make, **values) for values in [*fields, *rest]])
    problem = refused(decode_cloud, message)
    assert problem.code == Code.INVALID_CLOUD
    assert len(problem.message) > 20


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"width": 0}, Code.EMPTY_CLOUD),
        ({"height": 0}, Code.EMPTY_CLOUD),
        ({"data": array("B")}, Code.INVALID_CLOUD),
        ({"data": array("B", bytes(127))}, Code.INVALID_CLOUD),
        ({"row_step": 127}, Code.INVALID_CLOUD),
        ({"row_step": 0}, Code.INVALID_CLOUD),
        ({"point_step": 0}, Code.INVALID_CLOUD),
        ({"point_step": 11}, Code.INVALID_CLOUD),
        ({"point_step": 2**32 - 1}, Code.INVALID_CLOUD),
        ({"width": 2**31, "height": 2**31}, Code.INVALID_CLOUD),
    ],
    ids=str,
)
def test_clouds_that_do_not_hold_what_they_say(make: Types, wrong: dict[str, Any], code: Code):
    assert refused(decode_cloud, cloud(make, columns(), PCL, **wrong)).code == code


def test_too_few_points_are_counted(make: Types):
    points = np.full((4, 3), np.nan, np.float32)
    problem = refused(decode_cloud, cloud(make, columns(points), XYZ))
    assert problem.code == Code.TOO_FEW_POINTS
    assert "0 points are left, 4 of 4" in problem.message
    assert refused(decode_cloud, cloud(make, columns(), XYZ), min_points=5).code == Code.TOO_FEW_POINTS


def test_limits_are_those_of_the_caller(make: Types):
    message = cloud(make, columns(), XYZ)
    assert len(decode_cloud(message, max_points=4)) == 4
    assert refused(decode_cloud, message, max_points=3).code == Code.TOO_LARGE


def test_coordinates_that_are_no_places(make: Types):
    assert refused(decode_cloud, cloud(make, columns(POINTS * 1e30), XYZ)).code == Code.INVALID_CLOUD


small = st.integers(0, 40) | st.integers(0, 2**32 - 1)


@given(
    st.tuples(small, small, small, small),
    st.lists(st.tuples(st.sampled_from(["x", "y", "z", "rgb", "a"]), small, st.integers(0, 9), small), max_size=6),
    st.binary(max_size=300),
    st.booleans(),
)
def test_whatever_arrives_is_a_cloud_or_refused(sizes: Any, fields: list[Any], data: bytes, big: bool):
    height, width, point_step, row_step = sizes
    listed = [stand_in("sensor_msgs/PointField")(name=n, offset=o, datatype=d, count=c) for n, o, d, c in fields]
    message = stand_in("sensor_msgs/PointCloud2")(
        height=height,
        width=width,
        point_step=point_step,
        row_step=row_step,
        fields=listed,
        data=array("B", data),
        is_bigendian=big,
    )
    try:
        seen = decode_cloud(message)
    except Refusal as problem:
        code = problem.code
    else:
        code = Code.OK
        assert 1 <= len(seen) <= width * height
    assert code in (Code.OK, Code.INVALID_CLOUD, Code.EMPTY_CLOUD, Code.TOO_FEW_POINTS, Code.TOO_LARGE)
