"""Images from files, bytes and PIL."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from region_perception.errors import InputWarning, InvalidObservation
from region_perception.observations import observe_image

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)


def encoded(picture: Image.Image, format_name: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, format_name, **options)
    return file.getvalue()


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm", "webp"])
def test_lossless_files_come_back_exactly(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"image.{suffix}"
    Image.fromarray(PIXELS).save(path, **({"lossless": True} if suffix == "webp" else {}))
    np.testing.assert_array_equal(observe_image(path).pixels, PIXELS)
    np.testing.assert_array_equal(observe_image(str(path)).pixels, PIXELS)


def test_jpeg_comes_back_nearly(tmp_path: Path) -> None:
    ramp = np.repeat(np.linspace(0, 255, 32, dtype=np.uint8)[None, :, None], 32, axis=0).repeat(3, axis=2)
    Image.fromarray(ramp).save(tmp_path / "image.jpg", quality=95)
    assert abs(observe_image(tmp_path / "image.jpg").pixels.astype(int) - ramp).max() < 8


def test_bytes_open_files_and_pil_images(tmp_path: Path) -> None:
    picture = Image.fromarray(PIXELS)
    data = encoded(picture)
    (tmp_path / "image").write_bytes(data)  # the content decides, not the name
    with (tmp_path / "image").open("rb") as file:
        for source in (data, bytearray(data), io.BytesIO(data), file, picture, tmp_path / "image"):
            np.testing.assert_array_equal(observe_image(source).pixels, PIXELS)


def test_npy_files_are_read_as_their_array(tmp_path: Path) -> None:
    np.save(tmp_path / "image.npy", PIXELS)
    np.save(tmp_path / "depth.npy", np.full((6, 8), 1500, np.uint16))
    image = observe_image(tmp_path / "image.npy", depth=tmp_path / "depth.npy")
    np.testing.assert_array_equal(image.pixels, PIXELS)
    assert (image.depth == 1.5).all()


def test_depth_from_a_16_bit_png_is_in_millimetres(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 1234]], np.uint16)).save(tmp_path / "depth.png")
    for source in (tmp_path / "depth.png", Image.open(tmp_path / "depth.png")):
        depth = observe_image(np.zeros((1, 2, 3), np.uint8), depth=source).depth
        np.testing.assert_allclose(depth, [[np.nan, 1.234]], rtol=1e-6)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    """The corner marked red is where a viewer shows it."""
    upright = np.zeros((2, 3, 3), np.uint8)
    upright[0, 0] = (255, 0, 0)
    undo = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(np.ascontiguousarray(undo[orientation])), exif=exif)
    np.testing.assert_array_equal(observe_image(data).pixels, upright)


def test_a_turned_image_does_not_fit_its_depth() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    data = encoded(Image.fromarray(PIXELS), exif=exif)
    with pytest.raises(InvalidObservation, match=r"EXIF orientation \(3\) turns it"):
        observe_image(data, depth=np.ones((6, 8)))


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "CMYK", "YCbCr", "HSV", "RGBX"])
def test_every_mode_shows_what_pil_shows(mode: str) -> None:
    picture = Image.fromarray(PIXELS).convert(mode)
    np.testing.assert_array_equal(observe_image(picture).pixels, np.asarray(picture.convert("RGB")))


def test_transparent_palette_pixels_are_white() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((1, 0), 1)
    data = encoded(picture, transparency=0)
    assert observe_image(data).pixels.tolist() == [[[255, 255, 255], [40, 50, 60]]]


def test_16_bit_grey_is_scaled_and_not_clipped() -> None:
    data = encoded(Image.fromarray(np.array([[0, 257, 32768, 65535]], np.uint16)))
    assert observe_image(data).pixels[0, :, 0].tolist() == [0, 1, 128, 255]


def test_float_tiff_is_read_in_the_unit_range(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 1]], np.float32)).save(tmp_path / "image.tif")
    assert observe_image(tmp_path / "image.tif").pixels[0, :, 0].tolist() == [0, 255]


def test_of_an_animation_the_first_frame_is_used() -> None:
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with pytest.warns(InputWarning, match="2 frames"):
        image = observe_image(data)
    assert image.pixels[0, 0].tolist() == [255, 0, 0]


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    """A PNG of 60 bytes that says it is 20,000 x 20,000."""
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    with pytest.raises(InvalidObservation, match=r"400000000 pixels|400 megapixels"):
        observe_image(b"\x89PNG\r\n\x1a\n" + body)


@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_truncated_files_are_refused_by_name(tmp_path: Path, format_name: str) -> None:
    data = encoded(Image.fromarray(PIXELS.repeat(8, axis=0).repeat(8, axis=1)), format_name)
    path = tmp_path / "cut.img"
    for share in (0.1, 0.5, 0.9):
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(InvalidObservation, match=r"cut\.img"):
            observe_image(path)
