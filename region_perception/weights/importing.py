"""`import_weights`: published files into a model, one after the other, each of them accounted for.

What learnt over weights that an import replaces means nothing over the new ones: such a modality counts as untrained
and starts again as a copy of the image's parts, as any new modality does. A text branch is beside all that.
"""

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from region_perception.errors import InvalidInput, WeightsError
from region_perception.modalities import CLOUD_MODALITIES
from region_perception.network.region_blip import RegionBlip, parameter_owner
from region_perception.network.spec import NetworkSpec, PointEncoderSpec
from region_perception.text import TextCodec
from region_perception.weights.assemble import fill, slots
from region_perception.weights.layouts.families import check_name, family_of
from region_perception.weights.layouts.mapping import LOST, Account, is_text, map_tensors
from region_perception.weights.layouts.rules import Family
from region_perception.weights.layouts.specs import POINT_FAMILIES, REGION_FAMILIES, TEXT_FAMILIES, spec_for
from region_perception.weights.load import LoadedModel
from region_perception.weights.published import Published, read_published
from region_perception.weights.rebuild import begin_again, rebuild

_NO_POINTS = (
    "{} stands on Point-BERT, of which it holds nothing but statistics, and the network's own point encoder has seen "
    "no points yet; name Point-BERT's file before this one (--partial does without, and clouds mean nothing)"
)


@dataclass(frozen=True)
class FileReport:
    """What became of one file."""

    file: str
    family: str
    about: str
    account: Account
    others: tuple[str, ...]
    """What lay in the file beside weights, and was not looked at."""
    notes: tuple[str, ...]
    """What somebody who uses the result should know."""


@dataclass(frozen=True, eq=False)
class Imported:
    """A model with the files' weights, and what became of each file."""

    model: LoadedModel
    reports: tuple[FileReport, ...]


def import_weights(
    files: Sequence[str | os.PathLike[str]],
    model: LoadedModel,
    *,
    families: Sequence[str] = (),
    qformer_tokenizer: Any = None,
    whole: bool = False,
    partial: bool = False,
    seed: int = 0,
) -> Imported:
    """Put published files into `model`, in order. Its network is used up: do not go on with `model` afterwards.

    `families`: what each file is (`layouts.families.NAMES`); without it their names tell. Files that bring a text
    branch bring that alone, unless `whole`: then Q-Former and image encoder, too, which the projection to the language
    model has not learnt over. They need `qformer_tokenizer`, BERT's, where the model has none. `partial` takes files
    with missing or unknown tensors for what they are. `seed` is that of what no file brings.
    """
    check_request(files, families)
    work = _Work(model, qformer_tokenizer, whole=whole, partial=partial, seed=seed)
    wanted: Iterable[str | None] = families or [None] * len(files)
    reports = [work.take(Path(file), family) for file, family in zip(files, wanted, strict=True)]
    return Imported(work.finish(), tuple(reports))


def check_request(files: Sequence[str | os.PathLike[str]], families: Sequence[str] = ()) -> None:
    """Refuse what can be refused before a network is there, which may take minutes."""
    if not files:
        raise InvalidInput("no file to import; expected one or more")
    if families and len(families) != len(files):
        raise InvalidInput(f"{len(families)} families for {len(files)} files; expected one for each, or none")
    for family in families:
        check_name(family)
    for file in files:
        if not Path(file).exists():
            raise WeightsError(f"{file} is missing")


