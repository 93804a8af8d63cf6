"""Every cloud format, against open3d, laspy and numpy as writers."""

import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from region_perception.errors import InputWarning, InvalidObservation, MissingDependency
from region_perception.observations import CloudObservation, observe_cloud

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(500, 3)).astype(np.float32)
BYTES = RNG.integers(0, 256, (500, 3), dtype=np.uint8)


def check(cloud: CloudObservation, *, colored: bool = True, atol: float = 1e-6) -> None:
    np.testing.assert_allclose(cloud.points, POINTS, atol=atol)
    if colored:
        np.testing.assert_allclose(cloud.colors, BYTES / 255, atol=1e-6)
    else:
        assert cloud.colors is None


@pytest.mark.parametrize("colored", [True, False])
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("ply", {}),
        ("ply", {"write_ascii": True}),
        ("pcd", {}),
        ("pcd", {"write_ascii": True}),
        ("pcd", {"compressed": True}),
    ],
)
def test_what_open3d_writes_comes_back(tmp_path: Path, suffix: str, options: dict, colored: bool) -> None:
    o3d = pytest.importorskip("open3d")
    written = o3d.t.geometry.PointCloud(POINTS)
    if colored:
        written.point.colors = BYTES
    path = tmp_path / f"cloud.{suffix}"
    o3d.t.io.write_point_cloud(str(path), written, **options)
    check(observe_cloud(path), colored=colored, atol=1e-5)  # open3d writes text with six digits
    whole = path.read_bytes()
    for share in (0.02, 0.5, 0.98):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(InvalidObservation, match=rf"cloud\.{suffix}"):
            observe_cloud(path)


def test_compressed_pcd_with_repeating_bytes(tmp_path: Path) -> None:
    """Copies that reach into themselves: the runs of equal bytes that a plane at one height compresses to."""
    o3d = pytest.importorskip("open3d")
    points = np.tile(np.array([[1, 2, 3], [1, 2, 4]], np.float32), (4000, 1))
    path = tmp_path / "plane.pcd"
    o3d.t.io.write_point_cloud(str(path), o3d.t.geometry.PointCloud(points), compressed=True)
    assert path.stat().st_size < points.nbytes / 10
    np.testing.assert_array_equal(observe_cloud(path).points, points)


@pytest.mark.parametrize(("order", "mark"), [("little", "<"), ("big", ">")])
def test_ply_of_both_byte_orders_with_other_properties(tmp_path: Path, order: str, mark: str) -> None:
    layout = [("x", "f8"), ("y", "f8"), ("z", "f8"), ("nx", "f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1")]
    rows = np.zeros(len(POINTS), [(name, mark + kind) for name, kind in layout])
    for axis, name in enumerate("xyz"):
        rows[name] = POINTS[:, axis]
    for axis, name in enumerate(("red", "green", "blue")):
        rows[name] = BYTES[:, axis]
    types = {"f8": "double", "f4": "float", "u1": "uchar"}
    header = f"ply\nformat binary_{order}_endian 1.0\ncomment made by hand\nelement vertex {len(rows)}\n"
    header += "".join(f"property {types[kind]} {name}\n" for name, kind in layout)
    header += "element face 1\nproperty list uchar int vertex_indices\nend_header\n"
    (tmp_path / "mesh.ply").write_bytes(header.encode() + rows.tobytes() + struct.pack(mark + "Biii", 3, 0, 1, 2))
    check(observe_cloud(tmp_path / "mesh.ply"))


def test_pcd_with_doubles_and_padding(tmp_path: Path) -> None:
    """As PCL pads its point types; open3d reads this layout as zeros, or crashes."""
    rows = np.zeros(len(POINTS), [("x", "<f8", 3), ("pad", "u1", 4), ("rgb", "<u4"), ("tail", "u1", 12)])
    rows["x"] = POINTS
    rows["rgb"] = BYTES.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    header = (
        "# .PCD v0.7\nVERSION 0.7\nFIELDS x y z _ rgb _\nSIZE 8 8 8 1 4 1\nTYPE F F F U U U\nCOUNT 1 1 1 4 1 12\n"
        f"WIDTH 50\nHEIGHT 10\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {len(rows)}\nDATA binary\n"
    )
    (tmp_path / "padded.pcd").write_bytes(header.encode() + rows.tobytes())
    check(observe_cloud(tmp_path / "padded.pcd"))


def test_pcd_text_with_colours_in_the_bits_of_a_float(tmp_path: Path) -> None:
    red = np.array([255 << 16], np.uint32).view(np.float32)[0]
    text = "VERSION .7\nFIELDS x y z rgb\nSIZE 4 4 4 4\nTYPE F F F F\nWIDTH 2\nHEIGHT 1\nDATA ascii\n"
    (tmp_path / "text.pcd").write_text(
        f"{text}1 2 3 {red!r}\nnan nan nan 0\n".replace("np.float32(", "").replace(")", "")
    )
    with pytest.warns(InputWarning, match="dropped 1 of 2"):
        cloud = observe_cloud(tmp_path / "text.pcd")
    assert cloud.points.tolist() == [[1, 2, 3]]
    assert cloud.colors.tolist() == [[1, 0, 0]]
    assert cloud.source_count == 2


