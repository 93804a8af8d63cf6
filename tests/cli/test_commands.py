"""The commands end to end, with the smallest network and random weights."""

import json

import numpy as np
import pytest
from PIL import Image

from region_perception.captioner import load
from region_perception.regions import Box, Box3D
from region_perception.text import mini_codec
from region_perception.weights.store import save_model

pytestmark = pytest.mark.filterwarnings("ignore:model 'mini' has no trained weights")

TRY = ("--untrained", "--max-tokens", "3")


def sentences(run_result):
    return [entry["text"] for entry in json.loads(run_result.out)["captions"]]


def test_caption_says_what_the_library_says(run, folder):
    done = run("caption", folder / "picture.png", "--box", 1, 2, 30, 40, "--click", 25, 20, "--json", *TRY)
    document = json.loads(done.out)
    assert done.code == 0
    assert document["model"] == {"name": "mini", "source": "untrained", "trained": []}
    view = load("mini", untrained=True).look(folder / "picture.png")
    expected = view.caption([Box(1, 2, 30, 40)], max_tokens=3)[0]
    first, second = document["captions"]
    assert (first["number"], first["text"], first["modality"]) == (1, expected.text, "image_region")
    assert first["confidence"] == pytest.approx(expected.confidence)
    assert first["box"] == [1, 2, 30, 40]
    assert first["region"] == {"type": "box", "x1": 1, "y1": 2, "x2": 30, "y2": 40}
    assert second["box"] == [20, 10, 40, 30]  # the click selects the red square
    assert second["pixels"] > 380


def test_without_a_region_the_whole_is_described(run, folder):
    done = run("caption", folder / "picture.png", "--json", *TRY)
    (caption,) = json.loads(done.out)["captions"]
    assert (caption["modality"], caption["region"], caption["box"]) == ("image", None, None)


def test_the_table_numbers_the_regions_and_says_untrained(run, folder):
    done = run("caption", folder / "picture.png", "--box", 1, 2, 30, 40, "--mask", folder / "mask.png", *TRY)
    title, heading, *rows = done.out.splitlines()
    assert "untrained" in title
    assert heading.split() == ["#", "region", "caption", "confidence"]
    assert rows[0].startswith("1  box 1 2 30 40")
    assert rows[1].startswith("2  mask in 20 10 40 30")
    assert done.err.splitlines() == ["note: model 'mini' has no trained weights: what it says there means nothing"]


def test_clouds_are_described_too(run, folder):
    box = ("--box3d", 0.5, 0.5, 0.5, 0.4, 0.4, 0.4, 0.3)
    done = run("caption", folder / "cloud.npy", *box, "--points", folder / "rows.npy", "--json", *TRY)
    first, second = json.loads(done.out)["captions"]
    expected = (
        load("mini", untrained=True)
        .look(folder / "cloud.npy")
        .caption(Box3D((0.5,) * 3, (0.4,) * 3, 0.3), max_tokens=3)
    )
    assert first["text"] == expected.text
    assert first["box"] == {"center": [0.5, 0.5, 0.5], "size": [0.4, 0.4, 0.4], "yaw": 0.3}
    assert second["points"] == 20


def test_boxes_of_far_clouds_are_told_in_the_coordinates_of_the_file(run, tmp_path):
    far = np.random.default_rng(0).uniform(0, 1, (100, 3)) + np.array([500_000.25, 4_000_000.5, 100])
    np.save(tmp_path / "far.npy", far)
    done = run("caption", tmp_path / "far.npy", "--box3d", 500_000.75, 4_000_001, 100.5, 1, 1, 1, "--json", *TRY)
    assert json.loads(done.out)["captions"][0]["box"]["center"] == pytest.approx([500_000.75, 4_000_001, 100.5])


def test_an_image_with_depth_can_be_looked_at_as_a_cloud(run, folder):
    camera = ("--depth", folder / "depth.png", "--intrinsics", 60, 60, 32, 24, "--as-cloud")
    done = run("caption", folder / "picture.png", *camera, "--box3d", 1.5, 0, 0, 0.1, 0.4, 0.4, "--json", *TRY)
    (caption,) = json.loads(done.out)["captions"]
    assert caption["modality"] == "cloud_region"
    assert caption["points"] > 50


def test_ask_answers(run, folder):
    done = run("ask", folder / "picture.png", "What colour is it?", "--box", 1, 2, 30, 40, "--json", *TRY)
    document = json.loads(done.out)
    assert document["question"] == "What colour is it?"
    answer = (
        load("mini", untrained=True)
        .look(folder / "picture.png")
        .ask(Box(1, 2, 30, 40), "What colour is it?", max_tokens=3)
    )
    assert document["captions"][0]["text"] == answer.text
    assert "answer" in run("ask", folder / "picture.png", "What is it?", *TRY).out.splitlines()[1]


