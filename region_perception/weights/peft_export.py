"""A network as a BLIP-2 of transformers in a folder, and its image regions as a peft adapter on that.

transformers reads pictures only, and its queries are one set: what peft's file cannot hold of a region modality, its
queries and PaFE, lies beside the adapter, for whoever places the queries (`docs/weights.md` shows how).
"""

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from region_perception.errors import WeightsError
from region_perception.modalities import IMAGE_REGION
from region_perception.network.region_blip import RegionBlip
from region_perception.text import TextCodec
from region_perception.weights.assemble import owned_tensors
from region_perception.weights.blip2 import export_blip2

REGION_FILE = "region.safetensors"
_IMAGE_WORD = "<image>"


def write_transformers(folder: Path, network: RegionBlip, codec: TextCodec, image_token: int | None = None) -> Path:
    """Write the network's base as a `Blip2ForConditionalGeneration`, with tokenizer and picture size and colours.

    `image_token`: the word that stands for a soft token there; None is "<image>" where the tokenizer knows it, else
    the last of the vocabulary.
    """
    from transformers import Blip2ForConditionalGeneration

    config, state = export_blip2(network, _image_token(network, codec) if image_token is None else image_token)
    model = Blip2ForConditionalGeneration.from_pretrained(None, config=config, state_dict=state)
    model.save_pretrained(folder)
    codec.language.save_pretrained(folder)
    encoder = network.spec.image_encoder
    processor = {
        "image_processor_type": "BlipImageProcessor",
        "size": {"height": encoder.image_size, "width": encoder.image_size},
        "image_mean": list(encoder.mean),
        "image_std": list(encoder.std),
        "resample": 3,  # bicubic
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=2) + "\n", encoding="utf-8")
    return folder


def write_peft(folder: Path, network: RegionBlip) -> Path:
    """Write the LoRA pairs and the projection of `image_region` as a peft adapter, and queries and PaFE beside it."""
    from peft import LoraConfig
    from safetensors.torch import save_file

    spec = network.spec
    if IMAGE_REGION not in spec.adapted_modalities:
        raise WeightsError(f"the network has {list(spec.modalities)}; only {IMAGE_REGION} can be an adapter of BLIP-2")
    if spec.position.token_bias:
        raise WeightsError("regions reach the network by token_bias, for which transformers' BLIP-2 has no place")
    adapter: dict[str, Tensor] = {}
    beside: dict[str, Tensor] = {}
    for name, tensor in owned_tensors(network)[IMAGE_REGION].items():
        part = name.removeprefix(f"parts.{IMAGE_REGION}.")
        if "lora_" in name:
            adapter[f"base_model.model.{_there(name)}"] = tensor.detach().contiguous()
        elif part.startswith("to_language."):
            projection = part.replace("to_language.", "language_projection.")
            adapter[f"base_model.model.{projection}"] = tensor.detach().contiguous()
        else:
            beside[part] = tensor.detach().contiguous()
    layers = sorted({name.split(".lora_")[0].removeprefix("base_model.model.") for name in adapter if "lora_" in name})
    config: Any = LoraConfig(
        r=spec.lora.rank,
        lora_alpha=spec.lora.alpha,
        lora_dropout=0.0,
        target_modules=layers,
        modules_to_save=["language_projection"],
        inference_mode=True,
    )
    folder.mkdir(parents=True, exist_ok=True)
    config.save_pretrained(folder)
    save_file(adapter, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    save_file(beside, folder / REGION_FILE, metadata={"format": "pt"})
    return folder


def _there(name: str) -> str:
    """Our name of a LoRA matrix as peft's file calls it."""
    name = name.replace(f".{IMAGE_REGION}.", ".")
    return name.replace("language.model.", "language_model.", 1) if name.startswith("language.") else name


def _image_token(network: RegionBlip, codec: TextCodec) -> int:
    return codec.language.get_vocab().get(_IMAGE_WORD, network.spec.language.vocab_size - 1)
