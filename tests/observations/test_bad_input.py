"""Everything that people hand over by mistake, and what they are told."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from region_perception.errors import InputWarning, InvalidObservation
from region_perception.observations import Intrinsics, arrays, cloud_arrays, observe, observe_cloud, observe_image

RGB = np.zeros((4, 5, 3), np.uint8)
NAN = float("nan")


def closed_picture() -> Image.Image:
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "PNG")
    picture = Image.open(file)
    picture.close()
    return picture


BAD_IMAGES = {
    "nothing": (None, "expected an array of numbers, got Python objects .* NoneType"),
    "a number": (3, r"expected shape \[H, W\]"),
    "no rows": (np.zeros((0, 5, 3), np.uint8), "no pixels: width 5, height 0"),
    "no columns": (np.zeros((4, 0, 3), np.uint8), "no pixels: width 0, height 4"),
    "channels first": (np.zeros((3, 4, 5), np.uint8), r"channels first.*transpose\(1, 2, 0\).*permute"),
    "one channel first": (np.zeros((1, 4, 5)), "channels first"),
    "a batch": (np.zeros((1, 4, 5, 3), np.uint8), r"array\[0\]"),
    "a video": (np.zeros((8, 4, 5, 3), np.uint8), r"expected shape \[H, W\].*\[8, 4, 5, 3\]"),
    "two channels": (np.zeros((9, 5, 2), np.uint8), r"got \[9, 5, 2\]"),
    "one row of numbers": (np.zeros(5, np.uint8), r"got \[5\]"),
    "float bytes": (np.full((4, 5, 3), 200.0), r"must be in \[0, 1\], got 200 to 200; divide by 255"),
    "float below zero": (np.full((4, 5, 3), -1.0), r"must be in \[0, 1\], got -1 to -1$"),
    "NaN": (np.full((4, 5, 3), NAN), "NaN or infinite"),
    "infinity": (np.full((4, 5, 3), np.inf), "NaN or infinite"),
    "too large integers": (np.full((4, 5, 3), 256), r"int64 values must be in 0\.\.255, got 256 to 256"),
    "negative integers": (np.full((4, 5, 3), -1, np.int16), r"int16 values must be in 0\.\.255, got -1"),
    "16 bits": (np.full((4, 5), 4096, np.uint16), r"// 257"),
    "complex": (np.zeros((4, 5, 3), complex), "complex numbers"),
    "objects": (np.array([[object()]]), "Python objects"),
    "text": (["a.png", "b.png"], "got text"),
    "ragged": ([[1, 2], [3]], "cannot be read as an array"),
    "a mask": (np.zeros((4, 5), bool), "boolean array is a mask"),
    "a masked array": (np.ma.masked_less(RGB, 3), r"masked arrays.*filled"),
    "structured": (np.zeros(4, [("r", "u1"), ("g", "u1")]), "structured fields"),
    "transparent": (np.zeros((4, 5, 4), np.uint8), r"opacity.*0 everywhere.*array\[:, :, :3\]"),
    "no bytes": (b"", "no bytes to read"),
    "an exhausted file": (io.BytesIO(), r"seek\(0\)"),
    "a text file object": (io.StringIO("hello"), "'rb'"),
    "foreign bytes": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", r"starts with b'<svg xml'; expected one of PNG"),
    "EPS": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "expected one of PNG"),
    "a web address": ("https://example.org/cat.jpg", "web address; download it"),
    "a missing file": ("/nowhere/cat.jpg", "/nowhere/cat.jpg: there is no such file"),
    "a folder": ("/", "this is a folder"),
    "a closed PIL image": (closed_picture(), "broken or truncated"),
    "a cloud": (observe_cloud([[0.0, 0, 0]]), "point cloud .* use observe_cloud"),
    "cloud bytes": (b"ply\nformat ascii 1.0\n", r"point cloud \(PLY\), not an image; use observe_cloud"),
}


@pytest.mark.parametrize("case", BAD_IMAGES)
def test_bad_images(case: str) -> None:
    source, message = BAD_IMAGES[case]
    with pytest.raises(InvalidObservation, match=rf"(?s)image.*{message}"):
        observe_image(source)


BAD_DEPTHS = {
    "another size": (np.ones((5, 4)), "depth: it is 4 x 5, the image 5 x 4"),
    "three channels": (np.ones((4, 5, 3)), r"depth: expected shape \[H, W\], got \[4, 5, 3\]"),
    "a picture of depth": (np.ones((4, 5), np.uint8), "depth: 8-bit values are a picture of depth"),
    "millimetres as floats": (np.full((4, 5), 1500.0), "depth: float64 .* median is 1,500 m; convert them to metres"),
    "text": (np.full((4, 5), "far"), "depth: .* got text"),
    "a mask": (np.ones((4, 5), bool), "depth: a boolean array"),
    "a missing file": ("depth.png", "depth depth.png: there is no such file"),
}


@pytest.mark.parametrize("case", BAD_DEPTHS)
def test_bad_depths(case: str) -> None:
    source, message = BAD_DEPTHS[case]
    with pytest.raises(InvalidObservation, match=message):
        observe_image(RGB, depth=source)


def test_an_observation_cannot_be_given_other_depth() -> None:
    with pytest.raises(InvalidObservation, match="ImageObservation already"):
        observe_image(observe_image(RGB), depth=np.ones((4, 5)))
    with pytest.raises(InvalidObservation, match="CloudObservation already"):
        observe_cloud(observe_cloud([[0, 0, 0]]), colors=[[0, 0, 0]])


BAD_CLOUDS = {
    "nothing": (None, "expected an array of numbers, got Python objects"),
    "an empty list": ([], r"expected shape \[N, 3\]"),
    "no points": (np.zeros((0, 3)), "it has no points"),
    "only NaN": (np.full((5, 3), NAN), "all 5 points are NaN or infinite"),
    "transposed": (np.zeros((3, 100)), r"\[3, 100\] is transposed.*array\.T"),
    "transposed with colour": (np.zeros((6, 100)), "is transposed"),
    "flat": (np.zeros(300), r"got \[300\]"),
    "2D points": (np.zeros((10, 2)), r"got \[10, 2\]"),
    "with intensity": (np.zeros((10, 4)), r"array\[:, :3\]"),
    "a batch of batches": (np.zeros((2, 2, 10, 3)), r"got \[2, 2, 10, 3\]"),
    "an image array": (RGB, "is an image; use observe_image"),
    "a PIL image": (Image.fromarray(RGB), r"an image \(PIL\); use observe_image"),
    "an ImageObservation": (observe_image(RGB), r"cloud\(\) is one"),
    "bytes": (b"ply\n", "write a file and pass its path"),
    "an open file": (io.BytesIO(b"ply\n"), "write a file and pass its path"),
    "text": ([["a", "b", "c"]], "got text"),
    "complex": (np.zeros((4, 3), complex), "complex numbers"),
    "a mask": (np.zeros((4, 3), bool), "boolean array is a mask"),
    "structured": (np.zeros(4, [("x", "f4"), ("y", "f4"), ("z", "f4")]), "structured fields"),
    "a sentinel": ([[0, 0, 0], [1e10, 0, 0]], r"1e\+10 m from zero.*NaN for points that are not known"),
    "normals for colours": (np.tile([1.0, 2, 3, -0.5, 0, 0.5], (4, 1)), "are these normals"),
    "a web address": ("http://example.org/a.ply", "web address"),
    "a missing file": ("/nowhere/a.ply", "/nowhere/a.ply: there is no such file"),
    "a folder": ("/", "this is a folder"),
}


@pytest.mark.parametrize("case", BAD_CLOUDS)
def test_bad_clouds(case: str) -> None:
    source, message = BAD_CLOUDS[case]
    with pytest.raises(InvalidObservation, match=f"(cloud|colors).*{message}"):
        observe_cloud(source)


BAD_COLORS = {
    "too few": (np.zeros((3, 3)), r"expected shape \[4, 3\].* got \[3, 3\]"),
    "with opacity": (np.zeros((4, 4)), r"got \[4, 4\]"),
    "too large": (np.full((4, 3), 300.0), "got 300 to 300"),
    "negative": (np.full((4, 3), -0.1), "got -0.1 to -0.1"),
    "names": (["red"] * 4, "got text"),
}


@pytest.mark.parametrize("case", BAD_COLORS)
def test_bad_colours(case: str) -> None:
    colors, message = BAD_COLORS[case]
    with pytest.raises(InvalidObservation, match=f"colors: .*{message}"):
        observe_cloud(np.zeros((4, 3)), colors=colors)


def test_colours_given_twice() -> None:
    with pytest.raises(InvalidObservation, match="given twice"):
        observe_cloud(np.zeros((4, 6)), colors=np.zeros((4, 3)))


PLY = "ply\nformat ascii 1.0\nelement vertex {}\nproperty float x\nproperty float y\nproperty {}\nend_header\n"
PCD = "VERSION .7\nFIELDS x y {}\nSIZE 4 4 {}\nTYPE F F F\nCOUNT 1 1 1\nWIDTH {}\nHEIGHT 1\nDATA {}\n"
# A kilobyte of padding behind each point: 19,999,999 of them would take 19 GiB.
PADDED = PCD.replace("{}\nSIZE", "z pad\nSIZE").replace("COUNT 1 1 1", "COUNT 1 1 1 1000").replace("F F F", "F F F U")
PADDED = PADDED.replace("SIZE 4 4 {}", "SIZE 4 4 4 1").format(19_999_999, "{}")

BAD_FILES = {
    "empty.ply": (b"", r"empty \(0 bytes\)"),
    "text.ply": (b"hello\n", "content is something else, not what its suffix .ply says"),
    "image.ply": (b"\x89PNG\r\n\x1a\n", r"this is an image \(PNG\), not a point cloud; use observe_image"),
    "photo.npy": (b"\xff\xd8\xff\xe0", r"this is an image \(JPEG\)"),
    "other.las": (PLY.format(1, "float z").encode() + b"1 2 3\n", "content is PLY"),
    "cloud.bin": (b"1234", r"suffix '.bin' is not read; expected one of .ply .pcd"),
    "cloud": (b"1234", "suffix '' is not read"),
    "endless.ply": (b"ply\n" + b"comment\n" * 2000, "no line 'end_header'"),
    "cut.ply": (b"ply\nformat ascii 1.0\n", "no line 'end_header'"),
    "format.ply": (b"ply\nformat utf 1.0\nend_header\n", "got utf"),
    "no_vertex.ply": (b"ply\nformat ascii 1.0\nelement face 1\nend_header\n", "'element vertex <count>' first"),
    "no_z.ply": (PLY.format(1, "float w").encode(), "properties x, y, z, got x, y, w"),
    "twice.ply": (PLY.format(1, "float x").encode(), "'x' occurs more than once"),
    "list.ply": (PLY.format(1, "list uchar int z").encode(), "'list uchar int z' is not a plain number"),
    "type.ply": (PLY.format(1, "half z").encode(), "'half z' is not a plain number"),
    "negative.ply": (PLY.format(-5, "float z").encode(), "whole number, its header says '-5'"),
    "zero.ply": (PLY.format(0, "float z").encode(), "it has no points"),
    "huge.ply": (PLY.format(10**9, "float z").encode() + b"1 2 3\n", "1,000,000,000 points, at most 20,000,000"),
    "short.ply": (PLY.format(3, "float z").encode() + b"1 2 3\n4 5 6\n", "promises 3 points and 2 are there"),
    "claims.ply": (
        PLY.format(19_999_999, "float z").encode() + b"1 2 3\n",
        "promises 19,999,999 points and 1 are there",
    ),
    "wide.ply": (PLY.format(1, "float z").encode() + b"1 2 3 " * 10**5, "rows have 300000 columns, its header says 3"),
    "columns.ply": (PLY.format(1, "float z").encode() + b"1 2\n", "rows have 2 columns, its header says 3"),
    "words.ply": (PLY.format(1, "float z").encode() + b"1 2 three\n", "expected rows of numbers"),
    "no_z.pcd": (PCD.format("w", 4, 1, "ascii").encode() + b"1 2 3\n", "fields x, y, z, got x, y, w"),
    "size.pcd": (PCD.format("z", 3, 1, "ascii").encode(), "TYPE F, SIZE 3, COUNT 1, which is no layout"),
    "twice.pcd": (PCD.format("x", 4, 1, "ascii").encode(), "'x' occurs more than once"),
    "entries.pcd": (PCD.format("z w", 4, 1, "ascii").encode(), "as many entries"),
    "data.pcd": (PCD.format("z", 4, 1, "zip").encode(), "ascii, binary or binary_compressed, got zip"),
    "fields.pcd": (b"VERSION .7\nDATA ascii\n", "its header lacks FIELDS, SIZE, TYPE"),
    "negative.pcd": (PCD.format("z", 4, -2, "ascii").encode(), "WIDTH must be a whole number, its header says '-2'"),
    "huge.pcd": (PCD.format("z", 4, 10**9, "binary").encode(), "at most 20,000,000"),
    "short.pcd": (PCD.format("z", 4, 2, "binary").encode() + bytes(12), "promises 2 points and 1 are there"),
    "claims.pcd": (PADDED.format("binary").encode() + b"1 2 3\n", "promises 19,999,999 points and 0 are there"),
    "claims_in_text.pcd": (
        PADDED.format("ascii").encode() + b"1 2 3 0\n",
        "promises 19,999,999 points and 1 are there",
    ),
    "sizes.pcd": (PCD.format("z", 4, 2, "binary_compressed").encode() + bytes(8), "unpacks to 0 bytes, but 2 points"),
    "corrupt.pcd": (
        PCD.format("z", 4, 1, "binary_compressed").encode() + bytes([2, 0, 0, 0, 12, 0, 0, 0, 255, 255]),
        "compressed points are corrupt",
    ),
    "empty.xyz": (b"# only a comment\n\n", "no rows of numbers"),
    "prose.txt": (b"Dear reader,\nthis is not a cloud.\n", "expected rows of numbers .* got 'this is not a cloud.'"),
    "four.xyz": (b"1 2 3 4\n", r"3 columns \(x y z\) or 6 .* got 4"),
    "wide.xyz": (b"1 2 3 " * 10**5, "3 columns .* got 300,000"),
    "ragged.xyz": (b"1 2 3\n4 5\n", "all with as many columns"),
    "word.csv": (b"1,2,3\n4,five,6\n", "could not convert"),
    "binary.txt": (bytes(range(128, 256)) * 4, "no rows of numbers"),
    "short.las": (b"LASF" + bytes(50), "broken or truncated"),
    "zeros.las": (b"LASF" + bytes(400), "broken or truncated"),
    "text.npz": (b"hello", "content is something else"),
    "broken.npz": (b"PK\x03\x04" + bytes(40), "not a complete .npz file"),
    "header.npy": (b"\x93NUMPY\x01\x00\x10\x00{'descr': 1}    \n", "not a complete .npy array"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_cloud_files(tmp_path: Path, name: str) -> None:
    content, message = BAD_FILES[name]
    (tmp_path / name).write_bytes(content)
    if name.endswith(".las"):
        pytest.importorskip("laspy")
    with pytest.raises(InvalidObservation, match=f"(?s)cloud.*{message}"):
        observe_cloud(tmp_path / name)


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "objects.npz", points=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    for name in ("objects.npy", "objects.npz"):
        with pytest.raises(InvalidObservation, match="not a complete"):
            observe_cloud(tmp_path / name)


def test_arrays_of_an_npz_are_found_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "names.npz", vertices=np.zeros((4, 3)))
    with pytest.raises(InvalidObservation, match=r"no array is called points, .* it has vertices"):
        observe_cloud(tmp_path / "names.npz")


def test_limits_hold_for_arrays() -> None:
    many = np.broadcast_to(np.float32(0), (cloud_arrays.MAX_POINTS + 1, 3))
    with pytest.raises(InvalidObservation, match=r"20,000,001 points, at most 20,000,000 .* voxel_down_sample"):
        observe_cloud(many)
    side = int(arrays.MAX_PIXELS**0.5) + 1
    with pytest.raises(InvalidObservation, match=r"10001 x 10001 is 100\.02 megapixels, at most 100 are read"):
        observe_image(np.broadcast_to(np.uint8(0), (side, side, 3)))


def test_intrinsics_are_checked_where_images_are_made() -> None:
    with pytest.raises(InvalidObservation, match="fx must be above 0"):
        observe_image(RGB, intrinsics=(0, 1, 2, 2))
    with pytest.raises(InvalidObservation, match="3x3 matrix"):
        observe_image(RGB, intrinsics=Intrinsics)


def test_warnings_point_at_the_line_that_called_the_library() -> None:
    for call in (observe_cloud, observe):
        with pytest.warns(InputWarning) as caught:
            call([[0, 0, 0], [NAN, 0, 0]])
        assert caught[0].filename == __file__
    frames = io.BytesIO()
    Image.new("RGB", (2, 2)).save(frames, "GIF", save_all=True, append_images=[Image.new("RGB", (2, 2), "red")])
    with pytest.warns(InputWarning) as caught:
        observe_image(frames.getvalue())
    assert caught[0].filename == __file__
