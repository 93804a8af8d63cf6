"""What the node sees: the newest frames of its inputs, or those of a stamp, read and encoded when somebody asks."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from region_perception.observations import CloudObservation, ImageObservation
from ros_nodes.decoding import (
    OPTICAL_TO_BODY,
    STILL,
    Code,
    Refusal,
    Rigid,
    check_age,
    cloud_of_image,
    decode_cloud,
    decode_image,
    nanoseconds,
)
from ros_nodes.runtime.newest import Frame
from ros_nodes.runtime.sensors import SensorSettings
from ros_nodes.runtime.transforms import Transforms

if TYPE_CHECKING:
    from region_perception.captioner import Captioner
    from region_perception.view import View
    from ros_nodes.runtime.inputs import Input

LOOK_EVERY = 0.002  # seconds
KEPT = 4  # frames that stay read, and encoded: what is asked again at once costs nothing


@dataclass(eq=False)
class Sight:
    """One frame, read."""

    number: int
    """Of its message, as the input counts them."""
    header: Any
    observation: ImageObservation | CloudObservation
    motion: Rigid
    """From the frame of the header to the axes of the observation: of an image, to those of the camera's body."""
    camera: Sight | None = None
    """The image that a cloud was made of."""
    lost: Refusal | None = None
    """Why an image that came with depth or calibration is without."""
    _view: View | None = None

    @property
    def stamp(self) -> int:
        return nanoseconds(self.header.stamp)

    @property
    def origin(self) -> np.ndarray | None:
        return self.observation.origin if isinstance(self.observation, CloudObservation) else None

    def view(self, captioner: Captioner) -> tuple[View, float]:
        """Encoded, and the seconds that this took now: 0 where it had been."""
        if self._view is not None and self._view.captioner is captioner:
            return self._view, 0.0
        self._view = captioner.look(self.observation)
        return self._view, self._view.seconds


@dataclass(eq=False)
class Pair:
    """An image and a cloud of the same moment, and where one is in the other."""

    image: Sight
    cloud: Sight
    to_camera: Rigid
    """From the axes of the cloud's observation to those of the camera's body."""
    _points: np.ndarray | None = None

    @property
    def points(self) -> np.ndarray:
        """The points of the cloud in the axes of the camera's body: [N, 3] metres."""
        if self._points is None:
            cloud = self.cloud.observation
            assert isinstance(cloud, CloudObservation)
            far = cloud.points + cloud.origin if cloud.origin.any() else cloud.points
            self._points = self.to_camera.apply(far)
        return self._points

    def motion_from(self, home: Sight) -> Rigid:
        """From the frame of one of the two to the axes of the cloud."""
        if home is not self.image:
            return self.cloud.motion
        return self.to_camera.inverse().after(OPTICAL_TO_BODY)


