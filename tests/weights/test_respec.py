"""A model as a network of another spec: the same but for what the spec says."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from region_perception.confidence import Calibration
from region_perception.errors import WeightsError
from region_perception.network.region_blip import RegionBlip
from region_perception.network.spec import LoraSpec, PositionSpec
from region_perception.weights.load import load_model
from region_perception.weights.respec import with_spec
from region_perception.weights.store import save_model


def test_without_position_everything_else_stays_bit_for_bit(saved: Path, network: RegionBlip, tmp_path: Path) -> None:
    model = load_model(saved, device="cpu")
    before = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    bare = with_spec(model, replace(network.spec, position=PositionSpec(enabled=False)))
    ours = bare.network.state_dict()
    gone = set(before) - set(ours)
    assert {name.split(".")[2] for name in gone} == {"position", "token_bias"}
    assert set(ours) == set(before) - gone
    assert all(torch.equal(ours[name], before[name]) for name in ours)
    assert bare.trained == {"image", "cloud"}
    # It can be saved, and is its own: the model it was made of does not change with it.
    folder = save_model(tmp_path / "bare", bare.network, bare.codec, card="bare", trained=bare.trained)
    assert load_model(folder).network.spec.position == PositionSpec(enabled=False)
    with torch.no_grad():
        for parameter in bare.network.parameters():
            parameter.add_(1)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.network.state_dict().items())


def test_what_is_new_begins_at_random_numbers_of_the_seed(saved: Path, network: RegionBlip) -> None:
    model = load_model(saved, device="cpu")
    bare = with_spec(model, replace(network.spec, position=PositionSpec(enabled=False)))
    one, again, other = (with_spec(bare, network.spec, seed=seed) for seed in (1, 1, 2))
    weights = [each.network.state_dict()["parts.image_region.position.0.weight"] for each in (one, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.isfinite(weights[0]).all()


def test_a_modality_with_anything_new_has_not_learnt(saved: Path, network: RegionBlip) -> None:
    model = load_model(saved, device="cpu")
    wider = with_spec(model, replace(network.spec, lora=LoraSpec(rank=3)))
    assert wider.trained == {"image"}
    assert wider.network.spec.lora.rank == 3
    fewer = with_spec(model, replace(network.spec, modalities=("image", "cloud")))
    assert fewer.trained == {"image", "cloud"}
    assert network.spec.point_encoder is not None
    coarser = with_spec(model, replace(network.spec, point_encoder=replace(network.spec.point_encoder, depth=2)))
    assert coarser.trained == {"image"}


def test_what_is_forgotten_begins_anew_and_all_else_stays(saved: Path, network: RegionBlip) -> None:
    model = load_model(saved, device="cpu")
    others = set(network.spec.modalities) - {"image"}
    base = with_spec(model, network.spec, forget=others)
    assert base.trained == model.trained - others
    before, ours = model.network.state_dict(), base.network.state_dict()
    changed = {name for name in before if not torch.equal(before[name], ours[name])}
    assert {name.split(".")[1] for name in changed if name.startswith("parts.")} == others
    assert all(any(each in name for each in others) for name in changed)


def test_a_calibration_holds_for_the_same_weights_only(saved: Path, network: RegionBlip) -> None:
    calibration = (Calibration("find", "image_region", 2.0, 0.5),)
    model = replace(load_model(saved, device="cpu"), calibration=calibration, score_method="likelihood")
    same = with_spec(model, network.spec)
    assert (same.calibration, same.score_method) == (calibration, "likelihood")
    for other in (
        with_spec(model, network.spec, forget=["cloud"]),
        with_spec(model, replace(network.spec, lora=LoraSpec(rank=3))),
    ):
        assert (other.calibration, other.score_method) == ((), None)


def test_another_base_is_refused(saved: Path, network: RegionBlip) -> None:
    spec = replace(network.spec, qformer=replace(network.spec.qformer, queries=7))
    with pytest.raises(WeightsError, match=r"qformer\.queries is 4; expected 7"):
        with_spec(load_model(saved, device="cpu"), spec)
