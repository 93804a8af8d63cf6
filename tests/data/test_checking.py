"""`data check` tells everything that is wrong, and `list`, `convert` and `split` do what they say."""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from region_perception.cli import main
from region_perception.data import entries
from region_perception.data.checking import check
from region_perception.data.places import file_name, inside, relative
from region_perception.data.sets import DATA_SETS, named_set
from region_perception.errors import InvalidInput
from region_perception.modalities import MODALITIES

FLAWS = {
    entries.MISSING_FILE: 1,
    entries.UNREADABLE: 1,
    entries.OUTSIDE_FOLDER: 2,
    entries.BAD_BOX: 2,
    entries.BEYOND_EDGE: 1,
    entries.EMPTY_SENTENCE: 2,
    entries.DUPLICATE_ID: 1,
    entries.BAD_ROW: 1,
}


@pytest.fixture
def broken(tmp_path, write_json, write_picture) -> Path:
    """A data set with one or two of everything that can be wrong."""
    names = ["good.png", "gone.png", "broken.png", "../out.png", "/etc/passwd"]
    images = [{"id": n, "file_name": name, "width": 64, "height": 48} for n, name in enumerate(names)]
    boxes = [
        (0, [1, 2, 30, 40], "a cup"),
        (1, [1, 2, 30, 40], "a cup"),
        (2, [1, 2, 30, 40], "a cup"),
        (3, [1, 2, 30, 40], "a cup"),
        (4, [1, 2, 30, 40], "a cup"),
        (0, [1, 2, float("nan"), 40], "a cup"),
        (0, [100, 2, 30, 40], "a cup"),
        (0, [50, 2, 30, 40], "a cup"),
        (0, [1, 2, 30, 40], ""),
        (0, [1, 2, 30, 40], "?!"),
        (99, [1, 2, 30, 40], "a cup"),
    ]
    annotations = [{"id": n, "image_id": i, "bbox": box, "caption": text} for n, (i, box, text) in enumerate(boxes)]
    annotations.append(annotations[0])
    write_picture(tmp_path / "images" / "good.png")
    (tmp_path / "images" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
    write_json(tmp_path / "train.json", {"images": images, "annotations": annotations})
    (tmp_path / "val.json").write_text('{"images": [], "annotations": [')
    return tmp_path


def test_everything_that_is_wrong_is_counted_with_examples(broken):
    train, val = check(named_set("coco-regions"), broken, open_files=True)
    assert train.flaws == FLAWS
    assert train.observations == {"image_region": 3}
    assert train.counts == {"rows": 5, "sentences": 5, "words": 10, "questions": 0}
    assert {flaw.kind for flaw in train.examples} == set(FLAWS)
    assert (val.split, val.flaws) == ("val", {entries.UNREADABLE: 1})
    assert "cut off" in val.examples[0].message
    (quick,) = check(named_set("coco-regions"), broken, ("train",))
    assert entries.UNREADABLE not in quick.flaws, "files are opened only on request"


def test_opened_images_and_clouds_show_what_files_of_annotations_do_not(tmp_path, write_picture):
    write_picture(tmp_path / "images" / "a.png")
    rows = [{"image": "a.png", "bbox": [x, 2, 30, 40], "caption": "a cup", "image_id": "a"} for x in (1, 50, 100)]
    (tmp_path / "Refcoco_train.json").write_text(json.dumps(rows))
    (train,) = check(named_set("refcoco-rows"), tmp_path, open_files=True)
    assert train.flaws == {entries.BAD_BOX: 1}, "one lies outside; the one that reaches over the edge is usable"
    np.savez(tmp_path / "a_8192.npz", np.array([[0, 0, 0], [np.nan, 0, 0]]))
    (tmp_path / "Cap3D_automated_Objaverse_train.txt").write_text("a,a chair\n")
    (train,) = check(named_set("objaverse"), tmp_path, ("train",), open_files=True)
    assert train.flaws == {entries.ADJUSTED: 1}
    assert "1 of 2" in train.examples[0].message


def test_files_that_claim_to_be_gigantic_are_told_and_end_nothing(tmp_path, write_json):
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    size = struct.pack(">IIBBBBB", 100_000, 100_000, 16, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(bomb)
    Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(tmp_path / "good.png")
    record = {"split": "val", "modality": "image", "sentences": ["a cup"]}
    places = [{"image": "bomb.png"}, {"image": "good.png", "depth": "bomb.png"}, {"image": "good.png"}]
    records = [record | {"id": str(number), "place": place} for number, place in enumerate(places)]
    write_json(tmp_path / "scenes" / "0.json", {"records": records})
    (val,) = check(named_set("exported"), tmp_path, ("val",), open_files=True)
    assert val.flaws == {entries.UNREADABLE: 2}
    assert all("bomb.png" in flaw.message for flaw in val.examples)


def test_the_command_prints_it_and_says_so_by_its_code(broken, capsys):
    with pytest.raises(SystemExit) as end:
        main(["data", "check", "coco-regions", str(broken), "--open"])
    assert end.value.code == 1
    out = capsys.readouterr().out
    assert "train: observations: 3 of image_region; 5 rows, 5 sentences, 10 words" in out
    for kind in FLAWS:
        assert kind in out
    with pytest.raises(SystemExit):
        main(["data", "check", "coco-regions", str(broken), "--split", "train", "--json"])
    (split,) = json.loads(capsys.readouterr().out)["splits"]
    assert split["flaws"] == {kind: count for kind, count in FLAWS.items() if kind != entries.UNREADABLE}


def test_sound_data_leave_with_code_0(tmp_path, write_json, write_picture, capsys):
    write_picture(tmp_path / "images" / "a.png")
    rows = [{"id": 1, "image_id": 1, "bbox": [1, 2, 3, 4], "caption": "a cup"}]
    write_json(tmp_path / "train.json", {"images": [{"id": 1, "file_name": "a.png"}], "annotations": rows})
    assert main(["data", "check", "coco-regions", str(tmp_path)]) == 0
    assert "wrong" not in capsys.readouterr().out
    assert main(["data", "convert", "coco-regions", str(tmp_path), str(tmp_path / "out")]) == 0
    assert "1 images and clouds with 1 records" in capsys.readouterr().out
    assert main(["data", "check", "shards", str(tmp_path / "out"), "--open"]) == 0


def test_what_cannot_be_checked_at_all_is_refused(tmp_path, capsys):
    assert main(["data", "check", "refcoco", str(tmp_path)]) == 2
    assert "expected refcoco/refs(unc).p" in capsys.readouterr().err
    assert main(["data", "check", "refcoco", str(tmp_path / "nowhere")]) == 2
    assert main(["data", "check", "nothing", str(tmp_path)]) == 2
    assert "known are refcoco" in capsys.readouterr().err
    with pytest.raises(InvalidInput, match="no split 'dev'"):
        check(named_set("refcoco"), tmp_path, ("dev",))


def test_splits_of_objaverse_are_written_once(tmp_path, capsys):
    (tmp_path / "Cap3D_automated_Objaverse_full.csv").write_text("".join(f"uid{n},thing\n" for n in range(40)))
    assert main(["data", "split", str(tmp_path)]) == 0
    assert main(["data", "split", str(tmp_path)]) == 0, "and again the same"
    assert len((tmp_path / "splits" / "test.txt").read_text().split()) == 4
    (tmp_path / "splits" / "test.txt").write_text("uid1\n")
    assert main(["data", "split", str(tmp_path)]) == 2
    assert "holds other uids" in capsys.readouterr().err


def test_all_data_sets_are_listed(capsys):
    assert main(["data", "list"]) == 0
    out = capsys.readouterr().out
    for each in DATA_SETS.values():
        assert each.name in out
        assert set(each.modalities) <= set(MODALITIES)
        assert each.held_back in each.splits


@pytest.mark.parametrize(
    "path",
    [
        "../a",
        "a/../../b",
        "/etc/passwd",
        "",
        " ",
        "a\0b",
        "a\nb",
        "..",
        ".",
        "./",
        "C:/x",
        "a\\..\\b",
        7,
        None,
        "x" * 2000,
    ],
)
def test_no_path_of_a_data_set_leads_out_of_its_folder(path, tmp_path):
    for read in (relative, file_name, lambda value: inside(tmp_path, value)):
        with pytest.raises(entries.Flawed) as error:
            read(path)
        assert error.value.kind == entries.OUTSIDE_FOLDER


def test_paths_within_the_folder_and_its_links_are_followed(tmp_path):
    (tmp_path / "disk").mkdir()
    np.save(tmp_path / "disk" / "a.npy", np.zeros(3))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "images").symlink_to(tmp_path / "disk")
    assert inside(tmp_path / "data", "images/a.npy").is_file()
    assert relative("./a//b.png") == "a/b.png"
    with pytest.raises(entries.Flawed):
        file_name("a/b.png")
