"""The data that a recipe names."""

import pytest

from region_perception.errors import InvalidRecipe
from region_perception.network.specs import named_spec
from region_perception.training.recipe import DataChoice
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
    with pytest.raises(InvalidRecipe, match="no data are called 'coco'; known are tabletop"):
        opened(kind="coco")
