"""Objaverse and Cap3D: a CSV that people wrote, points in all the layouts they come in, splits that never change."""

import io
import zipfile

import numpy as np
import pytest
import torch

from region_perception.data import entries
from region_perception.data.objaverse import make_splits
from region_perception.data.places import open_place
from region_perception.data.splits import drawn, rank, split_of
from region_perception.errors import InvalidInput, InvalidObservation

UID = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
POINTS = np.linspace(-1, 1, 8 * 6).reshape(8, 6).astype(np.float32)
COLOURED = np.concatenate([POINTS[:, :3], np.linspace(0, 1, 24).reshape(8, 3)], axis=1).astype(np.float32)


def put(folder, layout, uid=UID):
    path = folder / layout.format(uid)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npz":
        np.savez(path, POINTS[:, :3])
    elif path.suffix == ".npy":
        np.save(path, COLOURED)
    else:
        torch.save(torch.from_numpy(COLOURED.T.copy()), path)
    return path


@pytest.fixture
def listed(tmp_path):
    """make(text, name) -> a folder with captions and, of UID, points."""

    def make(text, name="Cap3D_automated_Objaverse_train.txt", layout="objaverse_pc_parallel/{0}/{0}_8192.npz"):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        put(tmp_path, layout)
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("layout", "coloured"),
    [
        ("objaverse_pc_parallel/{0}/{0}_8192.npz", False),
        ("ULIP-Objaverse_triplets/objaverse_pc_parallel/{0}/{0}_8192.npz", False),
        ("8192_npy/{0}_8192.npy", True),
        ("{0}_8192.npy", True),
        ("Cap3D_pcs_pt/{0}.pt", True),
        ("{0}.pt", True),
    ],
)
def test_points_are_found_in_every_layout(listed, read, layout, coloured):
    folder = listed(f"{UID},a chair, red\n", layout=layout)
    (entry,) = read("objaverse", folder).entries
    assert entry.sentences == ("a chair, red",), "all behind the first comma is caption"
    assert (entry.id, entry.modality) == (f"objaverse/{UID}", "cloud")
    cloud = open_place(folder, entry.place)
    np.testing.assert_allclose(cloud.points, POINTS[:, :3])
    if coloured:
        np.testing.assert_allclose(cloud.colors, COLOURED[:, 3:], atol=1e-6)
    else:
        assert cloud.colors is None


def test_lists_without_one_for_val_hold_back_test(listed, read):
    folder = listed(f"{UID},a chair\n", "Cap3D_automated_Objaverse_test.txt")
    assert [entry.split for entry in read("objaverse", folder, "val").entries] == ["val"]
    with pytest.raises(InvalidInput, match="Cap3D_automated_Objaverse_train"):
        read("objaverse", folder, "train")


CSV = (
    f'{UID},"A table, with ""legs"",\nand a line break"\n'
    "ffffffffffffffffffffffffffffffff,no points\n"
    "../../etc/passwd,a way out\n"
    "three,columns,here\n"
    "\n"
)


def test_a_csv_with_commas_quotes_and_line_breaks(listed, read):
    folder = listed(CSV, "Cap3D_automated_Objaverse_full.csv")
    (folder / "splits").mkdir()
    (folder / "splits" / "train.txt").write_text(f"{UID}\nffffffffffffffffffffffffffffffff\n../../etc/passwd\n")
    found = read("objaverse", folder)
    assert found.entries[0].sentences == ('A table, with "legs",\nand a line break',)
    assert found.kinds == [entries.MISSING_FILE, entries.OUTSIDE_FOLDER, entries.BAD_ROW]
    assert "three" in found.flaws[2].message


def test_a_quote_that_is_never_closed_costs_the_lines_that_it_holds_and_no_others(listed, read):
    lost = "bb,swallowed\n" * 11_000
    folder = listed(f'aa,"begins\n{lost}{UID},a chair\n', "Cap3D_automated_Objaverse.csv")
    (folder / "splits").mkdir()
    (folder / "splits" / "train.txt").write_text(UID)
    found = read("objaverse", folder)
    assert [entry.sentences for entry in found.entries] == [("a chair",)]
    assert found.kinds == [entries.BAD_ROW]
    assert found.flaws[0].where.startswith("Cap3D_automated_Objaverse.csv lines 1 to 10,")


