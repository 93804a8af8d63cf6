"""The pre-norm block against its formula written out."""

import torch
from torch.nn import functional as F

from region_perception.network.transformer import Block


def plain_block(block, tokens, mask, heads):
    """One row [N, D], one head at a time."""
    normed = F.layer_norm(tokens, tokens.shape[-1:], block.norm1.weight, block.norm1.bias)
    queries, keys, values = (normed @ block.attn.qkv.weight.T + block.attn.qkv.bias).chunk(3, dim=-1)
    seen = []
    for head in range(heads):
        part = slice(head * tokens.shape[1] // heads, (head + 1) * tokens.shape[1] // heads)
        scores = queries[:, part] @ keys[:, part].T / (tokens.shape[1] / heads) ** 0.5
        seen.append(scores.masked_fill(~mask, -torch.inf).softmax(-1) @ values[:, part])
    tokens = tokens + torch.cat(seen, dim=-1) @ block.attn.proj.weight.T + block.attn.proj.bias
    normed = F.layer_norm(tokens, tokens.shape[-1:], block.norm2.weight, block.norm2.bias)
    hidden = F.gelu(normed @ block.mlp.fc1.weight.T + block.mlp.fc1.bias)
    return tokens + hidden @ block.mlp.fc2.weight.T + block.mlp.fc2.bias


def test_block_is_its_formula(randomised):
    block = randomised(Block(12, heads=3, mlp_width=20, qkv_bias=True))
    tokens = torch.randn(2, 5, 12, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[True] * 5, [True, True, True, False, False]])
    with torch.no_grad():
        found = block(tokens, mask[:, None, None])
        for row in range(2):
            torch.testing.assert_close(found[row], plain_block(block, tokens[row], mask[row], 3), atol=1e-5, rtol=0)
        torch.testing.assert_close(block(tokens)[0], found[0], atol=1e-5, rtol=0)
