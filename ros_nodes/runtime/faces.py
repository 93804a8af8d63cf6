"""What others see of a node, as a table: topics, services and actions. docs/ros.md and launch files are made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

HEARS, SAYS, SERVES, ACTS = "hears", "says", "service", "action"
AUTO = "auto, depth 1"
RELIABLE = "reliable, depth 10"
NEWEST = "reliable, depth 1"
LATCHED = "reliable, latched, depth 1"
CAMERA, ANY, SOURCE = "the camera's", "any", "of the frame that was read"  # frames


@dataclass(frozen=True)
class Face:
    """One topic, service or action.

    kind: `hears`, `says`, `service` or `action`. name: relative ones get the node's namespace, `~/` its name, too, and
    all may be remapped. type: package/Name. needs: a package without which it is not there.
    """

    kind: str
    name: str
    type: str
    about: str
    qos: str = ""
    frame: str = ""
    needs: str = ""


CAMERA_INPUTS = (
    Face(HEARS, "image", "sensor_msgs/Image", "Images; CompressedImage with `image_transport`.", AUTO, CAMERA),
    Face(HEARS, "camera_info", "sensor_msgs/CameraInfo", "Calibration of the image.", AUTO, CAMERA),
    Face(HEARS, "depth", "sensor_msgs/Image", "Depth, registered to the image: 16UC1 or 32FC1.", AUTO, CAMERA),
)
"""What every node hears that reads images."""


def topics(faces: Iterable[Face]) -> Mapping[str, str]:
    """The relative topics, which launch files remap, and what is on them."""
    return {face.name: face.about for face in faces if face.kind in (HEARS, SAYS) and face.name[0] not in "~/"}


def markdown(faces: Iterable[Face]) -> str:
    """The table for docs/ros.md."""
    rows = ["| | name | type | quality of service | frame | meaning |", "|---|---|---|---|---|---|"]
    for face in faces:
        needs = f" Only where {face.needs} is installed." if face.needs else ""
        cells = (face.kind, f"`{face.name}`", f"`{face.type}`", face.qos, face.frame, face.about + needs)
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)
