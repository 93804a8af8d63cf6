"""Protocols over data sets on disk, by name. The tabletop's, whose scenes are drawn, is `evaluation.TABLETOP`."""

from __future__ import annotations

from region_perception.errors import InvalidInput
from region_perception.evaluation.protocols.captioning import COCO, OBJAVERSE, REGIONS, SCANREFER
from region_perception.evaluation.protocols.data_protocol import DataProtocol, OnDisk, check_data, evaluate
from region_perception.evaluation.protocols.modelnet40 import MODELNET40
from region_perception.evaluation.protocols.region_classes import COCO_CLASSES
from region_perception.evaluation.protocols.scan2cap import SCAN2CAP
from region_perception.evaluation.protocols.vqa import VQAV2
from region_perception.evaluation.tabletop import NAME as TABLETOP_NAME

__all__ = ["PROTOCOLS", "DataProtocol", "OnDisk", "check_data", "evaluate", "named_protocol"]

_KNOWN = (*REGIONS, OBJAVERSE, SCANREFER, SCAN2CAP, COCO, VQAV2, MODELNET40, COCO_CLASSES)
PROTOCOLS: dict[str, DataProtocol] = {each.name: each for each in _KNOWN}


def named_protocol(name: str) -> DataProtocol:
    """The protocol known as `name`; an unknown name is refused with the list of known ones."""
    if name not in PROTOCOLS:
        raise InvalidInput(f"no protocol is called {name!r}; known are {', '.join([TABLETOP_NAME, *PROTOCOLS])}")
    return PROTOCOLS[name]
