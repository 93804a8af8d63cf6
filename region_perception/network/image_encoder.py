"""Image encoders: a normalised RGB picture [B, 3, H, W] becomes all tokens [B, N, D] of the last layer, after a norm.

Pixels may be of any float dtype; they are converted to that of the weights, which the tokens have, too.

Four kinds behind one call: BLIP-2's EVA ViT and CLIP's ViT come from transformers, any ViT from timm by name, and
`conv` is our own small encoder, whose convolutions learn from little data where a patch embedding does not.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from region_perception.errors import InvalidSpec, MissingDependency
from region_perception.network.spec import ImageEncoderSpec


def build_image_encoder(spec: ImageEncoderSpec) -> nn.Module:
    """The encoder that `spec` describes. Called with pixels [B, 3, H, W] it returns tokens [B, N, spec.width]."""
    kinds = {"blip2": Blip2Encoder, "clip": ClipEncoder, "conv": ConvEncoder, "timm": TimmEncoder}
    return kinds[spec.kind](spec)


class Blip2Encoder(nn.Module):
    """EVA ViT as in BLIP-2: class token first, then patches in row order; last layer normed."""

    def __init__(self, spec: ImageEncoderSpec) -> None:
        super().__init__()
        from transformers import Blip2VisionConfig, Blip2VisionModel

        self.vision_model = Blip2VisionModel(Blip2VisionConfig(**_vit_sizes(spec)))
        self.vision_model.post_layernorm.eps = spec.tokens_norm_eps

    def forward(self, pixels: Tensor) -> Tensor:
        return self.vision_model(pixels, interpolate_pos_encoding=True).last_hidden_state


class ClipEncoder(nn.Module):
    """CLIP ViT: class token first, then patches in row order. BLIP-2's norm over the tokens stands after it."""

    def __init__(self, spec: ImageEncoderSpec) -> None:
        super().__init__()
        from transformers import CLIPVisionConfig, CLIPVisionModel

        self.vision_model = CLIPVisionModel(CLIPVisionConfig(**_vit_sizes(spec)))
        self.norm = nn.LayerNorm(spec.width)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.norm(self.vision_model(pixels, interpolate_pos_encoding=True).last_hidden_state)


def _vit_sizes(spec: ImageEncoderSpec) -> dict[str, int]:
    """The sizes by the names that transformers gives them."""
    return {
        "hidden_size": spec.width,
        "intermediate_size": spec.mlp_width,
        "num_hidden_layers": spec.depth,
        "num_attention_heads": spec.heads,
        "image_size": spec.image_size,
        "patch_size": spec.patch_size,
    }


class TimmEncoder(nn.Module):
    """Any ViT that timm knows by name, if timm is installed; its own prefix tokens come first."""

    def __init__(self, spec: ImageEncoderSpec) -> None:
        super().__init__()
        try:
            import timm
        except ImportError as error:
            raise MissingDependency(
                f"the image encoder {spec.timm_name!r} needs timm, which cannot be imported here ({error}): "
                "pip install 'region_perception[timm]'"
            ) from error
        self.model = timm.create_model(
            spec.timm_name, pretrained=False, num_classes=0, img_size=spec.image_size, dynamic_img_size=True
        )
        if self.model.num_features != spec.width:
            raise InvalidSpec(
                f"ImageEncoderSpec.width is {spec.width}, but {spec.timm_name} is {self.model.num_features} wide"
            )
        self.norm = nn.LayerNorm(spec.width)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.norm(self.model.forward_features(pixels.to(self.norm.weight.dtype)))


class ConvEncoder(nn.Module):
    """Residual convolutions down to the patch grid and, for what is around, to one half as fine. Patches in row order.

    What a patch and its neighbours show is learnt from far fewer pictures than with attention, and many times faster on
    a CPU. Where the patch lies is told before the last convolutions, so that tokens can know places as well as things.
    """

    def __init__(self, spec: ImageEncoderSpec) -> None:
        super().__init__()
        *stages, around = conv_stages(spec)
        self.stages = nn.Sequential(*(_stage(*sizes) for sizes in stages))
        self.surroundings = nn.Sequential(
            _stage(*around), nn.Conv2d(around[1], spec.width, 1), nn.Upsample(scale_factor=2)
        )
        self.position = nn.Conv2d(PLACES, spec.width, 1)
        self.blend = ResidualBlock(spec.width)
        self.norm = nn.LayerNorm(spec.width)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, pixels: Tensor) -> Tensor:
        pixels = pixels.to(self.norm.weight.dtype).contiguous(memory_format=torch.channels_last)
        features = self.stages(pixels)  # [B, D, h, w]
        rows, columns = features.shape[-2:]
        # Of an odd grid the coarser one reaches beyond the edge.
        features = features + self.surroundings(features)[..., :rows, :columns]
        features = features + self.position(_places(rows, columns).to(features))
        return self.norm(self.blend(features).flatten(2).transpose(1, 2))


class ResidualBlock(nn.Module):
    """Two convolutions beside a way straight through."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _convolution(width, width)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, features: Tensor) -> Tensor:
        return F.relu(features + self.norm(self.second(self.first(features))))


# Places are told by x and y, and by sines and cosines of so many frequencies of each.
_WAVES = 4
PLACES = 2 + 4 * _WAVES


def conv_stages(spec: ImageEncoderSpec) -> list[tuple[int, int, int]]:
    """Width in, width and residual blocks of each stage of a `conv` encoder, each at half the resolution of the one
    before, from the picture down; the last is that of the surroundings, below the patch grid."""
    count = int(math.log2(spec.patch_size))
    # Wider as the grid gets coarser; blocks only from a quarter of the picture's resolution on, for their cost.
    widths = [_rounded(spec.width >> (count - 1 - stage)) for stage in range(count - 1)]
    widths += [spec.width, _rounded(3 * spec.width // 2)]
    blocks = [min(stage, 1) for stage in range(count - 1)] + [spec.depth, spec.depth]
    return list(zip([3, *widths[:-1]], widths, blocks, strict=True))


def _rounded(width: int) -> int:
    """At least 32 channels, which cost no more than fewer, and a multiple of 8, which processors like."""
    return max(32, width // 8 * 8)


def _stage(width_in: int, width: int, blocks: int) -> nn.Sequential:
    """Half the resolution, then `blocks` residual blocks."""
    return nn.Sequential(_convolution(width_in, width, stride=2), *(ResidualBlock(width) for _ in range(blocks)))


def _convolution(width_in: int, width: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width_in, width, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
    )


def _places(rows: int, columns: int) -> Tensor:
    """Where the middles of patches lie: [1, PLACES, rows, columns], x and y from -1 to 1 and waves of them."""
    across = ((torch.arange(columns) + 0.5) / columns * 2 - 1).expand(rows, columns)
    down = ((torch.arange(rows) + 0.5) / rows * 2 - 1)[:, None].expand(rows, columns)
    angles = [math.pi / 2 * 2**wave * axis for wave in range(_WAVES) for axis in (across, down)]
    return torch.stack([across, down, *map(torch.sin, angles), *map(torch.cos, angles)])[None]
