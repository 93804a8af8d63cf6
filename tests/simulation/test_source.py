"""The tabletop world as sources: the same each time, true to their modality, with classes that agree with regions."""

import zlib
from pathlib import Path

import numpy as np
import pytest

from region_perception.data.source import THING
from region_perception.errors import InvalidInput, TrainingError
from region_perception.modalities import CLOUD_MODALITIES, MODALITIES, REGION_MODALITIES
from region_perception.observations import CloudObservation
from region_perception.simulation import kept_pictures, source
from region_perception.simulation.source import NOTHING, TabletopWorld
from region_perception.simulation.words import COLORS, KINDS

pytest.importorskip("open3d")
SIDE = 48


def make(modality, split="train", size=20, **options):
    return TabletopWorld(modality, split, size, side=SIDE, **options)


@pytest.mark.parametrize("modality", MODALITIES)
def test_records_of_a_number_share_an_observation_and_come_again(modality):
    world, again = make(modality), make(modality)
    for index in (0, 3):
        records = world.look(index).records
        assert all(record.modality == modality for record in records)
        assert len({id(record.observation) for record in records}) == 1
        assert all((record.region is not None) == (modality in REGION_MODALITIES) for record in records)
        assert all(record.sentences for record in records)
        assert [r.to_dict() for r in records] == [r.to_dict() for r in again.look(index).records]


def test_single_things_and_whole_scenes_are_both_among_the_clouds():
    places = [make("cloud").look(index).records[0].place for index in range(8)]
    assert {"thing" in place for place in places} == {True, False}


def test_splits_and_starts_show_other_scenes():
    assert make("image", "train").look(0).records[0].id != make("image", "val").look(0).records[0].id
    assert make("image", start=5).look(0).records[0].id == make("image").look(5).records[0].id


def test_fingerprints_name_all_that_matters():
    worlds = [make("image"), make("cloud"), make("image", "val"), make("image", size=21), make("image", start=1)]
    worlds.append(TabletopWorld("image", "train", 20, side=SIDE + 1))
    assert len({world.fingerprint for world in worlds}) == len(worlds)


def test_a_fingerprint_changes_with_the_code_of_the_world(monkeypatch):
    read = Path.read_bytes
    before = make("image").fingerprint
    assert make("image").fingerprint == before
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b"#" * (path.name == "questions.py"))
    source._code.cache_clear()
    assert make("image").fingerprint != before
    source._code.cache_clear()


def test_the_classes_inside_a_box_are_those_of_its_record():
    world = make("image_region")
    names = world.attributes
    for index in range(3):
        records, classes = world.look(index).records, world.look(index).classes
        for record in records:
            x1, y1, x2, y2 = (int(v) for v in (record.region.x1, record.region.y1, record.region.x2, record.region.y2))
            inside = {name: set(labels[y1:y2, x1:x2].ravel().tolist()) for name, labels in classes.items()}
            for name in ("kind", "color", "pattern", "size", "pose"):
                assert names[name].index(record.meta[name]) in inside[name]


