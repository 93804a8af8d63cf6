"""ModelNet40: folders of text with normals, and the table of all points; whatever may be wrong with either."""

import pickle

import numpy as np
import pytest

from region_perception.data import entries, modelnet
from region_perception.data.checking import check
from region_perception.data.formats.array_pickles import read_array_lists
from region_perception.data.places import open_place
from region_perception.data.sets import named_set
from region_perception.errors import InvalidInput, InvalidObservation

NAMES = "airplane\nflower_pot\nnight_stand\n"
TABLE = "modelnet40_test_8192pts_fps.dat"


def points(seed):
    """float32 [8, 6]: xyz, and normals that no colour could be."""
    rows = np.random.default_rng(seed).uniform(-1, 1, (8, 6)).astype(np.float32)
    rows[:, 3:] -= 0.5
    return rows


@pytest.fixture
def listed(tmp_path):
    """A folder as PointNet++ has it, one below the data folder."""
    folder = tmp_path / "modelnet40_normal_resampled"
    for line, seed in (("airplane_0627", 1), ("flower_pot_0001", 2)):
        path = folder / line.rpartition("_")[0] / f"{line}.txt"
        path.parent.mkdir(parents=True)
        np.savetxt(path, points(seed), fmt="%.6f", delimiter=",")
    (folder / "modelnet40_shape_names.txt").write_text(NAMES)
    (folder / "modelnet40_test.txt").write_text("airplane_0627\nflower_pot_0001\n\n")
    return tmp_path


@pytest.fixture
def tabled(tmp_path):
    """write(labels, protocol) -> a folder with a table of so many objects."""

    def write(labels=(0, 2), protocol=3):
        (tmp_path / "modelnet40_shape_names.txt").write_text(NAMES)
        made = [[points(seed) for seed in range(len(labels))], [np.array([label], np.int32) for label in labels]]
        (tmp_path / TABLE).write_bytes(pickle.dumps(made, protocol))
        return tmp_path

    return write


def test_objects_of_a_list(listed, read):
    found = read("modelnet40", listed, "test")
    assert not found.flaws
    assert [entry.sentences for entry in found.entries] == [("airplane",), ("flower pot",)]
    entry = found.by_id["modelnet40/flower_pot_0001"]
    assert entry.place == {"shape": "modelnet40_normal_resampled/flower_pot/flower_pot_0001.txt"}
    assert entry.meta == {"category_id": 1, "category": "flower pot"}
    cloud = open_place(listed, entry.place)
    np.testing.assert_allclose(cloud.points + cloud.origin, points(2)[:, :3], atol=1e-5)
    assert cloud.colors is None, "normals are no colours"


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_objects_of_a_table(tabled, read, protocol):
    folder = tabled(protocol=protocol)
    found = read("modelnet40", folder, "test")
    assert [entry.sentences for entry in found.entries] == [("airplane",), ("night stand",)]
    assert found.entries[1].place == {"shape": TABLE, "row": 1}
    cloud = open_place(folder, found.entries[1].place)
    np.testing.assert_allclose(cloud.points + cloud.origin, points(1)[:, :3], atol=1e-6)


