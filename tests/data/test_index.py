"""An index gives back by observation what a reader told row by row, and holds none of it in memory."""

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from time import sleep

import numpy as np
import pytest

from region_perception.data import entries, kept_indexes
from region_perception.data.entries import Entry, Flaw
from region_perception.data.index import EXAMPLES, Index, Tally, build_index
from region_perception.data.indexed import IndexedSource, JoinedSource
from region_perception.data.kept_indexes import index_of, usable_index
from region_perception.data.record import Question
from region_perception.data.sets import named_set
from region_perception.errors import InputWarning, InvalidInput, InvalidRegion, TrainingError
from region_perception.regions import Box, Box3D, Mask


def entry(name, image="a.png", text="a cup", modality="image_region", **changes):
    region = Box(1, 2, 30, 40) if modality == "image_region" else None
    told = {"split": "train", "place": {"image": image}, "region": region, "sentences": (text,), "size": (64, 48)}
    return Entry(name, modality=modality, **(told | changes))


@pytest.fixture
def build(tmp_path):
    def build(*items, name="index"):
        folder = tmp_path / name
        folder.mkdir()
        return build_index(folder, "toy", items, {"a": 1})

    return build


def ids(index, modality):
    return [[row["id"] for row in index.rows(number)] for number in index.observations(modality)]


def test_rows_of_one_observation_come_together_however_far_apart_they_were_told(build):
    index = build(
        entry("1", "b.png"),
        entry("whole", "a.png", modality="image"),
        entry("2", "a.png"),
        entry("3", "b.png"),
        entry("4", "a.png"),
    )
    assert ids(index, "image_region") == [["1", "3"], ["2", "4"]]
    assert ids(index, "image") == [["whole"]], "the whole of an image is another modality's observation"
    assert list(index.observations("cloud")) == []
    assert index.modalities == ("image", "image_region")
    assert index.counts == {"rows": 5, "sentences": 5, "words": 10, "questions": 0}


def test_an_index_goes_to_another_process_as_its_folder(build):
    index = build(entry("1"))
    ids(index, "image_region")
    assert len(pickle.dumps(index)) < 1000
    assert ids(pickle.loads(pickle.dumps(index)), "image_region") == [["1"]]


def test_the_content_changes_with_the_data(build):
    assert build(entry("1"), name="a").content == build(entry("1"), name="b").content
    assert build(entry("1"), name="c").content != build(entry("1", text="a mug"), name="d").content


def test_an_empty_index_is_one(build):
    index = build(Flaw(entries.BAD_ROW, "row 1", "broken"))
    assert index.modalities == ()
    assert index.left_out == 1


def test_what_is_wrong_is_counted_and_the_first_of_each_kind_kept(build):
    flaws = [Flaw(entries.BAD_ROW, f"row {number}", "broken") for number in range(EXAMPLES + 3)]
    index = build(
        *flaws,
        entry("1"),
        entry("1", text="a mug"),
        entry("outside", region=Box(100, 1, 120, 5)),
        entry("beyond", region=Box(50, 1, 70, 5)),
        entry("silent", sentences=(" \n", "...")),
        entry("half", sentences=("", "a cup", "a cup", "x" * 2001)),
        entry("mojibake", text="caf\udce9"),
        entry("surrogate", text="a \ud800 cup"),
        entry("numbers", sentences=(7, "a cup")),
    )
    assert index.flaws == {
        entries.BAD_ROW: EXAMPLES + 4,
        entries.BAD_BOX: 1,
        entries.BEYOND_EDGE: 1,
        entries.EMPTY_SENTENCE: 3,
        entries.LONG_SENTENCE: 1,
        entries.WRONG_ENCODING: 1,
        entries.DUPLICATE_ID: 1,
    }
    assert index.left_out == EXAMPLES + 3 + 1 + 2, "the rows, the box outside, and the two empty sentences of a record"
    told = {row["id"]: row["sentences"] for row in index.rows(0)}
    assert set(told) == {"1", "beyond", "half", "mojibake", "surrogate", "numbers"}
    assert told["half"] == ["a cup", "a cup"], "what two people said in the same words counts twice"
    assert told["numbers"] == ["a cup"]
    assert told["mojibake"] == ["café"]
    json.dumps(told).encode("ascii")
    told["surrogate"][0].encode("utf-8")
    assert sum(flaw.kind == entries.BAD_ROW for flaw in index.examples()) == EXAMPLES


