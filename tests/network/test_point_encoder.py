"""The point encoder: Point-BERT's names and sizes, its arithmetic, and clouds that do not feel their company."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from region_perception.errors import InvalidObservation
from region_perception.network.grouping import group_clouds
from region_perception.network.point_encoder import PointEncoder
from region_perception.network.spec import PointEncoderSpec

SMALL = PointEncoderSpec(groups=12, group_size=8, width=24, depth=2, heads=3, encoder_width=16)

NAMES_OUTSIDE_BLOCKS = {
    "cls_token": (1, 1, 384),
    "cls_pos": (1, 1, 384),
    "encoder.first_conv.0.weight": (128, 3, 1),
    "encoder.first_conv.0.bias": (128,),
    "encoder.first_conv.1.weight": (128,),
    "encoder.first_conv.1.bias": (128,),
    "encoder.first_conv.1.running_mean": (128,),
    "encoder.first_conv.1.running_var": (128,),
    "encoder.first_conv.1.num_batches_tracked": (),
    "encoder.first_conv.3.weight": (256, 128, 1),
    "encoder.first_conv.3.bias": (256,),
    "encoder.second_conv.0.weight": (512, 512, 1),
    "encoder.second_conv.0.bias": (512,),
    "encoder.second_conv.1.weight": (512,),
    "encoder.second_conv.1.bias": (512,),
    "encoder.second_conv.1.running_mean": (512,),
    "encoder.second_conv.1.running_var": (512,),
    "encoder.second_conv.1.num_batches_tracked": (),
    "encoder.second_conv.3.weight": (256, 512, 1),
    "encoder.second_conv.3.bias": (256,),
    "reduce_dim.weight": (384, 256),
    "reduce_dim.bias": (384,),
    "pos_embed.0.weight": (128, 3),
    "pos_embed.0.bias": (128,),
    "pos_embed.2.weight": (384, 128),
    "pos_embed.2.bias": (384,),
    "norm.weight": (384,),
    "norm.bias": (384,),
}
NAMES_OF_A_BLOCK = {
    "norm1.weight": (384,),
    "norm1.bias": (384,),
    "attn.qkv.weight": (1152, 384),
    "attn.proj.weight": (384, 384),
    "attn.proj.bias": (384,),
    "norm2.weight": (384,),
    "norm2.bias": (384,),
    "mlp.fc1.weight": (1536, 384),
    "mlp.fc1.bias": (1536,),
    "mlp.fc2.weight": (384, 1536),
    "mlp.fc2.bias": (384,),
}


def make_encoder(spec=SMALL, seed=0):
    """Weights and batch statistics away from their first values, so that no part is invisible."""
    torch.manual_seed(seed)
    encoder = PointEncoder(spec)
    with torch.no_grad():
        for module in encoder.modules():
            if isinstance(module, torch.nn.BatchNorm1d | torch.nn.LayerNorm):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
            if isinstance(module, torch.nn.BatchNorm1d):
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.5, 1.5)
    return encoder.eval()


def cloud(points, columns=3, seed=1):
    return torch.rand(points, columns, generator=torch.Generator().manual_seed(seed + points))


@pytest.fixture(scope="module")
def full_size():
    with torch.device("meta"):
        return PointEncoder(PointEncoderSpec())


def test_full_size_has_point_berts_names_and_shapes(full_size):
    expected = dict(NAMES_OUTSIDE_BLOCKS)
    for layer in range(12):
        expected |= {f"blocks.blocks.{layer}.{name}": shape for name, shape in NAMES_OF_A_BLOCK.items()}
    assert {name: tuple(value.shape) for name, value in full_size.state_dict().items()} == expected


def test_full_size_parameter_count(full_size):
    first_conv = (3 * 128 + 128) + 2 * 128 + (128 * 256 + 256)
    second_conv = (512 * 512 + 512) + 2 * 512 + (512 * 256 + 256)
    around = (256 * 384 + 384) + 2 * 384 + (3 * 128 + 128) + (128 * 384 + 384) + 2 * 384
    block = 2 * 384 + 384 * 1152 + (384 * 384 + 384) + 2 * 384 + (384 * 1536 + 1536) + (1536 * 384 + 384)
    count = sum(value.numel() for value in full_size.parameters())
    assert count == first_conv + second_conv + around + 12 * block == 21_858_816


def reference_tokens(encoder, neighbourhoods, centres):
    """Point-BERT as published, one full cloud: joined features, one convolution after another, PyTorch's attention."""
    net, spec = encoder.encoder, encoder.spec
    features = net.first_conv(neighbourhoods.transpose(1, 2))
    whole = features.max(dim=2, keepdim=True).values.expand_as(features)
    tokens = encoder.reduce_dim(net.second_conv(torch.cat([whole, features], dim=1)).max(dim=2).values)
    x = torch.cat([encoder.cls_token[0], tokens])[None]
    position = torch.cat([encoder.cls_pos[0], encoder.pos_embed(centres)])[None]
    for block in encoder.blocks.blocks:
        attention = torch.nn.MultiheadAttention(spec.width, spec.heads, batch_first=True)
        attention.load_state_dict(
            {
                "in_proj_weight": block.attn.qkv.weight,
                "in_proj_bias": torch.zeros(3 * spec.width),
                "out_proj.weight": block.attn.proj.weight,
                "out_proj.bias": block.attn.proj.bias,
            }
        )
        x = x + position
        normed = F.layer_norm(x, (spec.width,), block.norm1.weight, block.norm1.bias)
        x = x + attention.eval()(normed, normed, normed)[0]
        normed = F.layer_norm(x, (spec.width,), block.norm2.weight, block.norm2.bias)
        hidden = F.gelu(F.linear(normed, block.mlp.fc1.weight, block.mlp.fc1.bias))
        x = x + F.linear(hidden, block.mlp.fc2.weight, block.mlp.fc2.bias)
    return F.layer_norm(x, (spec.width,), encoder.norm.weight, encoder.norm.bias)[0]


