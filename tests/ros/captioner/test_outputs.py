"""What shows captions: with real messages, and without a node or a model."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.ros


class Looking:
    """Stands for a node whose every topic has somebody who looks. said: all messages, by topic."""

    def __init__(self) -> None:
        self.said: dict[str, list[Any]] = defaultdict(list)

    def create_publisher(self, kind: type, topic: str, qos: Any) -> Any:
        return SimpleNamespace(get_subscription_count=lambda: 1, publish=self.said[topic].append)


def array(kind: str, frame: str, modality: str, second: int) -> Any:
    """One caption, in a box of the image."""
    from region_perception_msgs.msg import RegionCaption, RegionCaptionArray

    caption = RegionCaption(modality=modality, text=kind, x2=9.0, y2=9.0)
    caption.header.frame_id, caption.header.stamp.sec = frame, second
    return RegionCaptionArray(header=caption.header, captions=[caption])


def test_both_kinds_are_shown_together_and_once():
    import numpy as np

    from region_perception.observations import ImageObservation
    from ros_nodes.captioner.answering import Answers
    from ros_nodes.captioner.outputs import Outputs
    from ros_nodes.captioner.settings import CaptionerSettings
    from ros_nodes.captioner.sights import Sight
    from ros_nodes.decoding import STILL
    from ros_nodes.messages.classes import Header

    node: Any = Looking()
    outputs = Outputs(node, CaptionerSettings)
    sight = Sight(1, Header(frame_id="camera"), ImageObservation(np.zeros((8, 8, 3), np.uint8)), STILL)
    drawn: Any = [(sight, SimpleNamespace(footprint=None, text="", region=None))]
    said = {
        "regions_2d": array("regions_2d", "camera", "image_region", 2),
        "regions_3d": array("regions_3d", "lidar", "cloud_region", 2),
    }
    outputs.publish(said, Answers(drawn=drawn))
    assert [each.captions[0].text for each in node.said["region_captions"]] == list(said)
    assert [len(node.said[name]) for name in ("region_markers", "region_outlines", "annotated_image")] == [1, 1, 1]
    assert len(node.said["region_outlines"][0].points) == 16
    # Later ones of one kind leave the outlines of the other, which are still drawn over the image.
    outputs.publish({"regions_3d": array("regions_3d", "lidar", "cloud_region", 3)}, Answers())
    assert len(node.said["region_outlines"][-1].points) == 16
    assert node.said["region_outlines"][-1].header.frame_id == "camera"
