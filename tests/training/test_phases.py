"""What learns, what does not by a single bit, and how fast."""

import math

import pytest
import torch

from region_perception.confidence import Calibration
from region_perception.errors import InvalidRecipe
from region_perception.modalities import MODALITIES
from region_perception.network.region_blip import RegionBlip, parameter_owner
from region_perception.training.checkpoints import fingerprint
from region_perception.training.loop import train
from region_perception.training.phases import choose_what_learns, learning_rate, make_optimiser, start_new_modalities
from region_perception.training.recipe import Optimiser, Share
from region_perception.training.setup import kept_confidences, set_up
from region_perception.weights.folder import read_config
from region_perception.weights.load import load_model
from region_perception.weights.store import save_model

FAST = Optimiser(peak=0.05, warmup_start=0.05, warmup_steps=0)
NONE, SOME = Share(), Share(observations=4, regions=2, questions=1)
OFF = dict.fromkeys(MODALITIES, NONE)


def owners(network: RegionBlip) -> dict[str, str]:
    """A hash of everything that each owner has, statistics of norms included."""
    return owners_of(network.state_dict())


def owners_of(tensors: dict[str, torch.Tensor]) -> dict[str, str]:
    grouped: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        grouped.setdefault(parameter_owner(name), {})[name] = tensor
    return {owner: fingerprint(tensors) for owner, tensors in grouped.items()}


def changed(before, after):
    return {owner for owner in before if before[owner] != after[owner]}


def answers(network, modality):
    """What the network says of a fixed picture or cloud as one modality."""
    torch.manual_seed(0)
    if modality.startswith("cloud"):
        features = network.encode_clouds([torch.rand(40, 6), torch.rand(50, 6)])
    else:
        features = network.encode_images(torch.rand(2, 3, 32, 32))
    from region_perception.network.region_blip import Glance

    positions = {"image_region": torch.rand(2, 4), "cloud_region": torch.rand(2, 24)}.get(modality)
    with torch.no_grad():
        glance = Glance(modality, network.remember(features, modality), positions)
        found = network.read([glance])
        text = torch.randint(5, 300, (2, 6))
        scores = network.score(found, [modality] * 2, [[9], [9, 8]], [[30, 31], [40, 41, 3]]).log_probs
        return [found, scores, network.match([glance], text), network.write([glance], text)]


@pytest.mark.parametrize("trained", [("image_region",), ("cloud",), ("cloud_region",), ("image_region", "cloud")])
def test_training_modalities_changes_theirs_and_not_a_bit_of_any_other(
    tmp_path, start, make_recipe, make_data, trained
):
    before = load_model(start).network
    recipe = make_recipe(**(OFF | dict.fromkeys(trained, SOME)), optimiser=FAST, steps=3, order="mixed")
    after = load_model(train(recipe, tmp_path, make_data(recipe))).network
    assert changed(owners(before), owners(after)) == set(trained)
    for modality in MODALITIES:
        same = all(map(torch.equal, answers(before, modality), answers(after, modality)))
        assert same == (modality not in trained), modality


def test_a_modality_may_be_added_later(tmp_path, make_recipe, make_data):
    first = make_recipe(**(OFF | {"image_region": SOME}), optimiser=FAST, steps=2)
    one = train(first, tmp_path / "one", make_data(first))
    second = make_recipe(**(OFF | {"cloud": SOME}), optimiser=FAST, steps=2, start=str(one))
    two = train(second, tmp_path / "two", make_data(second))
    before, after = load_model(one), load_model(two)
    assert changed(owners(before.network), owners(after.network)) == {"cloud"}
    assert before.trained == {"image", "image_region"}
    assert after.trained == {"image", "image_region", "cloud"}


@pytest.mark.parametrize("trained", [["image"], ["image", "image_region"], []])
def test_a_new_modality_begins_as_a_copy_of_the_images(network, make_recipe, trained):
    recipe = make_recipe(**(OFF | {"image_region": SOME, "cloud": SOME}))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    start_new_modalities(network, recipe, trained)
    new = set() if "image" not in trained else {"image_region", "cloud"} - set(trained)
    assert changed(owners_of(before), owners(network)) == new
    for modality in new:
        assert torch.equal(network.parts[modality].queries, network.parts["image"].queries)
        assert torch.equal(network.parts[modality].to_language.weight, network.parts["image"].to_language.weight)


