"""What the node says to everybody: captions, and the same as markers, outlines and pictures while somebody looks."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node
from region_perception_msgs.msg import RegionCaption, RegionCaptionArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from visualization_msgs.msg import ImageMarker, MarkerArray

from region_perception.observations import ImageObservation
from ros_nodes.captioner import vision
from ros_nodes.captioner.answering import Answers
from ros_nodes.captioner.settings import CaptionerSettings
from ros_nodes.decoding import Rigid
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

    def publish(self, kind: str, captions: RegionCaptionArray, answers: Answers) -> None:
        """The captions of an array of regions. kind: the input that it came from."""
        self._captions.publish(captions)
        self._latest[kind] = (list(captions.captions), answers.motions)
        if self._markers.get_subscription_count():
            self._markers.publish(self._all_markers(captions.header))
        if self._outlines.get_subscription_count():
            self._outlines.publish(encode_image_marker(captions.captions, captions.header))
        if self._picture.get_subscription_count() and answers.drawn:
            sight = max((sight for sight, _ in answers.drawn), key=lambda sight: sight.stamp)
            drawn = [caption for other, caption in answers.drawn if other is sight]
            assert isinstance(sight.observation, ImageObservation)
            self._picture.publish(encode_annotated(sight.observation, drawn, sight.header))
        for dimensions, publisher in self._detections.items():
            if publisher.get_subscription_count():
                publisher.publish(vision.detections_of(dimensions, captions))

    def _all_markers(self, header: Header) -> MarkerArray:
        """Markers of the newest captions of both inputs: each array of markers takes the place of the one before."""
        settings = self._settings()
        return encode_all_markers(
            [caption for captions, _ in self._latest.values() for caption in captions],
            header,
            {frame: motion for _, each in self._latest.values() for frame, motion in each.items()},
            lifetime=settings.marker_lifetime,
            text_height=settings.text_height,
        )
