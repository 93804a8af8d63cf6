"""How a published file's names become the network's, said in tables: `Rule` is one line of such a table.

In the names of a rule `*` stands for one piece between dots and `**`, which comes last, for all pieces that are left;
what they stand for there, they stand for here. `**` never reaches into LoRA pairs, which have rules of their own.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from torch import Tensor


@dataclass(frozen=True)
class Rule:
    """A name there, and the names here that it becomes. Without names here it is left, and `why` says so."""

    theirs: str
    ours: tuple[str, ...] = ()
    why: str = ""
    third: int | None = None
    """Of the network's tensor, which joins query, key and value, it is only this third."""
    group: str = ""
    """What it is part of, where files of the family may lack the whole of that; then the network's own stays."""
    flat: bool = False
    """Whether the file has one more axis, of length 1, in front."""
    tied: str = ""
    """The name there of another tensor that it has to equal, where the network holds both as one."""


def takes(theirs: str, *ours: str, third: int | None = None, group: str = "", flat: bool = False) -> Rule:
    """A tensor that the network has, too."""
    return Rule(theirs, ours, third=third, group=group, flat=flat)


def leaves(theirs: str, why: str) -> Rule:
    """A tensor that the network has no use for."""
    return Rule(theirs, why=why)


@dataclass(frozen=True)
class Family:
    """A kind of published file."""

    name: str
    about: str
    """What it is, for people."""
    rules: tuple[Rule, ...]
    """The first that fits a name decides."""
    signs: tuple[str, ...]
    """Patterns of names there, each of which some name fits, by which the family is known."""
    strangers: tuple[str, ...] = ()
    """Patterns which no name fits."""
    prefixes: tuple[str, ...] = ("",)
    """What names may begin with and the rules leave out, tried in order. Names without it are left."""
    beside_width: int | None = None
    """The last axis of `pc_projection`, which lies beside the prefix in files of some families and in no others."""
    norm_eps: float | None = None
    """The epsilon of the norm over the image encoder's tokens, where the file brings that norm."""
    lacks: Mapping[str, str] = field(default_factory=dict)
    """Patterns of names here that such files never hold although their part needs them, and what that means."""


class Place(NamedTuple):
    """Where a tensor of a file goes."""

    rule: Rule
    names: tuple[str, ...]


def place_of(rules: Sequence[Rule], theirs: str) -> Place | None:
    """The rule for a name there and the names here that it makes of it; None where no rule knows the name."""
    for rule in rules:
        found = _pattern(rule.theirs).fullmatch(theirs)
        if found:
            return Place(rule, tuple(_put(name, found.groups()) for name in rule.ours))
    return None


def name_there(rules: Iterable[Rule], ours: str) -> list[tuple[Rule, str]]:
    """Every name there that a name here becomes."""
    pairs = ((rule, _pattern(name).fullmatch(ours)) for rule in rules for name in rule.ours)
    return [(rule, _put(rule.theirs, found.groups())) for rule, found in pairs if found]


def fits(pattern: str, name: str) -> bool:
    """Whether `name` is one that `pattern` stands for."""
    return _pattern(pattern).fullmatch(name) is not None


def prefix_of(family: Family, names: Iterable[str]) -> str | None:
    """The prefix with which these names are those of the family; None where they are not."""
    listed = list(names)
    for prefix in family.prefixes:
        bare = [name.removeprefix(prefix) for name in listed if name.startswith(prefix)]
        some = all(any(fits(sign, name) for name in bare) for sign in family.signs)
        if some and not any(fits(sign, name) for sign in family.strangers for name in bare):
            return prefix
    return None


def is_known_as(family: Family, tensors: Mapping[str, Tensor]) -> bool:
    """Whether a file of these tensors is of the family, as far as they tell."""
    if prefix_of(family, tensors) is None:
        return False
    widths = [tensor.shape[-1] for name, tensor in tensors.items() if name.endswith("pc_projection") and tensor.ndim]
    return widths == ([] if family.beside_width is None else [family.beside_width])


@cache
def _pattern(text: str) -> re.Pattern[str]:
    pieces = re.split(r"(\*\*|\*)", text)
    kinds = {"*": r"([^.]+)", "**": r"((?:(?!lora_)[^.]+\.)*(?!lora_)[^.]+)"}
    return re.compile("".join(kinds.get(piece) or re.escape(piece) for piece in pieces))


def _put(text: str, pieces: Sequence[str]) -> str:
    left = iter(pieces)
    return re.sub(r"\*\*|\*", lambda _: next(left), text)