@pytest.mark.parametrize("modality", MODALITIES)
def test_classes_cover_what_is_seen(modality):
    found = make(modality).look(1)
    observation, classes = found.records[0].observation, found.classes
    if modality in CLOUD_MODALITIES:
        assert isinstance(observation, CloudObservation)
        shape = (len(observation),)
    else:
        shape = (SIDE, SIDE * 4 // 3)
    for name, labels in classes.items():
        assert labels.shape == shape
        assert np.issubdtype(labels.dtype, np.integer)
        assert -1 <= labels.min() <= labels.max()
        assert name == THING or labels.max() < len(make(modality).attributes[name])
    assert make(modality).attributes["kind"] == (NOTHING, *KINDS)
    assert make(modality).attributes["color"] == (NOTHING, *COLORS)


@pytest.mark.parametrize("split", ["train", "novel-combinations"])
@pytest.mark.parametrize("modality", sorted(CLOUD_MODALITIES))
def test_things_are_where_the_regions_of_a_cloud_are(modality, split):
    """Points of single things are theirs alone; in whole scenes they lie in the thing's box, but for the noise."""
    for index in range(6):
        found = make(modality, split).look(index)
        things, cloud = found.classes[THING], found.records[0].observation
        assert len(things) == len(cloud)
        for record in found.records:
            number = record.meta.get("number")
            if record.region is not None:
                assert record.region.contains(cloud.points[things == number]).mean() > 0.6
            elif number is not None:
                assert set(things.tolist()) == {number}
            else:
                assert len(set(things.tolist())) > 2


def test_things_without_a_name_have_a_number_and_no_kind():
    nameless = 0
    for index in range(8):
        classes = make("image").look(index).classes
        unknown = classes["kind"] == -1
        assert (classes[THING][unknown] > 0).all()
        assert ((classes[THING] == 0) == (classes["kind"] == 0)).all()
        nameless += unknown.any()
    assert nameless


def test_every_second_picture_is_wide():
    worlds = [make("image"), make("image", start=1)]
    sizes = [[world.look(index).records[0].observation.pixels.shape[:2] for index in range(4)] for world in worlds]
    square, wide = (SIDE, SIDE), (SIDE, SIDE * 4 // 3)
    assert sizes == [[square, wide, square, wide], [wide, square, wide, square]]


def same_observation(one, other):
    names = ("points", "colors", "source_index") if isinstance(one, CloudObservation) else ("pixels", "depth")
    assert all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in names)
    return True


def test_scenes_are_drawn_once_for_all_modalities(tmp_path, monkeypatch):
    """What is read is what was drawn: observations, all that is told of them, and classes."""
    expected = {name: [make(name).look(index) for index in range(3)] for name in MODALITIES}
    for index in range(3):
        make("cloud", keep=tmp_path).look(index)
    assert len(list(tmp_path.rglob("*.picture"))) == 3
    monkeypatch.setattr(kept_pictures, "take_picture", None)  # not to be called any more
    for modality in MODALITIES:
        world = make(modality, keep=tmp_path)
        assert world.fingerprint == make(modality).fingerprint
        for index, drawn in enumerate(expected[modality]):
            kept = world.look(index)
            assert [record.to_dict() for record in kept.records] == [record.to_dict() for record in drawn.records]
            assert same_observation(kept.records[0].observation, drawn.records[0].observation)
            for name, labels in kept.classes.items():
                assert labels.dtype == drawn.classes[name].dtype
                assert np.array_equal(labels, drawn.classes[name])


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-40], lambda _: zlib.compress(b"no picture"), lambda _: b""]
)
def test_a_damaged_picture_is_drawn_again(tmp_path, damage):
    world = make("image", keep=tmp_path)
    drawn = world.look(1).records[0].observation
    (path,) = tmp_path.rglob("*.picture")
    content = path.read_bytes()
    path.write_bytes(damage(content))
    assert same_observation(world.look(1).records[0].observation, drawn)
    assert path.read_bytes() == content


def test_pictures_of_other_code_splits_and_sizes_are_not_read(tmp_path, monkeypatch):
    make("image", keep=tmp_path).look(0)
    make("image", "val", keep=tmp_path).look(0)
    TabletopWorld("image", "train", 20, side=SIDE + 1, keep=tmp_path).look(0)
    monkeypatch.setattr(source, "_code", lambda: "other")
    make("image", keep=tmp_path).look(0)
    assert len(list(tmp_path.rglob("*.picture"))) == 4


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(TrainingError, match=r"file.*000\.picture cannot be written"):
        make("image", keep=tmp_path / "file").look(0)


def test_an_unknown_modality_is_refused():
    with pytest.raises(InvalidInput, match="unknown modality 'video'"):
        make("video")