def test_tables_of_numpy_1_are_read_too(tabled, read):
    folder = tabled()
    path = folder / TABLE
    path.write_bytes(path.read_bytes().replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert len(read("modelnet40", folder, "test").entries) == 2


def test_check_counts_and_opens_them(listed):
    (checked,) = check(named_set("modelnet40"), listed, open_files=True)
    assert (checked.split, checked.observations, checked.flaws) == ("test", {"cloud": 2}, {})


def test_what_is_wrong_with_a_list(listed, read):
    folder = listed / "modelnet40_normal_resampled"
    lines = ["airplane_0627", "../../etc/passwd_1", "castle_0001", "airplane", "airplane_0627", "\u98de\u673a_0001"]
    (folder / "modelnet40_test.txt").write_text("\n".join(lines), encoding="utf-8")
    found = read("modelnet40", listed, "test")
    assert len(found.entries) == 2, "twice the same is told by the index, not here"
    assert found.kinds == [entries.OUTSIDE_FOLDER, entries.BAD_ROW, entries.OUTSIDE_FOLDER, entries.OUTSIDE_FOLDER]
    assert "castle" in found.flaws[1].message
    (checked,) = check(named_set("modelnet40"), listed)
    assert checked.flaws[entries.DUPLICATE_ID] == 1
    (folder / "airplane" / "airplane_0627.txt").unlink()
    (checked,) = check(named_set("modelnet40"), listed)
    assert checked.flaws[entries.MISSING_FILE] == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0.1,0.2,0.3,0,0,1\n0.1,0.2", "as many columns"),  # cut off
        ("0.1,0.2\n", r"expected \[N, 3\] or \[N, 6\]"),
        ("0.1;0.2;0.3\n", "rows of numbers"),
        ("", "empty"),
        ("solid\n", "rows of numbers"),
    ],
)
def test_broken_text_is_refused(listed, text, words):
    path = "modelnet40_normal_resampled/airplane/airplane_0627.txt"
    (listed / path).write_text(text)
    with pytest.raises(InvalidObservation, match=words):
        open_place(listed, {"shape": path})


def test_labels_that_name_no_kind_cost_their_row(tabled, read):
    found = read("modelnet40", tabled([0, 3, -1, 2]), "test")
    assert [entry.id for entry in found.entries] == ["modelnet40/test/0", "modelnet40/test/3"]
    assert found.kinds == [entries.BAD_ROW] * 2


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_tables_that_are_cut_off_are_refused(tabled, read, share):
    folder = tabled()
    whole = (folder / TABLE).read_bytes()
    (folder / TABLE).write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InvalidInput, match=r"fps\.dat: not a whole pickle of arrays"):
        read("modelnet40", folder, "test")


class Harm:
    def __reduce__(self):
        return (pytest.fail, ("the file was run",))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Harm(), "expected arrays of numbers only"),
        ([[np.array([Harm()], object)], [0]], r"expected plain ones|expected arrays of numbers only"),
        ([np.zeros(2), "text"], "expected lists of arrays"),
        ([["text"], [0]], "expected an array"),
        ([[np.zeros(3)], []], "as long as each other"),
        (7, "expected lists of arrays"),
        ([[bytearray(3)], [0]], "expected an array"),
    ],
)
def test_tables_that_are_something_else_are_refused(tabled, read, value, words):
    folder = tabled()
    (folder / TABLE).write_bytes(pickle.dumps(value, 5))
    with pytest.raises(InvalidInput, match=words):
        read("modelnet40", folder, "test")


def test_pickles_without_end_are_refused(tabled, read, monkeypatch):
    folder = tabled()
    round_and_round = [[], []]
    round_and_round[0].append(round_and_round)
    (folder / TABLE).write_bytes(pickle.dumps(round_and_round, 3))
    with pytest.raises(InvalidInput, match="expected an array"):
        read("modelnet40", folder, "test")
    monkeypatch.setattr("region_perception.data.formats.array_pickles.MAX_BYTES", 10)
    with pytest.raises(InvalidInput, match="expected at most"):
        read_array_lists(folder / TABLE)


@pytest.mark.parametrize("row", [2, -1, "1", True])
def test_rows_that_a_table_lacks_are_refused(tabled, row):
    with pytest.raises(InvalidObservation, match="expected a number below 2"):
        open_place(tabled(), {"shape": TABLE, "row": row})


@pytest.mark.parametrize("names", ["", "airplane\nairplane\n"])
def test_kinds_are_needed_and_each_once(tmp_path, names):
    (tmp_path / "modelnet40_shape_names.txt").write_text(names)
    with pytest.raises(InvalidInput, match="expected kinds, each once"):
        modelnet.kinds(tmp_path)


def test_what_is_not_there_is_named(tmp_path, read):
    with pytest.raises(InvalidInput, match=r"expected modelnet40_shape_names\.txt"):
        read("modelnet40", tmp_path, "test")
    (tmp_path / "modelnet40_shape_names.txt").write_text(NAMES)
    with pytest.raises(InvalidInput, match=r"modelnet40_test_8192pts_fps\.dat, or .*modelnet40_test\.txt"):
        read("modelnet40", tmp_path, "test")
