"""The classes that messages are written with: those of ROS 2 where they are, else plain ones with the same fields.

So that `encoding` serves nodes and recorded bags alike, on machines with ROS and without.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ros_nodes.messages.definitions import PACKAGE

_BUILT = find_spec(PACKAGE) is not None


def message_class(name: str) -> Any:
    """The class of "package/Message"."""
    if not _BUILT:
        from ros_nodes.messages.plain import plain_class

        return plain_class(name)
    package, _, message = name.partition("/")
    return getattr(import_module(f"{package}.msg"), message)


CameraInfo: Any = message_class("sensor_msgs/CameraInfo")
CaptionAlternative: Any = message_class("region_perception_msgs/CaptionAlternative")
ColorRGBA: Any = message_class("std_msgs/ColorRGBA")
CompressedImage: Any = message_class("sensor_msgs/CompressedImage")
DiagnosticStatus: Any = message_class("diagnostic_msgs/DiagnosticStatus")
Duration: Any = message_class("builtin_interfaces/Duration")
Header: Any = message_class("std_msgs/Header")
Image: Any = message_class("sensor_msgs/Image")
ImageMarker: Any = message_class("visualization_msgs/ImageMarker")
KeyValue: Any = message_class("diagnostic_msgs/KeyValue")
Marker: Any = message_class("visualization_msgs/Marker")
MarkerArray: Any = message_class("visualization_msgs/MarkerArray")
Point: Any = message_class("geometry_msgs/Point")
PointCloud2: Any = message_class("sensor_msgs/PointCloud2")
PointField: Any = message_class("sensor_msgs/PointField")
Region2D: Any = message_class("region_perception_msgs/Region2D")
Region2DArray: Any = message_class("region_perception_msgs/Region2DArray")
Region3D: Any = message_class("region_perception_msgs/Region3D")
Region3DArray: Any = message_class("region_perception_msgs/Region3DArray")
RegionCaption: Any = message_class("region_perception_msgs/RegionCaption")
RegionCaptionArray: Any = message_class("region_perception_msgs/RegionCaptionArray")
RegionMatch: Any = message_class("region_perception_msgs/RegionMatch")
Status: Any = message_class("region_perception_msgs/Status")
