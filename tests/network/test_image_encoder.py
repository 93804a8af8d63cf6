"""Image encoders: parity with transformers' own, resolutions, and which patch a token stands for."""

import sys
import types
from dataclasses import replace

import pytest
import torch
from torch import nn
from transformers import Blip2VisionConfig, Blip2VisionModel, CLIPVisionConfig, CLIPVisionModel

from region_perception.errors import InvalidSpec, MissingDependency
from region_perception.network.image_encoder import _places, build_image_encoder
from region_perception.network.spec import ImageEncoderSpec

SIZES = {"width": 24, "depth": 2, "heads": 2, "mlp_width": 40, "image_size": 16, "patch_size": 4}
THEIR_SIZES = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 40,
    "image_size": 16,
    "patch_size": 4,
}


def spec_of(kind, **changes):
    sizes = SIZES | changes
    if kind == "conv":
        sizes = {name: size for name, size in sizes.items() if name not in ("heads", "mlp_width")}
    return ImageEncoderSpec(kind=kind, **sizes)


def picture(height=16, width=16, seed=0):
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [16, 24, 8])
@torch.no_grad()
def test_blip2_gives_what_transformers_gives(randomised, size):
    theirs = randomised(Blip2VisionModel(Blip2VisionConfig(**THEIR_SIZES)))
    ours = build_image_encoder(spec_of("blip2")).eval()
    ours.vision_model.load_state_dict(theirs.state_dict())
    tokens = ours(picture(size, size))
    expected = theirs(picture(size, size), interpolate_pos_encoding=True).last_hidden_state
    assert tokens.shape == (2, (size // 4) ** 2 + 1, 24)
    torch.testing.assert_close(tokens, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [16, 24])
@torch.no_grad()
def test_clip_gives_what_transformers_gives_and_a_norm(randomised, size):
    theirs = randomised(CLIPVisionModel(CLIPVisionConfig(**THEIR_SIZES)))
    ours = randomised(build_image_encoder(spec_of("clip")), 1)
    ours.vision_model.load_state_dict(theirs.state_dict())
    expected = theirs(picture(size, size), interpolate_pos_encoding=True).last_hidden_state
    expected = nn.functional.layer_norm(expected, (24,), ours.norm.weight, ours.norm.bias)
    torch.testing.assert_close(ours(picture(size, size)), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["blip2", "clip"])
def test_published_names(kind):
    names = dict(build_image_encoder(spec_of(kind)).named_parameters())
    assert "vision_model.encoder.layers.1.mlp.fc1.weight" in names


@pytest.mark.parametrize("patch", [2, 4, 8, 16])
@torch.no_grad()
def test_conv_has_one_token_a_patch(patch):
    encoder = build_image_encoder(spec_of("conv", patch_size=patch)).eval()
    assert encoder(picture()).shape == (2, (16 // patch) ** 2, 24)
    assert encoder(picture(16, 48)).shape == (2, 3 * (16 // patch) ** 2, 24)


@pytest.mark.parametrize(("kind", "reach"), [("blip2", 0), ("clip", 0), ("conv", 1)])
@torch.no_grad()
def test_tokens_stand_for_patches_in_row_order(kind, reach):
    """A patch that changes is felt most by its own token, or next to it where convolutions overlap."""
    torch.manual_seed(0)
    encoder = build_image_encoder(spec_of(kind, image_size=32, depth=1)).eval()
    before = torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    tokens = encoder(before)[:, -64:]
    for patch in range(64):
        after = before.clone()
        row, column = divmod(patch, 8)
        after[..., 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 3
        difference = (encoder(after)[:, -64:] - tokens).norm(dim=-1).mean(0)
        most_row, most_column = divmod(int(difference.argmax()), 8)
        assert max(abs(most_row - row), abs(most_column - column)) <= reach
        assert difference[patch] > difference.median()


def test_conv_tells_places_along_the_right_axes():
    places = _places(3, 5)
    assert places.shape == (1, 18, 3, 5)
    torch.testing.assert_close(places[0, 0], torch.tensor([-0.8, -0.4, 0.0, 0.4, 0.8]).expand(3, 5))
    torch.testing.assert_close(places[0, 1], torch.tensor([-2 / 3, 0.0, 2 / 3])[:, None].expand(3, 5))
    torch.testing.assert_close(places[0, 2], torch.sin(torch.pi / 2 * places[0, 0]))
    torch.testing.assert_close(places[0, -1], torch.cos(4 * torch.pi * places[0, 1]))


@torch.no_grad()
def test_conv_knows_where_equal_patches_lie():
    """A picture of one colour: what differs between tokens far from its edges is their place alone."""
    encoder = build_image_encoder(spec_of("conv", image_size=192, depth=1)).eval()
    flat = torch.ones(1, 3, 192, 192)
    tokens = encoder(flat)[0].unflatten(0, (48, 48))
    assert (tokens[22, 22] - tokens[22, 26]).norm() > 0.1
    encoder.position.weight.zero_()
    tokens = encoder(flat)[0].unflatten(0, (48, 48))
    torch.testing.assert_close(tokens[22, 22], tokens[22, 26], atol=1e-4, rtol=0)


@torch.no_grad()
def test_conv_takes_grids_of_odd_sizes():
    encoder = build_image_encoder(spec_of("conv")).eval()
    assert encoder(picture(20, 28)).shape == (2, 5 * 7, 24)


@torch.no_grad()
def test_conv_treats_pictures_of_a_batch_apart(randomised):
    encoder = randomised(build_image_encoder(spec_of("conv"))).eval()
    both, alone = encoder(picture()), encoder(picture()[1:])
    torch.testing.assert_close(both[1:], alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["blip2", "clip", "conv"])
@pytest.mark.parametrize("size", [16, 24])
@torch.no_grad()
def test_half_precision_weights_take_pixels_in_full(kind, size):
    encoder = build_image_encoder(spec_of(kind)).eval().to(torch.bfloat16)
    tokens = encoder(picture(size, size))
    assert tokens.dtype == torch.bfloat16
    assert tokens.isfinite().all()


def timm_spec(**changes):
    return replace(spec_of("timm", timm_name="vit_tiny_patch16_224"), **changes)


def test_timm_that_is_not_there_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)  # as if not installed
    with pytest.raises(MissingDependency, match=r"'vit_tiny_patch16_224' needs timm.*pip install '.*\[timm\]'"):
        build_image_encoder(timm_spec())


class StandIn(nn.Module):
    """What of a timm model is used."""

    num_features = 24

    def __init__(self, name, **options):
        super().__init__()
        self.asked = name, options
        self.patch = nn.Conv2d(3, 24, 4, stride=4)

    def forward_features(self, pixels):
        return self.patch(pixels).flatten(2).transpose(1, 2)


def test_timm_models_are_made_by_name_and_normed(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", types.SimpleNamespace(create_model=StandIn))
    encoder = build_image_encoder(timm_spec())
    name, options = encoder.model.asked
    assert name == "vit_tiny_patch16_224"
    assert (options["img_size"], options["pretrained"]) == (16, False)
    tokens = encoder(picture())
    assert tokens.shape == (2, 16, 24)
    assert tokens.mean(-1).abs().max() < 1e-5  # normed
    assert encoder.to(torch.bfloat16)(picture()).dtype == torch.bfloat16


def test_timm_models_of_another_width_are_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", types.SimpleNamespace(create_model=StandIn))
    with pytest.raises(InvalidSpec, match=r"width is 48, but vit_tiny_patch16_224 is 24 wide"):
        build_image_encoder(timm_spec(width=48))
