"""The pre-norm transformer block that our own encoders share (image `conv` encoder, Point-BERT).

Parameter names are those of timm's and Point-BERT's blocks, so that published weights load by name.
"""

from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Multi-head self-attention over [B, N, D]."""

    def __init__(self, width: int, heads: int, qkv_bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=qkv_bias)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """`mask` is boolean and broadcasts to [B, heads, N, N]; True lets a token be seen."""
        query, key, value = self.qkv(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)  # [B, heads, N, D/heads]
        return self.proj(seen.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two linear layers with GELU between."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(tokens)))


class Block(nn.Module):
    """Norm, attention, add; norm, MLP, add."""

    def __init__(self, width: int, heads: int, mlp_width: int, qkv_bias: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads, qkv_bias)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width, mlp_width)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        tokens = tokens + self.attn(self.norm1(tokens), mask)
        return tokens + self.mlp(self.norm2(tokens))
