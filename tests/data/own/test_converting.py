"""One's own data: COCO-style JSON and tar shards, from each other and from any data set, with nothing lost."""

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from region_perception.data import entries
from region_perception.data.kept_indexes import index_of
from region_perception.data.own import converting
from region_perception.data.own.converting import convert
from region_perception.data.places import open_place
from region_perception.data.sets import named_set
from region_perception.errors import InvalidInput, InvalidObservation
from region_perception.regions import Box, Mask, Polygon
from region_perception.simulation.export import export


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Two scenes of the tabletop world as `simulate` writes them: records of all four modalities, with depth."""
    folder = tmp_path_factory.mktemp("scenes")
    export(folder, "val", 2, size=(64, 48))
    return folder


def told(index):
    """All rows without their places, by modality and id."""
    rows = [index.row(number) for number in range(index.counts["rows"])]
    return {(row["modality"], row["id"]): {**row, "place": 0, "source": 0} for row in rows}


def seen(folder, index):
    """Every observation of an index, by the id of its first record."""
    numbers = [number for name in index.modalities for number in index.observations(name)]
    firsts = [index.rows(number)[0] for number in numbers]
    return {(row["modality"], row["id"]): open_place(folder, row["place"]) for row in firsts}


def indexed(name, folder, split="val"):
    return index_of(named_set(name), folder, split)


def test_shards_give_back_everything(scenes, tmp_path):
    done = convert(named_set("exported"), scenes, tmp_path, "shards", "val", per_shard=3)
    before, after = indexed("exported", scenes), indexed("shards", tmp_path)
    assert told(after) == told(before)
    assert set(before.modalities) == {"image", "image_region", "cloud", "cloud_region"}
    assert done.records == before.counts["rows"]
    assert not done.flaws.counts
    originals, copies = seen(scenes, before), seen(tmp_path, after)
    assert list(originals) == list(copies)
    for key, original in originals.items():
        copy = copies[key]
        if hasattr(original, "pixels"):
            np.testing.assert_array_equal(original.pixels, copy.pixels)
            np.testing.assert_array_equal(original.depth, copy.depth)
            assert original.intrinsics == copy.intrinsics
        else:
            np.testing.assert_array_equal(original.points, copy.points)
            np.testing.assert_array_equal(original.colors, copy.colors)


def test_an_image_is_in_a_shard_once_whatever_is_told_of_it(scenes, tmp_path):
    done = convert(named_set("exported"), scenes, tmp_path, "shards", "val")
    (path,) = tmp_path.glob("*.tar")
    assert path.name == "val-000000.tar"
    with tarfile.open(path) as archive:
        names = archive.getnames()
    assert sum(name.endswith(".depth.png") for name in names) == 2
    assert sum(name.endswith(".json") for name in names) == done.samples


def test_webdataset_reads_our_shards(scenes, tmp_path):
    webdataset = pytest.importorskip("webdataset")
    done = convert(named_set("exported"), scenes, tmp_path, "shards", "val")
    samples = list(webdataset.WebDataset(str(tmp_path / "val-000000.tar"), shardshuffle=False))
    assert len(samples) == done.samples
    first = next(sample for sample in samples if "png" in sample)
    assert json.loads(first["json"])["records"][0]["sentences"]
    assert Image.open(io.BytesIO(first["png"])).size == (64, 48)
    assert Image.open(io.BytesIO(first["depth.png"])).size == (64, 48)


def test_coco_style_json_gives_back_what_it_can_hold(scenes, tmp_path):
    done = convert(named_set("exported"), scenes, tmp_path / "coco", "coco", "val")
    before, after = indexed("exported", scenes), indexed("coco-regions", tmp_path / "coco")
    images = {key: row for key, row in told(before).items() if key[0].startswith("image")}
    assert told(after) == images
    assert sum(count for what, count in done.left.items() if "cloud" in what) == before.counts["rows"] - len(images)
    assert sum(count for what, count in done.left.items() if "depth" in what) == 2
    from pycocotools.coco import COCO

    coco = COCO(str(tmp_path / "coco" / "val.json"))
    assert len(coco.getImgIds()) == 2
    assert len(coco.getAnnIds(catIds=[1])) == len(images)
    assert all((tmp_path / "coco" / "images" / each["file_name"]).is_file() for each in coco.dataset["images"])
    # And on to shards, and back again.
    convert(named_set("coco-regions"), tmp_path / "coco", tmp_path / "shards", "shards", "val")
    convert(named_set("shards"), tmp_path / "shards", tmp_path / "again", "coco", "val")
    assert told(indexed("coco-regions", tmp_path / "again")) == images


@pytest.fixture
def mine(tmp_path, write_json, write_picture):
    """Regions of every written form, over five images of which one is not there."""
    mask = np.zeros((48, 64), bool)
    mask[4:9, 5:20] = True
    regions = [
        Mask(mask),
        Polygon([(1, 1), (30, 1), (30, 20)], [[(5, 2), (9, 2), (9, 4)]]),
        Box(1.5, 2, 30, 40),
    ]
    images, annotations = [], []
    for number in range(5):
        name = f"{number}.png"
        images.append({"id": number, "file_name": name, "width": 64, "height": 48, "split": "train"})
        if number != 3:
            write_picture(tmp_path / "mine" / "images" / name)
    for number, region in enumerate(regions):
        about = {"id": number, "image_id": number, "region": region.to_dict(), "sentences": ["a cup", "a mug"]}
        annotations.append(about | {"references": ["the cup"], "meta": {"n": number}})
    annotations.append({"id": 9, "image_id": 3, "bbox": [1, 1, 5, 5], "caption": "not there"})
    annotations.append({"id": 10, "image_id": 4, "caption": "a whole image"})
    write_json(tmp_path / "mine" / "annotations.json", {"images": images, "annotations": annotations})
    return tmp_path / "mine"


@pytest.mark.parametrize("form", ["shards", "coco"])
def test_regions_of_every_form_come_back_and_missing_images_are_told(mine, tmp_path, form):
    done = convert(named_set("coco-regions"), mine, tmp_path / "out", form)
    kind = "shards" if form == "shards" else "coco-regions"
    before, after = told(indexed("coco-regions", mine, "train")), told(indexed(kind, tmp_path / "out", "train"))
    del before["image_region", "coco-regions/9"]
    assert after == before
    assert done.flaws.counts == {entries.UNREADABLE: 1}
    assert done.flaws.examples[0].where == "coco-regions/9"


@pytest.mark.parametrize("form", ["shards", "coco"])
def test_an_interrupted_conversion_goes_on(mine, tmp_path, form):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    convert(named_set("coco-regions"), mine, whole, form, per_shard=2)

    def interrupt(done, total):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(named_set("coco-regions"), mine, broken, form, per_shard=2, progress=interrupt)
    finished = {path.name: path.stat().st_mtime_ns for path in broken.glob("*.tar")}
    assert len(finished) == (form == "shards"), "one shard is whole, the other is not there"
    done = convert(named_set("coco-regions"), mine, broken, form, per_shard=2)
    assert done.kept == 2 * len(finished)
    assert all((broken / name).stat().st_mtime_ns == time for name, time in finished.items())
    files = {path.relative_to(whole): path.read_bytes() for path in whole.rglob("*") if path.is_file()}
    assert {path.relative_to(broken): path.read_bytes() for path in broken.rglob("*") if path.is_file()} == files


def test_another_conversion_is_not_mixed_in(mine, tmp_path):
    convert(named_set("coco-regions"), mine, tmp_path / "out", "shards", per_shard=2)
    with pytest.raises(InvalidInput, match="holds another conversion of train"):
        convert(named_set("coco-regions"), mine, tmp_path / "out", "shards", per_shard=3)
    with pytest.raises(InvalidInput, match="is the folder that is read"):
        convert(named_set("coco-regions"), mine, mine, "coco")
    with pytest.raises(InvalidInput, match="at least one sample"):
        convert(named_set("coco-regions"), mine, tmp_path / "new", "shards", per_shard=0)


def test_a_full_disk_is_told(mine, tmp_path, monkeypatch):
    def full(*paths):
        raise OSError(28, "No space left on device", str(paths[1]))

    monkeypatch.setattr(converting.os, "replace", full)
    with pytest.raises(InvalidInput, match="No space left on device; run it again to go on"):
        convert(named_set("coco-regions"), mine, tmp_path / "out", "shards")


def test_splits_of_other_data_do_not_take_the_place_of_images(tmp_path, write_json, write_picture):
    """Two data sets whose files have the same names, converted to one folder."""
    for split, width in (("train", 64), ("val", 32)):
        write_picture(tmp_path / split / "images" / "0.png", width)
        rows = [{"id": 1, "image_id": 1, "bbox": [1, 2, 3, 4], "caption": "a cup"}]
        write_json(
            tmp_path / split / f"{split}.json", {"images": [{"id": 1, "file_name": "0.png"}], "annotations": rows}
        )
    convert(named_set("coco-regions"), tmp_path / "train", tmp_path / "out", "coco")
    convert(named_set("coco-regions"), tmp_path / "train", tmp_path / "out", "coco")
    with pytest.raises(InvalidInput, match=r"0\.png is there already, and is another file"):
        convert(named_set("coco-regions"), tmp_path / "val", tmp_path / "out", "coco", "val")


def test_an_image_that_was_half_written_is_not_taken_for_whole(mine, tmp_path, monkeypatch):
    """Where there are no second names for files, and the process dies while one is copied."""

    def no_links(*paths):
        raise OSError

    def dies(source, target):
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(converting.os, "link", no_links)
        patch.setattr(converting.shutil, "copyfile", dies)
        with pytest.raises(KeyboardInterrupt):
            convert(named_set("coco-regions"), mine, tmp_path / "out", "coco")
    convert(named_set("coco-regions"), mine, tmp_path / "out", "coco")
    assert (tmp_path / "out" / "images" / "0.png").read_bytes() == (mine / "images" / "0.png").read_bytes()


def test_images_that_are_broken_within_are_left_out_of_coco(mine, tmp_path):
    whole = (mine / "images" / "1.png").read_bytes()
    (mine / "images" / "1.png").write_bytes(whole[:60])
    done = convert(named_set("coco-regions"), mine, tmp_path / "out", "coco")
    assert done.flaws.counts == {entries.UNREADABLE: 2}, "one is not there, one is cut off"
    assert {path.name for path in (tmp_path / "out" / "images").iterdir()} == {"0.png", "2.png", "4.png"}


def tar(path, *members):
    """A shard of (name, content) or ready-made members."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            name, content = member
            content = content if isinstance(content, bytes) else json.dumps(content).encode()
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def link(name, target):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