class _Work:
    """A network that is being filled."""

    def __init__(self, model: LoadedModel, qformer_tokenizer: Any, *, whole: bool, partial: bool, seed: int) -> None:
        self._model = model
        self._network: RegionBlip = model.network
        self._codec = model.codec
        self._trained = set(model.trained)
        self._tokenizer = qformer_tokenizer
        self._whole, self._partial, self._seed = whole, partial, seed
        self._new: set[str] = set()  # tensors that were not there before, and no file has filled yet
        self._stale: set[str] = set()  # modalities that stand on other weights than they began with

    def take(self, path: Path, wanted: str | None) -> FileReport:
        published = read_published(path)
        family = family_of(published.tensors, wanted, str(path))
        text_only = family in TEXT_FAMILIES and not self._whole
        grounded, before_it = self._has_seen_points(), self._network.spec.point_encoder
        if family in REGION_FAMILIES and not grounded and not self._partial:
            raise WeightsError(_NO_POINTS.format(path))
        spec = spec_for(family, published.tensors, self._network.spec, text_only=text_only, where=str(path))
        self._become(spec, path)
        given, account = self._map(family, published, path, text_only)
        before = self._tensors()
        changed = {name for name, tensor in given.items() if not _alike(before[name], tensor)}
        dtype = next(self._network.image_encoder.parameters()).dtype
        fill(self._network, given, torch.device("cpu"), dtype)
        self._new -= set(given)
        self._refuse_empty(path)
        self._forget_what_stood_on(changed)
        if family in REGION_FAMILIES:
            lost = {parameter_owner(name) for name, why in account.missed.items() if why == LOST}
            unclear = CLOUD_MODALITIES if "clouds" in lost or not grounded else ()
            self._trained |= set(self._network.spec.adapted_modalities) - lost - set(unclear)
        notes = _notes(family, self._network, before_it, account, self._trained)
        return FileReport(str(path), family.name, family.about, account, published.others, notes)

    def finish(self) -> LoadedModel:
        """The model, with modalities that stand on other weights than before begun again as the image's."""
        spec = self._network.spec
        begin_again(self._network, self._stale - self._trained, self._new)
        self._network.freeze_base()
        return replace(
            self._model,
            network=self._network.eval(),
            codec=self._codec,
            trained=frozenset(self._trained & set(spec.modalities)),
            calibration=(),
            score_method=None,
        )

    def _become(self, spec: NetworkSpec, path: Path) -> None:
        """Another spec needs another network, and a text branch a tokenizer."""
        if spec != self._network.spec:
            self._network, new = rebuild(self._network, spec, self._seed)
            self._new |= new
        language, qformer = self._codec.language, self._codec.qformer or self._tokenizer
        if spec.qformer.text_branch and qformer is None:
            raise WeightsError(
                f"{path} brings a text branch, which reads BERT's words; name the folder or hub id of that tokenizer "
                "(google-bert/bert-base-uncased) with --qformer-tokenizer"
            )
        self._codec = TextCodec(spec, language, qformer if spec.qformer.text_branch else None)

    def _map(
        self, family: Family, published: Published, path: Path, text_only: bool
    ) -> tuple[dict[str, Tensor], Account]:
        aliases = {alias: name for name, slot in slots(self._network).items() for alias in slot.aliases}
        return map_tensors(
            family,
            published.tensors,
            self._tensors(),
            aliases,
            where=str(path),
            text_only=text_only,
            partial=self._partial,
        )

    def _tensors(self) -> dict[str, Tensor]:
        return {name: slot.tensor for name, slot in slots(self._network).items()}

    def _has_seen_points(self) -> bool:
        """Whether the point encoder is more than random numbers."""
        mean = self._tensors().get("point_encoder.encoder.first_conv.1.running_mean")
        return mean is not None and bool(mean.any())

    def _refuse_empty(self, path: Path) -> None:
        empty = [name for name, tensor in self._tensors().items() if tensor.is_meta]
        if empty:
            raise WeightsError(f"{path} changes the size of {', '.join(empty)}, and does not bring all of them")

    def _forget_what_stood_on(self, changed: set[str]) -> None:
        """A modality that learnt over other weights than these is untrained."""
        owners = {parameter_owner(name) for name in changed if not is_text(name)}
        if "base" in owners:
            self._trained -= set(self._network.spec.adapted_modalities)
        if "clouds" in owners:
            self._trained -= set(CLOUD_MODALITIES)
        if "base" in map(parameter_owner, changed):
            self._stale |= set(self._network.spec.adapted_modalities)
        if "clouds" in owners:
            self._stale |= set(CLOUD_MODALITIES)


def _alike(one: Tensor, other: Tensor) -> bool:
    return not one.is_meta and one.shape == other.shape and torch.equal(one, other.to(one))


def _notes(
    family: Family,
    network: RegionBlip,
    points_before: PointEncoderSpec | None,
    account: Account,
    trained: Collection[str],
) -> tuple[str, ...]:
    notes = []
    points = network.spec.point_encoder
    if points and points_before and (points.depth, points.width) != (points_before.depth, points_before.width):
        notes.append(
            f"the point encoder has {points.depth} layers of width {points.width}, as the file; the network's had "
            f"{points_before.depth} of {points_before.width}"
        )
    if family in REGION_FAMILIES:
        notes.append(
            "whole objects were learnt centred and scaled to the unit sphere, scenes in metres; this network takes "
            "clouds as they are given, so scale an object before `look`"
        )
        if not network.spec.qformer.text_branch:
            notes.append("without a text branch regions and texts can be compared by likelihood only")
    if family in POINT_FAMILIES and not set(trained) & set(CLOUD_MODALITIES):
        notes.append("cloud modalities have learnt nothing over this point encoder yet")
    whole = any(name.endswith("queries") for names in account.mapped.values() for name in names)
    if family in TEXT_FAMILIES and whole:
        notes.append("the projection to the language model learnt over another Q-Former; a stage 2 file brings its own")
    if family in TEXT_FAMILIES and not whole:
        notes.append("the text branch learnt with the Q-Former of stage 1, and stands on the network's own here")
    return tuple(notes)
