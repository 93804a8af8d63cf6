"""One call for a folder, a name, a network and a hub id; and what it says where it cannot."""

import re
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch

from region_perception.errors import InvalidInput, ModelNotFound, WeightsError
from region_perception.network.specs import SPECS, mini
from region_perception.weights.hub import is_hub_id
from region_perception.weights.load import load_model, pick_device, pick_dtype


def test_untrained_networks_are_seeded() -> None:
    state = torch.get_rng_state()
    first, second, other = (load_model("mini", untrained=True, seed=seed, device="cpu") for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert (first.name, first.source, first.trained, first.network.spec) == ("mini", "untrained", frozenset(), mini())
    ours, theirs, others = (model.network.state_dict() for model in (first, second, other))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert not torch.equal(ours["parts.image.queries"], others["parts.image.queries"])
    assert not first.network.training
    assert first.codec.prompt_ids("a red mug")


def test_names_in_the_places_load(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION_PERCEPTION_MODELS", str(saved.parent))
    assert load_model("tiny", device="cpu").source == str(saved)


def test_networks_over_a_base(blip2s: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = blip2s.save(blip2s.build(blip2s.config()), tmp_path / "blip2")
    model = load_model("regionblip", base=folder, device="cpu")
    assert (model.name, model.source, model.trained) == ("regionblip", str(folder), {"image"})
    assert model.network.spec.modalities == ("image", "image_region", "cloud", "cloud_region")
    with pytest.raises(WeightsError, match=r"is not that of 'regionblip-opt-2.7b'"):
        load_model("regionblip-opt-2.7b", base=folder)
    with pytest.raises(WeightsError, match=r"load\(\"regionblip\", base="):
        load_model(folder)


@pytest.mark.parametrize("name", [*SPECS, "regionblip"])
def test_a_network_without_weights_tells_three_ways(name: str) -> None:
    with pytest.raises(ModelNotFound) as caught:
        load_model(name)
    for expected in (f'load("{name}", base=', "load(<folder>)", "untrained=True", "looked in"):
        assert expected in str(caught.value)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, "1", True, None])
def test_bad_seeds_are_refused(seed: Any) -> None:
    with pytest.raises(InvalidInput, match=r"seed is .*; expected a whole number from 0"):
        load_model("mini", untrained=True, seed=seed)


def test_untrained_needs_a_tokenizer() -> None:
    with pytest.raises(InvalidInput, match=r"'regionblip-opt-2.7b' has no tokenizer of its own"):
        load_model("regionblip-opt-2.7b", untrained=True)
    with pytest.raises(InvalidInput, match="leave out base"):
        load_model("mini", untrained=True, base="somewhere")
    with pytest.raises(ModelNotFound, match="did you mean 'mini'"):
        load_model("minni", untrained=True)


@pytest.mark.parametrize("device", ["gpu", "cuda:-1", "", "meta", "vulkan", 1.5, None])
def test_unknown_devices_are_refused(device: Any) -> None:
    with pytest.raises(InvalidInput, match=r"expected one of auto, cpu, cuda, cuda:<index>, mps"):
        pick_device(device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'cuda', but this machine has 0 of that kind"):
        load_model("mini", untrained=True, device="cuda")


def test_devices_that_are_there_are_taken() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto").type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize("dtype", ["float", "int8", "fp16", torch.int64, torch.float64, 16])
def test_unknown_dtypes_are_refused(dtype: Any) -> None:
    with pytest.raises(InvalidInput, match="expected one of float32, bfloat16, float16"):
        pick_dtype(dtype)


# The hub ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "is_id"),
    [
        ("Salesforce/blip2-opt-2.7b", True),
        ("a/b@main", True),
        ("a/b@refs/pr/7", True),
        ("tiny", False),
        ("/abs/path", False),
        ("./a", False),
        ("../a", False),
        ("a/../b", False),
        ("a/b/c", False),
        ("a b/c", False),
    ],
)
def test_hub_ids(name: str, is_id: bool) -> None:
    assert is_hub_id(name) is is_id


def test_offline_says_what_is_missing_and_how_to_fetch_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for arguments in ({"name": "nobody/nothing@v2"}, {"name": "regionblip", "base": "nobody/nothing@v2"}):
        with pytest.raises(ModelNotFound) as caught:
            load_model(**arguments)
        message = str(caught.value)
        for expected in ("'nobody/nothing'", str(tmp_path / "models--nobody--nothing"), "hf download nobody/nothing"):
            assert expected in message
        assert "--revision v2" in message


def test_a_model_in_the_cache_needs_no_network(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    commit = "0" * 40
    snapshot = cache / "models--somebody--tiny" / "snapshots" / commit
    snapshot.parent.mkdir(parents=True)
    saved.rename(snapshot)
    (cache / "models--somebody--tiny" / "refs").mkdir()
    (cache / "models--somebody--tiny" / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    assert load_model("somebody/tiny", device="cpu").source == str(snapshot)


def test_only_weights_descriptions_and_tokenizers_are_fetched(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def snapshot_download(repository: str, **options: Any) -> str:
        asked.update(options, repository=repository)
        return str(saved)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    load_model("somebody/tiny@v2", device="cpu")
    assert (asked["repository"], asked["revision"]) == ("somebody/tiny", "v2")
    wanted = "|".join(re.escape(pattern).replace(r"\*", ".*") for pattern in asked["allow_patterns"])
    for name in ("config.json", "model-1-of-2.safetensors", "tokenizer/tokenizer.json", "spiece.model", "merges.txt"):
        assert re.fullmatch(wanted, name), name
    for name in ("pytorch_model.bin", "model.pt", "model.pkl", "modeling.py", "weights.h5", "model.msgpack"):
        assert not re.fullmatch(wanted, name), name
