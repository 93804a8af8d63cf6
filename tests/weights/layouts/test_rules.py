"""Lines of a table: what `*` and `**` stand for, and which rule decides."""

from typing import Any

import pytest
import torch

from region_perception.weights.layouts.families import FAMILIES, family_of
from region_perception.weights.layouts.mapping import is_text
from region_perception.weights.layouts.rules import Rule, fits, leaves, name_there, place_of, takes
from region_perception.weights.layouts.summary import Line, lines_of, shortened

RULES = (
    leaves("head.extra.*", "not needed"),
    takes("head.*", "ours.*"),
    takes("blocks.*.attn.**", "layers.*.attention.**"),
    takes("both.*", "one.*", "two.*"),
    takes("blocks.*.q.lora_A_pc", "layers.*.q.lora_A.cloud.weight"),
)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("head.weight", ("ours.weight",)),
        ("head.extra.weight", ()),
        ("blocks.11.attn.proj.bias", ("layers.11.attention.proj.bias",)),
        ("both.bias", ("one.bias", "two.bias")),
        ("blocks.3.q.lora_A_pc", ("layers.3.q.lora_A.cloud.weight",)),
    ],
)
def test_names(theirs: str, ours: tuple[str, ...]) -> None:
    place = place_of(RULES, theirs)
    assert place is not None
    assert place.names == ours
    assert all(theirs in [name for _, name in name_there(RULES, name)] for name in ours)


@pytest.mark.parametrize(
    "name",
    ["head.a.weight", "heads.weight", "blocks.1.attn.", "blocks.1.attn.q.lora_A_img", "xhead.weight", ""],
)
def test_names_of_no_rule(name: str) -> None:
    assert place_of(RULES, name) is None


def test_points_are_points() -> None:
    assert not fits("a.b", "axb")
    assert fits("a.*", "a.b")
    assert not fits("a.*", "a.b.c")
    assert fits("a.**", "a.b.c")
    assert not fits("a.**", "a.")


def test_what_belongs_to_a_text_branch() -> None:
    assert is_text("qformer.encoder.layer.0.output.dense.weight")
    assert is_text("cloud_qformer.word_head.bias")
    assert is_text("parts.cloud.temperature")
    assert not is_text("qformer.encoder.layer.0.output_query.dense.weight")
    assert not is_text("qformer.encoder.layer.0.attention.output.dense.weight")
    assert not is_text("parts.image.queries")


def test_no_file_is_of_two_families(layouts: Any) -> None:
    files = {
        "lavis-stage1": layouts.stage1(),
        "lavis-stage2": layouts.stage2("t5"),
        "eva-vit": layouts.vision("", side=2),
        "regionblip": layouts.regionblip(),
        "point-bert": layouts.points("module.transformer_q."),
        "pointllm": layouts.points("module.point_encoder."),
    }
    files["regionblip-base"] = {
        name.replace("query_tokens", "query_tokens_img").replace("t5_proj", "t5_proj_img"): tensor
        for name, tensor in files["lavis-stage2"].items()
    }
    files["ulip"] = files["pointllm"] | {"module.pc_projection": torch.zeros(2, 512)}
    files["ulip2"] = files["pointllm"] | {"module.pc_projection": torch.zeros(2, 1280)}
    for name, tensors in files.items():
        assert family_of(tensors, None, "a file").name == name
    assert set(files) | {"blip2-itm"} == {family.name for family in FAMILIES}


def test_every_rule_says_where_or_why() -> None:
    for family in FAMILIES:
        for rule in family.rules:
            assert isinstance(rule, Rule)
            assert bool(rule.ours) != bool(rule.why), rule
            stars = rule.theirs.count("*")
            assert all(name.count("*") == stars for name in rule.ours), rule


def test_layers_are_told_in_one_line() -> None:
    lines = lines_of({"a.0.w": "b.0.w", "a.1.w": "b.1.w", "c.w": "", "a.2.w": "d.2.w"})
    assert lines == [Line("a.*.w", "b.*.w", 2), Line("c.w", "", 1), Line("a.*.w", "d.*.w", 1)]
    assert shortened(lines, 2) == ["a.*.w (x 2): b.*.w", "c.w", "and 1 more"]
