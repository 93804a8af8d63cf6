"""Validation: the losses on unseen data, and captions of some of them with pictures."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from region_perception.captioner import Captioner
from region_perception.data.source import Source
from region_perception.drawing import Drawable, draw_cloud, draw_image
from region_perception.errors import InvalidInput
from region_perception.observations import ImageObservation
from region_perception.text import TextCodec
from region_perception.training.batches import Batches
from region_perception.training.examples import Examples
from region_perception.training.order import Schedule
from region_perception.training.processes import Processes
from region_perception.training.recipe import Augmentation, Recipe
from region_perception.training.step import TrainingStep, combine
from region_perception.weights.load import LoadedModel


def validation_batches(
    recipe: Recipe, codec: TextCodec, examples: Mapping[str, Examples], processes: Processes
) -> Batches:
    """The same few batches every time, of all modalities, as they are."""
    plain = replace(
        recipe,
        order="mixed",
        steps=recipe.reports.validation_steps,
        accumulate=1,
        workers=0,
        augmentation=Augmentation(),
    )
    schedule = Schedule(plain, {name: len(items) for name, items in examples.items()})
    return Batches(plain, codec, examples, schedule, process=processes.rank, processes=processes.count)


def validate(module: nn.Module, batches: Batches, processes: Processes, device: torch.device) -> dict[str, float]:
    """The mean of every loss of a training step over the batches and all processes."""
    learning = module.training
    module.eval()
    sums: dict[str, Tensor] = {}
    with torch.no_grad():
        for batch in batches.from_step(0):
            _, means = combine(module(batch.to(device)), batches.recipe.losses, processes)
            for name, value in means.items():
                sums[name] = sums.get(name, torch.zeros_like(value)) + value
    module.train(learning)
    return {name: float(value) / len(batches) for name, value in sums.items()}


def write_samples(
    step: TrainingStep, codec: TextCodec, sources: Mapping[str, Source], folder: Path, done: int, count: int
) -> None:
    """Caption the first observations of every modality: `step-00000100-image_region-0.png`, and `samples.jsonl`."""
    network = step.network
    learning = step.training
    step.eval()
    folder.mkdir(parents=True, exist_ok=True)
    captioner = Captioner(LoadedModel(network, codec, "sample", "training", frozenset(network.spec.modalities)))
    with (folder / "samples.jsonl").open("a", encoding="utf-8") as lines:
        for modality, source in sources.items():
            for index in range(min(count, len(source))):
                name = f"step-{done:08d}-{modality}-{index}"
                about = {"step": done, "modality": modality}
                try:
                    sample, picture = _sample(captioner, source, index)
                except InvalidInput as error:  # a file that is broken or not there
                    lines.write(json.dumps(about | {"unreadable": str(error)}) + "\n")
                    continue
                picture.save(folder / f"{name}.png")
                lines.write(json.dumps({**about, "picture": f"{name}.png", **sample}) + "\n")
    step.train(learning)


def _sample(captioner: Captioner, source: Source, index: int) -> tuple[dict[str, Any], Any]:
    records = source.look(index).records
    observation = records[0].observation
    view = captioner.look(observation)
    captions = captioner.caption([(view, record.region) for record in records])
    items = [
        Drawable(caption.footprint, number, caption.text, caption.region)
        for number, caption in enumerate(captions, start=1)
    ]
    texts = [
        {"id": record.id, "written": caption.text, "confidence": caption.confidence, "true": list(record.sentences)}
        for record, caption in zip(records, captions, strict=True)
    ]
    if isinstance(observation, ImageObservation):
        return {"captions": texts}, draw_image(observation, items)
    return {"captions": texts}, draw_cloud(observation, items)
