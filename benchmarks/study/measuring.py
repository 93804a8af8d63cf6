"""Measures models and trains variants; whatever is done is kept, and not done again."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from region_perception import Captioner
from region_perception.cli.notes import note
from region_perception.evaluation import TABLETOP, TabletopSettings, read_predictions, run, scene_cases, write_report
from region_perception.evaluation.crop import CropCaptioner
from region_perception.evaluation.pointing import BOX, CLICK, MASK, POINTINGS, SCRIBBLE
from region_perception.evaluation.predictions import ANSWER, CAPTION, FIND
from region_perception.modalities import CLOUD, CLOUD_REGION, IMAGE, IMAGE_REGION, MODALITIES, REGION_MODALITIES
from region_perception.network.spec import spec_to_dict
from region_perception.training.checkpoints import fingerprint
from region_perception.training.loop import train
from region_perception.weights.load import LoadedModel, load_model
from region_perception.weights.respec import with_spec
from region_perception.weights.store import save_model
from study.store import BASE, CROP, NOVEL, POINTED, TEST, VARIANT, Result, Store
from study.variants import Variant


@dataclass(frozen=True)
class Showing:
    """What a model is shown of a split, and what is asked."""

    split: str = "test"
    modalities: tuple[str, ...] = MODALITIES
    pointing: tuple[str, ...] = (BOX,)
    tasks: tuple[str, ...] = (CAPTION, ANSWER, FIND)


# What the trained model is shown, by the name of the result.
SHOWN_TO_MODEL = {
    TEST: Showing(),
    POINTED: Showing(modalities=REGION_MODALITIES, pointing=(MASK, CLICK, SCRIBBLE), tasks=(CAPTION,)),
    **{
        name: Showing(split=split, modalities=REGION_MODALITIES, pointing=POINTINGS, tasks=(CAPTION,))
        for split, name in NOVEL.items()
    },
}
_TO_VARIANTS = Showing(modalities=(IMAGE_REGION, CLOUD, CLOUD_REGION))


class Bench:
    """Measures and trains in one folder. java: whether to look for Java, for METEOR."""

    def __init__(self, folder: Path, *, java: bool = True) -> None:
        self.store = Store(folder / "json")
        self._folder, self._java = folder, java

    def measure_model(self, model: LoadedModel, scenes: int) -> None:
        """The trained model by all that targets ask for."""
        for name, showing in SHOWN_TO_MODEL.items():
            self._result(name, partial(Captioner, model), model, showing, scenes)

    def measure_baselines(self, base: LoadedModel, scenes: int) -> None:
        """The base's captions of cut-out regions, and of whole images beside those of the model."""
        regions = Showing(modalities=(IMAGE_REGION,), tasks=(CAPTION,))
        self._result(CROP, partial(CropCaptioner, base), base, regions, scenes)
        images = Showing(modalities=(IMAGE,), tasks=(CAPTION, ANSWER))
        self._result(BASE, partial(Captioner, base), base, images, scenes, partial(self._same_words, TEST, BASE))

    def train_variant(self, variant: Variant, seed: int, base: LoadedModel, scenes: int) -> None:
        """Trains a variant and measures it."""
        name = f"{VARIANT}-{variant.name}-{seed}"
        made_of = {
            "base": _weights(base),
            "position": spec_to_dict(variant.position),
            "stages": [_what_matters(spec_to_dict(recipe)) for recipe in variant.stages],
            "scenes": scenes,
            "score_method": base.score_method,
        }

        def make() -> Result:
            # Another base may be under the same name by now, while a run over the old one lies half done.
            folder = self._folder / "variants" / f"{name}-{_weights(base)}"
            note(f"training {variant.name!r}, seed {seed}")
            # All find by the method of the base, whose recipe decides which of them learns at all.
            model = replace(load_model(_train(variant, folder, base)), score_method=base.score_method)
            weights = _weights(model) + _confidences(model)
            report = self._report(folder / "test", Captioner(model), weights, _TO_VARIANTS, scenes)
            about = {"name": variant.name, "group": variant.group, "title": variant.title, "seed": seed}
            return {"variant": about, "report": report}

        self.store.result(name, made_of, make)

    def _result(
        self,
        name: str,
        captioner: Callable[[], Captioner],
        model: LoadedModel,
        showing: Showing,
        scenes: int,
        more: Callable[[], Result] = dict,
    ) -> None:
        weights = _weights(model) + _confidences(model)

        def make() -> Result:
            note(f"measuring {name}")
            return {"report": self._report(self._folder / name, captioner(), weights, showing, scenes), **more()}

        self.store.result(name, {"weights": weights, "scenes": scenes}, make)

    def _report(self, folder: Path, captioner: Captioner, weights: str, showing: Showing, scenes: int) -> Result:
        """Scores of what a captioner says of the scenes; what it has said before is not asked again."""
        settings = TabletopSettings(showing.split, modalities=showing.modalities, pointing=showing.pointing)
        asked = settings.to_dict() | {"weights": weights, "way": type(captioner).__name__}
        cases = partial(scene_cases, settings)
        with _progress() as progress:
            run(captioner, folder, cases, scenes, asked, tasks=showing.tasks, progress=progress)
        return write_report(folder, TABLETOP, java=self._java, pictures=0)

    def _same_words(self, one: str, other: str) -> Result:
        """Of how many things that both were shown two models said the same."""
        said = {each.id: each.said for each in read_predictions(self._folder / one)}
        same = [said[each.id] == each.said for each in read_predictions(self._folder / other) if each.id in said]
        return {"same": sum(same), "of": len(same)}


def _train(variant: Variant, folder: Path, base: LoadedModel) -> Path:
    """The folder of the model after the last stage, each of which begins with the model of the one before."""
    start = _start(variant, folder, base)
    for number, recipe in enumerate(variant.stages, start=1):
        start = train(replace(recipe, start=str(start)), folder / f"stage-{number}")
    return start


def _start(variant: Variant, folder: Path, base: LoadedModel) -> Path:
    """The base with the variant's way of telling where regions are; where that is its own, the same weights."""
    start = folder / "start"
    if not start.exists():
        begun = with_spec(base, replace(base.network.spec, position=variant.position))
        card = f"The base of the variant {variant.name!r}: {variant.title}.\n"
        save_model(start, begun.network, begun.codec, card=card, trained=begun.trained)
    return start


def _what_matters(recipe: dict[str, Any]) -> dict[str, Any]:
    """What of a recipe decides the model that it makes."""
    return {name: value for name, value in recipe.items() if name not in ("start", "cache", "workers", "reports")}


def _confidences(model: LoadedModel) -> str:
    """Sets a calibrated model apart from the same without, which says the same and is sure of it by other figures."""
    if not model.calibration and model.score_method is None:
        return ""
    return "-" + hashlib.sha256(repr((model.calibration, model.score_method)).encode()).hexdigest()[:8]


def _weights(model: LoadedModel) -> str:
    return fingerprint(model.network.state_dict())[:16]


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error."""
    columns = (TextColumn("scenes"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("scenes", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
