"""Detections as regions, and captions as detections, with messages that have the fields of vision_msgs."""

from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.ros


def record(**defaults: Any) -> Any:
    """A class of messages: fields with what makes their defaults."""

    class Message(SimpleNamespace):
        def __init__(self, **values: Any) -> None:
            super().__init__(**{name: make() for name, make in defaults.items()} | values)

    return Message


@pytest.fixture
def vision_msgs() -> Any:
    from geometry_msgs.msg import Pose, Vector3
    from std_msgs.msg import Header

    point = record(x=float, y=float)
    center = record(position=point, theta=float)
    flat = record(center=center, size_x=float, size_y=float)
    solid = record(center=Pose, size=Vector3)
    hypothesis = record(class_id=str, score=float)
    result = record(hypothesis=hypothesis)
    detection_2d = record(header=Header, id=str, results=list, bbox=flat)
    detection_3d = record(header=Header, id=str, results=list, bbox=solid)
    array = record(header=Header, detections=list)
    return SimpleNamespace(
        ObjectHypothesisWithPose=result,
        Detection2D=detection_2d,
        Detection3D=detection_3d,
        Detection2DArray=array,
        Detection3DArray=array,
    )


def detected(vision_msgs: Any, *labels: tuple[str, float]) -> Any:
    detection = vision_msgs.Detection2D(id="7")
    for name, score in labels:
        result = vision_msgs.ObjectHypothesisWithPose()
        result.hypothesis.class_id, result.hypothesis.score = name, score
        detection.results.append(result)
    box = detection.bbox
    box.center.position.x, box.center.position.y, box.size_x, box.size_y = 50.0, 40.0, 20.0, 10.0
    return detection


def test_boxes_in_the_image_keep_their_names(vision_msgs: Any):
    from region_perception_msgs.msg import Region2D

    from ros_nodes.captioner.vision import regions_2d

    turned, empty = detected(vision_msgs), detected(vision_msgs)
    turned.bbox.center.theta, empty.bbox.size_x = 0.3, 0.0
    found = regions_2d(
        vision_msgs.Detection2DArray(detections=[detected(vision_msgs, ("cup", 0.2), ("mug", 0.7)), turned, empty])
    )
    first, second, third = found.regions
    assert (first.kind, first.id, first.label) == (Region2D.KIND_BOX, "7", "mug")
    assert (first.x1, first.y1, first.x2, first.y2) == (40, 35, 60, 45)
    assert (second.kind, len(second.points), second.label) == (Region2D.KIND_POLYGON, 8, "")
    assert (third.kind, third.x1, third.x2) == (Region2D.KIND_BOX, 0, 0)  # refused as any box without area is


def test_boxes_in_space_are_taken_as_they_are(vision_msgs: Any):
    from region_perception_msgs.msg import Region3D

    from ros_nodes.captioner.vision import regions_3d

    detection = vision_msgs.Detection3D(id="8")
    detection.header.frame_id = "lidar"
    detection.bbox.center.position.x, detection.bbox.size.z = 2.0, 0.5
    (region,) = regions_3d(vision_msgs.Detection3DArray(detections=[detection])).regions
    assert (region.kind, region.id, region.header.frame_id) == (Region3D.KIND_BOX, "8", "lidar")
    assert (region.pose.position.x, region.size.z) == (2.0, 0.5)


def test_captions_are_detections(vision_msgs: Any):
    from region_perception_msgs.msg import RegionCaption, RegionCaptionArray

    from ros_nodes.captioner.vision import detections_of

    flat = RegionCaption(region_id="a", text="a red mug", confidence=0.5, x1=10.0, y1=20.0, x2=30.0, y2=60.0)
    solid = RegionCaption(region_id="b", text="a box")
    solid.size.x, solid.pose.position.z = 0.4, 1.0
    refused = RegionCaption(region_id="c", x2=5.0)
    refused.status.code = refused.status.STALE
    captions = RegionCaptionArray(captions=[flat, solid, refused])
    (detection,) = detections_of("2d", captions, vision_msgs).detections
    assert (detection.id, detection.bbox.center.position.x, detection.bbox.size_y) == ("a", 20, 40)
    assert (detection.results[0].hypothesis.class_id, detection.results[0].hypothesis.score) == ("a red mug", 0.5)
    (detection,) = detections_of("3d", captions, vision_msgs).detections
    assert (detection.id, detection.bbox.size.x, detection.bbox.center.position.z) == ("b", 0.4, 1.0)
