"""The baseline of models that know whole images only: what a region shows is read as a picture of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from region_perception.captioner import Captioner, Wanted
from region_perception.confidence import ScoreMethod
from region_perception.errors import InvalidRegion
from region_perception.observations import ImageObservation
from region_perception.regions import ImageFootprint, Region
from region_perception.view import Caption, View


class CropCaptioner(Captioner):
    """Reads a region of an image by cutting out its box and reading the cutting as a whole image."""

    def caption(self, wanted: Wanted, **decoding: Any) -> list[Caption]:
        """A caption for each (view, region), in order; only regions of images have one."""
        return super().caption(self._cuttings(wanted), **decoding)

    def score(self, wanted: Wanted, texts: Sequence[str], by: ScoreMethod | None = None) -> np.ndarray:
        """How well each text describes each (view, region): see `Captioner.score`; only regions of images have one."""
        return super().score(self._cuttings(wanted), texts, by)

    def _cuttings(self, wanted: Wanted) -> Wanted:
        views = self.look_at_all([cut_out(view, region) for view, region in wanted])
        return [(view, None) for view in views]


def cut_out(view: View, region: Region | None) -> ImageObservation:
    """The pixels in the box of a region, whole ones, as an image."""
    footprint = None if region is None else view.locate(region)
    if not isinstance(footprint, ImageFootprint) or not isinstance(view.observation, ImageObservation):
        raise InvalidRegion(f"only regions of images can be cut out, got {region!r} of the modality {view.modality!r}")
    x1, y1, x2, y2 = footprint.box
    return ImageObservation(view.observation.pixels[math.floor(y1) : math.ceil(y2), math.floor(x1) : math.ceil(x2)])
