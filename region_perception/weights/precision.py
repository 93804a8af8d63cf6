"""Which parts of a network may be held in half precision."""

import torch
from torch import nn

# As in BLIP-2: the frozen giants may be in half precision, the Q-Former and whatever learns stay in float32.
_REDUCIBLE = ("image_encoder.", "point_encoder.", "language.")


def stored_dtype(name: str, dtype: torch.dtype) -> torch.dtype:
    """The type of the floating-point tensor `name` where encoders and language model are in `dtype`."""
    # What T5's feed-forward adds up leaves the range of float16; transformers keeps that layer in full, too.
    too_large = dtype == torch.float16 and ".wo." in name
    return dtype if name.startswith(_REDUCIBLE) and ".lora_" not in name and not too_large else torch.float32


def set_dtype(network: nn.Module, dtype: torch.dtype) -> None:
    """Bring the encoders and the language model to `dtype`, everything else to float32, in place."""
    for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
        if tensor.is_floating_point():
            tensor.data = tensor.data.to(stored_dtype(name, dtype))
