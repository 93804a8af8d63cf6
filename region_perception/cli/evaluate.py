"""`region-perception evaluate`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from region_perception.cli.notes import note
from region_perception.cli.options import ModelOptions, Switch
from region_perception.cli.report import print_table
from region_perception.cli.steps import counting, load_captioner
from region_perception.errors import InvalidInput

if TYPE_CHECKING:
    from region_perception.captioner import Captioner
    from region_perception.evaluation import Decoding
    from region_perception.evaluation.protocols import DataProtocol

Modality = Literal["image", "image_region", "cloud", "cloud_region"]
Pointing = Literal["box", "mask", "click", "scribble"]
Task = Literal["caption", "answer", "find", "classify"]
Method = Literal["match", "contrast", "likelihood"]

_TABLETOP, _LIST = "tabletop", "list"


@dataclass(frozen=True)
class DataOptions:
    """Of all protocols but the tabletop's, whose scenes are drawn."""

    data: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="")] = None
    """Where the data set is, as docs/datasets.md lays it out."""
    limit: Annotated[int | None, arg(metavar="N", help_behavior_hint="")] = None
    """Only the first N images, clouds or scenes; more may be asked for later."""
    boxes: Annotated[Path | None, arg(metavar="JSON", help_behavior_hint="")] = None
    """What a detector found, for the protocol scan2cap; docs/evaluation.md says how it is written."""
    crop: Switch = False
    """Cut regions of images out and read them as whole images: the baseline of models that know no regions."""
    max_bad_share: Annotated[float, arg(metavar="SHARE")] = 0.01
    """Stop if a larger share of the data cannot be read; the rest is left out, and named in the report."""


@dataclass(frozen=True)
class ShownOptions:
    """Of the tabletop: what is shown to the model and asked of it."""

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
    size: Annotated[tuple[int, int], arg(metavar="WIDTH HEIGHT")] = (256, 256)
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
    image_size: Annotated[int | None, arg(metavar="PIXELS", help_behavior_hint="")] = None
    """Side of the square that pictures are read at. Default: the one that the model was trained with."""


@dataclass(frozen=True)
class SeekingOptions:
    """How sentences are searched for. Default: as the protocol was published; greedily on the tabletop."""

    beams: Annotated[int | None, arg(metavar="N", help_behavior_hint="")] = None
    """1 takes the likeliest word each time."""
    max_tokens: Annotated[int | None, arg(metavar="N", help_behavior_hint="")] = None
    """The longest caption; a word has one or a few tokens."""
    min_tokens: Annotated[int | None, arg(metavar="N", help_behavior_hint="")] = None
    """The shortest."""
    length_penalty: Annotated[float | None, arg(metavar="X", help_behavior_hint="")] = None
    """Beams compete by log-probability / length ** X: above 0 favours long sentences, below 0 short ones."""
    by: Annotated[Method | None, arg(metavar="METHOD", help_behavior_hint="")] = None
    """How names and descriptions are compared with what is shown: match, contrast or likelihood."""

    def over(self, decoding: "Decoding") -> "Decoding":
        """The decoding with what was asked for."""
        return replace(
            decoding,
            beams=decoding.beams if self.beams is None else self.beams,
            max_tokens=decoding.max_tokens if self.max_tokens is None else self.max_tokens,
            min_tokens=decoding.min_tokens if self.min_tokens is None else self.min_tokens,
            length_penalty=decoding.length_penalty if self.length_penalty is None else self.length_penalty,
            by=self.by or decoding.by,
        )


def evaluate(
    protocol: Positional[Annotated[str, arg(metavar="PROTOCOL|list")]],
    data: DataOptions,
    shown: ShownOptions,
    network: NetworkOptions,
    seeking: SeekingOptions,
    model: Positional[Annotated[str | None, arg(metavar="MODEL", help_behavior_hint="")]] = None,
    out: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="")] = None,
    split: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")] = None,
    score_only: Switch = False,
    without_java: Switch = False,
    pictures: Annotated[int, arg(metavar="N")] = 8,
) -> None:
    """Measure a model by a protocol, and write a report with pictures, and with published figures beside its own.

    Goes on where it stopped when FOLDER holds a part of the same evaluation. Examples:
    region-perception evaluate tabletop tabletop-mini --out report;
    region-perception evaluate refcoco MODEL --data /data/refcoco --out report

    Args:
        protocol: One of those that `region-perception evaluate list` shows.
        model: A bundled model, a folder, or a hub id. Default: the first that `region-perception models` lists.
        out: Folder for predictions.jsonl, report.json, report.md and cases/.
        split: Of the data set, or of the tabletop (test, val, novel-combinations, ...). Default: the protocol's.
        score_only: Load no model and show nothing; score again what FOLDER holds.
        without_java: Leave out METEOR and SPICE.
        pictures: Cases on each sheet of pictures; 0 for none.
    """
    from region_perception.evaluation import TABLETOP, write_report
    from region_perception.evaluation.protocols import named_protocol

    if protocol == _LIST:
        _print_protocols()
        return
    on_disk = None if protocol == _TABLETOP else named_protocol(protocol)
    _refuse_idle(protocol, data, shown)
    _refuse_idle_seeking(protocol, on_disk.tasks if on_disk else shown.task, seeking)
    if out is None:
        raise InvalidInput("--out is missing: expected a folder for the report")
    if not score_only:
        if on_disk is None:
            _show_tabletop(_captioner(model, network), out, split or "test", shown, seeking)
        else:
            _show_data(on_disk, model, network, out, split, data, seeking)
    note("scoring" + (", and drawing pictures" if pictures else ""))
    write_report(out, on_disk.for_report if on_disk else TABLETOP, java=not without_java, pictures=pictures)
    report = (out / "report.md").read_text(encoding="utf-8")
    print(report[report.index("## Summary") :].removeprefix("## Summary\n\n").partition("\n\n## ")[0])
    note(f"wrote {out / 'report.md'}")


