"""Images, depth and calibration from messages: known pixels in every layout, and everything that can be wrong."""

import io
import struct
import zlib
from array import array
from typing import Any

import numpy as np
import pytest
from conftest import Types
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from stand_ins import stand_in

from ros_nodes.decoding import Code, Refusal, decode_camera_info, decode_depth, decode_image, decode_pixels
from ros_nodes.messages.image_messages import ENCODINGS

RED_GREEN = np.array([[[250, 20, 30], [10, 240, 50]]], np.uint8)  # RGB, 2 x 1


def image(make: Types, values: np.ndarray, encoding: str, *, big: bool = False, padding: int = 0, **other: Any) -> Any:
    """A message of [H, W] or [H, W, C], `padding` bytes behind each row."""
    values = values.astype(values.dtype.newbyteorder(">" if big else "<"))
    rows = values.reshape(len(values), -1).view(np.uint8)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    fields = {
        "height": len(values),
        "width": values.shape[1],
        "step": rows.shape[1],
        "data": array("B", rows.tobytes()),
    }
    return make("sensor_msgs/Image", encoding=encoding, is_bigendian=int(big), **(fields | other))


def compressed(make: Types, picture: Any, kind: str, written: str = "", before: bytes = b"") -> Any:
    file = io.BytesIO()
    picture.save(file, kind)
    data = array("B", before + file.getvalue())
    return make("sensor_msgs/CompressedImage", format=written or kind.lower(), data=data)


def refused(call: Any, *arguments: Any, **options: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        call(*arguments, **options)
    return caught.value


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "rgba8", "bgra8", "8UC3", "8UC4"])
def test_colours_end_up_in_their_places(make: Types, encoding: str, padding: int):
    order = [0, 1, 2] if encoding.startswith("rgb") else [2, 1, 0]
    values = RED_GREEN[..., order]
    if ENCODINGS[encoding][1] == 4:
        values = np.concatenate([values, np.zeros((1, 2, 1), np.uint8)], axis=2)  # transparent, which is not read
    pixels = decode_pixels(image(make, np.repeat(values, 3, axis=0), encoding, padding=padding))
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.repeat(RED_GREEN, 3, axis=0))


@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_grey_becomes_three_equal_channels(make: Types, encoding: str):
    grey = np.array([[0, 9], [200, 255]], np.uint8)
    pixels = decode_pixels(image(make, grey, encoding, padding=1))
    np.testing.assert_array_equal(pixels, np.repeat(grey[..., None], 3, axis=2))


@pytest.mark.parametrize("big", [False, True])
def test_sixteen_bits_become_eight(make: Types, big: bool):
    grey = np.array([[0, 257], [256 * 128, 65535]], np.uint16)
    message = image(make, grey, "mono16", big=big)
    before = bytes(message.data)
    for _ in range(2):  # reading changes nothing
        np.testing.assert_array_equal(decode_pixels(message)[..., 1], [[0, 1], [128, 255]])
    assert bytes(message.data) == before
    bgr = (RED_GREEN[..., ::-1].astype(np.uint16)) * 257
    np.testing.assert_array_equal(decode_pixels(image(make, bgr, "bgr16", big=big)), RED_GREEN)


@pytest.mark.parametrize("big", [False, True])
def test_depth_is_metres_whatever_it_was(make: Types, big: bool):
    metres = np.array([[1.5, np.nan, np.inf], [-np.inf, 0.0, 0.25]], np.float32)
    expected = np.array([[1.5, np.nan, np.nan], [np.nan, np.nan, 0.25]], np.float32)
    depth = decode_depth(image(make, metres, "32FC1", big=big, padding=4))
    assert depth.dtype == np.float32
    np.testing.assert_array_equal(depth, expected)
    millimetres = np.array([[1500, 0, 0], [0, 0, 250]], np.uint16)
    for encoding in ("16UC1", "mono16"):
        np.testing.assert_allclose(decode_depth(image(make, millimetres, encoding, big=big)), expected)


