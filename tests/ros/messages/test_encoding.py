"""What goes out, read back: arrays, regions, captions, markers; real messages where they are, else plain ones."""

import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from region_perception import Caption
from region_perception.observations import ImageObservation, Intrinsics, observe_cloud
from region_perception.regions import Box, Box3D, Click, Click3D, Mask, PointSet, Polygon, Region, Scribble
from ros_nodes.decoding import (
    OPTICAL_TO_BODY,
    STILL,
    Code,
    Refusal,
    Rigid,
    decode_camera_info,
    decode_cloud,
    decode_depth,
    decode_image,
    decode_pixels,
    decode_region_2d,
    decode_region_3d,
    rigid_from_pose,
)
from ros_nodes.messages.classes import DiagnosticStatus, Header
from ros_nodes.messages.frames import rotation_of

RANDOM = np.random.default_rng(1)
PIXELS = RANDOM.integers(0, 256, (6, 8, 3)).astype(np.uint8)
TILTED = Rigid(rigid_from_pose(0, 0, 0, 0.3, 0.4, 0.5).rotation, np.array([1.0, 2, 3]))


@pytest.fixture
def header() -> Any:
    header = Header(frame_id="camera_optical_frame")
    header.stamp.sec = 7
    return header


def caption(text: str = "a red mug", region: Region | None = None, observation: Any = None, **values: Any) -> Caption:
    footprint = None if region is None else region.locate(observation)
    modality = "image_region" if isinstance(observation, ImageObservation) else "cloud_region"
    return Caption(text, 0.75, modality, region, footprint, 0.1, **values)


def test_pictures_come_back(encoding: ModuleType, header: Any):
    sent = encoding.encode_image(PIXELS, header)
    assert (sent.encoding, sent.step, sent.header.stamp.sec) == ("rgb8", 24, 7)
    np.testing.assert_array_equal(decode_pixels(sent), PIXELS)
    grey = encoding.encode_image(PIXELS[..., 1], header)  # not contiguous
    np.testing.assert_array_equal(decode_pixels(grey)[..., 0], PIXELS[..., 1])
    depth = np.array([[1.5, np.nan], [0.25, 9]], np.float32)
    np.testing.assert_array_equal(decode_depth(encoding.encode_image(depth, header)), depth)
    millimetres = np.array([[1500, 0]], np.uint16)
    np.testing.assert_allclose(decode_depth(encoding.encode_image(millimetres, header)), [[1.5, np.nan]])
    with pytest.raises(ValueError, match="float64"):
        encoding.encode_image(np.zeros((2, 2)), header)


def test_calibration_comes_back(encoding: ModuleType, header: Any):
    camera = Intrinsics(500, 510, 3.5, 2.5)
    info = encoding.encode_camera_info(camera, (8, 6), header)
    assert decode_camera_info(info, (8, 6)) == decode_camera_info(info, (8, 6), rectified=True) == camera
    assert decode_image(encoding.encode_image(PIXELS, header), camera_info=info).intrinsics == camera


@pytest.mark.parametrize("shape", [(12,), (3, 4)])
def test_clouds_come_back(encoding: ModuleType, header: Any, shape: tuple[int, ...]):
    points = RANDOM.normal(size=(*shape, 3)).astype(np.float32)
    colors = RANDOM.integers(0, 256, (*shape, 3)).astype(np.uint8)
    sent = encoding.encode_cloud(points, header, colors)
    assert (sent.height, sent.width, sent.is_dense) == ((1, 12, True) if len(shape) == 1 else (3, 4, True))
    seen = decode_cloud(sent, STILL)
    np.testing.assert_array_equal(seen.points, points.reshape(-1, 3))
    np.testing.assert_array_equal(np.rint(seen.colors * 255), colors.reshape(-1, 3))
    shares = encoding.encode_cloud(points, header, colors.astype(np.float32) / 255)
    np.testing.assert_array_equal(decode_cloud(shares, STILL).colors, seen.colors)
    points[..., 0, 2] = np.nan
    bare = encoding.encode_cloud(points, header)
    assert not bare.is_dense
    assert decode_cloud(bare, STILL).colors is None


