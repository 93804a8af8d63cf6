"""Detections of other packages as regions, and captions as detections, where vision_msgs is installed."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from ros_nodes.decoding import Code, Refusal, decode_detection_2d
from ros_nodes.encoding import encode_region_2d
from ros_nodes.messages.classes import Region2DArray, Region3D, Region3DArray, RegionCaptionArray

MAX_LABEL = 200  # characters


def installed() -> bool:
    """Whether there is vision_msgs."""
    return importlib.util.find_spec("vision_msgs") is not None


def array_classes() -> dict[str, type]:
    """Detection2DArray as "2d" and Detection3DArray as "3d"; nothing without vision_msgs."""
    if not installed():
        return {}
    messages = importlib.import_module("vision_msgs.msg")
    return {"2d": messages.Detection2DArray, "3d": messages.Detection3DArray}


def regions_2d(detections: Any) -> Region2DArray:
    """The boxes of a `Detection2DArray`; a turned one becomes an outline, and one that is none keeps its place."""
    array = Region2DArray(header=detections.header)
    for detection in detections.detections:
        names = {"id": detection.id, "label": _label(detection)}
        try:
            array.regions.append(encode_region_2d(decode_detection_2d(detection), detection.header, **names))
        except Refusal:
            # A box without area, so that it is refused where all regions are.
            message = encode_region_2d(None, detection.header, **names)
            message.kind = message.KIND_BOX
            array.regions.append(message)
    return array


def regions_3d(detections: Any) -> Region3DArray:
    """The boxes of a `Detection3DArray`."""
    array = Region3DArray(header=detections.header)
    for detection in detections.detections:
        region = Region3D(header=detection.header, id=detection.id, label=_label(detection), kind=Region3D.KIND_BOX)
        region.pose, region.size = detection.bbox.center, detection.bbox.size
        array.regions.append(region)
    return array


def detections_of(kind: str, captions: RegionCaptionArray, messages: Any = None) -> Any:
    """Captions as a `Detection2DArray` ("2d") or a `Detection3DArray` ("3d"): those that lie in an image, or in space.

    The sentence is the `class_id`, its confidence the `score`. messages: the module of the classes, vision_msgs.msg.
    """
    messages = messages or importlib.import_module("vision_msgs.msg")
    flat = kind == "2d"
    array = getattr(messages, f"Detection{kind.upper()}Array")(header=captions.header)
    for caption in captions.captions:
        if caption.status.code != Code.OK or not (caption.x2 > caption.x1 if flat else caption.size.x > 0):
            continue
        detection = getattr(messages, f"Detection{kind.upper()}")(header=caption.header, id=caption.region_id)
        if flat:
            detection.bbox.center.position.x = (caption.x1 + caption.x2) / 2
            detection.bbox.center.position.y = (caption.y1 + caption.y2) / 2
            detection.bbox.size_x, detection.bbox.size_y = caption.x2 - caption.x1, caption.y2 - caption.y1
        else:
            detection.bbox.center, detection.bbox.size = caption.pose, caption.size
        result = messages.ObjectHypothesisWithPose()
        result.hypothesis.class_id, result.hypothesis.score = caption.text, caption.confidence
        detection.results.append(result)
        array.detections.append(detection)
    return array


def _label(detection: Any) -> str:
    """The class that a detector is surest of."""
    best = max(detection.results, key=lambda result: result.hypothesis.score, default=None)
    return best.hypothesis.class_id[:MAX_LABEL] if best is not None else ""