def test_of_several_tables_the_one_of_objaverse_alone_is_read(listed, read):
    folder = listed(f"{UID},a chair\nsomewhere-else,a lamp\n", "Cap3D_automated_Objaverse_full.csv")
    assert len(make_splits(folder)["train"]) == 2
    listed(f"{UID},a seat\n", "Cap3D_automated_Objaverse.csv")
    found = read("objaverse", folder)
    assert [entry.sentences for entry in found.entries] == [("a seat",)]
    assert not found.flaws


def test_lists_of_splits_in_another_encoding_are_read_for_what_they_are(listed, read):
    folder = listed(f"{UID},a chair\n", "Cap3D_automated_Objaverse.csv")
    (folder / "splits").mkdir()
    (folder / "splits" / "train.txt").write_bytes(b"\xef\xbb\xbf" + UID.encode() + b"\r\ncaf\xe9\r\n")
    assert len(read("objaverse", folder).entries) == 1


def test_bytes_that_are_not_utf_8_are_told_and_kept(listed, read):
    (entry,) = read("objaverse", listed(UID.encode() + b",a caf\xe9 table\n")).entries
    mended, flaws = entries.examined(entry)
    assert mended.sentences == ("a café table",)
    assert [flaw.kind for flaw in flaws] == [entries.WRONG_ENCODING]


def test_splits_are_a_function_of_names_alone():
    names = [f"{number:032x}" for number in range(3000)]
    chosen = drawn(names, {"test": 300, "val": 30})
    assert chosen == drawn(reversed(names), {"test": 300, "val": 30})
    assert len(chosen["test"]) == 300
    assert not chosen["test"] & chosen["val"]
    assert rank("a") == 15242973108242125969, "another hash or seed makes other splits"
    shares = [split_of(name, {"val": 0.1, "test": 0.2}) for name in names]
    assert shares.count("val") / 3000 == pytest.approx(0.1, abs=0.02)
    assert shares.count("test") / 3000 == pytest.approx(0.2, abs=0.03)


def test_splits_of_a_table_are_whole_and_apart(tmp_path, read):
    text = "".join(f"uid{number},thing {number}\n" for number in range(500))
    (tmp_path / "Cap3D_automated_Objaverse_full.csv").write_text(text)
    splits = make_splits(tmp_path)
    assert {name: len(uids) for name, uids in splits.items()} == {"test": 50, "val": 5, "train": 445}
    assert len(frozenset.union(*splits.values())) == 500
    for uid in splits["val"]:
        put(tmp_path, "{0}.pt", uid)
    assert {entry.id for entry in read("objaverse", tmp_path, "val").entries} == {
        f"objaverse/{uid}" for uid in splits["val"]
    }


class Harm:
    def __reduce__(self):
        return (pytest.fail, ("the file was run",))


@pytest.mark.parametrize(
    "value",
    [
        Harm(),
        {"points": 1},
        torch.zeros(3),
        torch.zeros(4, 9),
        [torch.zeros(6, 4)],
        torch.zeros(1).expand(6, 10**12),
    ],
    ids=["a program", "a table", "a row", "four columns", "a list", "one number, a trillion times"],
)
def test_files_of_torch_that_are_no_cloud_are_refused(listed, read, value):
    folder = listed(f"{UID},a chair\n", layout="{0}.pt")
    (entry,) = read("objaverse", folder).entries
    torch.save(value, folder / entry.place["cloud"])
    with pytest.raises(InvalidObservation, match=r"\.pt.*expected (a tensor|no more than its memory)"):
        open_place(folder, entry.place)


def test_broken_and_swollen_files_of_torch_are_refused(listed, read):
    folder = listed(f"{UID},a chair\n", layout="{0}.pt")
    place = read("objaverse", folder).entries[0].place
    whole = (folder / place["cloud"]).read_bytes()
    for content in (b"", b"PK\x03\x04", whole[:-100], whole[: len(whole) // 2]):
        (folder / place["cloud"]).write_bytes(content)
        with pytest.raises(InvalidObservation, match=r"\.pt"):
            open_place(folder, place)
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(folder / place["cloud"], "w") as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry), zipfile.ZIP_DEFLATED)
    with pytest.raises(InvalidObservation, match="is compressed"):
        open_place(folder, place)


def test_missing_captions_are_named(tmp_path, read):
    with pytest.raises(InvalidInput, match=r"expected Cap3D_automated_Objaverse_train.txt, or .*_full.csv"):
        read("objaverse", tmp_path)