@pytest.mark.parametrize(
    "region",
    [
        None,
        Box(1.5, 2, 6, 5),
        Polygon([(1, 1), (5, 1), (5, 4)]),
        Scribble([(1, 1), (5, 4)], 3),
        Click(points=[(1, 1), (5, 4)], labels=[1, 0]),
        Mask(np.indices((6, 8)).sum(axis=0) % 3 == 0),
        Mask(np.eye(6, 8, 2, dtype=bool)),
    ],
    ids=repr,
)
def test_regions_of_images_come_back(encoding: ModuleType, header: Any, region: Region | None):
    sent = encoding.encode_region_2d(region, header, id="7", label="mug")
    assert (sent.id, sent.label, sent.header.stamp.sec) == ("7", "mug", 7)
    assert decode_region_2d(sent, (8, 6)) == region


@pytest.mark.parametrize("motion", [STILL, OPTICAL_TO_BODY, TILTED])
def test_regions_of_clouds_come_back(encoding: ModuleType, header: Any, motion: Rigid):
    cloud = observe_cloud(RANDOM.normal(size=(50, 3)))
    box = Box3D((1, 2, 3), (0.2, 0.4, 0.6), 0.7)
    seen = decode_region_3d(encoding.encode_region_3d(box, header, motion=motion), motion, cloud)
    assert isinstance(seen, Box3D)
    np.testing.assert_allclose(seen.corners(), box.corners(), atol=1e-5)
    click = decode_region_3d(encoding.encode_region_3d(Click3D(1, 2, 3), header, motion=motion), motion)
    assert isinstance(click, Click3D)
    assert (click.x, click.y, click.z) == pytest.approx((1, 2, 3))
    points = PointSet([4, 40], source_count=50)
    assert decode_region_3d(encoding.encode_region_3d(points, header), motion, cloud) == points
    assert decode_region_3d(encoding.encode_region_3d(None, header), motion, cloud) is None


def test_regions_of_the_other_kind_are_mistakes(encoding: ModuleType, header: Any):
    with pytest.raises(TypeError, match="Click3D"):
        encoding.encode_region_2d(Click3D(1, 2, 3), header)
    with pytest.raises(TypeError, match="Box"):
        encoding.encode_region_3d(Box(1, 2, 3, 4), header)
    with pytest.raises(ValueError, match="holes"):
        encoding.encode_region_2d(Polygon([(0, 0), (9, 0), (9, 9)], [[(5, 1), (6, 1), (6, 2)]]), header)


def test_a_caption_says_all_that_is_known(encoding: ModuleType, header: Any):
    asked = encoding.encode_region_2d(Box(1, 2, 5, 4), header, id="7", label="mug")
    other = caption("a blue cup")
    sent = encoding.encode_caption(
        caption("a red\nmug\0", Box(1, 2, 5, 4), ImageObservation(PIXELS), question="What?"),
        header,
        asked,
        alternatives=[other],
        model="tabletop-mini",
        age=0.02,
        inference_time=0.1,
    )
    assert (sent.text, sent.question, sent.modality, sent.model) == (
        "a red mug",
        "What?",
        "image_region",
        "tabletop-mini",
    )
    assert (sent.region_id, sent.label, sent.region_stamp.sec, sent.header.frame_id) == ("7", "mug", 7, header.frame_id)
    assert (sent.x1, sent.y1, sent.x2, sent.y2, sent.pixel_count, sent.point_count) == (1, 2, 5, 4, 8, 0)
    assert sent.confidence == 0.75
    assert sent.age == pytest.approx(0.02)
    assert [(one.text, one.confidence) for one in sent.alternatives] == [("a blue cup", 0.75)]
    assert (sent.status.code, sent.status.message, sent.size.x) == (Code.OK, "", 0)


def test_a_caption_of_a_cloud_lies_in_the_frame_of_its_header(encoding: ModuleType, header: Any):
    cloud = observe_cloud(np.array([[1.0, 2, 3], [1.5, 2, 3], [9, 9, 9]]))
    box = Box3D((1.25, 2, 3), (1, 2, 3), 0.7)
    sent = encoding.encode_caption(caption("a mug", box, cloud), header, motion=TILTED, origin=cloud.origin)
    assert sent.point_count == 2
    assert (sent.size.x, sent.size.y, sent.size.z) == (1, 2, 3)
    turn = rotation_of(sent.pose.orientation, Code.INVALID_REGION, "test")
    corner = turn @ np.array([0.5, 1, 1.5]) + [sent.pose.position.x, sent.pose.position.y, sent.pose.position.z]
    np.testing.assert_allclose(TILTED.apply(corner), box.corners()[0], atol=1e-5)
    assert math.isnan(sent.age)
    assert math.isnan(sent.inference_time)
    assert math.isnan(sent.encoding_time)
    assert sent.region_id == ""


