"""One job done: the messages of a bag to captions, by what the node itself answers with."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from region_perception.errors import InputWarning
from region_perception.observations import ImageObservation
from ros_nodes.bags.inputs import BagInput, with_plain_headers
from ros_nodes.bags.jobs import Job, Key, Problem, Scan
from ros_nodes.bags.settings import BagSettings
from ros_nodes.captioner import vision
from ros_nodes.captioner.answering import Answering, Answers
from ros_nodes.captioner.model import Model
from ros_nodes.captioner.pointing import Wanted
from ros_nodes.captioner.settings import CaptionerSettings
from ros_nodes.captioner.sights import Sight, Sights
from ros_nodes.decoding import Code, Refusal, nanoseconds, refusal_of
from ros_nodes.encoding import (
    encode_all_markers,
    encode_captions,
    encode_refused,
    encode_region_2d,
    encode_region_3d,
)
from ros_nodes.messages.classes import Header
from ros_nodes.messages.stamps import header_of
from ros_nodes.runtime.transforms import Transforms

if TYPE_CHECKING:
    from region_perception import Captioner

MAX_REGIONS = 4096  # of a message
ALTERNATIVES = 1  # what the other observation of the same moment says


@dataclass(frozen=True)
class Said:
    """What comes of a job: a `RegionCaptionArray`, a `MarkerArray` where regions lie in space, what went wrong."""

    captions: Any
    markers: Any | None
    problems: list[Problem]


class Answerer:
    """Captions the regions of one job after the other."""

    def __init__(self, captioner: Captioner, settings: BagSettings, scan: Scan) -> None:
        self._settings, self._order, self._now = settings, scan.order, 0
        model = Model()
        model.captioner = captioner
        table = CaptionerSettings(
            max_age=0.0,
            sync=settings.slop,
            max_regions=MAX_REGIONS,
            both_modalities=not settings.single,
            beams=settings.beams,
            max_tokens=settings.max_tokens,
            min_points=1,
        )
        transforms = Transforms(
            scan.tf.lookup, upright=settings.upright_frame, pose=settings.pose or (), axes=settings.axes
        )
        self._inputs = {name: BagInput(name) for name in ("image", "depth", "camera_info", "points")}
        inputs: Mapping[str, Any] = self._inputs  # which do here what a node's do
        self._sights = Sights(inputs, lambda: table, lambda: transforms, lambda: self._now)
        self._answering = Answering(model, self._sights, lambda: table, lambda: transforms, lambda: self._now)

    def answer(self, job: Job, messages: Mapping[Key, Any]) -> Said:
        """messages: all that the job needs; of one that could not be read, the Refusal that says why."""
        self._now = job.stamp or 0
        for name, each in self._inputs.items():
            each.hold(getattr(job.sensed, name), messages, self._order)
        regions: Sequence[Any] = []
        try:
            regions = _regions(job, messages)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", InputWarning)  # of boxes that were clipped, for every frame anew
                answers = self._answers(job, regions)
        except Exception as error:  # whatever is wrong with one frame, the others are captioned
            refusal = refusal_of(error)
            answers = Answers([encode_refused(refusal, Header(), region) for region in regions])
            lost = [Problem(_topic(job), job.time, str(refusal))] if not regions else []
        else:
            lost = []
        for message in answers.messages:
            # How long it took here would be no property of the recording, and differ from run to run.
            message.age = message.inference_time = message.encoding_time = math.nan
        header = next((each.header for each in answers.messages if nanoseconds(each.header.stamp)), self._header(job))
        markers = encode_all_markers(answers.messages, header, answers.motions)
        return Said(
            encode_captions(answers.messages, header),
            markers if job.of_cloud or len(markers.markers) > 1 else None,
            [*lost, *self._problems(job, answers.messages)],
        )

    def _answers(self, job: Job, regions: Sequence[Any]) -> Answers:
        if job.stamp is None:
            named = f"{job.named / 1e9:.9f} s" if job.named else "until then"
            expected = f"one within {self._settings.slop:g} s"
            raise Refusal(Code.NO_OBSERVATION, f"the bag has no frame of {named}; expected {expected}")
        if job.regions is None:
            return self._answering.say(self._proposed(self._sight(job)))
        if not regions:
            return Answers()
        wanted = Wanted(stamp=job.stamp, alternatives=ALTERNATIVES)
        if job.of_cloud:
            wanted.regions_3d = regions
        else:
            wanted.regions_2d = regions
        return self._answering.say(wanted)

    def _sight(self, job: Job) -> Sight:
        assert job.stamp is not None
        return self._sights.cloud(job.stamp) if job.of_cloud else self._sights.image(job.stamp)

    def _proposed(self, sight: Sight) -> Wanted:
        from region_perception.regions.proposals import propose

        wanted = Wanted(sight=sight, alternatives=ALTERNATIVES)
        found = enumerate(propose(sight.observation, most=self._settings.most), start=1)
        if isinstance(sight.observation, ImageObservation):
            wanted.regions_2d = [encode_region_2d(each, sight.header, id=str(number)) for number, each in found]
        else:
            wanted.regions_3d = [
                encode_region_3d(each, sight.header, id=str(number), motion=sight.motion) for number, each in found
            ]
        return wanted

    def _header(self, job: Job) -> Any:
        """Of the frame, where nothing was said about it."""
        first = self._inputs["points" if job.of_cloud and job.sensed.points else "image"]
        return first.header() or Header()

    def _problems(self, job: Job, captions: Sequence[Any]) -> list[Problem]:
        """What was wrong with the frame, and with regions for reasons of their own."""
        found = [problem for each in self._inputs.values() for problem in each.problems()]
        reasons = {problem.reason for problem in found}
        for caption in captions:
            reason = f"{Code(caption.status.code).name}: {caption.status.message}"
            if caption.status.code != Code.OK and reason not in reasons:
                found.append(Problem(_topic(job), job.time, f"{reason} (region {caption.region_id!r})"))
        return found


def _topic(job: Job) -> str:
    """Whom it is said of where regions are refused, or a frame in which they were looked for."""
    return (job.regions or job.needs[0]).topic


def _regions(job: Job, messages: Mapping[Key, Any]) -> list[Any]:
    """The regions that are meant, each with a whole header."""
    if job.regions is None:
        return []
    array = messages[job.regions]
    if isinstance(array, Refusal):
        raise array
    array = with_plain_headers(array)
    if hasattr(array, "detections"):
        array = vision.regions_3d(array) if job.of_cloud else vision.regions_2d(array)
    chosen = [region for place, region in enumerate(array.regions) if place in job.which]
    for region in chosen:
        region.header = header_of(region, array)
    return chosen