def test_millimetres_that_claim_to_be_metres_are_noticed(make: Types):
    problem = refused(decode_depth, image(make, np.full((16, 16), 1500, np.float32), "32FC1"))
    assert problem.code == Code.INVALID_IMAGE
    assert "1,500 m" in problem.message


def test_jpeg_and_png_are_read(make: Types):
    picture = Pillow.fromarray(np.repeat(np.repeat(RED_GREEN, 16, axis=0), 16, axis=1))
    png = compressed(make, picture, "PNG", "rgb8; png compressed bgr8")
    np.testing.assert_array_equal(decode_pixels(png), np.asarray(picture))
    jpeg = decode_pixels(compressed(make, picture, "JPEG", "bgr8; jpeg compressed bgr8"))
    assert np.abs(jpeg.astype(int) - np.asarray(picture)).mean() < 6
    grey = Pillow.fromarray(np.array([[0, 257 * 9]], np.uint16))
    np.testing.assert_array_equal(decode_pixels(compressed(make, grey, "PNG"))[0, :, 2], [0, 9])


def test_compressed_depth_is_read(make: Types):
    millimetres = Pillow.fromarray(np.array([[1500, 0], [0, 250]], np.uint16))
    expected = [[1.5, np.nan], [np.nan, 0.25]]
    header = struct.pack("<iff", 0, 0.0, 0.0)
    for message in (
        compressed(make, millimetres, "PNG", "16UC1; png compressed "),
        compressed(make, millimetres, "PNG", "16UC1; compressedDepth png", header),
        compressed(make, millimetres, "PNG", "16UC1; compressedDepth", header),
    ):
        np.testing.assert_allclose(decode_depth(message), expected)


def test_quantised_depth_is_read(make: Types):
    """Floats travel as whole numbers a / depth + b."""
    a, b = 10100.0, -1009.0
    metres = np.array([[0.5, 2.0], [5.0, np.nan]], np.float32)
    with np.errstate(invalid="ignore"):
        written = np.nan_to_num(np.rint(a / metres + b)).astype(np.uint16)
    message = compressed(
        make, Pillow.fromarray(written), "PNG", "32FC1; compressedDepth png", struct.pack("<iff", 0, a, b)
    )
    np.testing.assert_allclose(decode_depth(message), metres, rtol=1e-3)


def camera_info(make: Types, **values: Any) -> Any:
    k = [500.0, 0.0, 319.5, 0.0, 510.0, 239.5, 0.0, 0.0, 1.0]
    p = [400.0, 0.0, 300.0, -40.0, 0.0, 410.0, 200.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    return make("sensor_msgs/CameraInfo", **({"width": 640, "height": 480, "k": k, "p": p} | values))


def test_calibration_of_raw_and_rectified_images(make: Types):
    raw = decode_camera_info(camera_info(make), (640, 480))
    assert (raw.fx, raw.fy, raw.cx, raw.cy) == (500, 510, 319.5, 239.5)
    rectified = decode_camera_info(camera_info(make), (640, 480), rectified=True)
    assert (rectified.fx, rectified.fy, rectified.cx, rectified.cy) == (400, 410, 300, 200)


def test_binning_and_windows_are_undone(make: Types):
    """A point in space is seen at the same place of the sensor, whatever part of it is read and how."""
    roi = make("sensor_msgs/RegionOfInterest", x_offset=100, y_offset=60, width=400, height=200)
    camera = decode_camera_info(camera_info(make, roi=roi, binning_x=2, binning_y=4), (200, 50))
    for x, y in ((0.1, 0.2), (-0.3, 0.05)):
        on_sensor = 500 * x + 319.5, 510 * y + 239.5
        pixel = camera.fx * x + camera.cx, camera.fy * y + camera.cy
        middle = (pixel[0] + 0.5) * 2 - 0.5 + 100, (pixel[1] + 0.5) * 4 - 0.5 + 60
        assert middle == pytest.approx(on_sensor)


def test_image_depth_and_calibration_come_together(make: Types):
    depth = image(make, np.full((1, 2), 2000, np.uint16), "16UC1")
    seen = decode_image(image(make, RED_GREEN, "rgb8"), depth=depth, camera_info=camera_info(make, width=2, height=1))
    assert seen.depth is not None
    assert seen.cloud().points[0, 0] == 2.0
    assert decode_image(image(make, RED_GREEN, "rgb8")).intrinsics is None


# What can be wrong ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"height": 0},
        {"width": 0},
        {"data": array("B")},
        {"data": array("B", bytes(11))},
        {"step": 5},
        {"width": 2**31, "height": 2**31},
        {"height": 2**32 - 1},
        {"step": 2**32 - 1},
        {"width": 3},
    ],
    ids=str,
)
def test_images_that_do_not_hold_what_they_say(make: Types, wrong: dict[str, Any]):
    message = image(make, np.repeat(RED_GREEN, 2, axis=0), "rgb8", **wrong)
    problem = refused(decode_pixels, message)
    assert problem.code == Code.INVALID_IMAGE
    assert any(
        str(value) in problem.message.replace(",", "") for value in (*wrong.values(), 0, 11) if isinstance(value, int)
    )


