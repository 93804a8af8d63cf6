"""`region-perception weights import` and `weights export`: files of others in, files for others out."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from tyro.conf import Positional, UseAppendAction, arg

from region_perception.cli.notes import note
from region_perception.cli.options import Switch
from region_perception.cli.report import print_json, print_table
from region_perception.cli.steps import writing
from region_perception.errors import InvalidInput

if TYPE_CHECKING:
    from region_perception.weights.exporting import Exported
    from region_perception.weights.importing import FileReport, Imported

weights = tyro.extras.SubcommandApp()
weights.__doc__ = "Take published weights into a model, or give a model to other people's tools."

Files = Positional[Annotated[tuple[Path, ...], arg(metavar="FILE")]]
Form = Literal["lavis-stage1", "lavis-stage2", "regionblip", "point-bert", "transformers", "peft"]


def import_files(
    files: Files,
    into: Annotated[str, arg(metavar="NAME|FOLDER|HUB_ID")],
    out: Annotated[Path, arg(metavar="FOLDER")],
    base: Annotated[str | None, arg(metavar="FOLDER|HUB_ID", help_behavior_hint="")] = None,
    family: Annotated[UseAppendAction[tuple[str, ...]], arg(name="as", metavar="FAMILY")] = (),
    qformer_tokenizer: Annotated[str | None, arg(metavar="FOLDER|HUB_ID", help_behavior_hint="")] = None,
    whole: Switch = False,
    partial: Switch = False,
    dtype: Literal["float32", "bfloat16", "float16"] = "float32",
    over: Annotated[str | None, arg(metavar="FOLDER|HUB_ID", help_behavior_hint="")] = None,
    card: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None,
    overwrite: Switch = False,
    json: Switch = False,
) -> None:
    """Put published files into a model, one after the other, and tell what became of every tensor.

    What a file is, its names tell. Nothing that is pickled in a file is run. A file that does not fit, or not all of
    it, is refused. Example: region-perception weights import point_bert_pretrained.pt regionblip.pth --into
    regionblip-opt-2.7b --base Salesforce/blip2-opt-2.7b --out models/regionblip

    Args:
        files: LAVIS, RegionBLIP, Point-BERT, ULIP, PointLLM (.pth, .pt, .safetensors), or the folder of a BLIP-2 of
            transformers that matches images and texts.
        into: Network or model that the files are put into; it stays as it is.
        out: Folder for the new model.
        base: BLIP-2 of transformers under a network that is known by name.
        family: What a file is, once for each file: lavis-stage1, lavis-stage2, regionblip-base, eva-vit, regionblip,
            point-bert, ulip, ulip2, pointllm, blip2-itm. Default: as its names tell.
        qformer_tokenizer: BERT's, for files with a text branch: google-bert/bert-base-uncased.
        whole: Take Q-Former and image encoder of such files, too, not the text branch alone.
        partial: Take files with missing or unknown tensors for what they are.
        dtype: Of the encoders and the language model in the new model.
        over: Write only what stands on the base in this model or BLIP-2, which no file may have changed.
        card: Text for the model's README.md.
        overwrite: Replace a model that is in the folder.
        json: Print one JSON document with every name instead of tables.
    """
    from region_perception.text import read_tokenizer
    from region_perception.weights.importing import check_request, import_weights
    from region_perception.weights.load import load_model
    from region_perception.weights.references import locate
    from region_perception.weights.store import refuse_to_overwrite, save_model

    check_request(files, family)
    target = out.expanduser().absolute()
    refuse_to_overwrite(target, overwrite)
    model = load_model(into, base=base, device="cpu", dtype=dtype)
    tokenizer = None if qformer_tokenizer is None else read_tokenizer(locate(qformer_tokenizer))
    imported = import_weights(files, model, families=family, qformer_tokenizer=tokenizer, whole=whole, partial=partial)
    made = imported.model
    text = _card_of(imported, into, base, out) if card is None else _read(card)
    with writing(target):
        save_model(target, made.network, made.codec, card=text, trained=made.trained, base=over, overwrite=overwrite)
    if json:
        files_told = [_as_json(report) for report in imported.reports]
        print_json({"model": str(target), "trained": sorted(made.trained), "files": files_told})
    else:
        _tell(imported, target)


def export_model(
    model: Positional[Annotated[str, arg(metavar="MODEL")]],
    form: Annotated[Form, arg(name="as", metavar="FORM")],
    out: Annotated[Path, arg(metavar="FOLDER")],
    base: Annotated[str | None, arg(metavar="FOLDER|HUB_ID", help_behavior_hint="")] = None,
    image_token: Annotated[int | None, arg(metavar="ID", help_behavior_hint="")] = None,
    dtype: Literal["float32", "bfloat16", "float16"] = "float32",
    json: Switch = False,
) -> None:
    """Write a model in the form that other people's tools read, or say why that form has no words for it.

    lavis-stage1, lavis-stage2 and point-bert are one file each; regionblip is the released code's three; transformers
    is a BLIP-2 (whole images); peft is an adapter for image regions on that. Example: region-perception weights export
    models/regionblip --as regionblip --out for-lavis

    Args:
        model: Folder, name or hub id.
        form: lavis-stage1, lavis-stage2, regionblip, point-bert, transformers, peft.
        out: New folder for the files.
        base: Where the base of a model that holds adapters only lies, if not where that says.
        image_token: Of transformers, the word that stands for a soft token. Default: <image>, or the last one.
        dtype: Of the encoders and the language model in the files.
        json: Print one JSON document with every name instead of a table.
    """
    from region_perception.weights.exporting import export_model as export
    from region_perception.weights.exporting import new_folder
    from region_perception.weights.load import load_model

    new_folder(out)
    exported = export(load_model(model, base=base, device="cpu", dtype=dtype), form, out, image_token=image_token)
    if json:
        print_json(dataclasses.asdict(exported) | {"folder": str(exported.folder)})
    else:
        _tell_export(exported)


weights.command(name="import")(tyro.conf.configure(tyro.conf.OmitArgPrefixes)(import_files))
weights.command(name="export")(tyro.conf.configure(tyro.conf.OmitArgPrefixes)(export_model))


def _tell(imported: "Imported", target: Path) -> None:
    from region_perception.weights.layouts.summary import lines_of

    for report in imported.reports:
        account = report.account
        mapped = {name: " and ".join(ours) for name, ours in account.mapped.items()}
        rows = [
            [verdict, line.name, line.about, str(line.times)]
            for verdict, named in (("mapped", mapped), ("left", account.left), ("missed", account.missed))
            for line in lines_of(named)
        ]
        print_table(["", "name", "becomes, or why not", "tensors"], rows, title=f"{report.file}: {report.about}")
        counts = f"mapped {len(account.mapped)}, left {len(account.left)}, missed {len(account.missed)}"
        beside = f"; beside the weights, not read: {', '.join(report.others)}" if report.others else ""
        print(f"{counts}{beside}\n")
        for each in report.notes:
            note(each)
    print(f"trained: {', '.join(sorted(imported.model.trained)) or 'nothing'}")
    print(target)


def _tell_export(exported: "Exported") -> None:
    from region_perception.weights.layouts.summary import lines_of

    if exported.names:
        rows = [[line.name, line.about, str(line.times)] for line in lines_of(exported.names)]
        print_table(["here", "there", "tensors"], rows, title=", ".join(exported.files))
    if exported.unsaid:
        rows = [[line.name, str(line.times)] for line in lines_of(dict.fromkeys(exported.unsaid, ""))]
        print()
        print_table(["name", "tensors"], rows, title="In none of the files")
    print(exported.folder)


def _as_json(report: "FileReport") -> dict[str, Any]:
    told = dataclasses.asdict(report)
    account = told.pop("account")
    return told | account


def _card_of(imported: "Imported", into: str, base: str | None, out: Path) -> str:
    """A card that says where everything came from."""
    lines = [f"# {out.name}", "", f"`{into}`{f' over `{base}`' if base else ''}, with the weights of"]
    for report in imported.reports:
        counts = [len(part) for part in (report.account.mapped, report.account.left, report.account.missed)]
        told = "{} tensors mapped, {} left, {} missed".format(*counts)
        lines.append(f"- `{Path(report.file).name}`, {report.about} ({told})")
        lines += [f"  - {each}" for each in report.notes]
    return "\n".join([*lines, ""])


def _read(card: Path) -> str:
    try:
        return card.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InvalidInput(f"--card {card} cannot be read: {error}") from error
