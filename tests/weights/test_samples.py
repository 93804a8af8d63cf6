"""Adapters know the base that they were made on: from other models of its sizes, and in every precision."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from region_perception.errors import WeightsError
from region_perception.network.region_blip import RegionBlip
from region_perception.text import TextCodec
from region_perception.weights.assemble import owned_tensors
from region_perception.weights.folder import Sample
from region_perception.weights.load import load_model
from region_perception.weights.samples import refuse_other_weights, sample_base
from region_perception.weights.store import save_model


@pytest.fixture
def over_blip2(blip2s: Any, tmp_path: Path) -> Path:
    """Adapters in `tmp_path / "m"` over a BLIP-2 in `tmp_path / "blip2"`."""
    base = blip2s.save(blip2s.build(blip2s.config()), tmp_path / "blip2")
    model = load_model("regionblip", base=base, device="cpu")
    return save_model(tmp_path / "m", model.network, model.codec, card="", trained={"image"}, base=base)


@pytest.fixture
def adapters(saved: Path, network: RegionBlip, codec: TextCodec, tmp_path: Path) -> Path:
    """Adapters over the native folder `saved`."""
    return save_model(tmp_path / "adapters", network, codec, card="", trained={"cloud"}, base=saved)


def _rewrite(path: Path, change: Any) -> None:
    save_file({name: change(name, tensor).contiguous() for name, tensor in load_file(path).items()}, path)


def test_the_sample_is_spread_over_parts_matrices_and_values() -> None:
    matrices = {
        f"qformer.{letter}": torch.arange(100.0).view(10, 10) * factor for factor, letter in enumerate("gfedcba")
    }
    vectors = {"qformer.norm": torch.ones(3), "qformer.number": torch.tensor(1.0)}
    others = {"parts.image.queries": torch.tensor([[1 / 3, 2.0]]), "language.ids": torch.ones(2, 2, dtype=torch.long)}
    clouds = {"point_encoder.x": torch.ones(2, 2), "parts.cloud.queries": torch.ones(2, 2)}
    sample = sample_base(matrices | vectors | others | clouds)
    assert [item.name for item in sample] == ["qformer.a", "qformer.c", "qformer.e", "qformer.g", "parts.image.queries"]
    assert sample[2].values == tuple(2.0 * place for place in (0, 14, 28, 42, 56, 70, 84, 99))
    assert sample[-1].values == (0.333333, 2.0)


def test_config_holds_the_sample(over_blip2: Path) -> None:
    data = json.loads((over_blip2 / "config.json").read_text())
    by_part = [item["name"].split(".")[0] for item in data["base_samples"]]
    assert by_part == [*["image_encoder"] * 4, *["qformer"] * 4, *["language"] * 4, *["parts"] * len(by_part[12:])]
    queries = load_file(over_blip2.parent / "blip2" / "model.safetensors")["query_tokens"].flatten()
    mine = next(item["values"] for item in data["base_samples"] if item["name"] == "parts.image.queries")
    assert mine[0] == pytest.approx(queries[0].item(), rel=1e-5)
    assert mine[-1] == pytest.approx(queries[-1].item(), rel=1e-5)
    assert (over_blip2 / "config.json").stat().st_size < 12_000


def test_another_blip2_of_the_same_sizes_is_refused(blip2s: Any, over_blip2: Path, tmp_path: Path) -> None:
    other = blip2s.save(blip2s.build(blip2s.config(), seed=1), tmp_path / "other")
    with pytest.raises(WeightsError) as caught:
        load_model(over_blip2, base=other)
    message = str(caught.value)
    for expected in (str(other), str(over_blip2), "has other weights", "image_encoder.", "; expected "):
        assert expected in message
    assert len(message.splitlines()) == 5  # what is the matter, three tensors, how many more


def test_another_native_base_of_the_same_sizes_is_refused(
    adapters: Path, network: RegionBlip, codec: TextCodec, tmp_path: Path
) -> None:
    torch.manual_seed(3)
    fresh = RegionBlip(network.spec)
    other = save_model(tmp_path / "fresh", fresh, codec, card="", trained=())
    with pytest.raises(WeightsError, match=rf"the base in {other} .* adapters in {adapters} "):
        load_model(adapters, base=other)
    with pytest.raises(WeightsError, match="has other weights"):
        save_model(tmp_path / "third", fresh, codec, card="", trained=(), base=tmp_path / "tiny")
    assert not (tmp_path / "third").exists()


@pytest.mark.parametrize("part", ["image_encoder.", "qformer.", "language.", "parts.image."])
def test_a_base_with_one_part_of_another_model_is_refused(adapters: Path, saved: Path, part: str) -> None:
    generator = torch.Generator().manual_seed(1)

    def swap(name: str, tensor: Tensor) -> Tensor:
        return torch.randn(tensor.shape, generator=generator) if name.startswith(part) else tensor

    _rewrite(saved / "base.safetensors", swap)
    with pytest.raises(WeightsError, match=rf"differ:\n  {part}"):
        load_model(adapters)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_copies_are_the_same_base(over_blip2: Path, adapters: Path, saved: Path, dtype: Any) -> None:
    for folder, base in ((over_blip2, over_blip2.parent / "blip2" / "model.safetensors"), (adapters, saved)):
        expected = load_model(folder, device="cpu").network.parts["image"].queries
        file = base / "base.safetensors" if base.is_dir() else base
        _rewrite(file, lambda _, tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor)
        found = load_model(folder, device="cpu").network.parts["image"].queries
        assert torch.equal(found, expected.to(dtype).float())


def test_adapters_saved_in_half_precision_know_the_full_base(
    saved: Path, network: RegionBlip, codec: TextCodec, tmp_path: Path
) -> None:
    for dtype in ("bfloat16", "float16"):
        reduced = load_model(saved, dtype=dtype, device="cpu")
        folder = save_model(tmp_path / dtype, reduced.network, codec, card="", trained=(), base=saved)
        loaded = load_model(folder, device="cpu").network
        assert torch.equal(loaded.language.model.lm_head.weight, network.language.model.lm_head.weight)


def test_shards_and_formats_of_one_base_are_the_same(over_blip2: Path, tmp_path: Path) -> None:
    model = load_model(over_blip2, device="cpu")
    native = save_model(tmp_path / "n", model.network, model.codec, card="", trained=(), max_shard_size=30_000)
    assert (native / "base.safetensors.index.json").exists()
    loaded = load_model(over_blip2, base=native, device="cpu").network
    assert torch.equal(loaded.parts["image"].queries, model.network.parts["image"].queries)


@pytest.mark.parametrize("first", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("second", [torch.float32, torch.bfloat16, torch.float16])
def test_no_rounding_is_taken_for_another_model(first: torch.dtype, second: torch.dtype) -> None:
    """Values of a wide range, tiny ones included, of which one copy went by way of float16."""
    values = torch.cat([torch.linspace(1, 2, 4001), torch.logspace(-12, 4, 4001)]) * torch.tensor([[1.0], [-1.0]])
    stored = tuple(values.flatten().to(first).float().tolist())
    base = {"x": values.to(torch.float16).to(second)}
    refuse_other_weights(Path("m"), (Sample("x", stored),), Path("b"), base)


@pytest.mark.parametrize("sample", [Sample("y", (1.0,)), Sample("x", (1.0,) * 9), Sample("x", (1.0, 1.02))])
def test_what_the_base_lacks_is_a_difference(sample: Sample) -> None:
    with pytest.raises(WeightsError, match=f"of 1 tensors that were compared, these differ:\n  {sample.name} has"):
        refuse_other_weights(Path("m"), (sample,), Path("b"), {"x": torch.ones(2, 2)})


def test_taking_a_sample_leaves_the_network_alone(network: RegionBlip) -> None:
    before = {name: tensor.clone() for name, tensor in owned_tensors(network)["base"].items()}
    sample_base(owned_tensors(network)["base"])
    assert all(torch.equal(tensor, before[name]) for name, tensor in owned_tensors(network)["base"].items())