@pytest.mark.parametrize("encoding", ["", "bayer_rggb8", "yuv422_yuy2", "nv12", "64FC3", "rgb\0; rm -rf", "x" * 9999])
def test_unknown_encodings_are_answered_with_those_that_are_known(make: Types, encoding: str):
    problem = refused(decode_pixels, image(make, RED_GREEN, encoding))
    assert problem.code == Code.UNSUPPORTED_ENCODING
    assert "rgb8, bgr8" in problem.message
    assert problem.message.isprintable()
    assert len(problem.message) < 400
    assert refused(decode_depth, image(make, RED_GREEN, encoding)).code == Code.UNSUPPORTED_ENCODING


def test_depth_is_not_an_image_and_an_image_not_depth(make: Types):
    assert refused(decode_pixels, image(make, np.ones((2, 2), np.uint16), "16UC1")).code == Code.UNSUPPORTED_ENCODING
    assert refused(decode_depth, image(make, RED_GREEN, "rgb8")).code == Code.UNSUPPORTED_ENCODING


def test_limits_are_those_of_the_caller(make: Types):
    message = image(make, np.zeros((20, 30, 3), np.uint8), "rgb8")
    assert decode_pixels(message, max_pixels=600).shape == (20, 30, 3)
    problem = refused(decode_pixels, message, max_pixels=599)
    assert problem.code == Code.TOO_LARGE
    assert "30 x 20" in problem.message
    assert "599" in problem.message


