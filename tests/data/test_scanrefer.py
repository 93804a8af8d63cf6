"""ScanRefer over ScanNet's scenes as released, and as ScanRefer prepares them."""

import numpy as np
import pytest

from region_perception.data import entries
from region_perception.data.places import files_of, open_place
from region_perception.errors import InvalidInput, InvalidObservation
from region_perception.observations import CloudObservation
from region_perception.regions import Box3D
from region_perception.simulation.export import write_ply

SCENE = "scene0011_00"
# Two things of 8 points each, the corners of boxes, and a floor of 4.
CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 2) for z in (0, 0.5)], np.float32)
POINTS = np.concatenate(
    [CORNERS, CORNERS + np.array([4, 0, 0]), [[-1, -1, 0], [6, -1, 0], [6, 3, 0], [-1, 3, 0]]]
).astype(np.float32)
SEGMENTS = [7] * 8 + [9] * 4 + [8] * 4 + [1] * 4
GROUPS = [
    {"id": 0, "objectId": 0, "segments": [7], "label": "chair"},
    {"id": 1, "objectId": 1, "segments": [8, 9], "label": "office desk"},
    {"id": 2, "objectId": 2, "segments": [55], "label": "lamp"},
]
# A quarter turn about z, and a shift: (x, y) -> (-y, x).
ALIGNMENT = np.array([[0, -1, 0, 10], [1, 0, 0, 20], [0, 0, 1, 0.5], [0, 0, 0, 1]])


def told(number, text="it is a chair", scene=SCENE, **changes):
    return {
        "scene_id": scene, "object_id": str(number), "object_name": "chair", "ann_id": "0", "description": text,
        "token": text.split(),
    } | changes  # fmt: skip


@pytest.fixture
def scannet(tmp_path, write_json):
    """make(rows, alignment) -> the folder of a ScanRefer over one scene as ScanNet releases it."""

    def make(rows, alignment=ALIGNMENT, split="train"):
        folder = tmp_path / "scanrefer"
        scan = folder / "scans" / SCENE
        write_json(folder / f"ScanRefer_filtered_{split}.json", rows)
        write_json(scan / f"{SCENE}.aggregation.json", {"sceneId": f"scannet.{SCENE}", "segGroups": GROUPS})
        write_json(scan / f"{SCENE}_vh_clean_2.0.010000.segs.json", {"sceneId": SCENE, "segIndices": SEGMENTS})
        colors = np.tile(np.array([[1.0, 0.5, 0.0]], np.float32), (len(POINTS), 1))
        cloud = CloudObservation(POINTS, colors, np.arange(len(POINTS)), len(POINTS))
        write_ply(scan / f"{SCENE}_vh_clean_2.ply", cloud, np.zeros(len(POINTS)))
        lines = ["appVersionId = 0.5.0"]
        if alignment is not None:
            lines.append("axisAlignment = " + " ".join(map(str, np.ravel(alignment))))
        (scan / f"{SCENE}.txt").write_text("\n".join(lines) + "\n")
        return folder

    return make


def test_objects_have_the_boxes_of_their_aligned_points(scannet, read):
    folder = scannet([told(0), told(1, "a desk"), told(0, "the one by the wall")])
    chair, desk = read("scanrefer", folder).entries
    assert (chair.id, chair.modality, chair.split) == (f"scanrefer/{SCENE}_0", "cloud_region", "train")
    assert chair.sentences == chair.references == ("it is a chair", "the one by the wall")
    assert chair.region == Box3D((9, 20.5, 0.75), (2, 1, 0.5))
    assert desk.region == Box3D((9, 24.5, 0.75), (2, 1, 0.5))
    said = [["it", "is", "a", "chair"], ["the", "one", "by", "the", "wall"]]
    assert chair.meta == {"scene_id": SCENE, "object_id": 0, "object_name": "chair", "tokens": said}


