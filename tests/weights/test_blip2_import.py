"""Taking over a BLIP-2: every tensor is accounted for, and what a spec cannot describe is refused by name."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig

from region_perception.errors import WeightsError
from region_perception.network.region_blip import RegionBlip, parameter_owner
from region_perception.network.specs import named_spec, released
from region_perception.weights.blip2 import import_blip2
from region_perception.weights.blip2_spec import blip2_spec


def test_every_tensor_of_the_files_is_accounted_for(blip2s: Any, tmp_path: Path) -> None:
    model = blip2s.build(blip2s.config())
    extra = {"language_model.lm_head.weight": model.language_model.lm_head.weight.detach().clone()}
    extra["qformer.embeddings.position_ids"] = torch.arange(4)
    report = import_blip2(blip2s.save(model, tmp_path, blip2s.tensors(model) | extra)).report
    assert set(report.unused) | set(report.mapped) == set(blip2s.tensors(model)) | set(extra)
    assert "qformer.embeddings.position_ids" in report.unused
    assert len(report.unused) == 2
    assert report.mapped["query_tokens"] == "parts.image.queries"
    assert report.mapped["qformer.encoder.layer.0.attention.attention.query.weight"] == (
        "qformer.encoder.layer.0.attention.attention.query.weight"
    )


def test_a_word_head_that_t5_shares_is_stored_once(blip2s: Any, tmp_path: Path) -> None:
    """transformers 5 writes such files where the configuration says `tie_word_embeddings: false`."""
    model = blip2s.build(blip2s.config("t5"))
    tensors = blip2s.tensors(model)
    del tensors["language_model.lm_head.weight"]
    language = import_blip2(blip2s.save(model, tmp_path, tensors)).network.language.model
    assert torch.equal(language.lm_head.weight, model.language_model.shared.weight)
    assert not language.config.scale_decoder_outputs


@torch.no_grad()
def test_new_modalities_start_as_the_image_with_a_seeded_position(blip2s: Any, tmp_path: Path) -> None:
    folder = blip2s.save(blip2s.build(blip2s.config()), tmp_path)
    networks = [import_blip2(folder, seed=seed).network for seed in (0, 0, 1)]
    image, region = networks[0].parts["image"], networks[0].parts["image_region"]
    assert torch.equal(image.queries, region.queries)
    assert torch.equal(image.to_language.weight, region.to_language.weight)
    assert image.queries.data_ptr() != region.queries.data_ptr()  # a copy, or the base would be trained
    assert all(not parameter.any() for name, parameter in networks[0].named_parameters() if "lora_B" in name)
    assert all(parameter.any() for name, parameter in networks[0].named_parameters() if "lora_A" in name)
    states = [network.state_dict() for network in networks]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    name = "parts.image_region.position.0.weight"
    assert not torch.equal(states[0][name], states[2][name])
    _refuse_meta(networks[0])
    learns = {name for name, parameter in networks[0].named_parameters() if parameter.requires_grad}
    assert learns == {name for name in states[0] if parameter_owner(name) in networks[0].spec.adapted_modalities}


def _refuse_meta(network: RegionBlip) -> None:
    assert not [name for name, tensor in [*network.named_parameters(), *network.named_buffers()] if tensor.is_meta]


def test_a_second_qformer_starts_as_a_copy(blip2s: Any, tmp_path: Path) -> None:
    folder = blip2s.save(blip2s.build(blip2s.config()), tmp_path)
    spec = import_blip2(folder).network.spec
    network = import_blip2(folder, released(spec)).network
    _refuse_meta(network)
    for name, tensor in network.cloud_qformer.state_dict().items():
        if "lora_" not in name:
            assert torch.equal(tensor, network.qformer.state_dict()[name])
            assert tensor.data_ptr() != network.qformer.state_dict()[name].data_ptr()


def test_spec_follows_the_files(blip2s: Any, tmp_path: Path) -> None:
    folder = blip2s.save(blip2s.build(blip2s.config(vision={"image_size": 42})), tmp_path)
    (folder / "preprocessor_config.json").write_text('{"image_mean": [0.1, 0.2, 0.3], "image_std": [1, 2, 3]}')
    spec = import_blip2(folder).network.spec
    assert (spec.image_encoder.image_size, spec.image_encoder.grid, spec.image_encoder.width) == (42, 6, 32)
    assert (spec.image_encoder.mean, spec.image_encoder.std) == ((0.1, 0.2, 0.3), (1.0, 2.0, 3.0))
    assert (spec.qformer.queries, spec.qformer.depth, spec.qformer.text_branch) == (5, 3, False)
    assert (spec.language.bos_id, spec.language.stop_id) == (2, 3)
    assert spec.name == "regionblip"


def test_opt_with_its_published_vocabulary_stops_at_a_line_break() -> None:
    from transformers import Blip2Config

    for words in (50272, 50304):
        text = {"model_type": "opt", "vocab_size": words, "hidden_size": 2560, "num_hidden_layers": 32}
        text |= {"ffn_dim": 10240, "num_attention_heads": 32, "eos_token_id": 50118, "word_embed_proj_dim": 2560}
        spec = blip2_spec(Path("."), Blip2Config(text_config=text), named_spec("regionblip-opt-2.7b"))
        assert (spec.language.stop_id, spec.language.eos_id, spec.language.vocab_size) == (50118, 2, words)
        assert spec.name == "regionblip-opt-2.7b"


# Changes of a configuration that make a model which a spec cannot describe, and the field that is to be named.
INEXPRESSIBLE = [
    ("opt", {"vision": {"layer_norm_eps": 1e-5}}, "vision_config.layer_norm_eps"),
    ("opt", {"vision": {"hidden_act": "relu"}}, "vision_config.hidden_act"),
    ("opt", {"vision": {"qkv_bias": False}}, "vision_config.qkv_bias"),
    ("opt", {"vision": {"image_size": [28, 42]}}, "vision_config.image_size"),
    ("opt", {"qformer": {"layer_norm_eps": 1e-6}}, "qformer_config.layer_norm_eps"),
    ("opt", {"qformer": {"hidden_act": "relu"}}, "qformer_config.hidden_act"),
    ("opt", {"qformer": {"use_qformer_text_input": True}}, "qformer_config.use_qformer_text_input"),
    ("opt", {"text": {"do_layer_norm_before": False}}, "text_config.do_layer_norm_before"),
    ("opt", {"text": {"word_embed_proj_dim": 20}}, "text_config.word_embed_proj_dim"),
    ("opt", {"text": {"enable_bias": False}}, "text_config.enable_bias"),
    ("opt", {"text": {"_remove_final_layer_norm": True}}, "text_config._remove_final_layer_norm"),
    ("opt", {"text": {"eos_token_id": [3, 4]}}, "eos_token_id"),
    ("t5", {"text": {"feed_forward_proj": "relu"}}, "text_config.is_gated_act"),
    ("t5", {"text": {"relative_attention_num_buckets": 16}}, "text_config.relative_attention_num_buckets"),
    ("t5", {"text": {"relative_attention_max_distance": 64}}, "text_config.relative_attention_max_distance"),
    ("t5", {"text": {"num_decoder_layers": 1}}, "text_config.num_decoder_layers"),
    ("t5", {"text": {"layer_norm_epsilon": 1e-5}}, "text_config.layer_norm_epsilon"),
    ("llama", {"text": {"attention_bias": True}}, "text_config.attention_bias"),
    (
        "llama",
        {"text": {"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}},
        "text_config.rope_parameters",
    ),
]


@pytest.mark.parametrize(("language", "changes", "named"), INEXPRESSIBLE, ids=[named for *_, named in INEXPRESSIBLE])
def test_models_that_a_spec_cannot_describe_are_refused(
    blip2s: Any, language: str, changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(WeightsError, match=re.escape(named)):
        blip2_spec(Path("somewhere"), blip2s.config(language, **changes), None)


def test_another_language_model_is_refused(blip2s: Any) -> None:
    config = blip2s.config()
    config.text_config = AutoConfig.for_model("gpt2")
    with pytest.raises(WeightsError, match=r"'gpt2'; this library builds opt, llama, t5"):
        blip2_spec(Path("somewhere"), config, None)


def test_a_named_network_takes_no_base_of_other_sizes(blip2s: Any, tmp_path: Path) -> None:
    folder = blip2s.save(blip2s.build(blip2s.config()), tmp_path)
    with pytest.raises(
        WeightsError, match=r"(?s)'regionblip-opt-2.7b'.*image_encoder.width is 32; expected 1408"
    ) as caught:
        import_blip2(folder, named_spec("regionblip-opt-2.7b"))
    assert "qformer.queries is 5" in str(caught.value)
    assert "language.width is 40" in str(caught.value)
    assert "vocab_size" not in str(caught.value)
    with pytest.raises(WeightsError, match=r"language.kind is 'opt'; expected 't5'"):
        import_blip2(folder, named_spec("regionblip-flan-t5-xl"))


# How files may be wrong, and what is to be said about it.
WRONG_FILES = [
    ("query_tokens", None, r"missing \(1\):\n\s+query_tokens"),
    ("vision_model.post_layernorm.weight", None, r"missing \(1\):\n\s+vision_model.post_layernorm.weight"),
    ("language_projection.weight", torch.zeros(40, 25), r"language_projection.weight is float32 \[40, 25\]; .*24\]"),
    ("query_tokens", torch.zeros(1, 6, 24), r"query_tokens is float32 \[6, 24\]; expected float32 \[5, 24\]"),
    ("qformer.layernorm.bias", torch.zeros(24, dtype=torch.int64), r"qformer.layernorm.bias is int64"),
    ("itm_head.weight", torch.zeros(2, 24), r"unexpected \(1\):\n\s+itm_head.weight"),
    ("qformer.embeddings.word_embeddings.weight", torch.zeros(9, 24), r"unexpected \(1\):\n\s+qformer.embeddings"),
    (
        "language_model.lm_head.weight",
        torch.zeros(320, 40),
        r"lm_head.weight and .* are one tensor by config.json, but differ",
    ),
]


@pytest.mark.parametrize(("name", "tensor", "message"), WRONG_FILES, ids=[row[2] for row in WRONG_FILES])
def test_wrong_tensors_are_named(blip2s: Any, tmp_path: Path, name: str, tensor: Tensor | None, message: str) -> None:
    model = blip2s.build(blip2s.config())
    tensors = blip2s.tensors(model) | {name: tensor}
    kept = {key: value for key, value in tensors.items() if value is not None}
    with pytest.raises(WeightsError, match=message):
        import_blip2(blip2s.save(model, tmp_path, kept))


def test_weights_pickled_by_torch_are_read(blip2s: Any, tmp_path: Path) -> None:
    model = blip2s.build(blip2s.config())
    expected = import_blip2(blip2s.save(model, tmp_path)).network.state_dict()
    tensors = blip2s.tensors(model)
    (tmp_path / "model.safetensors").unlink()
    torch.save(tensors, tmp_path / "pytorch_model.bin")
    _same(import_blip2(tmp_path).network.state_dict(), expected)
    (tmp_path / "pytorch_model.bin").unlink()
    half = list(tensors)[: len(tensors) // 2]
    places = {name: "one.bin" if name in half else "two.bin" for name in tensors}
    for file in ("one.bin", "two.bin"):
        torch.save({name: tensors[name] for name in tensors if places[name] == file}, tmp_path / file)
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": places}))
    _same(import_blip2(tmp_path).network.state_dict(), expected)


def _same(given: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert given.keys() == expected.keys()
    assert all(torch.equal(given[name], expected[name]) for name in expected)


def test_pickles_run_nothing(blip2s: Any, tmp_path: Path) -> None:
    folder = blip2s.save(blip2s.build(blip2s.config()), tmp_path)
    (folder / "model.safetensors").unlink()
    torch.save({"query_tokens": _Trap(tmp_path / "sprung")}, folder / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"pytorch_model.bin holds something else than named tensors"):
        import_blip2(folder)
    assert not (tmp_path / "sprung").exists()


class _Trap:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_folders_that_hold_no_blip2_are_refused(blip2s: Any, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"model_type 'blip-2' is missing"):
        import_blip2(tmp_path)
    folder = blip2s.save(blip2s.build(blip2s.config()), tmp_path)
    (folder / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"has no weights: neither model.safetensors nor pytorch_model.bin"):
        import_blip2(folder)
    (folder / "config.json").write_text('{"model_type": "blip-2", "vision_config": {"hidden_size": "wide"}}')
    with pytest.raises(WeightsError, match=r"config.json cannot be read as a BLIP-2"):
        import_blip2(folder)


@torch.no_grad()
def test_half_precision_stays_out_of_what_learns(blip2s: Any, tmp_path: Path) -> None:
    folder = blip2s.save(blip2s.build(blip2s.config()), tmp_path)
    network = import_blip2(folder, dtype=torch.bfloat16).network
    kinds = {name: parameter.dtype for name, parameter in network.named_parameters()}
    assert kinds["image_encoder.vision_model.post_layernorm.weight"] == torch.bfloat16
    assert kinds["language.model.model.decoder.embed_tokens.weight"] == torch.bfloat16
    full = {name.split(".")[0] for name, kind in kinds.items() if kind == torch.float32}
    assert full == {"qformer", "parts", "point_encoder", "language"}
    assert all("lora_" in name for name, kind in kinds.items() if name.startswith("language") and kind == torch.float32)