def test_everything_that_a_modality_owns_learns(tmp_path, start, make_recipe, make_data):
    recipe = make_recipe(optimiser=FAST, steps=6, order="mixed")
    before = load_model(start).network.state_dict()
    after = load_model(train(recipe, tmp_path, make_data(recipe))).network.state_dict()
    still = {
        name for name in before if parameter_owner(name) in recipe.shares and torch.equal(before[name], after[name])
    }
    assert not still


def test_the_base_learns_alone(tmp_path, start, make_recipe, make_data):
    recipe = make_recipe(phase="base", **(OFF | {"image": SOME}), optimiser=FAST, steps=2)
    before, after = load_model(start).network, load_model(train(recipe, tmp_path, make_data(recipe))).network
    assert changed(owners(before), owners(after)) == {"base"}
    frozen = fingerprint(before.image_encoder.state_dict())
    assert fingerprint(after.image_encoder.state_dict()) == frozen, "encoders stay frozen unless the recipe says so"
    assert fingerprint(after.language.state_dict()) != fingerprint(before.language.state_dict())


def test_the_whole_learns_at_once_but_for_encoders(tmp_path, start, make_recipe, make_data):
    recipe = make_recipe(phase="whole", **dict.fromkeys(MODALITIES, SOME), optimiser=FAST, steps=4, order="mixed")
    before = load_model(start).network
    trained = load_model(train(recipe, tmp_path, make_data(recipe)))
    assert changed(owners(before), owners(trained.network)) == {"base", "image_region", "cloud", "cloud_region"}
    for encoder in ("image_encoder", "point_encoder"):
        frozen = fingerprint(getattr(before, encoder).state_dict())
        assert fingerprint(getattr(trained.network, encoder).state_dict()) == frozen
    assert trained.trained == set(MODALITIES)


def test_adapters_stand_on_their_base_until_the_base_itself_learns(tmp_path, start, make_recipe, make_data):
    loaded = load_model(start)
    adapters = save_model(
        tmp_path / "adapters", loaded.network, loaded.codec, card="# adapters", trained=["cloud"], base=start
    )
    for phase, modality in (("modalities", "cloud"), ("base", "image")):
        shares = OFF | {modality: SOME}
        recipe = make_recipe(phase=phase, **shares, optimiser=FAST, steps=1, start=str(adapters), base=str(start))
        trained = train(recipe, tmp_path / phase, make_data(recipe))
        assert (read_config(trained).base is not None) == (phase == "modalities")
        before, after = load_model(adapters, base=start).network, load_model(trained).network
        assert changed(owners(before), owners(after)) == {"cloud" if phase == "modalities" else "base"}


def test_encoders_learn_alone(tmp_path, start, make_recipe, make_data):
    recipe = make_recipe(phase="encoders", **(OFF | {"image": SOME, "cloud_region": SOME}), optimiser=FAST, steps=2)
    before, after = load_model(start).network, load_model(train(recipe, tmp_path, make_data(recipe))).network
    parts = ("image_encoder", "point_encoder", "qformer", "language", "parts")
    learnt = [
        name
        for name in parts
        if fingerprint(getattr(before, name).state_dict()) != fingerprint(getattr(after, name).state_dict())
    ]
    assert learnt == ["image_encoder", "point_encoder"]


@pytest.mark.parametrize("trained", [("image_region",), ("cloud", "cloud_region")])
def test_only_what_takes_part_may_learn(network, make_recipe, trained):
    choose_what_learns(network, make_recipe(**(OFF | dict.fromkeys(trained, SOME))))
    for name, parameter in network.named_parameters():
        assert parameter.requires_grad == (parameter_owner(name) in trained), name


