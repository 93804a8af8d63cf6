"""What the node says to everybody: captions, and the same as markers, outlines and pictures while somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rclpy.node import Node
from region_perception_msgs.msg import RegionCaption, RegionCaptionArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from visualization_msgs.msg import ImageMarker, MarkerArray

from region_perception.observations import ImageObservation
from ros_nodes.captioner import vision
from ros_nodes.captioner.answering import Answers
from ros_nodes.captioner.settings import CaptionerSettings
from ros_nodes.decoding import Rigid, nanoseconds
from ros_nodes.encoding import encode_all_markers, encode_annotated, encode_image_marker
from ros_nodes.runtime.qos import FRAMES, RESULTS


class Outputs:
    """The publishers of the node. Everything here runs in the worker's thread."""

    def __init__(self, node: Node, settings: Callable[[], CaptionerSettings]) -> None:
        self._settings = settings
        self._captions = node.create_publisher(RegionCaptionArray, "region_captions", RESULTS)
        self._markers = node.create_publisher(MarkerArray, "region_markers", RESULTS)
        self._outlines = node.create_publisher(ImageMarker, "region_outlines", RESULTS)
        self._picture = node.create_publisher(Image, "annotated_image", FRAMES)
        self._detections = {
            kind: node.create_publisher(array, f"caption_detections_{kind}", RESULTS)
            for kind, array in vision.array_classes().items()
        }
        self._latest: dict[str, tuple[list[RegionCaption], dict[str, Rigid]]] = {}

    def publish(self, said: Mapping[str, RegionCaptionArray], answers: Answers) -> None:
        """The captions of one round, by the input that the regions came from; what shows them, once for all."""
        for kind, captions in said.items():
            self._captions.publish(captions)
            self._latest[kind] = (list(captions.captions), answers.motions)
            for dimensions, publisher in self._detections.items():
                if publisher.get_subscription_count():
                    publisher.publish(vision.detections_of(dimensions, captions))
        header = next((each.header for each in said.values() if nanoseconds(each.header.stamp)), Header())
        # Of both inputs: each array of markers, or of outlines, takes the place of the one before.
        shown = [caption for captions, _ in self._latest.values() for caption in captions]
        if self._markers.get_subscription_count():
            self._markers.publish(self._all_markers(shown, header))
        if self._outlines.get_subscription_count():
            self._outlines.publish(encode_image_marker(shown, _header_of_image(shown, header)))
        if self._picture.get_subscription_count() and answers.drawn:
            sight = max((sight for sight, _ in answers.drawn), key=lambda sight: sight.stamp)
            drawn = [caption for other, caption in answers.drawn if other is sight]
            assert isinstance(sight.observation, ImageObservation)
            self._picture.publish(encode_annotated(sight.observation, drawn, sight.header))

    def _all_markers(self, captions: Sequence[RegionCaption], header: Header) -> MarkerArray:
        settings = self._settings()
        return encode_all_markers(
            captions,
            header,
            {frame: motion for _, each in self._latest.values() for frame, motion in each.items()},
            lifetime=settings.marker_lifetime,
            text_height=settings.text_height,
        )


def _header_of_image(captions: Sequence[RegionCaption], header: Header) -> Header:
    """Of the newest image that captions are about, else `header`: outlines are drawn over images."""
    images = [caption.header for caption in captions if caption.modality == "image_region"]
    return max(images, key=lambda each: nanoseconds(each.stamp), default=header)
