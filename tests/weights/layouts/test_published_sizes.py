"""The tables on the networks of published size, without their weights: how much a released file holds."""

import pytest

from region_perception.network.spec import NetworkSpec
from region_perception.network.specs import named_spec, released
from region_perception.weights.assemble import empty_network, slots
from region_perception.weights.layouts.lavis import STAGE1, STAGE2
from region_perception.weights.layouts.points import POINT_BERT
from region_perception.weights.layouts.regionblip import SEPARATE
from region_perception.weights.layouts.rules import Family, name_there


def _numbers(spec: NetworkSpec, *families: Family) -> list[dict[str, int]]:
    """How many numbers each name of a family's file has."""
    network = empty_network(spec)
    sizes = {name: slot.tensor.numel() for name, slot in slots(network).items()}
    files = []
    for family in families:
        pairs = [
            (rule, theirs, size) for ours, size in sizes.items() for rule, theirs in name_there(family.rules, ours)
        ]
        files.append({theirs: size // 3 if rule.third is not None else size for rule, theirs, size in pairs})
    return files


def _sum(file: dict[str, int], *parts: str) -> int:
    return sum(size for name, size in file.items() if all(part in name for part in parts))


def test_opt_2_7b() -> None:
    file, stage1, stage2, points = _numbers(
        released(named_spec("regionblip-opt-2.7b")), SEPARATE, STAGE1, STAGE2, POINT_BERT
    )
    for name in ("img_region", "pc", "pc_region"):
        first = "Qformer.bert" if name == "img_region" else "Qformer_pc.bert"
        pair = [size for key, size in file.items() if key.startswith(first) and key.endswith(f"_{name}")]
        assert sum(pair) == 473_088
        pair = [size for key, size in file.items() if key.startswith("opt_model.") and key.endswith(f"_{name}")]
        assert sum(pair) == 2_621_440
        assert file[f"query_tokens_{name}"] == 32 * 768
        assert file[f"opt_proj_{name}.weight"] == 768 * 2560
    assert _sum(file, "pc_adapter") == 542_080
    assert _sum(file, "img_region_posembed") == 99_712
    assert _sum(file, "pc_region_posembed") == 102_272
    assert _sum(file, "reg_img_region") == 768 * 4 + 4
    second = sum(size for key, size in file.items() if key.startswith("Qformer_pc.") and "lora_" not in key)
    assert second == pytest.approx(186e6, rel=0.01)
    without_color = [size for name, size in points.items() if not name.startswith("encoder_color.")]
    assert sum(without_color) == pytest.approx(21.86e6, rel=0.001)
    assert stage1["Qformer.bert.embeddings.word_embeddings.weight"] == 30_523 * 768
    assert stage1["vision_proj.weight"] == 256 * 768
    assert stage1["Qformer.bert.encoder.layer.10.crossattention.self.key.weight"] == 768 * 1408
    assert "Qformer.bert.encoder.layer.11.crossattention.self.key.weight" not in stage1
    assert "Qformer.bert.encoder.layer.0.intermediate.dense.weight" not in stage2
    assert stage2["visual_encoder.blocks.38.mlp.fc1.weight"] == 6144 * 1408
    assert stage2["visual_encoder.blocks.0.attn.q_bias"] == 1408


def test_flan_t5_xl() -> None:
    (file,) = _numbers(released(named_spec("regionblip-flan-t5-xl")), SEPARATE)
    pairs = {key: size for key, size in file.items() if key.startswith("t5_model.") and key.endswith("_img_region")}
    assert sum(pairs.values()) == 4_718_592
    assert "t5_model.decoder.block.23.layer.1.EncDecAttention.v.lora_B_img_region" in pairs
    assert file["t5_proj_pc.bias"] == 2048