def bomb(width: int, height: int) -> bytes:
    """A PNG that claims a size, and ends where its pixels begin."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99)))


@pytest.mark.parametrize("size", [(60_000, 60_000), (8_000, 8_000), (2**31 - 1, 2**31 - 1)])
def test_bombs_are_refused_by_their_header(make: Types, size: tuple[int, int]):
    message = make("sensor_msgs/CompressedImage", format="png", data=array("B", bomb(*size)))
    assert refused(decode_pixels, message).code == Code.TOO_LARGE
    assert refused(decode_depth, message).code == Code.TOO_LARGE


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_broken_files_are_refused(make: Types, kind: str):
    whole = compressed(make, Pillow.fromarray(np.zeros((64, 64, 3), np.uint8) + 90), kind)
    for data in (whole.data[: len(whole.data) // 2], whole.data[:12]):
        message = make("sensor_msgs/CompressedImage", format=kind, data=data)
        assert refused(decode_pixels, message).code == Code.INVALID_IMAGE
    empty = make("sensor_msgs/CompressedImage", format=kind)
    assert refused(decode_pixels, empty).code == Code.INVALID_IMAGE
    junk = make("sensor_msgs/CompressedImage", format="jpeg", data=array("B", b"GIF89a" + bytes(90)))
    assert refused(decode_pixels, junk).code == Code.UNSUPPORTED_ENCODING


def test_compressed_depth_that_is_not_read(make: Types):
    depth = Pillow.fromarray(np.ones((2, 2), np.uint16))
    rvl = compressed(make, depth, "PNG", "16UC1; compressedDepth rvl", bytes(12))
    assert refused(decode_depth, rvl).code == Code.UNSUPPORTED_ENCODING
    assert refused(decode_pixels, rvl).code == Code.UNSUPPORTED_ENCODING
    short = make("sensor_msgs/CompressedImage", format="16UC1; compressedDepth png", data=array("B", bytes(5)))
    assert refused(decode_depth, short).code == Code.INVALID_IMAGE
    eight = compressed(make, Pillow.fromarray(np.ones((2, 2), np.uint8)), "PNG", "8UC1; png compressed ")
    assert refused(decode_depth, eight).code == Code.UNSUPPORTED_ENCODING


@pytest.mark.parametrize(
    "wrong",
    [
        {"k": [0.0] * 9},
        {"k": [float("nan")] * 9},
        {"k": [500.0, 0.0, float("inf"), 0.0, 500.0, 1.0, 0.0, 0.0, 1.0]},
        {"k": [-500.0, 0.0, 1.0, 0.0, 500.0, 1.0, 0.0, 0.0, 1.0]},
        {"width": 320, "height": 240},
        {"width": 0, "height": 0},
        {"binning_x": 2},
        {"binning_x": 2**32 - 1},
    ],
    ids=str,
)
def test_calibration_that_does_not_fit(make: Types, wrong: dict[str, Any]):
    assert refused(decode_camera_info, camera_info(make, **wrong), (640, 480)).code == Code.NO_CALIBRATION


def test_what_belongs_to_another_camera_is_refused(make: Types):
    def of(frame: str) -> Any:
        return make("std_msgs/Header", frame_id=frame)

    picture = image(make, RED_GREEN, "rgb8", header=of("left"))
    info = camera_info(make, width=2, height=1, header=of("right"))
    assert refused(decode_image, picture, camera_info=info).code == Code.NO_CALIBRATION
    depth = image(make, np.ones((1, 2), np.uint16), "16UC1", header=of("right"))
    assert refused(decode_image, picture, depth=depth).code == Code.NO_CALIBRATION
    larger = image(make, np.ones((2, 4), np.uint16), "16UC1")
    problem = refused(decode_image, picture, depth=larger)
    assert problem.code == Code.NO_CALIBRATION
    assert "4 x 2" in problem.message


numbers = st.integers(0, 2**32 - 1) | st.integers(0, 9)


@given(numbers, numbers, numbers, st.sampled_from([*ENCODINGS, "16UC1", "32FC1", "junk"]), st.binary(max_size=80))
def test_whatever_arrives_is_an_image_or_refused(height: int, width: int, step: int, encoding: str, data: bytes):
    message = stand_in("sensor_msgs/Image")(
        height=height, width=width, step=step, encoding=encoding, data=array("B", data)
    )
    for decode, kind in ((decode_pixels, np.uint8), (decode_depth, np.float32)):
        try:
            seen = decode(message)
        except Refusal:
            continue
        assert seen.dtype == kind
        assert seen.shape[:2] == (height, width)


@given(
    st.binary(max_size=200), st.sampled_from(["png", "16UC1; compressedDepth png", "32FC1; compressedDepth png", ""])
)
def test_whatever_file_arrives_is_an_image_or_refused(data: bytes, written: str):
    for start in (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", bytes(12) + bomb(4, 4)):
        message = stand_in("sensor_msgs/CompressedImage")(format=written, data=array("B", start + data))
        for decode in (decode_pixels, decode_depth):
            with pytest.raises(Refusal):
                decode(message)