@torch.no_grad()
@pytest.mark.parametrize("color", [False, True])
def test_agrees_with_the_published_arithmetic(color):
    spec = replace(SMALL, color=color)
    encoder = make_encoder(spec)
    clouds = [cloud(200, 6 if color else 3), cloud(90, 6 if color else 3)]
    batch = group_clouds(clouds, spec.groups, spec.group_size)
    tokens = encoder(clouds).tokens
    for row in range(2):
        expected = reference_tokens(encoder, batch.neighbourhoods[row], batch.centres[row])
        torch.testing.assert_close(tokens[row], expected, atol=1e-5, rtol=0)


def test_widths_of_the_small_pointnet_are_those_of_the_spec():
    spec = replace(SMALL, point_width=10, feature_width=14, color=True)
    encoder = make_encoder(spec)
    shapes = {name: tuple(value.shape) for name, value in encoder.encoder.named_parameters() if value.ndim == 3}
    assert shapes == {
        "first_conv.0.weight": (10, 6, 1),
        "first_conv.3.weight": (14, 10, 1),
        "second_conv.0.weight": (28, 28, 1),
        "second_conv.3.weight": (16, 28, 1),
    }
    batch = group_clouds([cloud(200, 6)], spec.groups, spec.group_size)
    with torch.no_grad():
        expected = reference_tokens(encoder, batch.neighbourhoods[0], batch.centres[0])
        torch.testing.assert_close(encoder([cloud(200, 6)]).tokens[0], expected, atol=1e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("color", [False, True])
def test_places_in_a_group_are_read_in_neighbourhoods_and_nothing_else_is(color):
    spec = replace(SMALL, color=color)
    plain, fine = make_encoder(spec), make_encoder(replace(spec, neighbourhood=0.05))
    batch = group_clouds([cloud(200, 6 if color else 3)], spec.groups, spec.group_size)
    larger = batch.neighbourhoods.clone()
    larger[..., :3] *= 20
    expected = plain.encode_groups(larger, batch.centres, batch.mask)
    found = fine.encode_groups(batch.neighbourhoods, batch.centres, batch.mask)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert (found - plain.encode_groups(batch.neighbourhoods, batch.centres, batch.mask)).abs().max() > 0.01


@torch.no_grad()
def test_a_cloud_is_the_same_alone_and_in_company():
    encoder = make_encoder()
    clouds = [cloud(300), cloud(7), cloud(1), cloud(12), cloud(40)]
    together = encoder(clouds)
    for row, single in enumerate(clouds):
        alone = encoder([single])
        assert torch.equal(alone.mask[0], together.mask[row])
        assert torch.equal(alone.index[0], together.index[row])
        torch.testing.assert_close(alone.tokens[0], together.tokens[row], atol=1e-5, rtol=0)
    assert together.mask.sum(dim=1).tolist() == [13, 8, 2, 13, 13]
    assert together.tokens[~together.mask].abs().max() == 0


@torch.no_grad()
def test_what_stands_in_masked_groups_does_not_matter():
    encoder = make_encoder()
    batch = group_clouds([cloud(7), cloud(5)], 12, 8)
    clean = encoder.encode_groups(batch.neighbourhoods, batch.centres, batch.mask)
    holes = ~batch.mask
    dirty_neighbourhoods = batch.neighbourhoods.masked_fill(holes[..., None, None], 1e4)
    dirty_centres = batch.centres.masked_fill(holes[..., None], -1e4)
    dirty = encoder.encode_groups(dirty_neighbourhoods, dirty_centres, batch.mask)
    torch.testing.assert_close(dirty, clean, atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_small_cloud_is_the_whole_encoder_at_that_size():
    """Masked groups are as good as absent: an encoder with exactly as many groups as points says the same."""
    encoder = make_encoder()
    batch = group_clouds([cloud(7)], 12, 8)
    padded = encoder.encode_groups(batch.neighbourhoods, batch.centres, batch.mask)
    cut = encoder.encode_groups(batch.neighbourhoods[:, :7], batch.centres[:, :7], batch.mask[:, :7])
    torch.testing.assert_close(padded[:, :8], cut, atol=1e-5, rtol=0)


@torch.no_grad()
def test_order_of_groups_and_of_points_in_a_group():
    encoder = make_encoder()
    batch = group_clouds([cloud(200)], 12, 8)
    tokens = encoder.encode_groups(batch.neighbourhoods, batch.centres, batch.mask)
    groups, points = torch.randperm(12), torch.randperm(8)
    moved = encoder.encode_groups(batch.neighbourhoods[:, groups][:, :, points], batch.centres[:, groups], batch.mask)
    torch.testing.assert_close(moved[:, 0], tokens[:, 0], atol=1e-5, rtol=0)
    torch.testing.assert_close(moved[:, 1:], tokens[:, 1:][:, groups], atol=1e-5, rtol=0)


@torch.no_grad()
def test_moving_a_cloud_reaches_the_tokens_through_the_centres_alone():
    encoder = make_encoder()
    points = cloud(200)
    assert not torch.allclose(encoder([points]).tokens, encoder([points + 0.5]).tokens, atol=1e-2)
    for parameter in encoder.pos_embed.parameters():
        parameter.zero_()
    torch.testing.assert_close(encoder([points]).tokens, encoder([points + 0.5]).tokens, atol=1e-3, rtol=0)


@torch.no_grad()
def test_position_is_told_before_every_block():
    encoder = make_encoder()
    for block in encoder.blocks.blocks:  # made to add nothing of their own
        for parameter in (*block.attn.proj.parameters(), *block.mlp.fc2.parameters()):
            parameter.zero_()
    position = torch.randn(1, 13, 24)
    mask = torch.ones(1, 1, 1, 13, dtype=torch.bool)
    torch.testing.assert_close(encoder.blocks(torch.zeros(1, 13, 24), position, mask), 2 * position)


@torch.no_grad()
def test_waves_tell_places_that_lie_near_each_other_apart():
    encoder = make_encoder(replace(SMALL, waves=3, neighbourhood=0.05))
    places = encoder._places(torch.tensor([[[0.05, 0.0, -0.1]]]))[0, 0]
    assert places.shape == (3 + 6 * 3,)
    torch.testing.assert_close(places[:3], torch.tensor([0.05, 0.0, -0.1]))
    # Half a wave, a quarter, an eighth along x; along z a whole one, a half, a quarter.
    torch.testing.assert_close(places[3:12:3], torch.tensor([0.0, 1.0, 0.5**0.5]), atol=1e-5, rtol=0)
    torch.testing.assert_close(places[5:12:3], torch.tensor([0.0, 0.0, -1.0]), atol=1e-5, rtol=0)
    torch.testing.assert_close(places[12:15], torch.tensor([-1.0, 1.0, 1.0]), atol=1e-5, rtol=0)


@torch.no_grad()
def test_waves_are_told_in_full_precision():
    """At 1.9 metres bfloat16 may be off by 4 mm: by 14 degrees of a wave of 10 cm."""
    spec = replace(SMALL, waves=3, neighbourhood=0.05)
    points, told = cloud(40) + torch.tensor([1.9, 0.0, 0.0]), []
    for dtype in (torch.float32, torch.bfloat16):
        encoder = make_encoder(spec).to(dtype)
        encoder.pos_embed.register_forward_pre_hook(lambda _, inputs: told.append(inputs[0]))
        encoder([points])
    full, half = told
    assert half.dtype == torch.bfloat16
    assert torch.equal(half, full.to(torch.bfloat16))


@torch.no_grad()
def test_color_is_seen():
    spec = replace(SMALL, color=True)
    encoder = make_encoder(spec)
    assert encoder.encoder.first_conv[0].in_channels == 6
    grey = torch.cat([cloud(50), torch.full((50, 3), 0.5)], dim=1)
    red = torch.cat([cloud(50), torch.tensor([1.0, 0, 0]).expand(50, 3)], dim=1)
    grey_seen, red_seen = encoder([grey]), encoder([red])
    assert torch.equal(grey_seen.index, red_seen.index)
    assert not torch.allclose(grey_seen.tokens, red_seen.tokens, atol=1e-2)


@torch.no_grad()
def test_same_input_same_output():
    encoder, points = make_encoder(), cloud(500)
    assert torch.equal(encoder([points]).tokens, encoder([points]).tokens)


def test_gradients_reach_every_parameter_and_the_points():
    encoder = make_encoder().train()
    points = cloud(60).requires_grad_()
    (encoder([points, cloud(5)]).tokens ** 2 * torch.randn(24)).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # A bias before batch normalisation is taken away again by it.
        if name not in ("encoder.first_conv.0.bias", "encoder.second_conv.0.bias"):
            assert parameter.grad.abs().max() > 0, name
    assert points.grad.abs().max() > 0


def test_batch_statistics_in_training_ignore_padding():
    statistics = []
    for clouds in ([cloud(5)], [cloud(5)[:3], cloud(5)[3:]]):
        encoder = make_encoder().train()
        # The same groups either way: one point per group, at its centre.
        encoder.spec = replace(SMALL, group_size=1)
        encoder(clouds)
        statistics.append(encoder.encoder.second_conv[1].running_mean.clone())
        assert encoder.encoder.first_conv[1].num_batches_tracked == 1
    torch.testing.assert_close(*statistics)


def test_with_norms_of_groups_training_depends_on_no_company():
    """Nor does it leave statistics behind: a cloud is read alike in training, in evaluation, alone and in company."""
    encoder = make_encoder(replace(SMALL, norm="group"))
    expected = encoder([cloud(40)]).tokens
    tokens = encoder.train()([cloud(40), 10 * cloud(30)]).tokens[:1]
    torch.testing.assert_close(tokens, expected, atol=1e-5, rtol=0)
    assert not any("running" in name for name in encoder.state_dict())


@pytest.mark.parametrize(
    ("color", "shape", "words"),
    [
        (False, (9, 6), "xyz without colour"),
        (True, (9, 3), "grey 0.5"),
        (False, (9,), r"\[9\]"),
        (False, (0, 3), "N >= 1"),
    ],
)
def test_clouds_of_another_shape_are_refused(color, shape, words):
    spec = replace(SMALL, color=color)
    with pytest.raises(InvalidObservation, match=words):
        PointEncoder(spec)([torch.zeros(shape)])


@torch.no_grad()
def test_half_precision_weights_take_float_clouds():
    encoder = make_encoder()
    exact = encoder([cloud(200)]).tokens
    rough = encoder.to(torch.bfloat16)([cloud(200)]).tokens
    assert rough.dtype == torch.bfloat16
    torch.testing.assert_close(rough.float(), exact, atol=0.15, rtol=0.1)