class Sights:
    """Frames by stamp. Everything but `clear` runs in the worker's thread.

    inputs: `image`, `depth`, `camera_info` and `points`. now: nanoseconds of the node's clock. settle: waits for what
    belongs to an image, which comes a little earlier or later.
    """

    def __init__(
        self,
        inputs: Mapping[str, Input[Any]],
        settings: Callable[[], SensorSettings],
        transforms: Callable[[], Transforms],
        now: Callable[[], int],
        settle: Callable[[Frame[Any]], None] = lambda frame: None,
    ) -> None:
        self._inputs, self._settings, self._transforms, self._now = inputs, settings, transforms, now
        self._settle = settle
        self._read: OrderedDict[tuple[str, int], Sight] = OrderedDict()
        self._pairs: OrderedDict[int, Pair] = OrderedDict()  # by the sight that they were sought for

    def clear(self) -> None:
        """Forgets what was read; from any thread."""
        self._read, self._pairs = OrderedDict(), OrderedDict()

    def image(self, stamp: int = 0, max_age: float = 0.0) -> Sight:
        """The image of a stamp, the newest if that is 0, with its depth and calibration where they came.

        max_age: seconds; 0 for the node's parameter.
        """
        frame = self._frame("image", stamp, max_age)
        return self._kept("image", frame, self._read_image)

    def cloud(self, stamp: int = 0, max_age: float = 0.0) -> Sight:
        """The cloud of a stamp, the newest if that is 0; where none comes, that of the image with depth."""
        try:
            frame = self._frame("points", stamp, max_age)
        except Refusal as without:
            if without.code not in (Code.NO_OBSERVATION, Code.STALE):
                raise
            try:
                image = self.image(stamp, max_age)
            except Refusal as error:
                raise (without if error.code == Code.NO_OBSERVATION else error) from None
            if without.code == Code.STALE and not _has_depth(image):
                raise
            return self._cloud_of(image)
        return self._kept("points", frame, self._read_cloud)

    def pair(self, sight: Sight) -> Pair | None:
        """A sight with that of the other kind from the same moment, if it is there and known to see the same."""
        # Kept here and not by the sight: what refers to each other would hold megabytes until the collector comes by.
        pairs, key = self._pairs, id(sight)
        pair = pairs.get(key)
        if pair is None or sight not in (pair.image, pair.cloud):
            pair = self._paired(sight)
        if pair is not None:
            pairs[key] = pair
            pairs.move_to_end(key)
            while len(pairs) > KEPT:
                pairs.popitem(last=False)
        return pair

    def _paired(self, sight: Sight) -> Pair | None:
        try:
            if isinstance(sight.observation, ImageObservation):
                image, cloud = sight, self._cloud_at(sight)
            else:
                image, cloud = sight.camera or self.image(sight.stamp), sight
            assert isinstance(image.observation, ImageObservation)
            if cloud is None or image.observation.intrinsics is None:
                return None
            between = STILL
            if cloud.camera is not image:
                frames = image.header.frame_id, cloud.header.frame_id
                between = self._transforms().between(*frames, cloud.stamp)
        except Refusal:
            return None
        return Pair(image, cloud, OPTICAL_TO_BODY.after(between).after(cloud.motion.inverse()))

    def _cloud_at(self, image: Sight) -> Sight | None:
        if _has_depth(image):
            return self._cloud_of(image)
        return self.cloud(image.stamp)

    def _frame(self, name: str, stamp: int, max_age: float) -> Frame[Any]:
        """The frame of an input, neither too old nor from the future."""
        listening = self._inputs[name]
        frame = listening.frames.near(stamp, self._settings().sync) if stamp else listening.frames.newest()
        if frame is None:
            raise Refusal(Code.NO_OBSERVATION, self._why_not(listening, stamp))
        try:
            check_age(frame.value.header.stamp, self._now(), max_age or self._settings().max_age, what=name)
        except Refusal as refusal:
            listening.refuse(refusal, frame)
            raise
        return frame

    def _why_not(self, listening: Input[Any], stamp: int) -> str:
        what, kept = f"{listening.name} on {listening.topic}", listening.frames.stamps()
        if kept is None:
            publishers = listening.publishers()
            return f"{what}: nothing has come yet, from {publishers} publisher{'' if publishers == 1 else 's'}"
        first, last = (value / 1e9 for value in kept)
        return f"{what}: nothing of the stamp {stamp / 1e9:.3f} s; what is kept goes from {first:.3f} s to {last:.3f} s"

    def _kept(self, name: str, frame: Frame[Any], read: Callable[[Frame[Any]], Sight]) -> Sight:
        """What was read before, if it was; a frame that cannot be read is counted, and refused again each time."""
        try:
            return self._remembered((name, frame.number), lambda: read(frame))
        except Refusal as refusal:
            self._inputs[name].refuse(refusal, frame)
            raise

    def _remembered(self, key: tuple[str, int], read: Callable[[], Sight]) -> Sight:
        kept = self._read  # `clear` may replace it meanwhile
        if key not in kept:
            kept[key] = read()
            while len(kept) > KEPT:
                kept.popitem(last=False)
        kept.move_to_end(key)
        return kept[key]

    def _read_image(self, frame: Frame[Any]) -> Sight:
        """With what belongs to it; what does not is left out, and refused where it came from."""
        settings, message = self._settings(), frame.value
        self._settle(frame)
        found = {
            "depth": self._inputs["depth"].frames.near(frame.stamp, settings.sync),
            # A camera says once how it is calibrated, or with every image.
            "camera_info": self._inputs["camera_info"].frames.near(frame.stamp, math.inf),
        }
        lost: Refusal | None = None
        while True:
            try:
                image = decode_image(
                    message,
                    **{name: other.value for name, other in found.items() if other is not None},
                    rectified=settings.rectified,
                    max_pixels=settings.max_pixels,
                )
                return Sight(frame.number, message.header, image, OPTICAL_TO_BODY, lost=lost)
            except Refusal as refusal:
                wrong = refusal.message.partition(":")[0]
                if found.get(wrong) is None:
                    raise
                self._inputs[wrong].refuse(refusal, found[wrong])
                found[wrong], lost = None, lost or refusal.bare()

    def _read_cloud(self, frame: Frame[Any]) -> Sight:
        message, settings = frame.value, self._settings()
        motion = self._transforms().upright(message.header.frame_id, frame.stamp)
        cloud = decode_cloud(message, motion, max_points=settings.max_points, min_points=settings.min_points)
        return Sight(frame.number, message.header, cloud, motion)

    def _cloud_of(self, image: Sight) -> Sight:
        """The cloud of an image's own depth, in the frame of the image."""
        return self._remembered(("cloud of image", image.number), lambda: self._made_of(image))

    def _made_of(self, image: Sight) -> Sight:
        if image.lost is not None:
            raise image.lost.bare()
        assert isinstance(image.observation, ImageObservation)
        motion = self._transforms().upright(image.header.frame_id, image.stamp, camera=True)
        turned = STILL if motion is OPTICAL_TO_BODY else motion.after(OPTICAL_TO_BODY.inverse())
        cloud = cloud_of_image(image.observation, turned)
        return Sight(image.number, image.header, cloud, motion, camera=image)


def settling(inputs: Mapping[str, Input[Any]], settings: Callable[[], SensorSettings]) -> Callable[[Frame[Any]], None]:
    """Waits for the depth of an image, and for the first calibration, as long as their stamps may lie apart."""

    def settle(frame: Frame[Any]) -> None:
        depth, info = inputs["depth"], inputs["camera_info"]
        until = frame.arrived + settings().sync
        while time.monotonic() < until:
            if (depth.frames.has(frame.stamp) or not depth.flows()) and (info.frames.received or not info.flows()):
                return
            time.sleep(LOOK_EVERY)

    return settle


def _has_depth(sight: Sight) -> bool:
    image = sight.observation
    return isinstance(image, ImageObservation) and image.depth is not None and image.intrinsics is not None