def test_questions_alone_are_enough(build):
    asked = (Question("what is it", "a cup"),)
    index = build(entry("1", modality="image", sentences=(), questions=asked))
    assert index.rows(0)[0]["questions"] == [{"text": "what is it", "answer": "a cup", "topic": ""}]


def test_a_folder_that_is_no_index_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="is no index"):
        Index(tmp_path)


def test_a_source_opens_an_observation_once_for_all_its_records(build, tmp_path, write_picture):
    write_picture(tmp_path / "a.png")
    source = IndexedSource(build(entry("1"), entry("2", text="a mug")), tmp_path, "image_region")
    first, second = source.look(0).records
    assert first.observation is second.observation
    assert (first.observation.width, first.observation.height) == (64, 48)
    assert second.sentences == ("a mug",)
    assert pickle.loads(pickle.dumps(source)).look(0).records[0].id == "1", "worker processes get it by its path"
    assert len(source) == 1


def test_boxes_outside_of_the_real_image_are_left_out_with_a_warning(build, tmp_path, write_picture):
    write_picture(tmp_path / "a.png")
    away = Box(70, 1, 80, 5)
    index = build(entry("1"), entry("2", region=away, size=None), entry("3", "b.png", region=away, size=None))
    write_picture(tmp_path / "b.png")
    source = IndexedSource(index, tmp_path, "image_region")
    with pytest.warns(InputWarning, match="2: Box"):
        assert [record.id for record in source.look(0).records] == ["1"]
    with pytest.warns(InputWarning), pytest.raises(InvalidRegion, match="of 3 no box is in sight"):
        source.look(1)


def test_boxes_that_hold_no_point_are_left_out_with_a_warning(build, tmp_path):
    np.save(tmp_path / "a.npy", np.array([[0, 0, 0], [1e6, 0, 0.5]]))
    place = {"cloud": "a.npy"}
    boxes = {"near": Box3D((1e6, 0, 0), (1, 1, 2)), "away": Box3D((5, 0, 0), (1, 1, 1))}
    told = [entry(name, modality="cloud_region", place=place, region=box, size=None) for name, box in boxes.items()]
    source = IndexedSource(build(*told), tmp_path, "cloud_region")
    with pytest.warns(InputWarning, match=r"away: .* outside of all 2 points"):
        assert [record.id for record in source.look(0).records] == ["near"]


def test_masks_of_another_size_are_bad_and_letters_that_are_none_harm_nothing(build):
    mask = Mask(np.ones((4, 6), bool))
    index = build(entry("1", region=mask), entry("\ud800", region=mask, size=(6, 4)), entry("\ud800"))
    assert index.flaws == {entries.BAD_BOX: 1, entries.DUPLICATE_ID: 1}
    assert next(flaw for flaw in index.examples() if flaw.kind == entries.DUPLICATE_ID).where == "\ud800"


def test_joined_sources_are_one_after_the_other(build, tmp_path, write_picture):
    for name in ("a.png", "b.png", "c.png"):
        write_picture(tmp_path / name)
    one = IndexedSource(build(entry("1"), entry("2", "b.png"), name="one"), tmp_path, "image_region")
    two = IndexedSource(build(entry("3", "c.png"), name="two"), tmp_path, "image_region")
    joined = JoinedSource([one, two])
    assert [joined.look(number).records[0].id for number in range(len(joined))] == ["1", "2", "3"]
    assert one.fingerprint in joined.fingerprint
    assert IndexedSource(one.index, tmp_path, "image_region", 1).fingerprint != one.fingerprint


@pytest.fixture
def regions(tmp_path, write_json, write_picture):
    """A folder of one's own regions, two of three in a row usable."""
    folder = tmp_path / "mine"
    write_picture(folder / "images" / "a.png")
    images = [{"id": 1, "file_name": "a.png", "width": 64, "height": 48}]
    rows = [{"id": n, "image_id": 1, "bbox": [1, 2, 30, 40], "caption": "a cup"} for n in range(3)]
    write_json(folder / "train.json", {"images": images, "annotations": rows})
    return folder


