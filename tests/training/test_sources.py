"""The data that a recipe names."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from region_perception.errors import InvalidInput, InvalidRecipe, TrainingError
from region_perception.network.specs import named_spec
from region_perception.training.loop import train
from region_perception.training.recipe import DataChoice, Share
from region_perception.training.sources import open_data


def opened(**changes):
    return open_data(DataChoice(observations=5, validation=2, **changes), ("image", "cloud"), named_spec("mini"))


def test_both_uses_have_all_modalities_and_share_no_scene():
    data = opened()
    assert set(data.train) == set(data.validation) == {"image", "cloud"}
    assert (len(data.train["image"]), len(data.validation["cloud"])) == (5, 2)
    assert (data.train["image"].split, data.validation["image"].split) == ("train", "val")


def test_pictures_are_as_large_as_the_network_reads_them_unless_the_recipe_says_so():
    assert opened().train["image"].side == named_spec("mini").image_encoder.image_size
    assert opened(image_size=96).train["image"].side == 96


def test_all_modalities_of_a_split_keep_their_pictures_in_one_folder(tmp_path):
    data = opened(keep=str(tmp_path))
    assert {source.keep for source in data.train.values()} == {data.train["image"].keep}
    assert tmp_path in data.train["image"].keep.parents
    assert data.train["image"].keep != data.validation["image"].keep
    assert opened().train["image"].keep is None


def test_unknown_data_are_refused():
    with pytest.raises(InvalidRecipe, match=r"no data are called 'cocoa'; known are tabletop, refcoco, .*scanrefer"):
        opened(kind="cocoa")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two data sets of one's own in one folder, each with regions and one with a whole image."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, said in (("coco-regions", "a cup"), ("refcoco-rows", "the cup")):
        images = tmp_path / name / "images"
        images.mkdir(parents=True)
        rows, about = [], []
        for number in range(3):
            Image.fromarray(np.full((24, 32, 3), 40 * number, np.uint8)).save(images / f"{number}.png")
            box = {"bbox": [2, 2, 10 + number, 10], "caption": f"{said} {number}"}
            rows.append({"image": f"{number}.png", "image_id": str(number), **box})
            about.append({"id": number, "image_id": number, **box})
        about.append({"id": 9, "image_id": 0, "caption": "a table"})
        files = [{"id": number, "file_name": f"{number}.png"} for number in range(3)]
        for split in ("train", "val"):
            coco = {"images": files, "annotations": about}
            (tmp_path / name / f"{split}.json").write_text(json.dumps(coco))
        for split in ("train", "test"):
            (tmp_path / name / f"Refcoco_{split}.json").write_text(json.dumps(rows))
    return tmp_path


def opened_from(folder, kind, *modalities, **changes):
    choice = DataChoice(kind=kind, folder=str(folder), validation=2, **changes)
    return open_data(choice, modalities or ("image_region",), named_spec("mini"))


def test_data_on_disk_are_gone_through_whole_and_held_back_in_part(folder):
    data = opened_from(folder / "coco-regions", "coco-regions", "image", "image_region", observations=1)
    assert {name: len(source) for name, source in data.train.items()} == {"image": 1, "image_region": 3}
    assert len(data.validation["image_region"]) == 2
    (record,) = data.train["image_region"].look(1).records
    assert (record.split, record.sentences) == ("train", ("a cup 1",))
    assert data.validation["image_region"].look(0).records[0].split == "val"


def test_several_data_sets_lie_in_folders_of_their_names(folder):
    data = opened_from(folder, "coco-regions,refcoco-rows", "image", "image_region")
    said = [data.train["image_region"].look(number).records[0].sentences[0] for number in range(6)]
    assert said == ["a cup 0", "a cup 1", "a cup 2", "the cup 0", "the cup 1", "the cup 2"]
    assert len(data.train["image"]) == 1, "only one of them has whole images"
    assert data.validation["image_region"].look(2).records[0].split == "test", "it has no other split to hold back"


@pytest.mark.parametrize(
    ("kind", "modalities", "message"),
    [
        ("coco-regions,nothing", ("image",), "no data are called 'nothing'; known are tabletop, "),
        ("tabletop,coco-regions", ("image",), "the tabletop world is not mixed"),
        (
            "coco-regions",
            ("cloud",),
            r"no data of cloud: coco-regions has image, image_region; .*--cloud.observations 0",
        ),
        ("vqav2", ("image",), "vqav2 has questions and no sentences"),
    ],
)
def test_choices_that_do_not_go_together_are_refused(folder, kind, modalities, message):
    with pytest.raises(InvalidRecipe, match=message):
        opened_from(folder, kind, *modalities)


def test_data_on_disk_need_a_folder_and_data_in_it(folder):
    with pytest.raises(InvalidRecipe, match=r"needs data\.folder"):
        open_data(DataChoice(kind="coco-regions"), ("image",), named_spec("mini"))
    with pytest.raises(InvalidInput, match="there is no folder"):
        opened_from(folder / "nowhere", "coco-regions")
    for split in ("train", "val"):
        path = folder / "coco-regions" / f"{split}.json"
        coco = json.loads(path.read_text())
        path.write_text(json.dumps(coco | {"annotations": coco["annotations"][:3]}))
    with pytest.raises(InvalidRecipe, match="there are no data of image"):
        opened_from(folder / "coco-regions", "coco-regions", "image")


def test_as_many_bad_rows_are_passed_over_as_a_recipe_allows(folder):
    path = folder / "coco-regions" / "train.json"
    coco = json.loads(path.read_text())
    coco["annotations"][0]["bbox"] = [1, 2]
    path.write_text(json.dumps(coco))
    with pytest.raises(TrainingError, match="1 of 4 rows cannot be used"):
        opened_from(folder / "coco-regions", "coco-regions")
    choice = DataChoice(kind="coco-regions", folder=str(folder / "coco-regions"))
    data = open_data(choice, ("image_region",), named_spec("mini"), max_bad_share=0.3)
    assert len(data.train["image_region"]) == 2


def test_a_run_learns_from_data_on_disk_and_passes_over_missing_images(folder, make_recipe, tmp_path):
    (folder / "coco-regions" / "images" / "2.png").unlink()
    recipe = make_recipe(
        image_region=Share(observations=2, regions=2),
        cloud=Share(),
        cloud_region=Share(),
        steps=3,
        max_bad_share=0.7,
        data=DataChoice(kind="coco-regions", folder=str(folder / "coco-regions"), validation=2),
    )
    (folder / "coco-regions" / "images" / "0.png").write_bytes(b"no picture")  # the first that is held back
    recipe = replace(recipe, reports=replace(recipe.reports, samples=1, validation_steps=1))
    model = train(recipe, tmp_path / "run")
    assert (model / "image_region.safetensors").is_file()
    log = (tmp_path / "run" / "log.jsonl").read_text()
    assert "2.png" in log, "what cannot be read is named"
    assert "0.png" in (tmp_path / "run" / "samples" / "samples.jsonl").read_text()


def test_encoders_learn_nothing_from_data_without_classes(folder, make_recipe, tmp_path):
    recipe = make_recipe(
        phase="encoders",
        image=Share(observations=2),
        image_region=Share(),
        cloud=Share(),
        cloud_region=Share(),
        data=DataChoice(kind="coco-regions", folder=str(folder / "coco-regions"), validation=0),
        max_bad_share=0.5,
    )
    with pytest.raises(TrainingError, match="'coco-regions' has none of each pixel"):
        train(recipe, tmp_path / "run")