@pytest.mark.parametrize(
    ("phase", "modality", "learning"),
    [
        ("encoders", "cloud", {"point_encoder"}),
        ("encoders", "image", {"image_encoder"}),
        ("base", "image", {"qformer", "language"}),
        ("modalities", "cloud", set()),
    ],
)
def test_parts_of_the_network_are_in_training_mode_while_they_learn(
    tmp_path, make_recipe, make_data, phase, modality, learning
):
    """Dropout and the statistics of norms depend on it."""
    recipe = make_recipe(phase=phase, **(OFF | {modality: SOME}))
    network = set_up(recipe, tmp_path, make_data(recipe)).module.network
    parts = ("image_encoder", "point_encoder", "qformer", "language")
    assert {part for part in parts if getattr(network, part).training} == learning


def test_a_modality_that_the_network_lacks_is_refused(network, make_recipe):
    from dataclasses import replace

    network.spec = replace(network.spec, modalities=("image", "cloud"))
    with pytest.raises(InvalidRecipe, match=r"has no modality .*cloud_region"):
        choose_what_learns(network, make_recipe())


def test_only_matrices_decay(network, make_recipe):
    choose_what_learns(network, make_recipe())
    decaying, others = make_optimiser(network, Optimiser()).param_groups
    assert decaying["weight_decay"] == 0.05
    assert others["weight_decay"] == 0
    assert all(parameter.ndim > 1 for parameter in decaying["params"])
    assert all(parameter.ndim <= 1 for parameter in others["params"])
    learning = sum(parameter.requires_grad for parameter in network.parameters())
    assert len(decaying["params"]) + len(others["params"]) == learning
    assert decaying["betas"] == (0.9, 0.999)


def test_the_rate_is_the_papers():
    rates = [learning_rate(step, 1001, Optimiser()) for step in range(1001)]
    assert rates[0] == pytest.approx(1e-6)
    assert rates[100] == pytest.approx((1e-6 + 1e-4) / 2)
    assert rates[200] == max(rates) == pytest.approx(1e-4)
    assert rates[600] == pytest.approx(5.5e-5)
    assert rates[1000] == min(rates[200:]) == pytest.approx(1e-5)
    assert rates[400] == pytest.approx(1e-5 + 9e-5 * (1 + math.cos(math.pi / 4)) / 2)


def test_frozen_parts_have_no_dropout_while_others_learn(network, make_recipe):
    choose_what_learns(network, make_recipe())
    network.train()
    assert not any(module.training for module in network.language.modules())
    choose_what_learns(network, make_recipe(phase="base", **(OFF | {"image": SOME}), dropout=0.25))
    network.train()
    layer = network.language.model.model.decoder.layers[0]
    assert layer.training
    assert layer.dropout == 0.25


def test_what_learns_loses_its_calibration_and_the_rest_keeps_it(start, tmp_path, make_recipe, make_data) -> None:
    places = [*(("caption", name) for name in MODALITIES), ("find", "image_region"), ("find", "cloud_region")]
    calibration = [Calibration(task, name, 2.0, 0.5) for task, name in places]
    model, folder = load_model(start), tmp_path / "calibrated"
    told = {"trained": MODALITIES, "calibration": calibration, "score_method": "likelihood"}
    save_model(folder, model.network, model.codec, card="", **told)

    def kept(**changes):
        recipe = make_recipe(start=str(folder), **OFF | changes)
        entries, method = kept_confidences(set_up(recipe, tmp_path / f"{recipe.phase}-{changes}", make_data(recipe)))
        return {each.modality for each in entries}, method

    assert kept(image_region=SOME) == ({"image", "cloud", "cloud_region"}, "likelihood")
    assert kept(image_region=SOME, cloud=SOME, cloud_region=SOME) == ({"image"}, None)
    assert kept(phase="base", image=SOME) == (set(), None)
    assert kept(phase="encoders", cloud_region=SOME) == ({"image", "image_region"}, "likelihood")
    recipe = make_recipe(start=str(folder), steps=1, **OFF | {"image_region": SOME})
    written = read_config(train(recipe, tmp_path / "run", make_data(recipe)))
    assert list(written.calibration) == [each for each in calibration if each.modality != "image_region"]
    assert written.score_method == "likelihood"
