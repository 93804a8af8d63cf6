"""Published point encoders: the names of four projects, one network."""

from typing import Any

import pytest
import torch
from torch import Tensor

from region_perception.errors import WeightsError
from region_perception.weights.importing import import_weights

ULIP = {"module.logit_scale": torch.ones(()), "module.pc_projection": torch.zeros(256, 512)}

# Family, prefix of names, key in the file, what lies beside, six channels, name of their encoder.
FILES = {
    "point-bert": ("module.transformer_q.", "base_model", {"module.queue": torch.zeros(2, 3)}, False, "encoder"),
    "ulip": (
        "module.point_encoder.",
        "state_dict",
        ULIP,
        False,
        "",
    ),
    "ulip2": ("module.point_encoder.", "state_dict", {"module.pc_projection": torch.zeros(256, 1280)}, True, ""),
    "pointllm": ("module.point_encoder.", "state_dict", {}, True, "encoder_color"),
}


@pytest.mark.parametrize("family", FILES)
@torch.no_grad()
def test_points(family: str, layouts: Any, reference: Any, base: Any, published: Any) -> None:
    prefix, key, beside, color, encoder = FILES[family]
    tensors = layouts.points(prefix, color=color, encoder=encoder or "encoder")
    training_only = {f"{prefix}cls_head.0.weight": torch.zeros(2, 2), f"{prefix}mask_token": torch.zeros(1, 1, 2)}
    imported = import_weights([published("points.pt", tensors | training_only | beside, key=key, epoch=300)], base())
    report = imported.reports[0]
    assert report.family == family
    assert set(report.account.left) == {*beside, *training_only}
    assert not report.account.missed
    network = imported.model.network
    spec = network.spec.point_encoder
    assert spec is not None
    sizes = (
        spec.width,
        spec.depth,
        spec.heads,
        spec.mlp_ratio,
        spec.encoder_width,
        spec.point_width,
        spec.feature_width,
    )
    assert sizes == (128, 2, 2, 2.0, 14, 6, 10)
    assert (spec.color, spec.groups, spec.points) == (color, 512, 8192)
    groups, centres = _groups(6 if color else 3)
    ours = network.point_encoder.encode_groups(groups, centres, torch.ones(2, 7, dtype=torch.bool))
    theirs = reference(tensors).points(prefix, groups, centres, encoder or "encoder")
    assert theirs.std() > 0.1
    assert (ours - theirs).abs().max() < 1e-4


def _groups(channels: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(2, 7, 5, channels, generator=generator), torch.randn(2, 7, 3, generator=generator)


def test_a_width_that_is_no_multiple_of_a_head_is_told(layouts: Any, base: Any, published: Any) -> None:
    tensors = layouts.points("transformer_q.")
    del tensors["transformer_q.cls_token"]
    with pytest.raises(WeightsError, match=r"has nothing for point_encoder.cls_token; expected 3 axes"):
        import_weights([published("points.pt", tensors, key="base_model")], base())


def test_a_lost_layer_is_refused(layouts: Any, base: Any, published: Any) -> None:
    tensors = layouts.points("transformer_q.")
    lost = [name for name in tensors if ".blocks.0.norm1" in name]
    for name in lost:
        del tensors[name]
    with pytest.raises(WeightsError, match=r"missing \(2\).*\n.*blocks.blocks.\*.norm1"):
        import_weights([published("points.pt", tensors, key="base_model")], base())


@pytest.mark.parametrize("number", ["999999999", "first", "3"])
def test_a_block_with_a_wrong_number_is_refused(number: str, layouts: Any, base: Any, published: Any) -> None:
    tensors = layouts.points("transformer_q.")
    tensors[f"transformer_q.blocks.blocks.{number}.norm1.weight"] = torch.ones(128)
    with pytest.raises(WeightsError, match=rf"has 3 blocks, among them 0, 1, {number}; expected 0 to 2"):
        import_weights([published("points.pt", tensors, key="base_model")], base())


def test_a_width_that_attention_does_not_have_is_refused(layouts: Any, base: Any, published: Any) -> None:
    tensors = layouts.points("transformer_q.") | {"transformer_q.cls_token": torch.zeros(1, 1, 100_000)}
    with pytest.raises(WeightsError, match=r"attention of shape \[384, 128\] in blocks that are 100000 wide"):
        import_weights([published("points.pt", tensors, key="base_model")], base())


def test_another_depth_than_the_networks_is_told(layouts: Any, base: Any, published: Any) -> None:
    tensors = layouts.points("transformer_q.")
    shallow = {name: tensor for name, tensor in tensors.items() if ".blocks.1." not in name}
    model = base()
    had = model.network.spec.point_encoder
    notes = import_weights([published("points.pt", shallow, key="base_model")], model).reports[0].notes
    assert f"has 1 layers of width 128, as the file; the network's had {had.depth} of {had.width}" in notes[0]


def test_clouds_that_learnt_over_another_encoder_are_untrained(layouts: Any, base: Any, published: Any) -> None:
    from dataclasses import replace

    model = replace(base(), trained=frozenset({"image", "image_region", "cloud"}))
    imported = import_weights([published("points.pt", layouts.points("transformer_q."), key="base_model")], model)
    assert imported.model.trained == {"image", "image_region"}


def test_files_of_no_family_are_refused(base: Any, published: Any) -> None:
    file = published("some.pt", {"layer.weight": torch.zeros(2), "layer.bias": torch.zeros(2)})
    with pytest.raises(WeightsError, match=r"has 2 tensors, .* layer.bias, layer.weight; expected .* one of lavis"):
        import_weights([file], base())
    with pytest.raises(WeightsError, match=r"no published layout is called 'blip3'; known are lavis-stage1, "):
        import_weights([file], base(), families=["blip3"])


def test_a_family_that_is_named_decides(layouts: Any, base: Any, published: Any) -> None:
    """PointLLM's names are ULIP's; only what lies beside them differs."""
    file = published("points.pt", layouts.points("module.point_encoder."), key="state_dict")
    assert import_weights([file], base(), families=["ulip2"]).reports[0].family == "ulip2"
    with pytest.raises(WeightsError, match=r"expected the names of regionblip"):
        import_weights([file], base(), families=["regionblip"])
