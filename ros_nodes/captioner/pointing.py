"""Regions of a request, found in what the node sees: in the image or cloud that they point into, and in the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from region_perception.errors import InvalidRegion, RegionPerceptionError
from region_perception.modalities import CLOUD, CLOUD_REGION, IMAGE, IMAGE_REGION
from region_perception.observations import CloudObservation, ImageObservation
from region_perception.regions import Footprint, ImageFootprint, PointSet, Region
from region_perception.regions.crossing import in_image, in_space
from ros_nodes.captioner.sights import Pair, Sight, Sights
from ros_nodes.decoding import (
    Code,
    Refusal,
    Rigid,
    decode_region_2d,
    decode_region_3d,
    nanoseconds,
    printable,
    refusal_of,
)
from ros_nodes.runtime.transforms import Transforms

if TYPE_CHECKING:
    from region_perception.captioner import Captioner
    from region_perception.view import View

T = TypeVar("T")


@dataclass
class Wanted:
    """What somebody asks: regions, and of which frame."""

    regions_2d: Sequence[Any] = ()
    regions_3d: Sequence[Any] = ()
    stamp: int = 0
    """Nanoseconds; 0 for the newest, or what each region says."""
    max_age: float = 0.0
    """Seconds; 0 for the node's parameter."""
    question: str | None = None
    """None for captions."""
    alternatives: int = 0
    sight: Sight | None = None
    """What was read before, if all regions are about that."""


@dataclass(eq=False)
class Place:
    """A region where it lies in one observation."""

    sight: Sight
    view: View
    region: Region | None
    footprint: Footprint | None
    modality: str


@dataclass(eq=False)
class Pointed:
    """One region of a request: where it lies, first in what it points into; or why not."""

    message: Any
    sight: Sight | None = None
    """What it points into."""
    places: list[Place] = field(default_factory=list)
    pair: Pair | None = None
    refusal: Refusal | None = None


@dataclass(eq=False)
class Found:
    """All regions of a request."""

    regions: list[Pointed]
    encoding_time: float = 0.0
    encoded: int = 0

    @property
    def places(self) -> list[Place]:
        """All places of all regions, in order."""
        return [place for pointed in self.regions for place in pointed.places]


