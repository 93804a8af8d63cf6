"""`region-perception evaluate`."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from region_perception.cli.notes import note
from region_perception.cli.options import ModelOptions, Switch, WritingOptions
from region_perception.cli.simulate import Split
from region_perception.cli.steps import counting, load_captioner

if TYPE_CHECKING:
    from region_perception.captioner import Captioner

Modality = Literal["image", "image_region", "cloud", "cloud_region"]
Pointing = Literal["box", "mask", "click", "scribble"]
Task = Literal["caption", "answer", "find", "classify"]


@dataclass(frozen=True)
class ShownOptions:
    """What is shown to the model and asked of it."""

    split: Split = "test"
    """Whose scenes; "novel-combinations" and "novel-views" are the harder ones."""
    scenes: Annotated[int, arg(metavar="N")] = 200
    """How many."""
    start: Annotated[int, arg(metavar="N")] = 0
    """Index of the first."""
    modality: tuple[Modality, ...] = ()
    """Default: all that the model is trained for."""
    point_with: tuple[Pointing, ...] = ("box",)
    """How the things are pointed at; several to compare them. There are no strokes in clouds."""
    task: tuple[Task, ...] = ("caption", "answer", "find", "classify")
    """What is asked for."""
    size: Annotated[tuple[int, int], arg(metavar="WIDTH HEIGHT")] = (224, 224)
    """Of the pictures in pixels."""
    cloud: Literal["measured", "sampled"] = "measured"
    """What the depth camera measures, or points from all surfaces."""


@dataclass(frozen=True)
class NetworkOptions:
    """How the model is loaded."""

    base: Annotated[str | None, arg(metavar="FOLDER|HUB_ID", help_behavior_hint="")] = None
    """A BLIP-2 of transformers to build a known network on."""
    device: Annotated[str, arg(metavar="NAME")] = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Of the encoders and the language model."""
    untrained: Switch = False
    """Random weights, to try things out: the scores then mean nothing."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Of random weights."""


def evaluate(
    out: Annotated[Path, arg(metavar="FOLDER")],
    shown: ShownOptions,
    network: NetworkOptions,
    writing: WritingOptions,
    model: Positional[Annotated[str | None, arg(metavar="MODEL", help_behavior_hint="")]] = None,
    score_only: Switch = False,
    without_java: Switch = False,
    pictures: Annotated[int, arg(metavar="N")] = 8,
) -> None:
    """Measure a model on unseen scenes of the simulated tabletop world, and write a report with pictures.

    Goes on where it stopped when FOLDER holds a part of the same evaluation.

    Args:
        out: Folder for predictions.jsonl, report.json, report.md and cases/.
        model: A bundled model, a folder, or a hub id. Default: the first that `region-perception models` lists.
        score_only: Load no model and show nothing; score again what FOLDER holds.
        without_java: Leave out METEOR and SPICE.
        pictures: Cases on each sheet of pictures; 0 for none.
    """
    from region_perception.evaluation import TABLETOP, write_report

    if not score_only:
        options = ModelOptions(model, network.base, network.device, network.dtype, network.untrained, network.seed)
        _show(load_captioner(options), out, shown, writing)
    note("scoring" + (", and drawing pictures" if pictures else ""))
    write_report(out, TABLETOP, java=not without_java, pictures=pictures)
    report = (out / "report.md").read_text(encoding="utf-8")
    print(report[report.index("## Summary") :].split("\n\n")[1])
    note(f"wrote {out / 'report.md'}")


def _show(captioner: "Captioner", out: Path, shown: ShownOptions, writing: WritingOptions) -> None:
    """Runs the model over the scenes and keeps what it says."""
    from region_perception.evaluation import Decoding, TabletopSettings, run, scene_cases

    known = [name for name in captioner.spec.modalities if name in captioner.trained or not captioner.trained]
    settings = TabletopSettings(
        split=shown.split,
        start=shown.start,
        modalities=shown.modality or tuple(known),
        pointing=shown.point_with,
        size=shown.size,
        cloud=shown.cloud,
    )
    with counting("scenes") as progress:
        run(
            captioner,
            out,
            partial(scene_cases, settings),
            shown.scenes,
            settings.to_dict(),
            tasks=shown.task,
            decoding=Decoding(beams=writing.beams, max_tokens=writing.max_tokens),
            progress=progress,
        )
