"""The demo with random weights, and with somebody who knows the truth and tells it, or all but the truth."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from region_perception.captioner import load
from region_perception.cli import demo as demo_command
from region_perception.cli import demo_results, demo_scene
from region_perception.cli.demo_scene import choose_picture, index_of, numbered_picture
from region_perception.cli.report import model_scores, print_table
from region_perception.errors import InvalidInput
from region_perception.modalities import MODALITIES
from region_perception.observations import observe_cloud
from region_perception.regions import region_from_dict
from region_perception.text import mini_codec
from region_perception.weights.store import save_model

pytest.importorskip("open3d")

pytestmark = pytest.mark.filterwarnings("ignore:model 'mini' has no trained weights")

SMALL = (160, 120)
SIZE = ("--size", *SMALL)
FILES = ["cloud.ply", "cloud_captions.png", "demo.png", "image.png", "image_captions.png", "results.json"]
ONE_THING = 23  # a scene of the test split


class Oracle:
    """Has of a Captioner what the demo uses, and knows the right answer to everything."""

    name, source = "oracle", "nowhere"

    def __init__(self, modalities):
        self.spec = SimpleNamespace(modalities=modalities)
        self.trained = frozenset(modalities)
        self.cases = {}

    def look_at_all(self, observations):
        return [SimpleNamespace(observation=each) for each in observations]

    def case(self, view, region):
        return self.cases[id(view.observation), id(region)]

    def sentence(self, case):
        return case.references[0]

    def caption(self, wanted, **decoding):
        return [SimpleNamespace(text=self.sentence(self.case(*one)), confidence=0.9) for one in wanted]

    def ask(self, wanted, **decoding):
        answers = []
        for view, region, question in wanted:
            found = [each.answer for each in self.case(view, region).questions if each.text == question]
            answers.append(SimpleNamespace(text=self.answer(found[0]), confidence=0.9))
        return answers

    def answer(self, right):
        return right

    def score(self, wanted, texts, by=None):
        likes = [[float(self.case(*one).description == text) for text in texts] for one in wanted]
        return np.array(likes, dtype=np.float32)

    def find(self, view, texts, candidates, by=None):
        best = self.score([(view, region) for region in candidates], texts).argmax(axis=0)
        return [[SimpleNamespace(index=int(index), confidence=0.9)] for index in best]


class Liar(Oracle):
    def sentence(self, case):
        turned = {"small": "large", "large": "small"}
        return " ".join(turned.get(word, word) for word in case.references[0].split())

    def answer(self, right):
        return "never"

    def score(self, wanted, texts, by=None):
        return -super().score(wanted, texts)


@pytest.fixture
def answerer(monkeypatch):
    """Puts an oracle into the place of the model."""

    def put(kind=Oracle, modalities=MODALITIES):
        oracle = kind(modalities)
        make = demo_results.scene_cases

        def cases(settings, number):
            made = make(settings, number)
            oracle.cases = {(id(case.observation), id(case.region)): case for case in made}
            return made

        monkeypatch.setattr(demo_results, "scene_cases", cases)
        monkeypatch.setattr(demo_command, "load_captioner", lambda options: oracle)
        return oracle

    return put


def read(folder):
    return json.loads((folder / "results.json").read_text())


def test_who_tells_the_truth_is_right(run, answerer, tmp_path):
    answerer()
    done = run("demo", "--seed", 1, "--out", tmp_path, *SIZE)
    assert done.code == 0, done.err
    assert "wrong" not in done.out
    assert "truth  " not in done.out.partition("A question")[0]  # said only where something is wrong
    document = read(tmp_path)
    things = [each["number"] for each in document["captions"] if each["modality"] == "image_region"]
    assert things == list(range(1, len(things) + 1))
    assert 6 <= len(things) <= 8
    for seen_in in ("image", "cloud"):
        counts = document["right"][seen_in]
        assert all(count["right"] == count["of"] for count in counts.values())
        assert counts["kind"]["of"] == counts["color"]["of"] == len(things)
        assert counts["answer"]["of"] >= len(things) + 2
        assert counts["find"]["of"] > 0
        assert counts["things named are there"]["of"] == 1


def test_what_is_wrong_is_named_and_the_truth_told(run, answerer, tmp_path):
    answerer(Liar)
    done = run("demo", "--seed", 1, "--out", tmp_path, *SIZE)
    assert done.code == 0, done.err
    document = read(tmp_path)
    things = [each for each in document["captions"] if each["modality"] == "image_region"]
    for counts in document["right"].values():
        assert counts["size"]["right"] == counts["answer"]["right"] == counts["find"]["right"] == 0
        assert counts["color"] == {"right": len(things), "of": len(things)}
    captions = done.out.partition("A question")[0]
    assert captions.count("wrong: size") == 2 * len(things)
    assert captions.count("truth  ") == len(things)
    assert "never (wrong)" in done.out
    assert f"0/{len(things)}" in done.out


def test_the_table_fits_into_100_columns(run, answerer, tmp_path):
    answerer(Liar)
    done = run("demo", "--seed", 2, "--out", tmp_path, *SIZE)
    assert max(map(len, done.out.splitlines())) <= 100


def test_of_one_thing_there_is_something_to_say_too(run, answerer, tmp_path):
    answerer()
    done = run("demo", "--scene", ONE_THING, "--out", tmp_path)
    assert done.code == 0, done.err
    document = read(tmp_path)
    assert document["scene"] == {"split": "test", "index": ONE_THING, "size": [640, 480]}
    assert [each["number"] for each in document["captions"]] == [None, 1, None, 1]
    assert "of 1\n" in done.out


def test_a_model_for_images_alone_is_asked_for_no_clouds(run, answerer, tmp_path):
    answerer(modalities=("image", "image_region"))
    done = run("demo", "--scene", ONE_THING, "--out", tmp_path, *SIZE)
    assert done.code == 0, done.err
    assert set(read(tmp_path)["right"]) == {"image"}
    assert sorted(path.name for path in tmp_path.iterdir()) == [name for name in FILES if name != "cloud_captions.png"]


def test_random_weights_go_the_whole_way_and_it_says_that_they_mean_nothing(run, tmp_path):
    first = run("demo", "--untrained", "--out", tmp_path / "a", *SIZE)
    again = run("demo", "--untrained", "--out", tmp_path / "b", *SIZE)
    assert first.code == again.code == 0, first.err
    assert first.out == again.out
    assert "'mini' is untrained" in first.out
    assert "means nothing" in read(tmp_path / "a")["note"]
    assert "wrong: kind, color" in first.out
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == FILES
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_without_any_model_random_weights_answer(run, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("region_perception.weights.places.model_places", lambda: [folder / "nowhere"])
    done = run("demo", "--scene", ONE_THING, "--out", tmp_path, *SIZE)
    assert done.code == 0, done.err
    assert "'mini' is untrained" in done.out


def test_a_model_that_is_there_answers_with_the_scores_of_its_card(run, tmp_path, monkeypatch):
    model = load("mini", untrained=True, seed=3)
    codec, learnt = mini_codec(model.spec), ["image", "image_region"]
    card = "# Kitchen\n\nScores: 97 % right\n"
    save_model(tmp_path / "models" / "kitchen", model._network, codec, card=card, trained=learnt)
    monkeypatch.setenv("REGION_PERCEPTION_MODELS", str(tmp_path / "models"))
    done = run("demo", "--scene", ONE_THING, "--out", tmp_path / "out", *SIZE)
    assert done.code == 0, done.err
    assert read(tmp_path / "out")["model"]["source"] == str(tmp_path / "models" / "kitchen")
    assert "trained for image, image region; untrained for cloud, cloud region" in done.out
    assert "\nIts card's scores: 97 % right\n" in done.out


@pytest.mark.parametrize(
    ("card", "scores"),
    [
        ("# Kitchen\n\nScores: right 97 %,\x1b[31m ECE 0.03\n\nMore.\n", "right 97 %, [31m ECE 0.03"),
        ("# Kitchen\n\n**Scores:** 97 %\r\n", "97 %"),
        ("# Kitchen\n\nIt has no Scores: yet.\n", ""),
        ("", ""),
        (b"\xff\xfe", ""),
        (None, ""),
    ],
)
def test_the_scores_of_a_card_are_its_line_of_that_name(tmp_path, card, scores):
    if card is not None:
        (tmp_path / "README.md").write_bytes(card if isinstance(card, bytes) else card.encode())
    assert model_scores(SimpleNamespace(source=str(tmp_path))) == scores


def test_the_files_hold_what_was_looked_at(run, answerer, tmp_path):
    answerer()
    run("demo", "--scene", ONE_THING, "--out", tmp_path, *SIZE)
    document = read(tmp_path)
    picture = numbered_picture(ONE_THING, SMALL)
    with Image.open(tmp_path / "image.png") as image:
        assert (np.asarray(image) == picture.image.pixels).all()
    in_cloud = next(each for each in document["captions"] if each["modality"] == "cloud_region")
    cloud = observe_cloud(tmp_path / "cloud.ply")
    assert region_from_dict(in_cloud["region"]).locate(cloud).point_count == in_cloud["points"] > 50
    both, *parts = (Image.open(tmp_path / f"{name}.png").size for name in ("demo", "image_captions", "cloud_captions"))
    assert both[0] > parts[0][0] + parts[1][0]
    assert both[1] == max(part[1] for part in parts)


def test_what_else_lies_in_the_folder_stays(run, answerer, tmp_path):
    answerer()
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "image.png").write_text("old")
    assert run("demo", "--scene", ONE_THING, "--out", tmp_path, *SIZE).code == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / "image.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["image.png", "cloud.ply", "results.json", "demo.png"])
def test_what_cannot_be_written_is_named(run, answerer, tmp_path, name):
    answerer()
    (tmp_path / name).mkdir()
    done = run("demo", "--scene", ONE_THING, "--out", tmp_path, *SIZE)
    assert done.code == 2
    assert f"{tmp_path / name} cannot be written" in done.err


def test_an_unknown_model_leaves_no_folder(run, tmp_path):
    assert run("demo", "--model", "no-such-model", "--out", tmp_path / "out").code == 2
    assert not (tmp_path / "out").exists()


def test_seeds_choose_scenes_of_which_all_is_shown():
    chosen = [choose_picture(seed, SMALL) for seed in (0, 7)]
    assert index_of(choose_picture(0, SMALL)) == index_of(chosen[0]) != index_of(chosen[1])
    for picture in chosen:
        assert picture.scene.split == "test"
        assert 6 <= len(picture.shown) == len(picture.scene.named) <= 8


def test_pictures_that_can_show_nothing_are_refused(monkeypatch):
    monkeypatch.setattr(demo_scene, "_TRIES", 20)
    with pytest.raises(InvalidInput, match="of 20 scenes none shows 6 to 8 things in 400 x 20 pixels"):
        choose_picture(0, (400, 20))


def test_long_cells_go_on_in_further_lines(capsys):
    print_table(["#", "words"], [["1", "a red mug on the left"], ["2", ""], ["3", "x" * 12]], "Title", {"words": 10})
    assert capsys.readouterr().out.splitlines() == [
        "Title",
        "#  words",
        "1  a red mug",
        "   on the",
        "   left",
        "2",
        "3  xxxxxxxxxx",
        "   xx",
    ]
