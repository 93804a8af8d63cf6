"""`region-perception calibrate`."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from region_perception.cli.notes import note
from region_perception.cli.options import Switch
from region_perception.cli.report import print_table
from region_perception.cli.steps import counting, writing
from region_perception.errors import InvalidInput

if TYPE_CHECKING:
    from region_perception.evaluation import FittedModel


def calibrate(
    model: Positional[Annotated[str, arg(metavar="MODEL")]],
    out: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="")] = None,
    split: Literal["val"] = "val",
    scenes: Annotated[int, arg(metavar="N")] = 200,
    overwrite: Switch = False,
    base: Annotated[str | None, arg(metavar="FOLDER|HUB_ID", help_behavior_hint="")] = None,
    device: Annotated[str, arg(metavar="NAME")] = "auto",
) -> None:
    """Make a model's confidences chances of being right, and choose the method by which it finds things best.

    Shows scenes of the simulated tabletop world, fits what the model is sure of to what is right, and writes that into
    its config.json. Example: region-perception calibrate runs/tabletop-modalities/model --scenes 300

    Args:
        model: Folder, name or hub id of the model.
        out: Folder for a calibrated copy. Default: the model itself is changed.
        split: Whose scenes: neither those of training nor those that reports are made of.
        scenes: How many.
        overwrite: Replace a model that is in FOLDER.
        base: Where the base of a model that holds adapters only lies, if not where that says.
        device: auto, cpu, cuda, cuda:1, mps.
    """
    from region_perception.captioner import load
    from region_perception.evaluation import TABLETOP, TabletopSettings, fit_confidences, scene_cases
    from region_perception.weights.folder import read_config
    from region_perception.weights.recalibrate import refuse_to_recalibrate, write_calibration

    captioner = load(model, base=base, device=device, calibrated=False)
    folder = Path(captioner.source)
    target = (out or folder).expanduser()
    refuse_to_recalibrate(folder, target, overwrite=overwrite)
    known = tuple(name for name in captioner.spec.modalities if name in captioner.trained)
    if not known:
        raise InvalidInput(f"the model in {folder} has learnt no modality: what it is sure of means nothing")
    settings = TabletopSettings(split=split, modalities=known)
    with counting("scenes") as progress:
        fitted = fit_confidences(captioner, partial(scene_cases, settings), scenes, TABLETOP, progress)
    _tell(fitted)
    # A model without modalities of regions keeps the method that it names.
    method = fitted.score_method or read_config(folder).score_method
    with writing(target):
        write_calibration(folder, target, fitted.calibration, method, base=base, overwrite=overwrite)
    note(f"wrote {target / 'config.json'}")


def _tell(fitted: "FittedModel") -> None:
    """What was found out, as tables; and what was not, as notes."""
    rows = []
    for each in fitted.tasks:
        fit = each.calibration
        row = [each.task, each.modality.replace("_", " "), f"{each.right.count:,}", _percent(each.right.value)]
        row += [_percent(each.before.value), _percent(each.after.value) if each.after else "-"]
        rows.append([*row, *([f"{fit.slope:.3f}", f"{fit.shift:+.3f}"] if fit else ["-", "-"])])
    columns = ["task", "modality", "cases", "right", "ECE before", "after", "slope", "shift"]
    print_table(columns, rows, "Calibration; the error after it is that of each half under the fit of the other")
    if fitted.found:
        rows = [
            [method + (" (chosen)" if method == fitted.score_method else ""), _percent(share.value)]
            for method, share in fitted.found.items()
        ]
        print_table(["find by", "right"], rows)
    for each in fitted.tasks:
        if each.problem:
            note(f"{each.task} of {each.modality} is not calibrated: {each.problem}")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
