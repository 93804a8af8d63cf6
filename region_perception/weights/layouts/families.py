"""Every kind of published file that is known, and which one a file is."""

from collections.abc import Mapping

from torch import Tensor

from region_perception.errors import WeightsError
from region_perception.weights.layouts.blip2_itm import BLIP2_ITM
from region_perception.weights.layouts.lavis import EVA, RENAMED, STAGE1, STAGE2
from region_perception.weights.layouts.points import POINT_BERT, POINTLLM, ULIP, ULIP2
from region_perception.weights.layouts.regionblip import SEPARATE, SHARED
from region_perception.weights.layouts.rules import Family, is_known_as, prefix_of

FAMILIES = (STAGE1, STAGE2, RENAMED, EVA, SEPARATE, SHARED, POINT_BERT, ULIP, ULIP2, POINTLLM, BLIP2_ITM)

NAMES = tuple(dict.fromkeys(family.name for family in FAMILIES))

_SHOWN = 6


def check_name(wanted: str) -> None:
    """Refuse a name that is no family's."""
    if wanted not in NAMES:
        raise WeightsError(f"no published layout is called {wanted!r}; known are {', '.join(NAMES)}")


def family_of(tensors: Mapping[str, Tensor], wanted: str | None, where: str) -> Family:
    """The family of a file: the wanted one if the file can be that, else the only one that its names tell of."""
    if wanted is not None:
        check_name(wanted)
        found = [family for family in FAMILIES if family.name == wanted and prefix_of(family, tensors) is not None]
    else:
        found = [family for family in FAMILIES if is_known_as(family, tensors)]
    if len(found) == 1:
        return found[0]
    names = sorted(tensors)
    seen = ", ".join(names[:: max(len(names) // _SHOWN, 1)][:_SHOWN])
    if found:
        which = " or ".join(family.name for family in found)
        raise WeightsError(f"{where} could be {which}; say which with --as")
    expected = wanted or f"one of {', '.join(NAMES)}"
    raise WeightsError(f"{where} has {len(names)} tensors, among them {seen}; expected the names of {expected}")