def test_tokens_are_those_of_the_file_or_the_words(scannet, read):
    rows = [told(0, "A chair.", token=["a", "chair", "."]), told(0, "A stool", token=None), told(1, token="a desk")]
    result = read("scanrefer", scannet(rows))
    assert result.entries[0].meta["tokens"] == [["a", "chair", "."], ["a", "stool"]]
    assert result.kinds == [entries.BAD_ROW]
    assert "list of words" in result.flaws[0].message


def test_tokens_that_say_nothing_give_way_to_the_words(scannet, read):
    rows = [
        told(0, "A chair.", token=["", "..."]),
        told(0, "A stool", token=["a", "", "stool", "."]),
        told(0, "...", token=["a", "lie"]),
        told(0, "", token=["."]),
        told(0, token=[]) | {"description": None},
        told(0, "A caf\udce9", token=["a", "caf\udce9"]),
    ]
    (chair,) = read("scanrefer", scannet(rows)).entries
    assert chair.meta["tokens"] == [["a", "chair."], ["a", "", "stool", "."], ["a", "café"]]
    kept, flaws = entries.examined(chair)
    assert kept.sentences == ("A chair.", "A stool", "A café")
    assert len(flaws) == 4


def test_a_scene_opens_aligned_and_in_colour(scannet, read):
    folder = scannet([told(0)])
    (chair,) = read("scanrefer", folder).entries
    cloud = open_place(folder, chair.place)
    np.testing.assert_allclose(cloud.points + cloud.origin, POINTS @ ALIGNMENT[:3, :3].T + ALIGNMENT[:3, 3], atol=1e-5)
    np.testing.assert_allclose(cloud.colors[0], [1.0, 0.5, 0.0], atol=0.01)
    assert chair.region.locate(cloud).members.sum() == 8
    assert all((folder / name).is_file() for name in files_of(chair.place))


def test_without_alignment_a_scene_stays_as_it_is(scannet, read):
    folder = scannet([told(0)], alignment=None)
    assert read("scanrefer", folder).entries[0].region == Box3D((0.5, 1, 0.25), (1, 2, 0.5))


@pytest.mark.parametrize("numbers", [[1, 2, 3], [np.nan] * 16, ["one"] * 16])
def test_a_broken_alignment_costs_its_scene_and_says_so(scannet, read, numbers):
    found = read("scanrefer", scannet([told(0), told(1)], alignment=numbers))
    assert not found.entries
    assert "16 finite numbers" in found.flaws[0].message
    assert "2 objects are left out" in found.flaws[0].message


def test_bad_rows_objects_and_scenes_are_named(scannet, read):
    rows = [
        told(0),
        told(2),
        told(77),
        told("x"),
        told(0, scene="scene0999_00"),
        told(0, scene="../../etc"),
        {"a": 1},
        5,
    ]
    found = read("scanrefer", scannet(rows))
    assert [entry.id for entry in found.entries] == [f"scanrefer/{SCENE}_0"]
    assert sorted(found.kinds) == sorted(
        [entries.BAD_ROW] * 3 + [entries.BAD_BOX] * 2 + [entries.MISSING_FILE, entries.OUTSIDE_FOLDER]
    )
    assert any("no object 77; it has 3" in flaw.message for flaw in found.flaws)


@pytest.mark.parametrize("harm", ["gone", "cut off"])
@pytest.mark.parametrize("name", [".aggregation.json", "_vh_clean_2.0.010000.segs.json", ".txt", "_vh_clean_2.ply"])
def test_a_broken_scene_is_named(scannet, read, name, harm):
    folder = scannet([told(0)])
    path = folder / "scans" / SCENE / f"{SCENE}{name}"
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-30])
    found = read("scanrefer", folder)
    assert not found.entries
    assert SCENE in found.flaws[0].where


def test_numbers_of_segments_that_cannot_be_cost_no_object(scannet, read, write_json):
    folder = scannet([told(0)])
    scan = folder / "scans" / SCENE
    write_json(scan / f"{SCENE}_vh_clean_2.0.010000.segs.json", {"segIndices": [*SEGMENTS[:-2], -1, 10**30]})
    write_json(scan / f"{SCENE}.aggregation.json", {"segGroups": [GROUPS[0] | {"segments": [7, -1, 10**30]}]})
    assert read("scanrefer", folder).entries[0].region == Box3D((9, 20.5, 0.75), (2, 1, 0.5))


