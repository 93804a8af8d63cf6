"""What all regions share: the modality they belong to, the observation they point into, and their written form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar

from region_perception.errors import InvalidRegion
from region_perception.modalities import CLOUD_REGION, IMAGE_REGION
from region_perception.observations import CloudObservation, ImageObservation
from region_perception.regions.checks import shown
from region_perception.regions.footprints import CloudFootprint, Footprint, ImageFootprint


@dataclass(frozen=True)
class Region(ABC):
    """Something that somebody points at. Regions are values: they never change and compare by what they contain."""

    kind: ClassVar[str]  # the name of the class in the written form
    modality: ClassVar[str]

    @abstractmethod
    def locate(self, observation: Any) -> Footprint:
        """Where the region lies in an observation of its kind. Raises InvalidRegion where it covers nothing of it."""

    def to_dict(self) -> dict[str, Any]:
        """The region as plain JSON values; `region_from_dict` reads it back."""
        values = {field.name: self._written(field.name) for field in fields(self)}
        return {"type": self.kind} | {name: value for name, value in values.items() if value is not None}

    def _written(self, name: str) -> Any:
        return _as_lists(getattr(self, name))


class ImageRegion(Region):
    """A region of an image. Coordinates are pixels: x right, y down, the first pixel covers [0, 1) x [0, 1)."""

    modality = IMAGE_REGION

    @abstractmethod
    def locate(self, image: ImageObservation) -> ImageFootprint:
        """The pixels of `image` that the region covers. Raises InvalidRegion where nothing of it lies in the image."""

    def _size_of(self, image: Any) -> tuple[int, int]:
        """(width, height) of `image`, which must be an ImageObservation."""
        if not isinstance(image, ImageObservation):
            name = type(self).__name__
            raise InvalidRegion(f"{name} points into an image, but {_what_it_is(image, 'observe_image')}")
        return image.width, image.height


class CloudRegion(Region):
    """A region of a point cloud. Coordinates are metres in the frame of the source, z up.

    A cloud far from zero keeps its points relative to `CloudObservation.origin`; footprints are in that frame.
    """

    modality = CLOUD_REGION

    @abstractmethod
    def locate(self, cloud: CloudObservation) -> CloudFootprint:
        """The points of `cloud` that the region covers. Raises InvalidRegion where it covers none."""

    def _check_cloud(self, cloud: Any) -> None:
        """Refuses everything that is not a CloudObservation."""
        if not isinstance(cloud, CloudObservation):
            name = type(self).__name__
            raise InvalidRegion(f"{name} points into a cloud, but {_what_it_is(cloud, 'observe_cloud')}")


def region_from_dict(written: Mapping[str, Any]) -> Region:
    """The region that `Region.to_dict` wrote. Unknown types and keys, and missing ones, are refused."""
    if not isinstance(written, Mapping):
        raise InvalidRegion(f"A written region must be a mapping with a 'type', got {shown(written)}")
    classes = {cls.kind: cls for family in (ImageRegion, CloudRegion) for cls in family.__subclasses__()}
    kind = written.get("type")
    if not isinstance(kind, str) or kind not in classes:
        raise InvalidRegion(f"Unknown region type {shown(kind)}; expected one of {', '.join(sorted(classes))}")
    cls, values = classes[kind], {key: value for key, value in written.items() if key != "type"}
    allowed = {field.name: field.default is MISSING for field in fields(cls)}  # name: must be given
    unknown = [key for key in values if key not in allowed]
    missing = [name for name, needed in allowed.items() if needed and name not in values]
    if unknown or missing:
        wrong = f"has unknown keys {shown(unknown)}" if unknown else f"lacks {', '.join(missing)}"
        raise InvalidRegion(f"A written region of type '{kind}' {wrong}; expected {', '.join(allowed)}")
    return cls(**values)


def _as_lists(value: Any) -> Any:
    return [_as_lists(item) for item in value] if isinstance(value, tuple) else value


def _what_it_is(observation: Any, maker: str) -> str:
    if isinstance(observation, ImageObservation):
        return "this is an image: use Box, Mask, Polygon, Scribble or Click"
    if isinstance(observation, CloudObservation):
        return "this is a cloud: use Box3D, PointSet or Click3D"
    return f"this is {shown(observation)}: make an observation of it with {maker}(...)"