class Pointing:
    """Finds regions of one request. Everything here runs in the worker's thread.

    both: whether regions are also sought in the other kind of observation. failed: is told of mistakes of the program.
    """

    def __init__(
        self,
        sights: Sights,
        captioner: Captioner,
        transforms: Transforms,
        *,
        both: bool,
        failed: Callable[[BaseException], object] = lambda error: None,
    ) -> None:
        self._sights, self._captioner, self._transforms = sights, captioner, transforms
        self._both, self._failed = both, failed
        self._found = Found([])
        # What was sought for one region is not sought again for the next: newer frames come meanwhile, and TF is waited
        # for.
        self._seen: dict[tuple[Any, int], Sight | Refusal] = {}  # by the way to see, and the stamp
        self._pairs: dict[int, Pair | None] = {}  # by the sight
        self._motions: dict[tuple[str, int], Rigid | Refusal] = {}  # by the frame, and the sight that it is taken to

    def find(self, wanted: Wanted) -> Found:
        """Every region of a request, the refused ones too, 2D before 3D. Only what a region lies in is encoded."""
        for message in wanted.regions_2d:
            self._found.regions.append(self._pointed(message, wanted, self._sights.image, self._in_image))
        for message in wanted.regions_3d:
            self._found.regions.append(self._pointed(message, wanted, self._sights.cloud, self._in_cloud))
        return self._found

    def _pointed(self, message: Any, wanted: Wanted, see: Any, find: Any) -> Pointed:
        pointed = Pointed(message)
        try:
            stamp = wanted.stamp or nanoseconds(message.header.stamp)
            pointed.sight = wanted.sight or self._sight(see, stamp, wanted.max_age)
            pointed.places.append(find(message, pointed.sight))
            # Where a region cannot be found in the other observation, one place is enough.
            with suppress(RegionPerceptionError):
                self._cross(pointed)
        except Exception as error:  # whatever is wrong with one region, the others are answered
            pointed.places.clear()
            pointed.refusal = refusal_of(error).bare()
            if pointed.refusal.code == Code.INTERNAL_ERROR:
                self._failed(error)
        return pointed

    def _sight(self, see: Any, stamp: int, max_age: float) -> Sight:
        """What all regions of a stamp point into: for those without one, what is the newest as the first is sought."""
        key = see, stamp
        if key not in self._seen:
            try:
                self._seen[key] = see(stamp, max_age)
            except Refusal as refusal:
                self._seen[key] = refusal.bare()
        return _found(self._seen[key])

    def _in_image(self, message: Any, sight: Sight) -> Place:
        image, frame = sight.observation, message.header.frame_id
        assert isinstance(image, ImageObservation)
        if frame and sight.header.frame_id and frame != sight.header.frame_id:
            seen = f"{printable(frame, 80)!r}, the image's {printable(sight.header.frame_id, 80)!r}"
            raise Refusal(Code.NO_TRANSFORM, f"Region2D: its frame is {seen}; pixels of another camera are not moved")
        return self._place(sight, decode_region_2d(message, (image.width, image.height)))

    def _in_cloud(self, message: Any, sight: Sight) -> Place:
        cloud = sight.observation
        assert isinstance(cloud, CloudObservation)
        return self._place(sight, decode_region_3d(message, self._motion(message, sight), cloud))

    def _cross(self, pointed: Pointed) -> None:
        """Seeks the region in the observation of the other kind, too."""
        place = pointed.places[0]
        pair = self._pair(place.sight) if place.footprint is not None else None
        if pair is None:
            return
        image, cloud = pair.image.observation, pair.cloud.observation
        assert isinstance(image, ImageObservation)
        assert isinstance(cloud, CloudObservation)
        if isinstance(place.footprint, ImageFootprint):
            members = in_space(place.footprint, image, pair.points)
            if not members.any():
                return
            points = PointSet(cloud.source_index[members], source_count=cloud.source_count)
            pointed.places.append(self._place(pair.cloud, points))
        else:
            assert place.footprint is not None
            box = in_image(image, pair.points[place.footprint.members])
            if box is None:
                return
            pointed.places.append(self._place(pair.image, box))
        pointed.pair = pair

    def _motion(self, message: Any, sight: Sight) -> Rigid:
        """From the frame of a region to the axes of the cloud's observation."""
        frame = message.header.frame_id or sight.header.frame_id
        if frame == sight.header.frame_id:
            return sight.motion
        key = frame, id(sight)
        if key not in self._motions:
            try:
                between = self._transforms.between(sight.header.frame_id, frame, sight.stamp)
                self._motions[key] = sight.motion.after(between)
            except Refusal as refusal:
                self._motions[key] = refusal.bare()
        return _found(self._motions[key])

    def _place(self, sight: Sight, region: Region | None) -> Place:
        modality = self._modality(sight, region)
        view, seconds = sight.view(self._captioner)
        self._found.encoding_time += seconds
        self._found.encoded += seconds > 0
        if region is None:
            return Place(sight, view, None, None, modality)
        try:
            return Place(sight, view, region, view.locate(region), modality)
        except InvalidRegion as error:
            raise Refusal(Code.EMPTY_REGION, str(error)) from error

    def _modality(self, sight: Sight, region: Region | None) -> str:
        """What a region of a sight is to the model; refused with UNSUPPORTED where it does not know any such."""
        image = isinstance(sight.observation, ImageObservation)
        modality = (IMAGE if region is None else IMAGE_REGION) if image else (CLOUD if region is None else CLOUD_REGION)
        if modality not in self._captioner.spec.modalities:
            known = ", ".join(self._captioner.spec.modalities)
            raise Refusal(Code.UNSUPPORTED, f"model {self._captioner.name!r} cannot describe {modality}, only {known}")
        return modality

    def _pair(self, sight: Sight) -> Pair | None:
        """With the other observation of the same moment, where the model has learnt to describe regions of it."""
        other = CLOUD_REGION if isinstance(sight.observation, ImageObservation) else IMAGE_REGION
        learnt = self._captioner.trained or self._captioner.spec.modalities  # without any, all mean as little
        if not self._both or other not in learnt:
            return None
        if id(sight) not in self._pairs:
            self._pairs[id(sight)] = self._sights.pair(sight)
        return self._pairs[id(sight)]


def _found(kept: T | Refusal) -> T:
    """What was found before; refused again where it was not."""
    if isinstance(kept, Refusal):
        raise kept.bare()
    return kept