def test_an_index_is_made_once_and_again_when_the_data_change(regions, monkeypatch, write_json):
    data = named_set("coco-regions")
    made = []
    monkeypatch.setattr(kept_indexes, "build_index", lambda *args: made.append(1) or build_index(*args))
    first = index_of(data, regions, "train")
    assert index_of(data, regions, "train").content == first.content
    assert len(made) == 1
    index_of(data, regions, "train", masks=True)
    assert len(made) == 2, "outlines are another matter than boxes"
    changed = json.loads((regions / "train.json").read_text())
    changed["annotations"][0]["caption"] = "a mug"
    write_json(regions / "train.json", changed)
    assert index_of(data, regions, "train").content != first.content
    assert first.key != index_of(data, regions, "train").key


def test_a_change_of_the_code_in_any_room_makes_other_indexes(tmp_path, monkeypatch):
    (tmp_path / "formats").mkdir()
    (tmp_path / "formats" / "json.py").write_text("one way to read")
    monkeypatch.setattr(kept_indexes, "__file__", str(tmp_path / "kept_indexes.py"))
    before = kept_indexes._code.__wrapped__()
    (tmp_path / "formats" / "json.py").write_text("another way to read")
    assert kept_indexes._code.__wrapped__() != before


def test_data_of_which_too_much_is_wrong_are_refused_with_the_first_flaw(regions, write_json):
    data = named_set("coco-regions")
    changed = json.loads((regions / "train.json").read_text())
    changed["annotations"][0]["bbox"] = [1, 2, -3, 4]
    write_json(regions / "train.json", changed)
    with pytest.raises(
        TrainingError, match=r"1 of 3 rows cannot be used.*data check coco-regions.*bad box: train.json"
    ):
        usable_index(data, regions, "train")
    assert usable_index(data, regions, "train", max_bad_share=0.5).counts["rows"] == 2


def test_unknown_folders_and_splits_are_refused(regions):
    data = named_set("coco-regions")
    with pytest.raises(InvalidInput, match="no split 'dev'; it has train, val, test"):
        index_of(data, regions, "dev")
    with pytest.raises(InvalidInput, match="there is no folder"):
        index_of(data, regions / "nowhere", "train")
    with pytest.raises(InvalidInput, match="no data are called 'cocoa'; known are refcoco"):
        named_set("cocoa")


def test_of_several_at_once_one_makes_an_index_and_the_others_wait(regions, monkeypatch):
    made = []

    def slowly(*args):
        made.append(1)
        sleep(0.1)
        return build_index(*args)

    monkeypatch.setattr(kept_indexes, "build_index", slowly)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: index_of(named_set("coco-regions"), regions, "train"), range(4)))
    assert len(made) == 1
    assert {index.content for index in found} == {found[0].content}


def test_an_index_that_was_broken_off_is_made_again(regions, monkeypatch, own_cache):
    def broken(folder, *args):
        (folder / "rows.jsonl").write_text("half of a row")
        raise KeyboardInterrupt

    monkeypatch.setattr(kept_indexes, "build_index", broken)
    with pytest.raises(KeyboardInterrupt):
        index_of(named_set("coco-regions"), regions, "train")
    monkeypatch.setattr(kept_indexes, "build_index", build_index)
    assert index_of(named_set("coco-regions"), regions, "train").counts["rows"] == 3
    assert own_cache in kept_indexes.cache_folder().parents


def test_a_cache_that_cannot_be_written_is_told(regions, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(TrainingError, match="nothing can be kept in"):
        index_of(named_set("coco-regions"), regions, "train")


def test_examples_of_flaws_are_never_pages_long() -> None:
    tally = Tally()
    tally.add(Flaw("bad row", "x" * 10_000_000, "y" * 10_000_000))
    assert max(len(tally.examples[0].where), len(tally.examples[0].message)) < 1100
    assert (tally.counts["bad row"], tally.left_out) == (1, 1)
