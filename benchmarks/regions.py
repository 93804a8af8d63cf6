"""Captions of R regions of one image: this library against transformers' BLIP-2 run on one crop after another.

Both hold the same weights: the `mini` network with BLIP-2's kind of image encoder, random from a seed, exported to
transformers. Both go all the way from the picture in memory to text, greedily, and write exactly the same number of
tokens for each region. This library has more to do for each region (adapters, PaFE); the crops have the picture to
encode again each time. A third contender, all crops in one batch of transformers, shows what batching alone brings.
Memory is that of a process of its own: how far its peak rises above what it held before a run.
"""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from PIL import Image
from timing import hardware, measure, peak_growth, print_table, write_results
from tokenizers import AddedToken

from region_perception import Box, Captioner
from region_perception.network.region_blip import RegionBlip
from region_perception.network.spec import ImageEncoderSpec, NetworkSpec
from region_perception.network.specs import mini
from region_perception.text import mini_codec
from region_perception.weights.blip2 import export_blip2
from region_perception.weights.load import LoadedModel

IMAGE_TOKEN = "[unused0]"  # a word of the vocabulary that no sentence uses
ENCODER = ImageEncoderSpec(kind="blip2", image_size=160, patch_size=8, width=144, depth=4, heads=6, mlp_width=576)
OURS, ONE_BY_ONE, IN_A_BATCH = "region-perception", "transformers, crop by crop", "transformers, crops in a batch"


@dataclass(frozen=True)
class Options:
    """Compare captions of many regions of one image with BLIP-2 on crops."""

    regions: tuple[int, ...] = (1, 4, 16, 64)
    """Numbers of regions to caption."""
    tokens: Annotated[int, tyro.conf.arg(metavar="N")] = 12
    """Tokens that every caption has."""
    repetitions: Annotated[int, tyro.conf.arg(metavar="N")] = 7
    """How often each contender runs at least; the median counts."""
    threads: Annotated[int, tyro.conf.arg(metavar="N")] = 2
    """Threads that torch may use."""
    output: Path = Path(__file__).parent / "results" / "regions.json"
    """Where the figures are written as JSON."""
    memory_of: tuple[str, int] | None = None
    """Instead of all this, print the bytes that one contender needs for a number of regions."""


def contenders(count: int, tokens: int) -> dict[str, Callable[[], list[str]]]:
    """Functions that caption the same `count` regions of the same picture."""
    spec = dataclasses.replace(mini(), image_encoder=ENCODER)
    torch.manual_seed(0)
    network, codec = RegionBlip(spec).eval(), mini_codec(spec)
    captioner = Captioner(LoadedModel(network, codec, "mini", "random weights", frozenset(spec.modalities)))
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (480, 640, 3), dtype=np.uint8)
    corners, sizes = rng.uniform((0, 0), (480, 320), (count, 2)), rng.uniform(40, 160, (count, 2))
    boxes = [Box(x, y, x + w, y + h) for (x, y), (w, h) in zip(corners.tolist(), sizes.tolist(), strict=True)]

    def ours() -> list[str]:
        captions = captioner.look(picture).caption(boxes, max_tokens=tokens, min_tokens=tokens)
        return [caption.text for caption in captions]

    caption_crops = blip2_on_crops(network, spec, tokens)

    def crops() -> list[Image.Image]:
        whole = Image.fromarray(picture)
        return [whole.crop((int(box.x1), int(box.y1), int(box.x2), int(box.y2))) for box in boxes]

    return {
        OURS: ours,
        ONE_BY_ONE: lambda: [caption_crops([crop])[0] for crop in crops()],
        IN_A_BATCH: lambda: caption_crops(crops()),
    }


def blip2_on_crops(network: RegionBlip, spec: NetworkSpec, tokens: int) -> Callable[[list[Image.Image]], list[str]]:
    """Captions by transformers' own BLIP-2 with the network's weights: processor, generate, decode, as documented."""
    from transformers import Blip2ForConditionalGeneration, Blip2Processor
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    tokenizer = blip2_tokenizer(spec)
    config, state = export_blip2(network, tokenizer.convert_tokens_to_ids(IMAGE_TOKEN))
    model = Blip2ForConditionalGeneration.from_pretrained(None, config=config, state_dict=state).eval()
    side = {"height": spec.image_encoder.image_size, "width": spec.image_encoder.image_size}
    processor = Blip2Processor(BlipImageProcessorPil(size=side), tokenizer, num_query_tokens=spec.qformer.queries)

    @torch.inference_mode()
    def caption(crops: list[Image.Image]) -> list[str]:
        inputs = processor(images=crops, text=[spec.language.image_prefix] * len(crops), return_tensors="pt")
        written = model.generate(**inputs, max_new_tokens=tokens, min_new_tokens=tokens)
        return processor.batch_decode(written[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)

    return caption


def blip2_tokenizer(spec: NetworkSpec) -> Any:
    """The network's words, with the first token of OPT's tokenizer and a word that stands for the picture."""
    from tokenizers.processors import TemplateProcessing

    tokenizer = mini_codec(spec).language
    first = ("[BOS]", spec.language.bos_id)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="[BOS] $A", special_tokens=[first])
    tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE_TOKEN]})
    tokenizer.image_token = AddedToken(IMAGE_TOKEN, special=True)
    return tokenizer


def growth_of(name: str, count: int, tokens: int) -> int | None:
    """Bytes by which this process's memory peaks while the contender runs once."""
    run = contenders(count, tokens)[name]
    contenders(1, tokens)[name]()  # so that what is allocated once and kept does not count
    return peak_growth(run)


def growth_in_new_process(name: str, count: int, options: Options) -> int | None:
    command = [sys.executable, __file__, "--memory-of", name, str(count)]
    command += ["--threads", str(options.threads), "--tokens", str(options.tokens)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main(options: Options) -> None:
    torch.set_num_threads(options.threads)
    if options.memory_of is not None:
        print(json.dumps(growth_of(*options.memory_of, options.tokens)))
        return
    machine = hardware(options.threads, packages=("torch", "transformers", "peft"))
    print(machine)
    rows, results = [], []
    for count in options.regions:
        times = measure(contenders(count, options.tokens), options.repetitions)
        for name, timing in times.items():
            growth = growth_in_new_process(name, count, options)
            rate, ratio = count / timing.median, timing.median / times[OURS].median
            times_in_ms = [f"{1000 * seconds:.0f}" for seconds in (timing.median, timing.fastest)]
            megabytes = "" if growth is None else f"{growth / 2**20:.1f}"
            against = "" if name == OURS else f"{ratio:.1f}"
            rows.append([f"{count}  {name}", *times_in_ms, f"{rate:.1f}", against, megabytes])
            figures = {"regions_per_second": rate, "times_slower": ratio, "peak_growth_bytes": growth}
            results.append({"regions": count, "contender": name, "seconds": timing, **figures})
    columns = ["regions", "median ms", "fastest", "regions/s", "times ours", "peak +MB"]
    print_table(f"Regions of one 640x480 image, {options.tokens} tokens each", columns, rows)
    write_results(options.output, {"hardware": machine, "tokens": options.tokens, "results": results})


if __name__ == "__main__":
    main(tyro.cli(Options))
