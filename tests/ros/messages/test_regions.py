"""What people point with, from messages: every kind over known observations, and everything that can be wrong."""

import io
import math
from array import array
from typing import Any

import numpy as np
import pytest
from conftest import Types
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from stand_ins import stand_in
from test_images import bomb, refused

from region_perception.observations import ImageObservation, observe_cloud
from region_perception.regions import Box, Box3D, Click, Click3D, Mask, PointSet, Polygon, Scribble
from ros_nodes.decoding import (
    OPTICAL_TO_BODY,
    STILL,
    Code,
    Refusal,
    Rigid,
    decode_click,
    decode_detection_2d,
    decode_polygon,
    decode_region_2d,
    decode_region_3d,
    decode_roi,
    locate,
    rigid_from_pose,
)
from ros_nodes.messages.frames import quaternion_of
from ros_nodes.messages.region_kinds import Kind2D, Kind3D
from ros_nodes.messages.region_messages import crosses_itself

SIZE = (8, 6)
SQUARE = [1.0, 1.0, 5.0, 1.0, 5.0, 4.0, 1.0, 4.0]
IMAGE = ImageObservation(np.zeros((6, 8, 3), np.uint8))
GRID = observe_cloud(np.stack(np.meshgrid(*[np.arange(5.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3))
TILTED = rigid_from_pose(0, 0, 0, 0.3, 0.4, 0.5)


def region_2d(make: Types, kind: int, **values: Any) -> Any:
    if "points" in values:
        values["points"] = array("f", values["points"])
    return make("region_perception_msgs/Region2D", kind=int(kind), **values)


def png(make: Types, mask: np.ndarray) -> Any:
    file = io.BytesIO()
    Pillow.fromarray(mask).save(file, "PNG")
    return make("sensor_msgs/CompressedImage", format="png", data=array("B", file.getvalue()))


def pose(make: Types, at: Any = (0.0, 0.0, 0.0), rotation: np.ndarray | None = None) -> Any:
    x, y, z, w = quaternion_of(np.eye(3) if rotation is None else rotation)
    return make(
        "geometry_msgs/Pose",
        position=make("geometry_msgs/Point", x=float(at[0]), y=float(at[1]), z=float(at[2])),
        orientation=make("geometry_msgs/Quaternion", x=x, y=y, z=z, w=w),
    )


def box_3d(make: Types, at: Any, size: Any, rotation: np.ndarray | None = None) -> Any:
    sides = make("geometry_msgs/Vector3", x=float(size[0]), y=float(size[1]), z=float(size[2]))
    return make("region_perception_msgs/Region3D", kind=int(Kind3D.BOX), pose=pose(make, at, rotation), size=sides)


def test_every_kind_in_the_image(make: Types):
    assert decode_region_2d(region_2d(make, Kind2D.WHOLE), SIZE) is None
    assert decode_region_2d(region_2d(make, Kind2D.BOX, x1=1.5, y1=2.0, x2=6.0, y2=5.0), SIZE) == Box(1.5, 2, 6, 5)
    corners = [(1, 1), (5, 1), (5, 4), (1, 4)]
    assert decode_region_2d(region_2d(make, Kind2D.POLYGON, points=SQUARE), SIZE) == Polygon(corners)
    assert decode_region_2d(region_2d(make, Kind2D.SCRIBBLE, points=SQUARE), SIZE) == Scribble(corners, 5)
    brush = region_2d(make, Kind2D.SCRIBBLE, points=SQUARE, brush_width=2.0)
    assert decode_region_2d(brush, SIZE) == Scribble(corners, 2)
    assert decode_region_2d(region_2d(make, Kind2D.CLICK, points=[3.0, 2.0]), SIZE) == Click(3, 2)
    two = region_2d(make, Kind2D.CLICK, points=SQUARE[:4], labels=array("B", [1, 0]))
    assert decode_region_2d(two, SIZE) == Click(points=corners[:2], labels=[1, 0])


@pytest.mark.parametrize("dtype", [np.uint8, bool])
def test_a_mask_is_laid_where_it_belongs(make: Types, dtype: Any):
    part = np.array([[0, 1], [1, 1]], dtype)
    mask = decode_region_2d(region_2d(make, Kind2D.MASK, mask=png(make, part), x1=5.0, y1=3.0), SIZE)
    expected = np.zeros((6, 8), bool)
    expected[3:5, 5:7] = part
    assert mask == Mask(expected)
    whole = decode_region_2d(region_2d(make, Kind2D.MASK, mask=png(make, expected)), SIZE)
    assert whole == Mask(expected)


def test_what_other_programs_point_with(make: Types):
    roi = make("sensor_msgs/RegionOfInterest", x_offset=2, y_offset=1, width=3, height=4)
    assert decode_roi(roi) == Box(2, 1, 5, 5)
    points = [make("geometry_msgs/Point32", x=x, y=y) for x, y in zip(SQUARE[::2], SQUARE[1::2], strict=True)]
    polygon = make("geometry_msgs/PolygonStamped", polygon=make("geometry_msgs/Polygon", points=points))
    assert decode_polygon(polygon) == Polygon([(1, 1), (5, 1), (5, 4), (1, 4)])
    assert decode_click(make("geometry_msgs/Point", x=3.0, y=2.0), SIZE) == Click(3, 2)
    assert decode_click(make("geometry_msgs/Point", x=8.0, y=6.0), SIZE) == Click(7.5, 5.5)  # rounded up beyond


class Thing:
    """A message of a package that is not among the wheels (vision_msgs)."""

    def __init__(self, **values: Any) -> None:
        self.__dict__ |= values


def test_detections():
    def detection(theta: float) -> Thing:
        center = Thing(position=Thing(x=4.0, y=3.0), theta=theta)
        return Thing(bbox=Thing(center=center, size_x=4.0, size_y=2.0))

    assert decode_detection_2d(detection(0.0)) == Box(2, 2, 6, 4)
    turned = decode_detection_2d(detection(math.pi / 2))
    assert isinstance(turned, Polygon)
    assert locate(turned, IMAGE).box == (3, 1, 5, 5)
    assert refused(decode_detection_2d, detection(math.nan)).code == Code.INVALID_REGION


def test_every_kind_in_space(make: Types):
    assert decode_region_3d(make("region_perception_msgs/Region3D", kind=1), STILL) is None
    click = make(
        "region_perception_msgs/Region3D", kind=int(Kind3D.CLICK), point=make("geometry_msgs/Point", x=1.0, y=2.0)
    )
    assert decode_region_3d(click, STILL) == Click3D(1, 2, 0)
    assert decode_region_3d(click, OPTICAL_TO_BODY) == Click3D(0, -1, -2)
    points = make("region_perception_msgs/Region3D", kind=int(Kind3D.POINTS), indices=array("I", [7, 3]))
    assert decode_region_3d(points, STILL, GRID) == PointSet([3, 7], source_count=125)


def corners_of(at: Any, size: Any, rotation: np.ndarray) -> np.ndarray:
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    return signs * np.array(size) / 2 @ rotation.T + np.array(at)


def same_corners(a: np.ndarray, b: np.ndarray) -> bool:
    apart = np.linalg.norm(a[:, None] - b[None], axis=2)
    return bool(apart.min(axis=1).max() < 1e-5 and apart.min(axis=0).max() < 1e-5)


@pytest.mark.parametrize("yaw", [0.0, 0.4, -2.0, 3.1])
@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_upright_boxes_keep_their_corners_whichever_axis_stands(make: Types, yaw: float, axes: Any):
    turned = rigid_from_pose(0, 0, 0, 0, 0, yaw).rotation @ np.eye(3)[:, axes]
    region = decode_region_3d(box_3d(make, (1, 2, 3), (0.2, 0.4, 0.6), turned), STILL)
    assert isinstance(region, Box3D)
    assert same_corners(region.corners(), corners_of((1, 2, 3), (0.2, 0.4, 0.6), turned))
    if axes == (0, 1, 2):
        assert region.size == pytest.approx((0.2, 0.4, 0.6))
        assert region.yaw == pytest.approx(yaw)


def test_boxes_move_with_their_frame(make: Types):
    motion = Rigid(OPTICAL_TO_BODY.rotation, np.array([0.0, 0, 1]))
    region = decode_region_3d(box_3d(make, (0, 0, 2), (0.2, 0.4, 0.6)), motion)
    assert isinstance(region, Box3D)
    assert region.center == pytest.approx((2, 0, 1))
    assert same_corners(region.corners(), motion.apply(corners_of((0, 0, 2), (0.2, 0.4, 0.6), np.eye(3))))


def test_a_leaning_box_becomes_the_points_in_it(make: Types):
    message = box_3d(make, (2, 2, 2), (9, 1, 1), TILTED.rotation)
    region = decode_region_3d(message, STILL, GRID)
    assert isinstance(region, PointSet)
    local = (GRID.points - 2) @ TILTED.rotation
    expected = np.flatnonzero((np.abs(local) <= [4.5, 0.5, 0.5]).all(axis=1))
    assert 1 < len(expected) < 20
    assert region.indices.tolist() == expected.tolist()
    back = decode_region_3d(box_3d(make, (2, 2, 2), (9, 1, 1)), Rigid(np.eye(3), np.zeros(3)), GRID)
    assert isinstance(back, Box3D)
    assert refused(decode_region_3d, message, STILL).code == Code.INVALID_REGION
    away = box_3d(make, (90, 2, 2), (9, 1, 1), TILTED.rotation)
    assert refused(decode_region_3d, away, STILL, GRID).code == Code.EMPTY_REGION


# What can be wrong ----------------------------------------------------------------------------------------------------

NAN, INF = math.nan, math.inf
CROSSED = [1.0, 1.0, 5.0, 4.0, 5.0, 1.0, 1.0, 4.0]


@pytest.mark.parametrize(
    ("kind", "values", "code"),
    [
        (0, {}, Code.INVALID_REGION),
        (7, {}, Code.INVALID_REGION),
        (255, {}, Code.INVALID_REGION),
        (Kind2D.BOX, {}, Code.EMPTY_REGION),
        (Kind2D.BOX, {"x1": 3.0, "x2": 3.0, "y2": 2.0}, Code.EMPTY_REGION),
        (Kind2D.BOX, {"x1": 5.0, "x2": 3.0, "y2": 2.0}, Code.EMPTY_REGION),
        (Kind2D.BOX, {"x1": NAN, "x2": 3.0, "y2": 2.0}, Code.EMPTY_REGION),
        (Kind2D.BOX, {"x1": NAN, "x2": NAN, "y2": NAN}, Code.EMPTY_REGION),
        (Kind2D.BOX, {"x1": -9.0, "x2": -3.0, "y2": 2.0}, Code.EMPTY_REGION),
        (Kind2D.BOX, {"x1": 8.0, "x2": 9.0, "y2": 2.0}, Code.EMPTY_REGION),
        (Kind2D.BOX, {"x1": 3e9, "x2": 4e9, "y2": 2.0}, Code.EMPTY_REGION),
        (Kind2D.POLYGON, {}, Code.INVALID_REGION),
        (Kind2D.POLYGON, {"points": SQUARE[:4]}, Code.INVALID_REGION),
        (Kind2D.POLYGON, {"points": SQUARE[:7]}, Code.INVALID_REGION),
        (Kind2D.POLYGON, {"points": [*SQUARE[:6], NAN, 2.0]}, Code.INVALID_REGION),
        (Kind2D.POLYGON, {"points": CROSSED}, Code.INVALID_REGION),
        (Kind2D.POLYGON, {"points": [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]}, Code.INVALID_REGION),
        (Kind2D.POLYGON, {"points": [float(i % 97) for i in range(1002)]}, Code.INVALID_REGION),
        (Kind2D.POLYGON, {"points": [v + 20 for v in SQUARE]}, Code.EMPTY_REGION),
        (Kind2D.SCRIBBLE, {}, Code.INVALID_REGION),
        (Kind2D.SCRIBBLE, {"points": SQUARE, "brush_width": NAN}, Code.INVALID_REGION),
        (Kind2D.SCRIBBLE, {"points": SQUARE, "brush_width": 0.5}, Code.INVALID_REGION),
        (Kind2D.SCRIBBLE, {"points": [-9.0, -9.0, -5.0, -5.0]}, Code.EMPTY_REGION),
        (Kind2D.CLICK, {}, Code.INVALID_REGION),
        (Kind2D.CLICK, {"points": [INF, 1.0]}, Code.INVALID_REGION),
        (Kind2D.CLICK, {"points": [1.0, 1.0], "labels": array("B", [1, 1])}, Code.INVALID_REGION),
        (Kind2D.CLICK, {"points": [1.0, 1.0], "labels": array("B", [0])}, Code.INVALID_REGION),
        (Kind2D.CLICK, {"points": [1.0, 1.0], "labels": array("B", [9])}, Code.INVALID_REGION),
        (Kind2D.CLICK, {"points": [90.0, 1.0]}, Code.EMPTY_REGION),
        (Kind2D.MASK, {}, Code.INVALID_REGION),
    ],
)
def test_regions_of_images_that_are_refused(make: Types, kind: int, values: dict[str, Any], code: Code):
    def use() -> None:
        region = decode_region_2d(region_2d(make, kind, **values), SIZE)
        assert region is not None
        locate(region, IMAGE)

    problem = refused(use)
    assert problem.code == code
    assert len(problem.message) > 20


@pytest.mark.parametrize(
    ("mask", "corner", "code"),
    [
        (np.zeros((2, 2), np.uint8), (0.0, 0.0), Code.EMPTY_REGION),
        (np.ones((2, 2), np.uint8), (7.0, 0.0), Code.INVALID_REGION),
        (np.ones((2, 2), np.uint8), (0.0, 5.0), Code.INVALID_REGION),
        (np.ones((2, 2), np.uint8), (-1.0, 0.0), Code.INVALID_REGION),
        (np.ones((2, 2), np.uint8), (0.5, 0.0), Code.INVALID_REGION),
        (np.ones((2, 2), np.uint8), (NAN, 0.0), Code.INVALID_REGION),
        (np.ones((2, 2), np.uint8), (0.0, INF), Code.INVALID_REGION),
        (np.ones((2, 2, 3), np.uint8), (0.0, 0.0), Code.INVALID_REGION),
        (np.ones((9, 9), np.uint8), (0.0, 0.0), Code.TOO_LARGE),
    ],
)
def test_masks_that_are_refused(make: Types, mask: np.ndarray, corner: tuple[float, float], code: Code):
    message = region_2d(make, Kind2D.MASK, mask=png(make, mask), x1=corner[0], y1=corner[1])
    assert refused(decode_region_2d, message, SIZE).code == code


def test_masks_that_are_bombs_or_broken(make: Types):
    for data, code in ((bomb(60_000, 60_000), Code.TOO_LARGE), (bomb(4, 4), Code.INVALID_REGION)):
        message = region_2d(make, Kind2D.MASK)
        message.mask.data = array("B", data)
        assert refused(decode_region_2d, message, SIZE).code == code


def test_a_region_of_interest_without_size_or_outside(make: Types):
    def use(**values: int) -> Refusal:
        return refused(lambda: locate(decode_roi(make("sensor_msgs/RegionOfInterest", **values)), IMAGE))

    assert use().code == Code.EMPTY_REGION
    assert use(width=3).code == Code.EMPTY_REGION
    assert use(x_offset=2**32 - 1, width=2**32 - 1, height=5).code == Code.EMPTY_REGION


def test_the_least_size_is_the_callers(make: Types):
    assert locate(Box(1, 1, 3, 3), IMAGE, min_pixels=4).pixel_count == 4
    assert refused(locate, Box(1, 1, 3, 3), IMAGE, min_pixels=5).code == Code.EMPTY_REGION
    assert refused(locate, Box3D((0, 0, 0), (1, 1, 1)), GRID, min_points=2).code == Code.EMPTY_REGION
    assert refused(locate, Box3D((90, 0, 0), (1, 1, 1)), GRID).code == Code.EMPTY_REGION


@pytest.mark.parametrize(
    ("size", "at", "code"),
    [
        ((0, 1, 1), (0, 0, 0), Code.EMPTY_REGION),
        ((-1, 1, 1), (0, 0, 0), Code.INVALID_REGION),
        ((NAN, 1, 1), (0, 0, 0), Code.INVALID_REGION),
        ((INF, 1, 1), (0, 0, 0), Code.INVALID_REGION),
        ((1, 1, 1), (NAN, 0, 0), Code.INVALID_REGION),
        ((1, 1, 1), (1e300, 0, 0), Code.INVALID_REGION),
    ],
)
def test_boxes_in_space_that_are_refused(make: Types, size: Any, at: Any, code: Code):
    assert refused(decode_region_3d, box_3d(make, at, size), STILL, GRID).code == code


def test_quaternions_must_have_length_one(make: Types):
    for values in ({"w": 0.0}, {"w": NAN}, {"w": 2.0}, {"x": 1.0}):
        message = box_3d(make, (0, 0, 0), (1, 1, 1))
        for name, value in values.items():
            setattr(message.pose.orientation, name, value)
        problem = refused(decode_region_3d, message, STILL, GRID)
        assert problem.code == Code.INVALID_REGION
        assert "quaternion" in problem.message


def test_indices_must_be_those_of_the_cloud(make: Types):
    def use(indices: list[int], cloud: Any = GRID, **values: int) -> Code:
        message = make(
            "region_perception_msgs/Region3D", kind=int(Kind3D.POINTS), indices=array("I", indices), **values
        )
        return refused(decode_region_3d, message, STILL, cloud, max_indices=9).code

    assert use([]) == Code.EMPTY_REGION
    assert use([125]) == Code.INVALID_REGION
    assert use([2**32 - 1]) == Code.INVALID_REGION
    assert use([3], source_count=124) == Code.INVALID_REGION
    assert use([1] * 10) == Code.TOO_LARGE
    assert use([3], cloud=None) == Code.NO_OBSERVATION


@pytest.mark.parametrize("kind", [0, 5, 255])
def test_unknown_kinds_are_answered_with_those_that_are_known(make: Types, kind: int):
    problem = refused(decode_region_3d, make("region_perception_msgs/Region3D", kind=kind), STILL, GRID)
    assert problem.code == Code.INVALID_REGION
    assert "2 (BOX)" in problem.message


def test_outlines_that_cross_themselves():
    assert crosses_itself(np.array(CROSSED).reshape(-1, 2))
    assert not crosses_itself(np.array(SQUARE).reshape(-1, 2))
    turns = np.linspace(0, 2 * np.pi, 50, endpoint=False)
    star = np.stack([np.cos(turns), np.sin(turns)], axis=1) * np.where(np.arange(50) % 2, 1, 3)[:, None]
    assert not crosses_itself(star)
    star[[10, 30]] = star[[30, 10]]
    assert crosses_itself(star)


floats = st.floats(width=32) | st.integers(-3, 9).map(float)


@given(
    st.integers(0, 255) | st.sampled_from(list(Kind2D)).map(int),
    st.tuples(floats, floats, floats, floats),
    st.lists(floats, max_size=12),
    st.lists(st.integers(0, 2), max_size=4),
    floats,
    st.binary(max_size=60),
)
def test_whatever_arrives_is_a_region_or_refused(
    kind: int, box: Any, points: list[float], labels: list[int], width: float, data: bytes
):
    message = stand_in("region_perception_msgs/Region2D")(
        kind=kind, points=array("f", points), labels=array("B", labels), brush_width=width
    )
    message.x1, message.y1, message.x2, message.y2 = box
    message.mask.data = array("B", data)
    try:
        region = decode_region_2d(message, SIZE)
    except Refusal:
        return
    assert region is None or isinstance(region, Box | Polygon | Scribble | Click)
