"""Streams of records, and their export."""

import json
import re
from functools import cache
from itertools import islice
from typing import get_args

import numpy as np
import pytest

from region_perception.data.exported import read_exported
from region_perception.data.places import open_place
from region_perception.data.record import Record
from region_perception.errors import InvalidInput
from region_perception.modalities import MODALITIES
from region_perception.simulation import compose, picture_records, records, take_picture
from region_perception.simulation.export import export
from region_perception.simulation.splits import SPLITS, is_novel
from region_perception.simulation.words import VOCABULARY

open3d = pytest.importorskip("open3d")


def exported_records(folder, split="val"):
    """All records of an export; those of one observation share it."""
    opened = cache(lambda place: open_place(folder, json.loads(place)))
    for entry in read_exported(folder, split, False):
        yield Record.from_dict(entry.written("tabletop"), opened(json.dumps(entry.place)))


def told(record):
    return {key: value for key, value in record.to_dict().items() if key != "place"}


def test_streams_yield_all_modalities_in_order():
    found = list(islice(records("train", width=64, height=64), 60))
    assert {record.modality for record in found} == set(MODALITIES)
    assert len({record.id for record in found}) == 60
    scenes = [record.place["scene"] for record in found]
    assert scenes == sorted(scenes)
    again = list(islice(records("train", width=64, height=64), 60))
    assert [told(record) for record in again] == [told(record) for record in found]
    later = next(records("train", start=scenes[-1], width=64, height=64))
    assert later.place["scene"] == scenes[-1]


def test_every_region_lies_in_its_observation():
    for record in islice(records("val", width=96, height=96), 80):
        if record.region is not None:
            footprint = record.region.locate(record.observation)
            count = footprint.pixel_count if record.modality == "image_region" else footprint.point_count
            assert count > 0


def test_what_is_said_does_not_depend_on_what_else_is_made():
    picture = take_picture(compose("train", 2), 96, 96)
    every = {record.id: told(record) for record in picture_records(picture)}
    for modality in MODALITIES:
        alone = picture_records(picture, (modality,))
        assert alone
        assert all(told(record) == every[record.id] for record in alone)
    by_image = {r.meta["number"]: r.sentences for r in picture_records(picture, ("image_region",))}
    by_cloud = {r.meta["number"]: r.sentences for r in picture_records(picture, ("cloud_region",), cloud="sampled")}
    assert by_image == by_cloud


def test_novel_combinations_point_at_novel_things_only():
    for record in islice(records("novel-combinations", modalities=("image_region",), width=64, height=64), 60):
        assert is_novel(record.meta["color"], record.meta["kind"])


def test_all_that_is_said_is_in_the_vocabulary():
    said = set()
    for record in islice(records("train", start=100, width=64, height=64), 1500):
        for text in (*record.sentences, *(text for q in record.questions for text in (q.text, q.answer))):
            said |= set(re.findall(r"[^\s,?]+", text))
    assert said <= set(VOCABULARY)
    assert len(set(VOCABULARY) - said) < 20
    assert len(VOCABULARY) == len(set(VOCABULARY)) < 150


@pytest.mark.parametrize("wrong", [{"modalities": ("video",)}, {"cloud": "dense"}])
def test_unknown_choices_are_refused(wrong):
    with pytest.raises(InvalidInput, match="expected"):
        next(records("train", **wrong))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    export(folder, "val", 4, start=2, size=(96, 80))
    return folder


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own
def test_coco_reads_the_export(exported):
    from pycocotools.coco import COCO

    coco = COCO(str(exported / "annotations.json"))
    assert coco.getImgIds() == [2, 3, 4, 5]
    for index in coco.getImgIds():
        picture = take_picture(compose("val", index), 96, 80)
        found = coco.loadAnns(coco.getAnnIds([index]))
        assert len(found) == len(picture.shown)
        for annotation, thing in zip(found, picture.shown, strict=True):
            mask = np.asarray(coco.annToMask(annotation), bool)
            np.testing.assert_array_equal(mask, picture.instances == thing.number)
            box = picture.box(thing.number)
            assert annotation["bbox"] == [box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1]
            assert annotation["area"] == mask.sum()
            assert coco.loadCats(annotation["category_id"])[0]["name"] == thing.kind
            assert thing.kind in annotation["sentences"][0]


def test_open3d_reads_the_clouds(exported):
    clouds = sorted((exported / "clouds").glob("*.ply"))
    assert len(clouds) > 4
    for path in clouds:
        cloud = open3d.t.io.read_point_cloud(str(path))
        assert len(cloud.point.positions) == len(cloud.point.colors) == len(cloud.point.instance)
        assert np.isfinite(cloud.point.positions.numpy()).all()


def test_records_come_back_from_disk(exported):
    fresh = [r for index in range(2, 6) for r in picture_records(take_picture(compose("val", index), 96, 80))]
    found = list(exported_records(exported))
    assert [told(record) for record in found] == [told(record) for record in fresh]
    for record, same in zip(found, fresh, strict=True):
        if record.modality.startswith("image"):
            np.testing.assert_array_equal(record.observation.pixels, same.observation.pixels)
            np.testing.assert_allclose(record.observation.depth, same.observation.depth, atol=6e-4)
        else:
            np.testing.assert_array_equal(record.observation.points, same.observation.points)
            np.testing.assert_allclose(record.observation.colors, same.observation.colors, atol=3e-3)


def test_the_pose_takes_the_depth_image_to_the_cloud(exported):
    facts = json.loads((exported / "scenes" / "000000003.json").read_text())
    pose = np.array(facts["camera_to_base"])
    record = next(r for r in exported_records(exported) if r.id.startswith("tabletop/val/000000003/image"))
    points = record.observation.cloud().points @ pose[:3, :3].T + pose[:3, 3]
    things = [thing for thing in facts["things"] if thing["shown"]]
    assert np.abs(np.percentile(points[(points[:, 0] < 1.0) & (points[:, 2] > -0.1)][:, 2], 20)) < 0.01
    assert things


def test_an_export_goes_on_where_it_stopped(exported, tmp_path):
    export(tmp_path, "val", 2, start=2, size=(96, 80))
    first = tmp_path / "scenes" / "000000002.json"
    stamp = first.stat().st_mtime_ns
    (tmp_path / "scenes" / "000000003.json").unlink()
    (tmp_path / "scenes" / "000000003.json.partial").write_text("{")
    export(tmp_path, "val", 4, start=2, size=(96, 80))
    assert first.stat().st_mtime_ns == stamp
    assert (tmp_path / "annotations.json").read_text() == (exported / "annotations.json").read_text()


def test_exports_are_not_mixed(exported):
    with pytest.raises(InvalidInput, match="other settings"):
        export(exported, "val", 4, start=2, size=(64, 64))
    with pytest.raises(InvalidInput, match="at least one"):
        export(exported, "val", 0)


def test_the_command_writes_an_export(tmp_path, capsys):
    from region_perception.cli import main
    from region_perception.cli.simulate import Split

    assert get_args(Split) == SPLITS

    main(["simulate", str(tmp_path / "out"), "--split", "novel-views", "--scenes", "1", "--size", "64", "64"])
    assert "annotations.json" in capsys.readouterr().out
    assert {record.split for record in exported_records(tmp_path / "out", "novel-views")} == {"novel-views"}


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be made"):
        export(tmp_path / "file" / "out", "val", 1)


def test_an_empty_folder_is_no_export(tmp_path):
    with pytest.raises(InvalidInput, match=r"scenes/\*\.json"):
        list(exported_records(tmp_path))
