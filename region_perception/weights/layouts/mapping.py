"""The tensors of a published file by their names here, and an account of every name on either side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from region_perception.errors import WeightsError
from region_perception.weights.assemble import check_tensors
from region_perception.weights.layouts.rules import Family, Place, Rule, fits, place_of, prefix_of
from region_perception.weights.layouts.summary import lines_of, shortened

# The text branch and its heads, by their names here.
TEXT = (
    "qformer.embeddings.**",
    "qformer.word_head.**",
    "qformer.encoder.layer.*.intermediate.**",
    "qformer.encoder.layer.*.output.**",
    "parts.*.contrast.*",
    "parts.*.text_contrast.*",
    "parts.*.match_head.*",
    "parts.*.temperature",
)

_NO_TEXT = "the network has no text branch; a file of lavis-stage1 or blip2-itm before this one brings it"
LOST = "not in the file, although it should be"
_TEXT_ONLY = "not of the text branch, and all else stays the network's own"

# Lines of an error.
_SHOWN = 12


@dataclass(frozen=True)
class Account:
    """What became of every name of a file, and of every name here that such a file should fill."""

    mapped: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Name there -> names here."""
    left: dict[str, str] = field(default_factory=dict)
    """Name there -> why the network has no use for it."""
    missed: dict[str, str] = field(default_factory=dict)
    """Name here -> why it keeps what it had."""


def is_text(ours: str) -> bool:
    """Whether the tensor that the network calls `ours` is of a text branch."""
    return any(fits(pattern, ours.removeprefix("cloud_")) for pattern in TEXT)


def map_tensors(
    family: Family,
    tensors: Mapping[str, Tensor],
    places: Mapping[str, Tensor],
    aliases: Mapping[str, str],
    *,
    where: str,
    text_only: bool = False,
    partial: bool = False,
) -> tuple[dict[str, Tensor], Account]:
    """The file's tensors by their names here, of the shapes that the network's `places` have.

    `aliases` leads from every name of a tied tensor here to its first. `text_only` leaves all but the text branch.
    Names that no rule knows, and places that such a file should fill and does not, are refused, all of them in one
    error; with `partial` the former are left and the latter keep what they have. Other shapes are always refused.
    """
    mapper = _Mapper(family, tensors, places, aliases, where, text_only)
    for name in tensors:
        mapper.take(name)
    given = mapper.pieces.joined()
    account = Account(mapper.mapped, mapper.left, _missed(family, places, given, text_only))
    if partial:
        account.left.update(mapper.unknown)
    else:
        _refuse(where, mapper.unknown, [name for name, why in account.missed.items() if why == LOST])
    check_tensors({name: places[name] for name in given}, given, where)
    broken = [name for name, tensor in given.items() if not tensor.isfinite().all()]
    if broken:
        told = ", ".join(shortened(lines_of(dict.fromkeys(broken, "")), _SHOWN))
        raise WeightsError(f"{where} has NaN or infinite numbers in {told}; expected finite weights")
    return given, account


class _Mapper:
    """Goes through a file's names, and keeps account."""

    def __init__(
        self,
        family: Family,
        tensors: Mapping[str, Tensor],
        places: Mapping[str, Tensor],
        aliases: Mapping[str, str],
        where: str,
        text_only: bool,
    ) -> None:
        self._family, self._tensors, self._places, self._aliases = family, tensors, places, aliases
        self._where, self._text_only = where, text_only
        self._prefix = prefix_of(family, tensors) or ""
        self._has_text = any(map(is_text, places))
        self.pieces = _Pieces(places, where)
        self.mapped: dict[str, tuple[str, ...]] = {}
        self.left: dict[str, str] = {}
        self.unknown: dict[str, str] = {}

    def take(self, name: str) -> None:
        if not name.startswith(self._prefix):
            self.left[name] = f"outside {self._prefix}*, which is all that is taken"
            return
        place = place_of(self._family.rules, name.removeprefix(self._prefix))
        if place is None:
            self.unknown[name] = f"{self._family.name} has no such name"
        elif not place.names:
            self._check_tied(place.rule, name)
            self.left[name] = place.rule.why
        elif self._text_only and not all(map(is_text, place.names)):
            self.left[name] = _TEXT_ONLY
        else:
            self._put(name, place)

    def _put(self, name: str, place: Place) -> None:
        known = dict.fromkeys(self._aliases.get(ours, ours) for ours in place.names)
        there = tuple(ours for ours in known if ours in self._places)
        if there:
            self.mapped[name] = there
            for ours in there:
                self.pieces.add(place.rule, ours, name, self._tensors[name])
        elif all(map(is_text, place.names)) and not self._has_text:
            self.left[name] = _NO_TEXT
        else:
            self.unknown[name] = f"the network has no {' or '.join(place.names)}"

    def _check_tied(self, rule: Rule, name: str) -> None:
        """That what the network holds as one is one in the file."""
        if not rule.tied:
            return
        twin = self._tensors.get(self._prefix + rule.tied)
        if twin is None or not torch.equal(twin, self._tensors[name]):
            raise WeightsError(
                f"{self._where}: {name} differs from {self._prefix + rule.tied}, and the network holds both as one"
            )


