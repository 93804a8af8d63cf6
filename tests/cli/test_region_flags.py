import numpy as np
import pytest
import tyro

from region_perception.cli.options import RegionOptions
from region_perception.cli.region_flags import regions_from
from region_perception.errors import InvalidInput
from region_perception.regions import Box, Box3D, Click, Click3D, Mask, PointSet, Polygon, Scribble


def parsed(*arguments):
    """The regions of a command line, read as the command reads it."""
    return regions_from(tyro.cli(RegionOptions, args=[str(argument) for argument in arguments]))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", []),
        ("--box 1 2 3 4", [Box(1, 2, 3, 4)]),
        ("--box 1 2 3 4 --box -1.5 -2e-3 3 4", [Box(1, 2, 3, 4), Box(-1.5, -0.002, 3, 4)]),
        ("--click 5 6 --click 7.5 8", [Click(5, 6), Click(7.5, 8)]),
        ("--box3d -1 -2 -3 4 5 6", [Box3D((-1, -2, -3), (4, 5, 6))]),
        ("--box3d 1 2 3 4 5 6 -0.5", [Box3D((1, 2, 3), (4, 5, 6), -0.5)]),
        ("--box3d 1 2 3 4 5 6 --box3d 1 2 3 4 5 6 1", [Box3D((1, 2, 3), (4, 5, 6)), Box3D((1, 2, 3), (4, 5, 6), 1)]),
        ("--click3d -1 -.5 1e3", [Click3D(-1, -0.5, 1000)]),
        ("--click 5 6 --box 1 2 3 4", [Box(1, 2, 3, 4), Click(5, 6)]),  # in the order of the help
    ],
)
def test_numbers(arguments, expected):
    assert parsed(*arguments.split()) == expected


def test_outlines_and_strokes():
    expected = [Polygon([(1, 2), (30, 4), (5.5, -6)]), Scribble([(0, 0), (5, 5)])]
    assert parsed("--scribble", " 0,0  5,5 ", "--polygon", "1,2 30,4 5.5,-6") == expected
    assert parsed("--polygon", "-1,2 30,4 5,6") == [Polygon([(-1, 2), (30, 4), (5, 6)])]


def test_files(folder):
    mask = np.zeros((48, 64), dtype=bool)
    mask[10:30, 20:40] = True
    for name in ("mask.png", "ones.png", "mask.npy"):
        assert parsed("--mask", folder / name) == [Mask(mask)]
    assert parsed("--points", folder / "rows.npy") == [PointSet(np.arange(20))]
    assert parsed("--points", folder / "chosen.npy") == [PointSet(mask=np.arange(300) < 20)]
    assert parsed("--regions", folder / "regions.json") == [Box(1, 2, 30, 40)]


@pytest.mark.parametrize("region", [Box(1, 2, 3, 4), Polygon([(0, 0), (9, 0), (0, 9)]), PointSet([3, 1])])
def test_what_a_region_writes_is_read_back(tmp_path, region):
    import json

    (tmp_path / "regions.json").write_text(json.dumps([region.to_dict(), region.to_dict()]))
    assert parsed("--regions", tmp_path / "regions.json") == [region, region]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--box", "5", "5", "1", "1"], "no area"),
        (["--box", "nan", "1", "2", "3"], "finite"),
        (["--box3d", "1", "2", "3"], "--box3d: expected CX CY CZ SX SY SZ and perhaps YAW, got 3 numbers"),
        (["--box3d", *"12345678"], "got 8 numbers"),
        (["--box3d", "1", "2", "3", "4", "5", "0"], "larger than 0"),
        (["--polygon", "1,2 3"], "'3' is no point"),
        (["--polygon", "1,2 3,4,5 6,7"], "'3,4,5' is no point"),
        (["--polygon", "1,2 3,x 6,7"], "'3,x' is no point"),
        (["--polygon", "1,2 3,4"], "3"),
        (["--polygon", ""], "points"),
        (["--scribble", "1;2"], "'1;2' is no point"),
        (["--mask", "missing.png"], "--mask missing.png: there is no such file"),
        (["--points", "missing.npy"], "--points missing.npy: there is no such file"),
        (["--regions", "missing.json"], "--regions missing.json is missing"),
    ],
)
def test_mistakes_are_named(arguments, message):
    with pytest.raises(InvalidInput) as error:
        parsed(*arguments)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read: it is no JSON"),
        ("[" * 100_000, "lists within lists"),
        ("{}", "holds dict; expected a list"),
        ('[{"type": "circle"}]', "entry 0: Unknown region type"),
        ('[{"type": "click", "points": [[1, 2]], "labels": [1]}, 7]', "entry 1"),
    ],
)
def test_mistakes_in_written_regions_are_named(tmp_path, text, message):
    (tmp_path / "regions.json").write_text(text)
    with pytest.raises(InvalidInput, match=message):
        parsed("--regions", tmp_path / "regions.json")


def test_broken_files_are_named(tmp_path):
    broken = tmp_path / "broken.npy"
    broken.write_bytes(b"\x93NUMPY, or not")
    for flag in ("--points", "--mask"):
        with pytest.raises(InvalidInput, match=f"{flag}.*broken.npy"):
            parsed(flag, broken)
