"""Where observations and what is known of them come from: those of one modality, by number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from region_perception.data.record import Record

# The class that tells things apart: the number of the thing that a pixel or point shows, 0 for none.
THING = "thing"


@dataclass(frozen=True, eq=False)
class Labelled:
    """One observation with all that a data set tells of it.

    Attributes:
        records: at least one; they share the observation.
        classes: the class of each pixel (integers [H, W]) or point ([N]) by attribute, and `THING`; -1 where unknown.
            Data sets may have some of them or none.
    """

    records: Sequence[Record]
    classes: Mapping[str, np.ndarray] = field(default_factory=dict)


class Source(Protocol):
    """A data set, or an endless world, cut to so many observations. Reading one twice gives the same.

    Attributes:
        fingerprint: changes whenever the data do.
        attributes: the names of each attribute's classes ("kind", "color", ...) where observations are labelled by
            them; may be empty. The first class is that of what is no thing.
    """

    fingerprint: str
    attributes: Mapping[str, Sequence[str]]

    def __len__(self) -> int: ...

    def look(self, index: int) -> Labelled:
        """One observation, its records and its classes."""
        ...