class _Pieces:
    """Tensors by their names here, some of them in three pieces, each put in once."""

    def __init__(self, places: Mapping[str, Tensor], where: str) -> None:
        self._places, self._where = places, where
        self._whole: dict[str, Tensor] = {}
        self._thirds: dict[str, dict[int, Tensor]] = {}
        self._source: dict[tuple[str, int | None], str] = {}
        self._used: set[int] = set()

    def add(self, rule: Rule, ours: str, theirs: str, tensor: Tensor) -> None:
        if rule.flat:
            if tensor.ndim != self._places[ours].ndim + 1 or len(tensor) != 1:
                raise WeightsError(f"{self._where}: {theirs} has shape {list(tensor.shape)}; expected [1, ...]")
            tensor = tensor[0]
        first = self._source.setdefault((ours, rule.third), theirs)
        if first != theirs:
            other = self._whole.get(ours, self._thirds.get(ours, {}).get(rule.third or 0))
            if other is None or not torch.equal(other, tensor):
                raise WeightsError(f"{self._where}: {first} and {theirs} both are {ours} here, but differ")
        elif rule.third is None:
            self._whole[ours] = self._own(tensor)
        else:
            self._thirds.setdefault(ours, {})[rule.third] = tensor

    def _own(self, tensor: Tensor) -> Tensor:
        """The tensor in memory of its own: what learns for one modality must not change another's."""
        memory = tensor.untyped_storage().data_ptr()
        if memory in self._used:
            return tensor.clone()
        self._used.add(memory)
        return tensor

    def joined(self) -> dict[str, Tensor]:
        """All of them; the third that a file leaves out, the keys' bias, is zero."""
        for ours, thirds in self._thirds.items():
            if set(thirds) == {0, 2} and thirds[0].shape == thirds[2].shape:
                self._whole[ours] = torch.cat([thirds[0], torch.zeros_like(thirds[0]), thirds[2]])
            else:
                names = [self._source[ours, third] for third in thirds]
                raise WeightsError(f"{self._where}: {ours} is made of {names}; expected query and value, of one size")
        return self._whole


def _missed(
    family: Family, places: Mapping[str, Tensor], given: Mapping[str, Tensor], text_only: bool
) -> dict[str, str]:
    """Places that files of the family fill and this one does not, and why."""
    named = [(pattern, rule.group) for rule in family.rules for pattern in rule.ours]
    begun = {group for name in given for pattern, group in named if group and fits(pattern, name)}
    missed = {}
    for name in places:
        groups = [group for pattern, group in named if fits(pattern, name)]
        if name in given or (text_only and not is_text(name)):
            continue
        excuse = next((why for pattern, why in family.lacks.items() if fits(pattern, name)), "")
        if excuse:
            missed[name] = excuse
        elif groups and all(group and group not in begun for group in groups):
            missed[name] = f"{groups[0]} is not in the file"
        elif groups:
            missed[name] = LOST
    return missed


def _refuse(where: str, unknown: Mapping[str, str], lost: Sequence[str]) -> None:
    lines = []
    if unknown:
        told = shortened(lines_of(unknown), _SHOWN)
        lines += [f"  unknown ({len(unknown)}):", *(f"    {line}" for line in told)]
    if lost:
        told = shortened(lines_of(dict.fromkeys(lost, "")), _SHOWN)
        lines += [f"  missing ({len(lost)}), by their names here:", *(f"    {line}" for line in told)]
    if lines:
        raise WeightsError(
            "\n".join([f"{where} does not fit the network:", *lines, "  --partial takes what fits, and tells the rest"])
        )
