"""`region-perception data`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, UseAppendAction, arg, subcommand

from region_perception.cli.notes import note
from region_perception.cli.options import Switch
from region_perception.cli.report import print_json, print_table
from region_perception.cli.steps import counting
from region_perception.errors import InvalidInput

if TYPE_CHECKING:
    from region_perception.data.checking import Checked

Kind = Positional[Annotated[str, arg(metavar="KIND")]]
Folder = Positional[Annotated[Path, arg(metavar="FOLDER")]]


@dataclass(frozen=True)
class ListKinds:
    """List the data sets that are known, what they are about, and their splits."""

    def run(self) -> None:
        from region_perception.data.sets import DATA_SETS

        rows = [
            [each.name, each.about, ", ".join(each.modalities), ", ".join(each.splits)] for each in DATA_SETS.values()
        ]
        print_table(["kind", "is", "modalities", "splits"], rows)


@dataclass(frozen=True)
class Check:
    """Count what a data set has, and name all that is wrong with it, with examples: missing files, bad boxes, empty
    sentences, ids that are there twice, whatever cannot be read. Exit code 1 where anything is wrong."""

    kind: Kind
    """One of `region-perception data list`."""
    folder: Folder
    """Where it is."""
    split: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="NAME")] = ()
    """May be repeated. Default: all that are there."""
    open: Switch = False
    """Read every image and every cloud, too."""
    masks: Switch = False
    """Read outlines of regions instead of boxes."""
    json: Switch = False
    """Print one JSON document."""

    def run(self) -> None:
        from region_perception.data.checking import check
        from region_perception.data.sets import named_set

        with counting(f"{self.kind} in {self.folder}") as tell:
            checked = check(
                named_set(self.kind),
                self.folder,
                self.split,
                masks=self.masks,
                open_files=self.open,
                progress=lambda what, done, total: tell(done, total or done),
            )
        if self.json:
            print_json({"kind": self.kind, "folder": str(self.folder), "splits": [each.to_dict() for each in checked]})
        else:
            for each in checked:
                _print_checked(each)
        if any(each.flaws for each in checked):
            sys.exit(1)


@dataclass(frozen=True)
class Convert:
    """Write a split of any data set as tar shards of records, or as COCO-style JSON. Goes on where it stopped."""

    kind: Kind
    """One of `region-perception data list`."""
    folder: Folder
    """Where it is."""
    out: Positional[Annotated[Path, arg(metavar="OUT")]]
    """Where to write."""
    to: Literal["shards", "coco"] = "shards"
    """Shards hold everything; COCO-style JSON holds images and their regions."""
    split: Annotated[str, arg(metavar="NAME")] = "train"
    """Which one."""
    per_shard: Annotated[int, arg(metavar="N")] = 1000
    """Images or clouds in a shard."""
    masks: Switch = False
    """Write outlines of regions instead of boxes, where the data have both."""

    def run(self) -> None:
        from region_perception.data.own.converting import convert
        from region_perception.data.sets import named_set

        with counting(f"{self.kind} {self.split}") as tell:
            done = convert(
                named_set(self.kind),
                self.folder,
                self.out,
                self.to,
                self.split,
                per_shard=self.per_shard,
                masks=self.masks,
                progress=tell,
            )
        for flaw in done.flaws.examples:
            note(f"{flaw.kind}: {flaw.where}: {flaw.message}")
        for what, count in done.left.items():
            note(f"left out {count:,} times: {what}")
        there = f", {done.kept:,} were there already" if done.kept else ""
        wrong = f"; {sum(done.flaws.counts.values()):,} things are wrong with the data" if done.flaws.counts else ""
        print(f"{done.samples:,} images and clouds with {done.records:,} records written to {self.out}/{there}{wrong}")


@dataclass(frozen=True)
class Split:
    """Write which uids of Objaverse are for training, validation and test: <folder>/splits/*.txt, always the same."""

    folder: Folder
    """Where Cap3D's table of captions is."""

    def run(self) -> None:
        from region_perception.data.objaverse import make_splits

        place = self.folder / "splits"
        for name, uids in make_splits(self.folder).items():
            path = place / f"{name}.txt"
            text = "".join(f"{uid}\n" for uid in sorted(uids))
            try:
                place.mkdir(exist_ok=True)
                if path.exists() and path.read_text(encoding="utf-8") != text:
                    raise InvalidInput(f"{path} holds other uids; remove it first if that is meant")
                path.write_text(text, encoding="utf-8")
            except OSError as error:
                raise InvalidInput(f"{path} cannot be written: {error.strerror or error}") from error
            print(f"{len(uids):,} uids are in {path}")


def data(
    command: Annotated[
        Annotated[ListKinds, subcommand("list")]
        | Annotated[Check, subcommand("check")]
        | Annotated[Convert, subcommand("convert")]
        | Annotated[Split, subcommand("split")],
        arg(name=""),
    ],
) -> None:
    """See what data sets are known, check them, convert them."""
    command.run()


def _print_checked(checked: "Checked") -> None:
    parts = [f"{count:,} of {name}" for name, count in checked.observations.items()]
    counts = [f"{count:,} {name}" for name, count in checked.counts.items() if count]
    print(f"{checked.split}: observations: {', '.join(parts) or 'none'}; {', '.join(counts) or 'nothing told'}")
    if checked.flaws:
        examples: dict[str, str] = {}
        for flaw in checked.examples:
            examples.setdefault(flaw.kind, f"{flaw.where}: {flaw.message}")
        rows = [[kind, f"{count:,}", examples.get(kind, "")] for kind, count in checked.flaws.items()]
        print_table(["wrong", "times", "for example"], rows)
        print(f"{checked.left_out:,} rows or files cannot be used")