def test_far_clouds_are_placed_where_they_are(encoding: ModuleType, header: Any):
    far = np.array([4_500_000.0, 650_000.0, 0.0])
    cloud = observe_cloud(np.array([[1.0, 2, 3], [1.5, 2, 3]]) + far)
    region = Box3D(tuple(far + np.array([1.0, 2, 3])), (2, 2, 2))
    sent = encoding.encode_caption(caption("a mug", region, cloud), header, origin=cloud.origin)
    assert sent.pose.position.x == pytest.approx(4_500_001, abs=1e-3)


def test_a_refusal_says_why(encoding: ModuleType, header: Any):
    sent = encoding.encode_refused(Refusal(Code.STALE, "9 s old"), header, question="What?")
    assert (sent.status.code, sent.status.message, sent.text, sent.question) == (Code.STALE, "9 s old", "", "What?")
    assert math.isnan(sent.confidence)
    fine = encoding.encode_caption(caption(), header)
    assert encoding.encode_captions([sent, fine], header).status.code == Code.OK
    assert encoding.encode_captions([sent, sent], header).status.code == Code.STALE
    assert encoding.encode_captions([], header).status.code == Code.OK
    assert encoding.encode_status().code == Code.OK


def placed(encoding: ModuleType, header: Any) -> list[Any]:
    """A caption in space, one refused, one in the image."""
    cloud = observe_cloud(np.array([[1.0, 2, 3]]))
    box = caption("a very long sentence about a mug that stands behind a box", Box3D((1, 2, 3), (1, 2, 4)), cloud)
    flat = caption("a mug", Box(1, 2, 5, 4), ImageObservation(PIXELS))
    refused = encoding.encode_refused(Refusal(Code.STALE, "old"), header)
    return [
        encoding.encode_caption(box, header, motion=OPTICAL_TO_BODY),
        refused,
        encoding.encode_caption(flat, header),
    ]


def test_markers_replace_those_before(encoding: ModuleType, header: Any):
    markers = encoding.encode_markers(placed(encoding, header), header, motion=OPTICAL_TO_BODY, lifetime=1.5).markers
    assert [(marker.ns, marker.action) for marker in markers] == [("", 3), ("boxes", 0), ("captions", 0)]
    _, box, text = markers
    assert (box.scale.x, box.scale.y, box.scale.z) == (1, 2, 4)
    assert 0 < box.color.a < 1
    assert (box.lifetime.sec, box.lifetime.nanosec) == (1, 500_000_000)
    assert text.text.split("\n") == ["a very long sentence about a mug that", "stands behind a box"]
    # Above is -y in an optical frame: half of the height, half of two lines, and half a line between.
    assert text.pose.position.y == pytest.approx(box.pose.position.y - 2 - 1.5 * text.scale.z)
    assert text.pose.position.x == pytest.approx(box.pose.position.x)
    assert text.pose.position.z == pytest.approx(box.pose.position.z)
    assert len(encoding.encode_markers([], header).markers) == 1


def test_boxes_over_the_image(encoding: ModuleType, header: Any):
    marker = encoding.encode_image_marker(placed(encoding, header), header)
    assert marker.type == 2
    assert [(point.x, point.y) for point in marker.points][:3] == [(1, 2), (5, 2), (5, 2)]
    assert len(marker.points) == len(marker.outline_colors) == 8


def test_an_annotated_picture_shows_the_regions(encoding: ModuleType, header: Any):
    image = ImageObservation(np.zeros((240, 320, 3), np.uint8))
    sent = encoding.encode_annotated(image, [caption("a mug", Box(100, 80, 220, 160), image)], header)
    pixels = decode_pixels(sent)
    assert pixels.shape[0] >= 240
    assert pixels.shape[1] >= 320
    assert (pixels == [230, 159, 0]).all(axis=2).sum() > 300  # the outline, in the first colour


def test_diagnostics(encoding: ModuleType):
    level = DiagnosticStatus.WARN
    sent = encoding.encode_diagnostic("captioner", level, "drops frames", {"dropped": 7})
    assert (sent.level, sent.name, sent.message) == (b"\x01", "captioner", "drops frames")
    assert [(pair.key, pair.value) for pair in sent.values] == [("dropped", "7")]


@settings(max_examples=30)
@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=5))
def test_any_mask_comes_back(encoding: ModuleType, rows: list[list[bool]]):
    mask = np.array(rows)
    if mask.any():
        sent = encoding.encode_region_2d(Mask(mask), Header())
        assert decode_region_2d(sent, (4, len(rows))) == Mask(mask)
