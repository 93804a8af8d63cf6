"""Image encoders: a normalised RGB picture [B, 3, H, W] becomes all tokens [B, N, D] of the last layer, after a norm.

Pixels may be of any float dtype; they are converted to that of the weights, which the tokens have, too.

Four kinds behind one call: BLIP-2's EVA ViT and CLIP's ViT come from transformers, any ViT from timm by name, and
`conv` is our own small encoder, whose convolutional stem learns from little data where a patch embedding does not.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from region_perception.errors import InvalidSpec, MissingDependency
from region_perception.network.spec import ImageEncoderSpec
from region_perception.network.transformer import Block


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
    """Strided convolutions down to the patch grid, then transformer blocks. Patches in row order, no class token."""

    def __init__(self, spec: ImageEncoderSpec) -> None:
        super().__init__()
        self.grid = spec.grid
        self.stem = _conv_stem(spec.width, stages=int(math.log2(spec.patch_size)))
        self.position = nn.Parameter(torch.zeros(1, spec.grid**2, spec.width))
        nn.init.trunc_normal_(self.position, std=0.02)
        self.blocks = nn.ModuleList(
            Block(spec.width, spec.heads, spec.mlp_width, qkv_bias=True) for _ in range(spec.depth)
        )
        self.norm = nn.LayerNorm(spec.width)

    def forward(self, pixels: Tensor) -> Tensor:
        features = self.stem(pixels.to(self.position.dtype))  # [B, D, h, w]
        tokens = features.flatten(2).transpose(1, 2) + self._position_for(*features.shape[-2:])
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)

    def _position_for(self, rows: int, columns: int) -> Tensor:
        """The learned position embeddings [1, rows*columns, D], interpolated where the grid is another than trained."""
        if rows == columns == self.grid:
            return self.position
        grid = self.position.unflatten(1, (self.grid, self.grid)).permute(0, 3, 1, 2)
        grid = F.interpolate(grid, size=(rows, columns), mode="bicubic", align_corners=False)
        return grid.flatten(2).transpose(1, 2)


def _conv_stem(width: int, stages: int) -> nn.Sequential:
    """`stages` convolutions of stride 2, doubling in width up to `width`, and one that mixes at the last grid."""
    layers: list[nn.Module] = []
    channels = 3
    for stage in range(stages):
        # At least 16 channels, and a multiple of 8 for the group norm.
        out = max(16, width >> (stages - 1 - stage)) // 8 * 8
        layers += [nn.Conv2d(channels, out, 3, stride=2, padding=1, bias=False), nn.GroupNorm(8, out), nn.GELU()]
        channels = out
    layers.append(nn.Conv2d(channels, width, 3, padding=1))
    return nn.Sequential(*layers)
