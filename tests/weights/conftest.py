"""Networks and BLIP-2 models of transformers, small enough to be built by the dozen."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from region_perception.network.region_blip import RegionBlip
from region_perception.network.spec import ImageEncoderSpec, NetworkSpec, PointEncoderSpec, QFormerSpec
from region_perception.network.specs import named_spec
from region_perception.text import TextCodec, mini_codec
from region_perception.weights.store import save_model

WORDS = 320


def tiny_spec() -> NetworkSpec:
    """All parts of `mini`, each as small as it goes."""
    spec = named_spec("mini")
    return replace(
        spec,
        name="tiny",
        image_encoder=ImageEncoderSpec(kind="conv", image_size=16, patch_size=8, width=16, depth=1),
        point_encoder=PointEncoderSpec(groups=4, group_size=4, width=16, depth=1, heads=2, encoder_width=8, points=64),
        qformer=QFormerSpec(
            width=16,
            depth=2,
            heads=2,
            ffn_width=32,
            queries=4,
            vocab_size=WORDS,
            max_text=16,
            contrast_width=8,
            start_id=1,
        ),
        language=replace(spec.language, vocab_size=WORDS, width=16, depth=1, heads=2, ffn_width=32),
    )


def randomise(module: torch.nn.Module, seed: int, std: float = 0.2) -> None:
    """Weights large enough that what comes out depends on what goes in."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator) * std
            # Vectors are biases and norms' factors, which are to stay near what they were.
            parameter.copy_(parameter + noise if parameter.ndim == 1 else noise)


@pytest.fixture
def network() -> RegionBlip:
    built = RegionBlip(tiny_spec())
    randomise(built, seed=5)
    return built.eval()


@pytest.fixture
def codec() -> TextCodec:
    return mini_codec(tiny_spec())


@pytest.fixture
def saved(network: RegionBlip, codec: TextCodec, tmp_path: Path) -> Path:
    """The folder of a saved network, alone in its parent."""
    return save_model(tmp_path / "tiny", network, codec, card="# Tiny\n", trained={"image", "cloud"})


@pytest.fixture(scope="session")
def blip2s() -> "SmallBlip2s":
    return SmallBlip2s()


class SmallBlip2s:
    """Makes random BLIP-2 models of transformers with one of two language models, "opt" or "t5"."""

    image_token = WORDS - 1

    def config(self, language: str = "opt", **changes: Any) -> Any:
        """A configuration; `text`, `vision` and `qformer` change fields of those parts, the rest its own."""
        from transformers import Blip2Config

        text = {"opt": OPT, "t5": T5, "llama": LLAMA}[language] | changes.pop("text", {})
        vision = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
        vision |= {"image_size": 28, "patch_size": 7} | changes.pop("vision", {})
        qformer = {"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 3, "num_attention_heads": 3}
        qformer |= {"encoder_hidden_size": vision["hidden_size"]} | changes.pop("qformer", {})
        options = {"num_query_tokens": 5, "image_token_index": self.image_token} | changes
        return Blip2Config(vision_config=vision, qformer_config=qformer, text_config=text, **options)

    def build(self, config: Any, seed: int = 0) -> Any:
        """A model whose captions differ from image to image. T5 gets a word head of its own, as Flan-T5 has."""
        from transformers import Blip2ForConditionalGeneration

        model = Blip2ForConditionalGeneration(config).eval()
        language = model.language_model
        if config.text_config.model_type == "t5" and not config.text_config.scale_decoder_outputs:
            language.lm_head.weight = torch.nn.Parameter(language.lm_head.weight.detach().clone())
        randomise(model, seed, std=0.3)
        # transformers' queries are all zero until they are trained; a picture's share in the sentence grows with these.
        model.query_tokens.data *= 4
        model.language_projection.weight.data *= 4
        return model

    def tensors(self, model: Any) -> dict[str, torch.Tensor]:
        """What a file of it holds: tied weights once."""
        return {name: tensor.detach() for name, tensor in model.named_parameters()}

    def save(self, model: Any, folder: Path, tensors: dict[str, torch.Tensor] | None = None) -> Path:
        """Write it as transformers does, with a tokenizer beside it; `tensors` in place of its own."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        save_file(tensors or self.tensors(model), folder / "model.safetensors")
        model.config.save_pretrained(folder)
        mini_codec(tiny_spec()).language.save_pretrained(folder)
        return folder


OPT = {
    "model_type": "opt",
    "vocab_size": WORDS,
    "hidden_size": 40,
    "word_embed_proj_dim": 40,
    "ffn_dim": 72,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 96,
    "pad_token_id": 0,
    "bos_token_id": 2,
    "eos_token_id": 3,
}
LLAMA = {
    "model_type": "llama",
    "vocab_size": WORDS,
    "hidden_size": 40,
    "intermediate_size": 72,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 96,
    "pad_token_id": 0,
    "bos_token_id": 2,
    "eos_token_id": 3,
}
T5 = {
    "model_type": "t5",
    "vocab_size": WORDS,
    "d_model": 40,
    "d_kv": 12,
    "d_ff": 72,
    "num_layers": 2,
    "num_heads": 3,
    "feed_forward_proj": "gated-gelu",
    "dense_act_fn": "gelu",
    "tie_word_embeddings": False,
    "pad_token_id": 0,
    "bos_token_id": 3,
    "eos_token_id": 3,
    "decoder_start_token_id": 0,
}
