"""What the encoders compute and keep. Other ViTs than BLIP-2's are counted as ViTs of their sizes."""

import math

from region_perception.network.image_encoder import PLACES, conv_stages
from region_perception.network.point_encoder import POSITION_WIDTH
from region_perception.network.spec import ImageEncoderSpec, PointEncoderSpec
from region_perception.training.planning.work import Linears, Work


def image_tokens(spec: ImageEncoderSpec) -> int:
    """How many tokens it gives out."""
    return spec.grid**2 + (spec.kind != "conv")


def image_encoder(work: Work, spec: ImageEncoderSpec, images: float) -> None:
    """So many pictures."""
    if spec.kind == "conv":
        _convolutions(work, spec, images)
        return
    linears, tokens = Linears(learns=work.grad), image_tokens(spec)
    work.linears(images * spec.grid**2, 3 * spec.patch_size**2, [("patches", spec.width)], linears, back=False)
    for _ in range(spec.depth):
        _block(work, images, tokens, spec.width, spec.mlp_width, linears)
    work.normed(images * tokens * spec.width)


def point_encoder(work: Work, spec: PointEncoderSpec, clouds: float) -> None:
    """So many clouds that fill all groups."""
    linears, groups = Linears(learns=work.grad), clouds * spec.groups
    points, wide = groups * spec.group_size, spec.feature_width
    # Two of the layers are followed by a norm and a ReLU in place of it.
    for rows, inner, outer, normed in (
        (points, 6 if spec.color else 3, spec.point_width, True),
        (points, spec.point_width, wide, False),
        (points, wide, 2 * wide, True),
        (groups, wide, 2 * wide, False),
        (points, 2 * wide, spec.encoder_width, False),
        (groups, spec.encoder_width, spec.width, False),
        (groups, 3 + 6 * spec.waves, POSITION_WIDTH, False),
        (groups, POSITION_WIDTH, spec.width, False),
    ):
        work.linears(rows, inner, [("", outer)], linears)
        if normed:
            work.normed(rows * outer)
    work.needs(2 * points * 2 * wide * work.value)
    for _ in range(spec.depth):
        _block(work, clouds, spec.groups + 1, spec.width, int(spec.mlp_ratio * spec.width), linears)
    work.normed(clouds * (spec.groups + 1) * spec.width)


def _block(work: Work, rows: float, tokens: int, width: int, hidden: int, linears: Linears) -> None:
    """Norm, attention, add; norm, MLP, add."""
    values = rows * tokens * width
    with work.layer(values * work.norm):
        work.normed(values)
        work.linears(rows * tokens, width, [("qkv", 3 * width)], linears)
        work.attention(rows, tokens, tokens, width)
        work.linears(rows * tokens, width, [("proj", width)], linears, stored=True)
        work.normed(values)
        work.linears(rows * tokens, width, [("fc1", hidden)], linears)
        work.keep(rows * tokens * hidden)
        work.linears(rows * tokens, hidden, [("fc2", width)], linears)
    work.needs(rows * tokens * (4 * width + 2 * hidden) * work.value)


def _convolutions(work: Work, spec: ImageEncoderSpec, images: float) -> None:
    """As `ConvEncoder` has them; each is followed by a norm and most by a ReLU, which keeps its output."""
    side = spec.image_size
    for width_in, width, blocks in conv_stages(spec):
        side = math.ceil(side / 2)
        _convolution(work, images * side**2, 9 * width_in, width)
        for _ in range(2 * blocks):
            _convolution(work, images * side**2, 9 * width, width)
    around = conv_stages(spec)[-1][1]
    learns = Linears(learns=work.grad)
    work.linears(images * side**2, around, [("", spec.width)], learns)
    work.linears(spec.grid**2, PLACES, [("", spec.width)], learns, back=False)
    for _ in range(2):
        _convolution(work, images * spec.grid**2, 9 * spec.width, spec.width)


def _convolution(work: Work, pixels: float, inner: int, width: int) -> None:
    """One with its norm and its ReLU: what goes in, what is normed, what comes out are kept."""
    work.product(pixels, inner, width, 2)
    work.keep(pixels * width)
    work.normed(pixels * width)
    work.needs(3 * pixels * width * work.value)