def test_segments_for_other_points_are_refused(scannet, read, write_json):
    folder = scannet([told(0)])
    write_json(folder / "scans" / SCENE / f"{SCENE}_vh_clean_2.0.010000.segs.json", {"segIndices": SEGMENTS[:-1]})
    assert "a segment for each of its 20 points" in read("scanrefer", folder).flaws[0].message


@pytest.fixture
def prepared(tmp_path, write_json):
    """The same as `.npy` files of ScanRefer's loader."""
    folder = tmp_path / "prepared"
    write_json(folder / "ScanRefer_filtered_val.json", [told(0), told(1), told(2)])
    rows = np.concatenate([POINTS, np.full((20, 3), [255, 127.5, 0]), np.zeros((20, 3))], axis=1)
    (folder / "scannet_data").mkdir()
    np.save(folder / "scannet_data" / f"{SCENE}_aligned_vert.npy", rows)
    boxes = [[0.5, 1, 0.25, 1, 2, 0.5, 5, 0], [4.5, 1, 0.25, 1, 2, 0.5, 14, 1], [0, 0, 0, 0, 0, 0, 0, 2]]
    np.save(folder / "scannet_data" / f"{SCENE}_aligned_bbox.npy", np.array(boxes, np.float64))
    return folder


def test_prepared_scenes_give_the_same(prepared, read):
    found = read("scanrefer", prepared, "val")
    assert [entry.region for entry in found.entries] == [
        Box3D((0.5, 1, 0.25), (1, 2, 0.5)),
        Box3D((4.5, 1, 0.25), (1, 2, 0.5)),
    ]
    assert found.kinds == [entries.BAD_BOX]
    assert "no volume" in found.flaws[0].message
    cloud = open_place(prepared, found.entries[0].place)
    np.testing.assert_allclose(cloud.points, POINTS)
    np.testing.assert_allclose(cloud.colors[3], [1, 0.5, 0])


def test_prepared_scenes_may_hold_points_that_are_nowhere(prepared, read):
    path = prepared / "scannet_data" / f"{SCENE}_aligned_vert.npy"
    rows = np.load(path)
    rows[3, 1] = np.nan
    np.save(path, rows)
    with pytest.warns(UserWarning, match="1 of 20"):
        cloud = open_place(prepared, read("scanrefer", prepared, "val").entries[0].place)
    assert len(cloud) == 19


def test_prepared_arrays_of_another_form_are_refused(prepared, read):
    place = read("scanrefer", prepared, "val").entries[0].place
    np.save(prepared / place["vertices"], np.zeros((5, 3)))
    with pytest.raises(InvalidObservation, match=r"expected \[N, 6 or more\]"):
        open_place(prepared, place)
    np.save(prepared / "scannet_data" / f"{SCENE}_aligned_bbox.npy", np.array([{"a": 1}], object))
    assert "not a complete .npy" in read("scanrefer", prepared, "val").flaws[0].message


def test_folders_as_regionblips_page_shows_them_are_read(prepared, read):
    (prepared / "ScanRefer_Dataset" / "raw").mkdir(parents=True)
    (prepared / "ScanRefer_filtered_val.json").rename(
        prepared / "ScanRefer_Dataset" / "raw" / "ScanRefer_filtered_val.json"
    )
    (prepared / "scannet_reference_data").mkdir()
    (prepared / "scannet_data").rename(prepared / "scannet_reference_data" / "scannet_data")
    assert len(read("scanrefer", prepared, "val").entries) == 2


def test_missing_descriptions_are_named(tmp_path, read):
    with pytest.raises(InvalidInput, match=r"expected ScanRefer_filtered_val\.json, or raw/"):
        read("scanrefer", tmp_path, "val")
