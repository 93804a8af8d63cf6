"""Random files in the layouts that others have published, and what their own modules compute of such tensors.

The computations are stated here once more, from the names in the files alone, so that a name that leads to a wrong
place in the network shows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from region_perception.text import word_tokenizer
from region_perception.weights.load import LoadedModel, load_model

Shapes = dict[str, tuple[int, ...]]

WORDS, LONGEST = 100, 20


@dataclass(frozen=True)
class Sizes:
    """Those of the small BLIP-2 that files are put into."""

    width: int = 24
    heads: int = 3
    ffn: int = 40
    depth: int = 3
    queries: int = 5
    memory: int = 32
    language: int = 40
    contrast: int = 8


class Layouts:
    """Makes state dicts by their published names."""

    sizes = Sizes()

    def fill(self, shapes: Mapping[str, tuple[int, ...]], seed: int = 0) -> dict[str, Tensor]:
        """Random tensors: matrices around 0, factors of norms around 1, variances above 0."""
        generator = torch.Generator().manual_seed(seed)
        tensors = {}
        for name, shape in shapes.items():
            noise = torch.randn(shape, generator=generator) * (0.3 if len(shape) > 1 else 0.1)
            near_one = ("norm" in name.lower() and name.endswith("weight")) or "conv.1.weight" in name
            tensors[name] = noise + 1 if near_one else noise.abs() + 0.5 if "running_var" in name else noise
        return tensors

    def qformer(self, prefix: str, *, text: bool) -> Shapes:
        """LAVIS's Q-Former; the text branch is what stage 2 leaves out."""
        s = self.sizes
        shapes: Shapes = {f"{prefix}bert.embeddings.LayerNorm.{kind}": (s.width,) for kind in ("weight", "bias")}
        for i in range(s.depth):
            layer = f"{prefix}bert.encoder.layer.{i}."
            for attention in ("attention", "crossattention"):
                if attention == "crossattention" and i % 2:
                    continue
                memory = s.width if attention == "attention" else s.memory
                for name, given in (("query", s.width), ("key", memory), ("value", memory)):
                    shapes |= _linear(f"{layer}{attention}.self.{name}", s.width, given)
                shapes |= _ended(f"{layer}{attention}.output.", s.width, s.width)
            for end in ("", "_query") if text else ("_query",):
                shapes |= _linear(f"{layer}intermediate{end}.dense", s.ffn, s.width)
                shapes |= _ended(f"{layer}output{end}.", s.width, s.ffn)
        if text:
            shapes[f"{prefix}bert.embeddings.word_embeddings.weight"] = (WORDS, s.width)
            shapes[f"{prefix}bert.embeddings.position_embeddings.weight"] = (LONGEST, s.width)
            shapes |= _linear(f"{prefix}cls.predictions.transform.dense", s.width, s.width)
            shapes |= {f"{prefix}cls.predictions.transform.LayerNorm.{kind}": (s.width,) for kind in ("weight", "bias")}
            shapes[f"{prefix}cls.predictions.bias"] = (WORDS,)
        return shapes

    def with_ties(self, prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """What LAVIS's word head shares, and a buffer."""
        head = f"{prefix}cls.predictions."
        return tensors | {
            f"{head}decoder.weight": tensors[f"{prefix}bert.embeddings.word_embeddings.weight"],
            f"{head}decoder.bias": tensors[f"{head}bias"],
            f"{prefix}bert.embeddings.position_ids": torch.arange(LONGEST)[None],
        }

    def stage1(self, seed: int = 1) -> dict[str, Tensor]:
        s = self.sizes
        shapes: Shapes = {"query_tokens": (1, s.queries, s.width), "temp": (), **_norm("ln_vision", s.memory)}
        shapes |= self.qformer("Qformer.", text=True)
        shapes |= _linear("vision_proj", s.contrast, s.width) | _linear("text_proj", s.contrast, s.width)
        shapes |= _linear("itm_head", 2, s.width)
        return self.with_ties("Qformer.", self.fill(shapes, seed))

    def stage2(self, language: str = "opt", seed: int = 2) -> dict[str, Tensor]:
        s = self.sizes
        shapes: Shapes = {"query_tokens": (1, s.queries, s.width), **_norm("ln_vision", s.memory)}
        shapes |= self.qformer("Qformer.", text=False) | _linear(f"{language}_proj", s.language, s.width)
        tensors = self.fill(shapes, seed)
        return tensors | {"Qformer.bert.embeddings.position_ids": torch.arange(LONGEST)[None]}

    def vision(self, prefix: str, side: int, depth: int = 2, seed: int = 3) -> dict[str, Tensor]:
        """EVA's ViT of `side` patches along a picture; its patches have 7 pixels."""
        width, hidden = self.sizes.memory, 48
        shapes: Shapes = {
            f"{prefix}cls_token": (1, 1, width),
            f"{prefix}pos_embed": (1, 1 + side * side, width),
            f"{prefix}patch_embed.proj.weight": (width, 3, 7, 7),
            f"{prefix}patch_embed.proj.bias": (width,),
        }
        for i in range(depth):
            block = f"{prefix}blocks.{i}."
            shapes |= _norm(f"{block}norm1", width) | _norm(f"{block}norm2", width)
            shapes |= {f"{block}attn.qkv.weight": (3 * width, width)}
            shapes |= {f"{block}attn.q_bias": (width,), f"{block}attn.v_bias": (width,)}
            shapes |= _linear(f"{block}attn.proj", width, width)
            shapes |= _linear(f"{block}mlp.fc1", hidden, width) | _linear(f"{block}mlp.fc2", width, hidden)
        return self.fill(shapes, seed)

    def regionblip(self, language: str = "opt", *, separate: bool = True, seed: int = 4) -> dict[str, Tensor]:
        """What a released file holds: all that learnt, and the buffers."""
        s = self.sizes
        shapes: Shapes = {"temp": ()}
        for name in ("img_region", "pc", "pc_region"):
            shapes[f"query_tokens_{name}"] = (1, s.queries, s.width)
            shapes |= _linear(f"{language}_proj_{name}", s.language, s.width)
        for name in ("text", "img", "img_region", "pc", "pc_region"):
            shapes |= _linear(f"stage1_proj_{name}", s.contrast, s.width)
        shapes |= _linear("img_itm_head", 2, s.width) | _linear("pc_adapter", s.memory, POINT["width"])
        shapes |= _linear("img_region_posembed.0", 12, 4) | _linear("img_region_posembed.2", s.width, 12)
        shapes |= _linear("pc_region_posembed.0", 12, 24) | _linear("pc_region_posembed.2", s.width, 12)
        shapes |= _linear("reg_img_region", 4, s.width) | _linear("reg_pc_region", 24, s.width)
        trained = ("img_region", "pc", "pc_region")
        shapes |= self._qformer_lora("Qformer.", trained)
        if separate:
            shapes |= self.qformer("Qformer_pc.", text=True) | self._qformer_lora("Qformer_pc.", ("img", *trained))
        shapes |= self._language_lora(language, trained)
        for layer, channels in (("first_conv", POINT["point"]), ("second_conv", 2 * POINT["feature"])):
            shapes |= {
                f"point_encoder.encoder.{layer}.1.{kind}": (channels,) for kind in ("running_mean", "running_var")
            }
        tensors = self.fill(shapes, seed)
        for layer in ("first_conv", "second_conv"):
            tensors[f"point_encoder.encoder.{layer}.1.num_batches_tracked"] = torch.tensor(7)
        return self.with_ties("Qformer_pc.", tensors) if separate else tensors

    def _qformer_lora(self, prefix: str, names: tuple[str, ...]) -> Shapes:
        s, shapes = self.sizes, {}
        for i in range(s.depth):
            for attention in ("attention", "crossattention")[: 1 if i % 2 else 2]:
                for part in ("query", "value"):
                    given = s.memory if attention == "crossattention" and part == "value" else s.width
                    layer = f"{prefix}bert.encoder.layer.{i}.{attention}.self.{part}"
                    shapes |= _lora(layer, given, s.width, names)
        return shapes

    def _language_lora(self, language: str, names: tuple[str, ...]) -> Shapes:
        width, shapes = self.sizes.language, {}
        for i in range(2):
            if language == "opt":
                layers = [f"opt_model.model.decoder.layers.{i}.self_attn.{part}_proj" for part in "qv"]
                inner = width
            else:
                places = [f"encoder.block.{i}.layer.0.SelfAttention", f"decoder.block.{i}.layer.0.SelfAttention"]
                places.append(f"decoder.block.{i}.layer.1.EncDecAttention")
                layers = [f"t5_model.{place}.{part}" for place in places for part in "qv"]
                inner = 36
            for layer in layers:
                shapes |= _lora(layer, width, inner, names)
        return shapes

    def points(self, prefix: str, *, color: bool = False, encoder: str = "encoder", seed: int = 5) -> dict[str, Tensor]:
        """Point-BERT, two layers deep."""
        width, point, feature, out = POINT["width"], POINT["point"], POINT["feature"], POINT["out"]
        shapes: Shapes = {"cls_token": (1, 1, width), "cls_pos": (1, 1, width), **_norm("norm", width)}
        first, second = f"{encoder}.first_conv.", f"{encoder}.second_conv."
        shapes |= _conv(f"{first}0", point, 6 if color else 3) | _conv(f"{first}3", feature, point)
        shapes |= _conv(f"{second}0", 2 * feature, 2 * feature) | _conv(f"{second}3", out, 2 * feature)
        for name, channels in ((f"{first}1", point), (f"{second}1", 2 * feature)):
            shapes |= {f"{name}.{kind}": (channels,) for kind in ("weight", "bias", "running_mean", "running_var")}
        shapes |= _linear("reduce_dim", width, out)
        shapes |= _linear("pos_embed.0", 128, 3) | _linear("pos_embed.2", width, 128)
        for i in range(2):
            block = f"blocks.blocks.{i}."
            shapes |= _norm(f"{block}norm1", width) | _norm(f"{block}norm2", width)
            shapes |= {f"{block}attn.qkv.weight": (3 * width, width), **_linear(f"{block}attn.proj", width, width)}
            shapes |= _linear(f"{block}mlp.fc1", 2 * width, width) | _linear(f"{block}mlp.fc2", width, 2 * width)
        tensors = self.fill(shapes, seed)
        for layer in ("first_conv", "second_conv"):
            tensors[f"{encoder}.{layer}.1.num_batches_tracked"] = torch.tensor(3)
        return {prefix + name: tensor for name, tensor in tensors.items()}


POINT = {"width": 128, "heads": 2, "point": 6, "feature": 10, "out": 14}


def _linear(name: str, width: int, given: int) -> Shapes:
    return {f"{name}.weight": (width, given), f"{name}.bias": (width,)}


def _conv(name: str, width: int, given: int) -> Shapes:
    return {f"{name}.weight": (width, given, 1), f"{name}.bias": (width,)}


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _ended(prefix: str, width: int, given: int) -> Shapes:
    return _linear(f"{prefix}dense", width, given) | _norm(f"{prefix}LayerNorm", width)


def _lora(layer: str, given: int, width: int, names: tuple[str, ...]) -> Shapes:
    down = {f"{layer}.lora_A_{name}": (8, given) for name in names}
    return down | {f"{layer}.lora_B_{name}": (width, 8) for name in names}


class Reference:
    """What the published modules compute, from the tensors by their published names."""

    sizes = Sizes()

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors = dict(tensors)

    def merged(self, name: str) -> "Reference":
        """With the LoRA pairs of one modality added to those of their layers that are here: scaled by 1 / 8."""
        merged = dict(self.tensors)
        for key, down in self.tensors.items():
            layer, found, pair = key.partition(".lora_A_")
            weight = f"{layer}.weight"
            if found and pair == name and weight in merged:
                merged[weight] = merged[weight] + self.tensors[f"{layer}.lora_B_{name}"] @ down / 8
        return Reference(merged)

    def linear(self, name: str, x: Tensor) -> Tensor:
        return F.linear(x, self.tensors[f"{name}.weight"], self.tensors.get(f"{name}.bias"))

    def norm(self, name: str, x: Tensor, eps: float) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"], eps)

    def vision(self, prefix: str, pixels: Tensor, depth: int = 2, heads: int = 2) -> Tensor:
        t = self.tensors
        weight, bias = t[f"{prefix}patch_embed.proj.weight"], t[f"{prefix}patch_embed.proj.bias"]
        patches = F.conv2d(pixels, weight, bias, stride=weight.shape[-1]).flatten(2).transpose(1, 2)
        x = torch.cat([t[f"{prefix}cls_token"].expand(len(pixels), -1, -1), patches], 1) + t[f"{prefix}pos_embed"]
        for i in range(depth):
            block = f"{prefix}blocks.{i}."
            bias = torch.cat([t[f"{block}attn.q_bias"], torch.zeros(x.shape[-1]), t[f"{block}attn.v_bias"]])
            qkv = F.linear(self.norm(f"{block}norm1", x, 1e-6), t[f"{block}attn.qkv.weight"], bias)
            x = x + self.linear(f"{block}attn.proj", _attend(*qkv.chunk(3, -1), heads))
            x = x + self.mlp(f"{block}mlp", self.norm(f"{block}norm2", x, 1e-6))
        return x

    def mlp(self, name: str, x: Tensor) -> Tensor:
        return self.linear(f"{name}.fc2", F.gelu(self.linear(f"{name}.fc1", x)))

    def qformer(
        self,
        prefix: str,
        queries: Tensor | None,
        memory: Tensor | None,
        text: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """Hidden states [R, Q + T, D]; `causal` hides the text from queries and later text from earlier."""
        t, bert = self.tensors, f"{prefix}bert."
        length = 0 if queries is None else queries.shape[1]
        parts = [] if queries is None else [queries]
        if text is not None:
            words = t[f"{bert}embeddings.word_embeddings.weight"][text]
            parts.append(words + t[f"{bert}embeddings.position_embeddings.weight"][: text.shape[1]])
        x = self.norm(f"{bert}embeddings.LayerNorm", torch.cat(parts, 1), 1e-12)
        total = x.shape[1]
        seen = torch.ones(total, total, dtype=torch.bool)
        if causal:
            seen = torch.arange(total)[:, None] >= torch.arange(total)
            seen[:length] = torch.arange(total) < length
        for i in range(self.sizes.depth):
            layer = f"{bert}encoder.layer.{i}."
            x = self.attention(f"{layer}attention.", x, x, seen)
            query, rest = x[:, :length], x[:, length:]
            if length and i % 2 == 0 and memory is not None:
                query = self.attention(f"{layer}crossattention.", query, memory, None)
            ends = [self._feed(layer, "_query", query)] if length else []
            x = torch.cat([*ends, self._feed(layer, "", rest)] if rest.shape[1] else ends, 1)
        return x

    def attention(self, name: str, x: Tensor, memory: Tensor, seen: Tensor | None) -> Tensor:
        q = self.linear(f"{name}self.query", x)
        k, v = self.linear(f"{name}self.key", memory), self.linear(f"{name}self.value", memory)
        mixed = _attend(q, k, v, self.sizes.heads, seen)
        return self.norm(f"{name}output.LayerNorm", self.linear(f"{name}output.dense", mixed) + x, 1e-12)

    def _feed(self, layer: str, end: str, x: Tensor) -> Tensor:
        hidden = F.gelu(self.linear(f"{layer}intermediate{end}.dense", x))
        return self.norm(f"{layer}output{end}.LayerNorm", self.linear(f"{layer}output{end}.dense", hidden) + x, 1e-12)

    def words(self, prefix: str, hidden: Tensor) -> Tensor:
        """The word head's scores."""
        head = f"{prefix}cls.predictions."
        x = self.norm(f"{head}transform.LayerNorm", F.gelu(self.linear(f"{head}transform.dense", hidden)), 1e-12)
        embeddings = self.tensors[f"{prefix}bert.embeddings.word_embeddings.weight"]
        return F.linear(x, embeddings, self.tensors[f"{head}bias"])

    def points(self, prefix: str, groups: Tensor, centres: Tensor, encoder: str = "encoder") -> Tensor:
        """Tokens [B, 1 + G, D] of groups [B, G, S, C] around centres [B, G, 3]."""
        t = self.tensors
        flat = groups.flatten(0, 1).transpose(1, 2)
        name = f"{prefix}{encoder}."
        near = self._convs(f"{name}first_conv.", flat)
        whole = near.max(2, keepdim=True)[0].expand_as(near)
        tokens = self._convs(f"{name}second_conv.", torch.cat([whole, near], 1)).max(2)[0]
        tokens = self.linear(f"{prefix}reduce_dim", tokens.unflatten(0, groups.shape[:2]))
        place = self.linear(f"{prefix}pos_embed.2", F.gelu(self.linear(f"{prefix}pos_embed.0", centres)))
        x = torch.cat([t[f"{prefix}cls_token"].expand(len(groups), -1, -1), tokens], 1)
        place = torch.cat([t[f"{prefix}cls_pos"].expand(len(groups), -1, -1), place], 1)
        for i in range(2):
            block, x = f"{prefix}blocks.blocks.{i}.", x + place
            qkv = self.linear(f"{block}attn.qkv", self.norm(f"{block}norm1", x, 1e-5))
            x = x + self.linear(f"{block}attn.proj", _attend(*qkv.chunk(3, -1), POINT["heads"]))
            x = x + self.mlp(f"{block}mlp", self.norm(f"{block}norm2", x, 1e-5))
        return self.norm(f"{prefix}norm", x, 1e-5)

    def _convs(self, name: str, x: Tensor) -> Tensor:
        t = self.tensors
        x = F.conv1d(x, t[f"{name}0.weight"], t[f"{name}0.bias"])
        mean, var = t[f"{name}1.running_mean"], t[f"{name}1.running_var"]
        x = F.relu(F.batch_norm(x, mean, var, t[f"{name}1.weight"], t[f"{name}1.bias"]))
        return F.conv1d(x, t[f"{name}3.weight"], t[f"{name}3.bias"])


def _attend(q: Tensor, k: Tensor, v: Tensor, heads: int, seen: Tensor | None = None) -> Tensor:
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    if seen is not None:
        scores = scores.masked_fill(~seen, -torch.inf)
    return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a module's files lie: its tests share what none of them changes."""
    return tmp_path_factory.mktemp("layouts")


@pytest.fixture(scope="module")
def layouts() -> Layouts:
    return Layouts()


@pytest.fixture(scope="module")
def reference() -> type[Reference]:
    return Reference


@pytest.fixture(scope="module")
def bert() -> Any:
    """A tokenizer of as many words as the files' text branches know."""
    return word_tokenizer(["a", "cup"], WORDS)


@pytest.fixture(scope="module")
def base(blip2s: Any, folder: Path) -> Callable[..., LoadedModel]:
    """A network over a small BLIP-2 of transformers, as `load` gives it."""

    def make(language: str = "opt") -> LoadedModel:
        blip2 = folder / f"blip2-{language}"
        if not blip2.exists():
            blip2s.save(blip2s.build(blip2s.config(language)), blip2)
        return load_model("regionblip", base=blip2, device="cpu")

    return make


@pytest.fixture(scope="module")
def published(folder: Path) -> Callable[..., Path]:
    """Writes a file as its publisher did: weights under a key, beside other things."""

    def write(name: str, tensors: Mapping[str, Tensor], key: str = "model", **others: Any) -> Path:
        path = folder / name
        torch.save({key: dict(tensors), **others} if key else dict(tensors), path)
        return path

    return write
