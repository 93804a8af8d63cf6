"""The native folder: what is written comes back bit for bit, and nothing is overwritten that is not a model."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from region_perception.errors import InvalidInput, WeightsError
from region_perception.network.region_blip import RegionBlip
from region_perception.network.spec import LoraSpec, spec_to_dict
from region_perception.text import TextCodec
from region_perception.weights.load import load_model
from region_perception.weights.precision import set_dtype
from region_perception.weights.store import save_model


def _same(given: RegionBlip, expected: RegionBlip) -> None:
    theirs, ours = expected.state_dict(), given.state_dict()
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert ours[name].dtype == tensor.dtype, name
        assert torch.equal(ours[name], tensor), name
    assert not [name for name, tensor in given.named_buffers() if tensor.is_meta]


def test_what_is_saved_comes_back(saved: Path, network: RegionBlip, codec: TextCodec) -> None:
    loaded = load_model(saved, device="cpu")
    _same(loaded.network, network)
    assert loaded.network.spec == network.spec
    assert loaded.trained == {"image", "cloud"}
    assert loaded.source == str(saved)
    assert not loaded.network.training
    assert loaded.codec.prompt_ids("a red mug") == codec.prompt_ids("a red mug")
    trains = {name: parameter.requires_grad for name, parameter in network.named_parameters()}
    assert {name: parameter.requires_grad for name, parameter in loaded.network.named_parameters()} == trains
    assert (
        loaded.network.language.model.lm_head.weight is loaded.network.language.model.model.decoder.embed_tokens.weight
    )


def test_files_are_split_by_owner_and_named_cleanly(saved: Path, network: RegionBlip) -> None:
    assert {path.name for path in saved.iterdir()} == {
        "config.json",
        "README.md",
        "base.safetensors",
        "clouds.safetensors",
        "image_region.safetensors",
        "cloud.safetensors",
        "cloud_region.safetensors",
        "tokenizer",
    }
    assert (saved / "README.md").read_text() == "# Tiny\n"
    names = {path.stem: set(load_file(path)) for path in saved.glob("*.safetensors")}
    assert not [name for group in names.values() for name in group if "base_layer" in name]
    assert all(".lora_" in name or name.startswith("parts.cloud.") for name in names["cloud"])
    assert "qformer.encoder.layer.0.attention.attention.query.weight" in names["base"]
    assert "qformer.encoder.layer.0.attention.attention.query.lora_A.cloud.weight" in names["cloud"]
    assert "point_encoder.encoder.first_conv.1.running_mean" in names["clouds"]
    assert "parts.image.queries" in names["base"]
    count = sum(len(group) for group in names.values())
    assert count == len(network.state_dict()) - 1  # the word head is the word embeddings


def test_whoever_may_read_the_folder_may_read_the_weights(saved: Path) -> None:
    assert len({path.stat().st_mode for path in saved.iterdir() if path.is_file()}) == 1


def test_batch_statistics_are_saved(network: RegionBlip, codec: TextCodec, tmp_path: Path) -> None:
    network.point_encoder.encoder.first_conv[1].running_var.fill_(3.5)
    saved = save_model(tmp_path / "m", network, codec, card="", trained=())
    assert (load_model(saved).network.point_encoder.encoder.first_conv[1].running_var == 3.5).all()


def test_small_shards_come_back(network: RegionBlip, codec: TextCodec, tmp_path: Path) -> None:
    saved = save_model(tmp_path / "m", network, codec, card="", trained=(), max_shard_size=20_000)
    shards = sorted(path.name for path in saved.glob("base-*.safetensors"))
    assert len(shards) > 2
    places = json.loads((saved / "base.safetensors.index.json").read_text())["weight_map"]
    assert set(places.values()) == set(shards)
    _same(load_model(saved, device="cpu").network, network)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", torch.bfloat16])
def test_half_precision_loads_and_comes_back(
    saved: Path, network: RegionBlip, codec: TextCodec, tmp_path: Path, dtype: Any
) -> None:
    loaded = load_model(saved, device="cpu", dtype=dtype).network
    set_dtype(network, getattr(torch, dtype) if isinstance(dtype, str) else dtype)
    _same(loaded, network)
    reduced = {name.split(".")[0] for name, tensor in loaded.named_parameters() if tensor.dtype != torch.float32}
    assert reduced == {"image_encoder", "point_encoder", "language"}
    assert all(tensor.dtype == torch.float32 for name, tensor in loaded.named_parameters() if "lora_" in name)
    again = save_model(tmp_path / "half", loaded, codec, card="", trained=())
    _same(load_model(again, device="cpu", dtype=dtype).network, network)


@torch.no_grad()
def test_half_precision_runs_every_modality(saved: Path) -> None:
    from region_perception.network.language import Decoding
    from region_perception.network.region_blip import Glance

    network = load_model(saved, device="cpu", dtype="bfloat16").network
    picture = network.encode_images(torch.randn(1, 3, 16, 16))
    cloud = network.encode_clouds([torch.randn(30, 3)])
    glances = [
        Glance("image", network.remember(picture, "image")),
        Glance("image_region", network.remember(picture, "image_region"), torch.rand(1, 4)),
        Glance("cloud", network.remember(cloud, "cloud")),
        Glance("cloud_region", network.remember(cloud, "cloud_region"), torch.rand(1, 24)),
    ]
    names = [glance.modality for glance in glances]
    sentences = network.generate(network.read(glances), names, [[]] * 4, Decoding(max_tokens=3))
    assert len(sentences) == 4


@pytest.mark.parametrize(
    ("kind", "stem"), [("llama", "language"), ("t5", "language"), ("clip", "image"), ("blip2", "image")]
)
@torch.no_grad()
def test_every_kind_of_part_comes_back_and_runs(
    network: RegionBlip, codec: TextCodec, tmp_path: Path, kind: str, stem: str
) -> None:
    """Building without memory leaves computed buffers out, and each kind of part has others."""
    spec = network.spec
    if stem == "image":
        encoder = replace(spec.image_encoder, kind=kind, heads=2, mlp_width=32)
        spec = replace(spec, image_encoder=encoder)
    else:
        targets = ("q", "v") if kind == "t5" else ("q_proj", "v_proj")
        language = replace(spec.language, kind=kind, activation="gelu", tied_embeddings=False)
        spec = replace(spec, language=language, lora=LoraSpec(language_targets=targets))
    built = RegionBlip(spec).eval()
    saved = save_model(tmp_path / "m", built, codec, card="", trained=())
    loaded = load_model(saved, device="cpu").network
    _same(loaded, built)
    buffers = dict(built.named_buffers())
    assert {name: tensor.tolist() for name, tensor in loaded.named_buffers()} == {
        name: tensor.tolist() for name, tensor in buffers.items()
    }
    soft = torch.randn(1, 4, spec.language.width)
    ours, theirs = (net.language.score(soft, [[5]], [[6, 7]], ["cloud"]).log_probs for net in (loaded, built))
    assert torch.equal(ours, theirs)
    pixels = torch.randn(1, 3, 16, 16)
    assert torch.equal(loaded.encode_images(pixels).tokens, built.encode_images(pixels).tokens)


# Adapters apart from their base -----------------------------------------------------------------------------------


def test_adapters_stand_on_a_base(saved: Path, network: RegionBlip, codec: TextCodec, tmp_path: Path) -> None:
    with torch.no_grad():
        network.parts["cloud"].queries.add_(1)
    adapters = save_model(tmp_path / "other", network, codec, card="", trained={"cloud"}, base=saved)
    assert not list(adapters.glob("base*"))
    _same(load_model(adapters, device="cpu").network, network)
    elsewhere = tmp_path / "away" / "tiny"
    shutil.move(saved, elsewhere)
    with pytest.raises(WeightsError, match=rf"stands on '\.\./tiny', which was not found: looked at {saved}"):
        load_model(adapters)
    _same(load_model(adapters, base=elsewhere, device="cpu").network, network)


def test_adapters_refuse_a_base_of_other_sizes(
    saved: Path, network: RegionBlip, codec: TextCodec, tmp_path: Path
) -> None:
    other = RegionBlip(replace(network.spec, qformer=replace(network.spec.qformer, heads=4)))
    with pytest.raises(WeightsError, match=r"qformer.heads is 2; expected 4"):
        save_model(tmp_path / "other", other, codec, card="", trained=(), base=saved)
    assert not (tmp_path / "other").exists()
    adapters = save_model(tmp_path / "other", network, codec, card="", trained=(), base=saved)
    with pytest.raises(WeightsError, match=r"it stands on '\.\./tiny' \(as seen from there\), name that as the base"):
        save_model(tmp_path / "third", network, codec, card="", trained=(), base=adapters)
    with pytest.raises(InvalidInput, match="holds its own base"):
        load_model(saved, base=adapters)


def test_adapters_stand_on_a_blip2(blip2s: Any, tmp_path: Path) -> None:
    base = blip2s.save(blip2s.build(blip2s.config()), tmp_path / "blip2")
    model = load_model("regionblip", base=base, device="cpu")
    assert model.trained == {"image"}
    with torch.no_grad():
        for parameter in model.network.parts["image_region"].parameters():
            parameter.add_(1)
    adapters = save_model(tmp_path / "m", model.network, model.codec, card="", trained={"image"}, base=base)
    assert not list(adapters.glob("base*"))
    _same(load_model(adapters, device="cpu").network, model.network)
    blip2s.save(blip2s.build(blip2s.config(vision={"num_attention_heads": 4})), base)
    with pytest.raises(WeightsError, match=r"image_encoder.heads is 4; expected 2"):
        load_model(adapters)


# Saving ------------------------------------------------------------------------------------------------------------


def test_nothing_but_an_older_model_is_overwritten(saved: Path, network: RegionBlip, codec: TextCodec) -> None:
    before = (saved / "base.safetensors").stat().st_mtime_ns
    with pytest.raises(WeightsError, match=r"holds a model already; overwrite=True would replace .*base.safetensors"):
        save_model(saved, network, codec, card="", trained=())
    assert (saved / "base.safetensors").stat().st_mtime_ns == before
    save_model(saved, network, codec, card="second", trained=(), overwrite=True)
    assert (saved / "README.md").read_text() == "second"
    assert [path.name for path in saved.parent.iterdir()] == ["tiny"]  # no drafts, no old ones
    (saved / "thesis.tex").write_text("years of work")
    with pytest.raises(WeightsError, match=r"something else than a model: thesis.tex; left as it is"):
        save_model(saved, network, codec, card="", trained=(), overwrite=True)


def test_foreign_folders_are_left_alone(network: RegionBlip, codec: TextCodec, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    save_model(tmp_path / "photos", network, codec, card="", trained=())  # an empty folder is nobody's
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "config.json").write_text("{}")
    (tmp_path / "file").write_text("")
    for name, message in (("foreign", "something else than a model: config.json"), ("file", "is a file")):
        with pytest.raises(WeightsError, match=message):
            save_model(tmp_path / name, network, codec, card="", trained=(), overwrite=True)


def test_a_save_that_fails_leaves_the_old_model(saved: Path, network: RegionBlip, codec: TextCodec) -> None:
    expected = load_model(saved, device="cpu").network

    class Broken(TextCodec):
        def save(self, folder: Path) -> None:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        save_model(saved, network, Broken(codec.spec, codec.language), card="", trained=(), overwrite=True)
    assert [path.name for path in saved.parent.iterdir()] == ["tiny"]
    _same(load_model(saved, device="cpu").network, expected)


def test_a_model_may_be_saved_over_the_files_it_was_loaded_from(saved: Path, codec: TextCodec) -> None:
    loaded = load_model(saved, device="cpu").network
    with torch.no_grad():
        loaded.parts["image"].queries.add_(1)
    save_model(saved, loaded, codec, card="", trained=(), overwrite=True)
    _same(load_model(saved, device="cpu").network, loaded)


def test_training_does_not_reach_the_files(saved: Path, network: RegionBlip) -> None:
    loaded = load_model(saved, device="cpu").network
    with torch.no_grad():
        for parameter in loaded.parameters():
            parameter.zero_()
    _same(load_model(saved, device="cpu").network, network)


def test_trained_must_be_modalities(network: RegionBlip, codec: TextCodec, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="trained is \\['sound'\\]"):
        save_model(tmp_path / "m", network, codec, card="", trained={"sound"})
    assert not list(tmp_path.iterdir())


def test_config_is_what_the_card_of_the_format_says(saved: Path, network: RegionBlip) -> None:
    data = json.loads((saved / "config.json").read_text())
    assert data == {
        "format": "region-perception",
        "version": 1,
        "spec": spec_to_dict(network.spec),
        "trained": ["image", "cloud"],
        "base": None,
        "base_samples": [],
    }
