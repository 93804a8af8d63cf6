"""Where records come from: the observations of one modality, by number."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from region_perception.data.record import Record
from region_perception.observations import CloudObservation, ImageObservation


class Source(Protocol):
    """A data set, or an endless world, cut to so many observations. Reading one twice gives the same.

    Attributes:
        fingerprint: changes whenever the data do.
        attributes: the names of each attribute's classes ("kind", "color", ...) that `labelled` knows; may be empty.
            The first class is that of what is no thing.
    """

    fingerprint: str
    attributes: Mapping[str, Sequence[str]]

    def __len__(self) -> int: ...

    def records(self, index: int) -> Sequence[Record]:
        """All records of one observation. They share it."""
        ...

    def labelled(self, index: int) -> tuple[ImageObservation | CloudObservation, Mapping[str, np.ndarray]]:
        """One observation, and the class of each pixel (integers [H, W]) or point ([N]) by attribute; -1: unknown."""
        ...
