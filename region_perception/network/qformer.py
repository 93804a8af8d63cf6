"""The querying transformer: learned queries read an encoder's tokens, a text branch reads and writes sentences.

One Q-Former serves every modality. Queries and text share self-attention; only queries look at the encoder's tokens
(the `Memory`); each has its own feed-forward. What of the memory does not depend on the queries, the cross-attention's
keys and values, is computed once by `remember` and shared by all regions of an observation.

Shapes: R rows (regions), M memory rows (observations), Q queries, T text tokens, N encoder tokens, H heads, D width.
Module names follow transformers' Blip2QFormerModel, so that BLIP-2 weights load by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from region_perception.network.spec import QFormerSpec

# What text may see of the queries and what queries may see of the text, when both are in one pass.
TextMask = Literal["both", "causal"]


@dataclass(frozen=True, eq=False)
class Preference:
    """Which tokens the rows of a batch prefer, added to the logits of the cross-attention."""

    tokens: Tensor  # float [R, N] in [0, 1]
    amounts: tuple[Tensor, ...]  # for each cross-attention layer what each head adds for a token of weight 1: [H]

    def of_layer(self, layer: int) -> Tensor:
        """What is added to the logits of each row, head and token: [R, H, N]."""
        return self.tokens[:, None] * self.amounts[layer][:, None]


@dataclass(frozen=True, eq=False)
class Memory:
    """Keys and values of every cross-attention layer for M observations, and how many rows of a batch read each."""

    keys: tuple[Tensor, ...]  # for each cross-attention layer [M, H, N, D/H]
    values: tuple[Tensor, ...]
    mask: Tensor | None  # bool [M, N], True where there is a token; None where all are
    counts: tuple[int, ...]  # for each observation, how many consecutive rows of the batch read it
    centres: Tensor | None = None  # of the last G of N tokens, where they lie in a cloud: float [M, G, 3]
    preference: Preference | None = None

    def read_by(self, counts: Sequence[int]) -> "Memory":
        """The same memory, whose observation i is read by the next `counts[i]` rows of a batch."""
        if len(counts) != len(self.keys[0]):
            raise ValueError(f"{len(counts)} counts for {len(self.keys[0])} observations")
        return replace(self, counts=tuple(counts))

    def attend(self, layer: int, queries: Tensor) -> Tensor:
        """Cross-attention of `queries` [R, Q, D] in the layer-th cross-attention; R is the sum of `counts`."""
        keys, values = self.keys[layer], self.values[layer]
        mask = None if self.mask is None else self.mask[:, None, None]
        bias = None if self.preference is None else self.preference.of_layer(layer)
        if len(set(self.counts)) == 1:
            return _attend_folded(queries, keys, values, mask, bias)
        biases = [None] * len(self.counts) if bias is None else bias.split(self.counts)
        parts = [
            _attend_folded(part, keys[i : i + 1], values[i : i + 1], None if mask is None else mask[i : i + 1], own)
            for i, (part, own) in enumerate(zip(queries.split(self.counts), biases, strict=True))
        ]
        return torch.cat(parts)


def _attend_folded(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, bias: Tensor | None) -> Tensor:
    """Attention of R = M * c rows over M memories, without copying a memory c times: the rows become more queries.

    `mask`: bool [M, 1, 1, N], True where there is a token; `bias` is added to the logits of each row: float [R, H, N].
    """
    memories, heads = keys.shape[:2]
    folded = split_heads(queries.reshape(memories, -1, queries.shape[2]), heads)  # [M, H, c*Q, D/H]
    if bias is not None:
        each = bias.to(folded.dtype)[:, None].expand(-1, queries.shape[1], -1, -1)  # [R, Q, H, N]
        added = each.reshape(memories, -1, heads, keys.shape[2]).transpose(1, 2)  # [M, H, c*Q, N]
        mask = added if mask is None else added.masked_fill(~mask, -torch.inf)
    seen = F.scaled_dot_product_attention(folded, keys, values, attn_mask=mask)
    return seen.transpose(1, 2).reshape(queries.shape)


def split_heads(hidden: Tensor, heads: int) -> Tensor:
    """[B, L, D] -> [B, H, L, D/H]"""
    return hidden.unflatten(-1, (heads, -1)).transpose(1, 2)


class SelfOutput(nn.Module):
    """Linear, add, norm: the end of an attention or a feed-forward."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width_in, width)
        self.LayerNorm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, hidden: Tensor, residual: Tensor) -> Tensor:
        return self.LayerNorm(self.dense(hidden) + residual)