def test_find_ranks_all_regions(run, folder):
    boxes = [(1, 2, 30, 40), (5, 5, 20, 20), (30, 5, 60, 40)]
    flags = [part for box in boxes for part in ("--box", *box)]
    done = run("find", folder / "picture.png", "a red square", *flags, "--untrained", "--json")
    matches = json.loads(done.out)["matches"]
    view = load("mini", untrained=True).look(folder / "picture.png")
    expected = view.find("a red square", [Box(*box) for box in boxes])
    assert [match["number"] - 1 for match in matches] == [match.index for match in expected]
    assert [match["score"] for match in matches] == pytest.approx([match.score for match in expected])
    assert [match["box"] for match in matches] == [list(boxes[match.index]) for match in expected]


def test_find_needs_regions(run, folder):
    done = run("find", folder / "picture.png", "a red square", "--untrained")
    assert done.code == 2
    assert "at least one region" in done.err


@pytest.mark.parametrize(
    ("command", "file", "region"),
    [
        (("caption",), "picture.png", ("--click", 25, 20)),
        (("ask", "What?"), "cloud.npy", ("--points", "rows.npy")),
        (("find", "a red square"), "picture.png", ("--box", 1, 2, 30, 40)),
    ],
)
def test_draw_writes_a_picture_that_shows_the_region(run, folder, tmp_path, monkeypatch, command, file, region):
    monkeypatch.chdir(folder)
    name, *words = command
    limits = TRY if name != "find" else ("--untrained",)
    done = run(name, file, *words, *region, *limits, "--draw", tmp_path / "drawn.png")
    assert done.code == 0, done.err
    assert f"note: wrote {tmp_path / 'drawn.png'}" in done.err
    with Image.open(tmp_path / "drawn.png") as drawn:
        colours = {colour for _, colour in drawn.convert("RGB").getcolors(1 << 24)}
    assert (230, 159, 0) in colours


def test_more_beams_search_more(run, folder):
    found = {
        beams: sentences(run("caption", folder / "picture.png", "--beams", beams, "--json", *TRY)) for beams in (1, 4)
    }
    view = load("mini", untrained=True).look(folder / "picture.png")
    assert found == {beams: [view.caption(None, beams=beams, max_tokens=3).text] for beams in (1, 4)}


def test_seeds_give_different_networks(run, folder):
    first, again, other = (
        json.loads(run("caption", folder / "picture.png", "--seed", seed, "--json", *TRY).out)["captions"][0]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first["confidence"] != other["confidence"]


def test_the_first_model_that_is_found_is_the_default(run, folder, tmp_path, monkeypatch):
    model = load("mini", untrained=True, seed=3)
    save_model(tmp_path / "kitchen", model._network, mini_codec(model.spec), card="# Kitchen", trained=["image"])
    monkeypatch.setenv("REGION_PERCEPTION_MODELS", str(tmp_path))
    done = run("caption", folder / "picture.png", "--json", "--max-tokens", 3)
    assert json.loads(done.out)["model"]["source"] == str(tmp_path / "kitchen")
    listed = json.loads(run("models", "--json").out)
    assert listed["models"][0]["name"] == "kitchen"
    assert listed["models"][0]["trained"] == ["image"]
    assert listed["places"][0] == {"folder": str(tmp_path), "exists": True}
    table = run("models").out
    assert "kitchen" in table
    assert str(tmp_path) in table
    told = json.loads(run("info", "kitchen", "--json").out)
    assert told["folder"] == str(tmp_path / "kitchen")
    assert told["parameters"] == sum(p.numel() for p in model._network.parameters())
    assert run("info", tmp_path / "kitchen").code == 0


def test_without_any_model_the_error_says_what_to_do(run, folder, monkeypatch):
    monkeypatch.setattr("region_perception.weights.places.model_places", lambda: [folder / "nowhere"])
    done = run("caption", folder / "picture.png")
    assert done.code == 2
    for word in ("nowhere", "--model", "--base", "--untrained"):
        assert word in done.err
    assert "No models found" in run("models").out


def test_info_of_files(run, folder):
    camera = ("--depth", folder / "depth.png", "--intrinsics", 60, 60, 32, 24)
    image = json.loads(run("info", folder / "picture.png", *camera, "--json").out)
    assert (image["kind"], image["width"], image["height"]) == ("image", 64, 48)
    assert image["depth_metres"] == [1.5, 1.5]
    assert image["intrinsics"] == [60, 60, 32, 24]
    cloud = json.loads(run("info", folder / "cloud.npy", "--json").out)
    assert (cloud["kind"], cloud["points"], cloud["colors"]) == ("cloud", 300, False)
    points = np.load(folder / "cloud.npy")
    np.testing.assert_allclose(cloud["lowest_metres"], points.min(axis=0))
    assert "300" in run("info", folder / "cloud.npy").out


def test_info_of_networks_counts_parameters_by_part(run):
    told = json.loads(run("info", "regionblip-opt-2.7b", "--json").out)
    assert told["parameters"] == sum(told["parameters_by_part"].values()) == sum(told["parameters_by_owner"].values())
    assert 3.6e9 < told["parameters"] < 4.0e9
    assert told["parameters_by_part"]["language"] > 2.6e9