def _refuse_idle(protocol: str, data: DataOptions, shown: ShownOptions) -> None:
    """Flags that the protocol would not look at."""
    idle, plain = (data, DataOptions()) if protocol == _TABLETOP else (shown, ShownOptions())
    if wrong := [name for name, value in vars(plain).items() if getattr(idle, name) != value]:
        whose = "data sets'" if protocol == _TABLETOP else "the tabletop's"
        raise InvalidInput(f"--{wrong[0].replace('_', '-')} is {whose} and says nothing to the protocol {protocol}")


_ASKED_IN = {  # what is asked of a model where a flag means something
    "beams": {"caption", "answer"},
    "max_tokens": {"caption"},
    "min_tokens": {"caption", "answer"},
    "length_penalty": {"caption", "answer"},
    "by": {"find", "classify"},
}


def _refuse_idle_seeking(protocol: str, tasks: Sequence[str], seeking: SeekingOptions) -> None:
    """Flags about sentences where none are sought, or about comparing where nothing is compared."""
    for name, meant in _ASKED_IN.items():
        if getattr(seeking, name) is not None and not meant & set(tasks):
            about, asked = " and ".join(sorted(meant)), ", ".join(tasks)
            raise InvalidInput(f"--{name.replace('_', '-')} is about {about}, and {protocol} asks for {asked} here")


def _captioner(model: str | None, network: NetworkOptions) -> "Captioner":
    return load_captioner(ModelOptions(model, **vars(network)))


def _show_tabletop(captioner: "Captioner", out: Path, split: str, shown: ShownOptions, seeking: SeekingOptions) -> None:
    """Runs the model over drawn scenes and keeps what it says."""
    from region_perception.evaluation import Decoding, TabletopSettings, run, scene_cases

    known = [name for name in captioner.spec.modalities if name in captioner.trained or not captioner.trained]
    settings = TabletopSettings(
        split=split,
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
            decoding=seeking.over(Decoding()),
            progress=progress,
        )


def _show_data(
    protocol: "DataProtocol",
    model: str | None,
    network: NetworkOptions,
    out: Path,
    split: str | None,
    data: DataOptions,
    seeking: SeekingOptions,
) -> None:
    """Runs the model, or the baseline over it, over a data set and keeps what it says."""
    from region_perception.evaluation.crop import CropCaptioner
    from region_perception.evaluation.protocols import OnDisk, check_data, evaluate

    if data.data is None:
        raise InvalidInput(f"--data is missing: expected the folder of {protocol.data}; see docs/datasets.md")
    on_disk = OnDisk(data.data, split, data.boxes, data.max_bad_share)
    check_data(protocol, on_disk, crop=data.crop)  # before a large model is loaded for nothing
    captioner = _captioner(model, network)
    if data.crop:
        captioner = CropCaptioner(captioner.model, captioner.image_size)
    if protocol.image_size not in (None, captioner.image_size):
        note(
            f"published figures are of pictures read at {protocol.image_size} pixels, this model reads them at "
            f"{captioner.image_size} (see --image-size)"
        )
    with counting(protocol.name) as progress:
        evaluate(
            protocol,
            captioner,
            out,
            on_disk,
            limit=data.limit,
            decoding=seeking.over(protocol.decoding),
            progress=progress,
        )


def _print_protocols() -> None:
    """What can be measured, on which data, beside how many published figures."""
    from region_perception.evaluation.protocols import PROTOCOLS

    rows = [[_TABLETOP, "captions, answers, finds and classes on drawn scenes", "", "test, val, ...", ""]]
    rows += [
        [each.name, each.about, each.data, ", ".join(each.splits), str(len({figure.system for figure in each.figures}))]
        for each in PROTOCOLS.values()
    ]
    print_table(["protocol", "measures", "data", "splits", "published systems"], rows)