PNG = io.BytesIO()
Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(PNG, "PNG")
RECORD = {
    "id": "1", "source": "me", "split": "train", "modality": "image", "region": None, "sentences": ["a cup"],
    "references": [], "questions": [], "meta": {},
}  # fmt: skip
SAMPLE = {"records": [RECORD]}


def test_shards_of_others_are_read_whatever_lies_in_them(tmp_path, read):
    tar(
        tmp_path / "train-000000.tar",
        ("good.json", SAMPLE), ("good.png", PNG.getvalue()),
        link("evil.png", "/etc/passwd"), ("evil.json", SAMPLE),
        ("../../out.json", SAMPLE), ("../../out.png", PNG.getvalue()),
        ("no-json.png", PNG.getvalue()),
        ("broken.json", b"{"), ("broken.png", PNG.getvalue()),
        ("list.json", [1]), ("list.png", PNG.getvalue()),
        ("bad.json", {"records": [RECORD | {"modality": "video"}, 5, RECORD | {"sentences": "text"}]}),
        ("bad.png", b""),
        ("null.json", {"records": None}), ("null.png", b""),
    )  # fmt: skip
    found = read("shards", tmp_path)
    assert [entry.id for entry in found.entries] == ["1", "1"], "nothing is unpacked, so a name cannot lead anywhere"
    assert open_place(tmp_path, found.entries[0].place).width == 6
    assert found.kinds.count(entries.BAD_ROW) == 8
    assert found.kinds.count(entries.UNREADABLE) == 1


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.7, 0.95])
def test_a_truncated_shard_gives_what_is_whole(tmp_path, read, share):
    samples = [part for n in range(6) for part in ((f"{n}.json", SAMPLE), (f"{n}.png", PNG.getvalue()))]
    path = tar(tmp_path / "train-000000.tar", *samples)
    path.write_bytes(path.read_bytes()[: int(6 * 2048 * share)])
    found = read("shards", tmp_path)
    assert len(found.entries) == int(6 * share) if share < 0.9 else 5
    assert found.flaws
    for entry in found.entries:
        open_place(tmp_path, entry.place)