def test_npy_and_npz(tmp_path: Path) -> None:
    np.save(tmp_path / "plain.npy", POINTS)
    check(observe_cloud(tmp_path / "plain.npy"), colored=False)
    np.save(tmp_path / "colored.npy", np.hstack((POINTS, BYTES)).astype(np.float64))
    check(observe_cloud(tmp_path / "colored.npy"))
    for names in (("points", "colors"), ("xyz", "rgb"), ("positions", "colors")):
        np.savez_compressed(tmp_path / "named.npz", **dict(zip(names, (POINTS, BYTES), strict=True)))
        check(observe_cloud(tmp_path / "named.npz"))
    np.savez(tmp_path / "unnamed.npz", POINTS)
    check(observe_cloud(tmp_path / "unnamed.npz"), colored=False)
    check(observe_cloud(tmp_path / "unnamed.npz", colors=BYTES))


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_truncated_numpy_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cut.{suffix}"
    (np.save if suffix == "npy" else np.savez)(path, POINTS)
    whole = path.read_bytes()
    for share in (0.02, 0.5, 0.98):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(InvalidObservation, match=rf"cut\.{suffix}.*not a complete"):
            observe_cloud(path)


@pytest.mark.parametrize("suffix", ["xyz", "txt", "csv"])
@pytest.mark.parametrize("delimiter", [" ", "\t", ",", ", ", ";"])
@pytest.mark.parametrize("head", ["", "# x y z\n", "// made by hand\n\nx y z r g b\n", "X,Y,Z,R,G,B\n"])
def test_text_files(tmp_path: Path, suffix: str, delimiter: str, head: str) -> None:
    path = tmp_path / f"cloud.{suffix}"
    rows = (delimiter.join(f"{value:.7g}" for value in row) for row in np.hstack((POINTS, BYTES)))
    path.write_text(head + "\n".join(rows) + "\n")
    check(observe_cloud(path), atol=1e-5)


@pytest.mark.parametrize("suffix", ["las", "laz"])
def test_las_in_map_coordinates(tmp_path: Path, suffix: str) -> None:
    laspy = pytest.importorskip("laspy")
    offset = np.array([500_000.0, 5_000_000.0, 0.0])
    header = laspy.LasHeader(point_format=3, version="1.2")
    header.offsets, header.scales = offset, np.full(3, 0.001)
    las = laspy.LasData(header)
    las.xyz = POINTS + offset
    las.red, las.green, las.blue = (BYTES.astype(np.uint16) * 257).T
    path = tmp_path / f"map.{suffix}"
    las.write(str(path))
    cloud = observe_cloud(path)
    np.testing.assert_allclose(cloud.points + cloud.origin, POINTS + offset, atol=1e-3, rtol=0)
    np.testing.assert_allclose(cloud.colors, BYTES / 255, atol=1e-6)
    whole = path.read_bytes()
    for share in (0.01, 0.5, 0.98):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(InvalidObservation, match="truncated"):
            observe_cloud(path)


@pytest.mark.parametrize("suffix", ["las", "laz"])
def test_las_of_a_format_without_colour(tmp_path: Path, suffix: str) -> None:
    laspy = pytest.importorskip("laspy")
    las = laspy.LasData(laspy.LasHeader(point_format=6, version="1.4"))
    las.xyz = POINTS
    las.write(str(tmp_path / f"grey.{suffix}"))
    check(observe_cloud(tmp_path / f"grey.{suffix}"), colored=False, atol=0.006)


def test_las_counts_that_the_file_has_no_room_for(tmp_path: Path) -> None:
    """Believed, the first would loop for minutes and the second end the process for lack of memory."""
    laspy = pytest.importorskip("laspy")
    las = laspy.LasData(laspy.LasHeader(point_format=0, version="1.2"))
    las.xyz = POINTS
    path = tmp_path / "claims.laz"
    las.write(str(path))
    whole = path.read_bytes()
    (points_start,) = struct.unpack_from("<I", whole, 96)
    (chunk_table,) = struct.unpack_from("<q", whole, points_start)
    for position, message in ((100, "records"), (chunk_table + 4, "chunks"), (107, "at most")):
        changed = bytearray(whole)
        struct.pack_into("<I", changed, position, 2**32 - 1)
        path.write_bytes(changed)
        with pytest.raises(InvalidObservation, match=message):
            observe_cloud(path)


def test_las_without_laspy_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.las").write_bytes(b"LASF" + bytes(400))
    monkeypatch.setitem(sys.modules, "laspy", None)
    with pytest.raises(MissingDependency, match=r"region_perception\[cloud\]"):
        observe_cloud(tmp_path / "a.las")