class Projections(nn.Module):
    """The query, key and value projections of one attention."""

    def __init__(self, width: int, memory_width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(memory_width, width)
        self.value = nn.Linear(memory_width, width)

    def keys_and_values(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """[B, N, memory width] -> twice [B, H, N, D/H]"""
        return split_heads(self.key(tokens), self.heads), split_heads(self.value(tokens), self.heads)


class Attention(nn.Module):
    """Self-attention, or cross-attention to a memory."""

    def __init__(self, spec: QFormerSpec, memory_width: int) -> None:
        super().__init__()
        self.attention = Projections(spec.width, memory_width, spec.heads)
        self.output = SelfOutput(spec.width, spec.width)

    def to_self(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        queries = split_heads(self.attention.query(hidden), self.attention.heads)
        seen = F.scaled_dot_product_attention(queries, *self.attention.keys_and_values(hidden), attn_mask=mask)
        return self.output(seen.transpose(1, 2).flatten(2), hidden)

    def to_memory(self, hidden: Tensor, layer: int, memories: Sequence[Memory]) -> Tensor:
        parts = self.attention.query(hidden).split([sum(memory.counts) for memory in memories])
        seen = [memory.attend(layer, part) for memory, part in zip(memories, parts, strict=True)]
        return self.output(torch.cat(seen), hidden)


class Intermediate(nn.Module):
    """The first half of a feed-forward."""

    def __init__(self, spec: QFormerSpec) -> None:
        super().__init__()
        self.dense = nn.Linear(spec.width, spec.ffn_width)

    def forward(self, hidden: Tensor) -> Tensor:
        return F.gelu(self.dense(hidden))


class Layer(nn.Module):
    """Self-attention over queries and text, cross-attention for queries, a feed-forward for each."""

    def __init__(self, spec: QFormerSpec, memory_width: int, crosses: bool) -> None:
        super().__init__()
        self.attention = Attention(spec, spec.width)
        self.crossattention = Attention(spec, memory_width) if crosses else None
        self.intermediate_query = Intermediate(spec)
        self.output_query = SelfOutput(spec.ffn_width, spec.width)
        if spec.text_branch:
            self.intermediate = Intermediate(spec)
            self.output = SelfOutput(spec.ffn_width, spec.width)

    def feed_queries(self, hidden: Tensor) -> Tensor:
        return self.output_query(self.intermediate_query(hidden), hidden)

    def feed_text(self, hidden: Tensor) -> Tensor:
        return self.output(self.intermediate(hidden), hidden)


class TextEmbeddings(nn.Module):
    """Word and position embeddings of the text branch."""

    def __init__(self, spec: QFormerSpec) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(spec.vocab_size, spec.width, padding_idx=spec.pad_id)
        self.position_embeddings = nn.Embedding(spec.max_text, spec.width)

    def forward(self, ids: Tensor) -> Tensor:
        positions = torch.arange(ids.shape[1], device=ids.device)
        return self.word_embeddings(ids) + self.position_embeddings(positions)


class WordHead(nn.Module):
    """From hidden states to word scores; the last matrix is the word embeddings."""

    def __init__(self, spec: QFormerSpec) -> None:
        super().__init__()
        self.dense = nn.Linear(spec.width, spec.width)
        self.norm = nn.LayerNorm(spec.width, eps=1e-12)
        self.bias = nn.Parameter(torch.zeros(spec.vocab_size))

    def forward(self, hidden: Tensor, word_embeddings: Tensor) -> Tensor:
        return F.linear(self.norm(F.gelu(self.dense(hidden))), word_embeddings, self.bias)


class QFormerOutput(NamedTuple):
    queries: Tensor | None  # [R, Q, D]
    text: Tensor | None  # [R, T, D]


class Encoder(nn.Module):
    """The stack of layers; a module of its own only for the sake of the published names."""

    def __init__(self, spec: QFormerSpec, memory_width: int) -> None:
        super().__init__()
        self.layer = nn.ModuleList(
            Layer(spec, memory_width, crosses=index % spec.cross_every == 0) for index in range(spec.depth)
        )


class QFormer(nn.Module):
    """See the head of this file."""

    def __init__(self, spec: QFormerSpec, memory_width: int) -> None:
        super().__init__()
        self.spec = spec
        self.layernorm = nn.LayerNorm(spec.width, eps=1e-12)
        self.encoder = Encoder(spec, memory_width)
        if spec.text_branch:
            self.embeddings = TextEmbeddings(spec)
            self.word_head = WordHead(spec)
        self.apply(_initialise)

    def remember(self, tokens: Tensor, mask: Tensor | None = None) -> Memory:
        """Keys and values of encoder tokens [M, N, memory_width] for every cross-attention; mask bool [M, N]."""
        keys, values = [], []
        for layer in self._layers():
            if layer.crossattention is not None:
                layer_keys, layer_values = layer.crossattention.attention.keys_and_values(tokens)
                keys.append(layer_keys)
                values.append(layer_values)
        return Memory(tuple(keys), tuple(values), mask, counts=(1,) * len(tokens))

    def forward(
        self,
        queries: Tensor | None = None,
        memories: Sequence[Memory] = (),
        text: Tensor | None = None,
        text_mask: TextMask = "both",
    ) -> QFormerOutput:
        """Run queries [R, Q, D] over memories, or text ids [R, T], or both in one pass.

        The rows follow the memories in order: first the rows that read memory 0, and so on (`Memory.counts`).
        `text_mask`: `both` lets queries and text see each other (ITM); `causal` hides the text from the queries and
        later text from earlier text (ITG). Text alone sees all of itself under `both`.
        """
        length = 0 if queries is None else queries.shape[1]
        parts = [] if queries is None else [queries]
        if text is not None:
            parts.append(self.embeddings(text))
        hidden = self.layernorm(torch.cat(parts, dim=1))
        mask = self._self_mask(length, text, text_mask)
        crossed = 0
        for layer in self._layers():
            hidden = layer.attention.to_self(hidden, mask)
            query_part, text_part = hidden[:, :length], hidden[:, length:]
            outputs = []
            if queries is not None:
                if layer.crossattention is not None:
                    query_part = layer.crossattention.to_memory(query_part, crossed, memories)
                    crossed += 1
                outputs.append(layer.feed_queries(query_part))
            if text is not None:
                outputs.append(layer.feed_text(text_part))
            hidden = torch.cat(outputs, dim=1) if len(outputs) > 1 else outputs[0]
        return QFormerOutput(
            queries=None if queries is None else hidden[:, :length], text=None if text is None else hidden[:, length:]
        )

    def word_scores(self, text_hidden: Tensor) -> Tensor:
        """Logits over the vocabulary [R, T, V] for the text branch's hidden states [R, T, D]."""
        return self.word_head(text_hidden, self.embeddings.word_embeddings.weight)

    def _layers(self) -> list[Layer]:
        return cast(list[Layer], list(self.encoder.layer))

    def _self_mask(self, length: int, text: Tensor | None, text_mask: TextMask) -> Tensor | None:
        """Boolean self-attention mask [R, 1, Q+T, Q+T], True where a row may look at a column; None if all may."""
        if text is None:
            return None
        rows, text_length = text.shape
        columns = torch.ones(rows, length + text_length, dtype=torch.bool, device=text.device)
        columns[:, length:] = text != self.spec.pad_id
        total = length + text_length
        allowed = torch.ones(total, total, dtype=torch.bool, device=text.device)
        if text_mask == "causal":
            # Every text token sees all queries and the text up to itself; no query sees text.
            allowed = allowed.tril()
            allowed[:length, :length] = True
        return (allowed & columns[:, None])[:, None]


def _initialise(module: nn.Module) -> None:
    """BERT's spread for embeddings; linear layers by what they sum over, because in a narrow network BERT's lets so
    little of the memory through that learning to look takes many times as long."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=module.in_features**-0.5)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
        if module.padding_idx is not None:
            with torch.no_grad():
                module.weight[module.padding_idx].zero_()