@pytest.mark.parametrize("harm", ["a size beyond all files", "headers of headers"])
def test_headers_that_lead_nowhere_end_no_reader(tmp_path, read, harm):
    path = tar(tmp_path / "train-000000.tar", ("0.json", SAMPLE), ("0.png", PNG.getvalue()))
    content = path.read_bytes().rstrip(b"\0")
    content += bytes(-len(content) % tarfile.BLOCKSIZE)
    if harm == "headers of headers":
        header = tarfile.TarInfo("x")
        header.type = tarfile.XHDTYPE
        more = header.tobuf() * 5000
    else:
        header = tarfile.TarInfo("1.png")
        header.pax_headers = {"size": "9" * 30}
        more = header.tobuf(tarfile.PAX_FORMAT)
    path.write_bytes(content + more + bytes(2 * tarfile.BLOCKSIZE))
    found = read("shards", tmp_path)
    assert [entry.id for entry in found.entries] in (["1"], [])
    assert entries.UNREADABLE in found.kinds


def test_members_that_are_no_observation_are_refused_when_they_are_opened(tmp_path, read):
    swollen = io.BytesIO()
    np.savez(swollen, other=np.zeros(3))
    told = {"records": [RECORD | {"modality": "cloud"}]}
    tar(
        tmp_path / "train-000000.tar",
        ("a.json", told),
        ("a.cloud.npz", swollen.getvalue()),
        ("b.json", told),
        ("b.cloud.npz", b"PK"),
    )
    for entry in read("shards", tmp_path).entries:
        with pytest.raises(InvalidObservation, match=r"not a whole \.npz"):
            open_place(tmp_path, entry.place)


def test_a_small_archive_cannot_take_all_memory(tmp_path, read, monkeypatch):
    bomb = io.BytesIO()
    np.savez_compressed(bomb, points=np.zeros((100_000, 3), np.float32))
    tar(
        tmp_path / "train-000000.tar",
        ("a.json", {"records": [RECORD | {"modality": "cloud"}]}),
        ("a.cloud.npz", bomb.getvalue()),
    )
    monkeypatch.setattr("region_perception.data.own.shards.MAX_BYTES", 10_000)
    with pytest.raises(InvalidObservation, match="it holds"):
        open_place(tmp_path, read("shards", tmp_path).entries[0].place)


def test_compressed_shards_are_refused_with_what_to_do(tmp_path, read):
    (tmp_path / "train-000000.tar.gz").write_bytes(b"")
    with pytest.raises(InvalidInput, match=r"train-000000\.tar\.gz is compressed, unpack it"):
        read("shards", tmp_path)
