"""One job done: the messages of a bag to captions, as a node would have sent them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from region_perception.errors import InputWarning, RegionPerceptionError
from region_perception.observations import CloudObservation, ImageObservation
from region_perception.regions import Region
from ros_nodes.bags.jobs import Job, Key, Problem, elements
from ros_nodes.bags.settings import BagSettings
from ros_nodes.decoding import (
    OPTICAL_TO_BODY,
    STILL,
    Code,
    Refusal,
    Rigid,
    cloud_of_image,
    decode_cloud,
    decode_detection_2d,
    decode_detection_3d,
    decode_image,
    decode_region_2d,
    decode_region_3d,
    locate,
    printable,
    refusal_of,
    rigid_from_pose,
    to_body,
)
from ros_nodes.encoding import encode_caption, encode_captions, encode_markers, encode_refused
from ros_nodes.messages.classes import Header, RegionCaption

if TYPE_CHECKING:
    from region_perception import Captioner, View

Messages = Mapping[Key, Any]  # deserialised, or the Refusal that says why not


@dataclass(frozen=True)
class Said:
    """What comes of a job: a `RegionCaptionArray`, a `MarkerArray` where the regions lie in space, what went wrong."""

    captions: Any
    markers: Any | None
    problems: list[Problem]


@dataclass(frozen=True)
class Seen:
    """An observation that has been encoded. motion: from the frame of its header to its own."""

    view: View
    header: Any
    motion: Rigid


class Answerer:
    """Captions the regions of one job after the other."""

    def __init__(self, captioner: Captioner, settings: BagSettings) -> None:
        self._captioner = captioner
        self._settings = settings
        self._last: tuple[Any, Seen] | None = None  # several messages of regions may be about one frame

    def answer(self, job: Job, messages: Messages) -> Said:
        """messages: all that the job needs."""
        header, motion, pointed = Header(), STILL, list[Any]()
        try:
            if job.regions is not None:
                array = _whole(messages[job.regions])
                pointed = [
                    _pointed(region, array) for place, region in enumerate(elements(array)) if place in job.which
                ]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", InputWarning)  # of boxes that were clipped, for every frame anew
                seen = self._seen(job, messages)
                header, motion = seen.header, seen.motion
                captions = self._captions(job, seen, pointed)
            problems = _refused(job, captions)
        except RegionPerceptionError as error:
            refusal = refusal_of(error, Code.INVALID_CLOUD if job.of_cloud else Code.INVALID_IMAGE)
            captions = [encode_refused(refusal, header, each) for each in pointed]
            # The frame is what is wrong, once, and not each of its regions.
            problems = [Problem((job.frame or job.needs[0]).topic, job.time, str(refusal))]
        markers = encode_markers(captions, header, motion=motion) if job.of_cloud else None
        return Said(encode_captions(captions, header), markers, problems)

    def _seen(self, job: Job, messages: Messages) -> Seen:
        if job.frame is None:
            named = f"{job.stamp / 1e9:.9f} s" if job.stamp else "now or before"
            expected = f"one within {self._settings.slop:g} s"
            raise Refusal(Code.NO_OBSERVATION, f"the bag has no frame of {named}; expected {expected}")
        asked = (job.frame, job.depth, job.camera_info, job.of_cloud)
        if self._last is None or self._last[0] != asked:
            self._last = None  # what is not needed any more goes before the next comes
            message = _whole(messages[job.frame])
            motion = self._motion(message.header.frame_id) if job.of_cloud else STILL
            observation = self._observed(job, messages, motion)
            self._last = (asked, Seen(self._captioner.look(observation), _header(message.header), motion))
        return self._last[1]

    def _observed(self, job: Job, messages: Messages, motion: Rigid) -> ImageObservation | CloudObservation:
        assert job.frame is not None
        message = _whole(messages[job.frame])
        if hasattr(message, "point_step"):
            return decode_cloud(message, motion)
        depth, info = (None if key is None else _whole(messages[key]) for key in (job.depth, job.camera_info))
        image = decode_image(message, depth=depth, camera_info=info)
        return cloud_of_image(image, motion.after(OPTICAL_TO_BODY.inverse())) if job.of_cloud else image

    def _motion(self, frame_id: str) -> Rigid:
        if self._settings.pose is not None:
            return rigid_from_pose(*self._settings.pose)
        return to_body(frame_id, self._settings.axes)

    def _captions(self, job: Job, seen: Seen, pointed: Sequence[Any]) -> list[Any]:
        """A `RegionCaption` for each region, in their order."""
        observation = seen.view.observation
        if job.regions is None:
            regions: list[Any] = list(self._proposed(observation))
            pointed = [_nameless(seen.header, str(number)) for number in range(1, len(regions) + 1)]
        else:
            regions = [self._located(region, seen) for region in pointed]
        good = [place for place, region in enumerate(regions) if not isinstance(region, Refusal)]
        said = seen.view.caption(
            [regions[i] for i in good], beams=self._settings.beams, max_tokens=self._settings.max_tokens
        )
        origin = observation.origin if isinstance(observation, CloudObservation) else None
        answers: dict[int, RegionCaption] = {
            place: encode_caption(
                caption, seen.header, pointed[place], model=self._captioner.name, motion=seen.motion, origin=origin
            )
            for place, caption in zip(good, said, strict=True)
        }
        for place, region in enumerate(regions):
            if isinstance(region, Refusal):
                answers[place] = encode_refused(region, seen.header, pointed[place])
        return [answers[place] for place in range(len(regions))]

    def _proposed(self, observation: ImageObservation | CloudObservation) -> Sequence[Region]:
        from region_perception.regions.proposals import propose

        return propose(observation, most=self._settings.most)

    def _located(self, pointed: Any, seen: Seen) -> Region | Refusal | None:
        """The region, if it covers something of what is seen; None for the whole, or why not."""
        try:
            region = _region(pointed, seen)
            if region is not None:
                locate(region, seen.view.observation)
        except RegionPerceptionError as error:
            return refusal_of(error)
        return region


def _refused(job: Job, captions: Sequence[Any]) -> list[Problem]:
    """The regions that were refused. Those that are proposed are not: they are of the frame itself."""
    return [
        Problem(job.regions.topic, job.time, f"{Code(each.status.code).name}: {each.status.message}")
        for each in captions
        if each.status.code != Code.OK and job.regions is not None
    ]


def _region(pointed: Any, seen: Seen) -> Region | None:
    own, frame = pointed.header.frame_id, seen.header.frame_id
    if own and own != frame:
        expected = f"expected {printable(frame)!r}, that of the frame"
        raise Refusal(Code.NO_TRANSFORM, f"region: its frame is {printable(own)!r}; {expected}")
    observation, message = seen.view.observation, pointed.message
    if isinstance(observation, ImageObservation):
        if hasattr(message, "bbox"):
            return decode_detection_2d(message)
        return decode_region_2d(message, (observation.width, observation.height))
    if hasattr(message, "bbox"):
        return decode_detection_3d(message, seen.motion, observation)
    return decode_region_3d(message, seen.motion, observation)


def _pointed(region: Any, array: Any) -> SimpleNamespace:
    """What a caption says of the region that it is about, of one of ours or of a detection of vision_msgs."""
    label = getattr(region, "label", "")
    if hasattr(region, "results") and region.results:
        label = region.results[0].hypothesis.class_id
    header = _header(region.header)
    if not header.frame_id:
        header.frame_id = array.header.frame_id
    if not (header.stamp.sec or header.stamp.nanosec):
        header.stamp = _header(array.header).stamp
    return SimpleNamespace(id=region.id, label=label, header=header, message=region)


def _nameless(header: Any, id: str) -> SimpleNamespace:
    return SimpleNamespace(id=id, label="", header=header, message=None)


def _header(header: Any) -> Any:
    """A header as messages are written with; what was read from a bag is of rosbags' own class."""
    written = Header(frame_id=header.frame_id)
    written.stamp.sec, written.stamp.nanosec = int(header.stamp.sec), int(header.stamp.nanosec)
    return written


def _whole(message: Any) -> Any:
    if isinstance(message, Refusal):
        raise message
    return message
