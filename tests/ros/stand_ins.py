"""Messages with the fields of the real ones, for machines without ROS: ours from their files, others from a list.

A field that does not exist cannot be set, so that tests notice a misspelt one.
"""

import importlib.util
import sys
from array import array
from functools import cache
from pathlib import Path
from typing import Any

_SPEC = importlib.util.spec_from_file_location("ros_tables", Path(__file__).parents[2] / "scripts" / "ros_tables.py")
assert _SPEC is not None
assert _SPEC.loader is not None
ros_tables = importlib.util.module_from_spec(_SPEC)
sys.modules["ros_tables"] = ros_tables
_SPEC.loader.exec_module(ros_tables)

_HEADER = "std_msgs/Header header; "
COMMON = {
    "builtin_interfaces/Time": "int32 sec; uint32 nanosec",
    "builtin_interfaces/Duration": "int32 sec; uint32 nanosec",
    "std_msgs/Header": "builtin_interfaces/Time stamp; string frame_id",
    "std_msgs/ColorRGBA": "float32 r; float32 g; float32 b; float32 a",
    "geometry_msgs/Point": "float64 x; float64 y; float64 z",
    "geometry_msgs/Point32": "float32 x; float32 y; float32 z",
    "geometry_msgs/Vector3": "float64 x; float64 y; float64 z",
    "geometry_msgs/Quaternion": "float64 x 0; float64 y 0; float64 z 0; float64 w 1",
    "geometry_msgs/Pose": "geometry_msgs/Point position; geometry_msgs/Quaternion orientation",
    "geometry_msgs/Transform": "geometry_msgs/Vector3 translation; geometry_msgs/Quaternion rotation",
    "geometry_msgs/TransformStamped": _HEADER + "string child_frame_id; geometry_msgs/Transform transform",
    "geometry_msgs/Polygon": "geometry_msgs/Point32[] points",
    "geometry_msgs/PolygonStamped": _HEADER + "geometry_msgs/Polygon polygon",
    "sensor_msgs/RegionOfInterest": "uint32 x_offset; uint32 y_offset; uint32 height; uint32 width; bool do_rectify",
    "sensor_msgs/Image": _HEADER
    + "uint32 height; uint32 width; string encoding; uint8 is_bigendian; uint32 step; uint8[] data",
    "sensor_msgs/CompressedImage": _HEADER + "string format; uint8[] data",
    "sensor_msgs/CameraInfo": _HEADER
    + "uint32 height; uint32 width; string distortion_model; float64[] d; float64[9] k; float64[9] r; float64[12] p; "
    "uint32 binning_x; uint32 binning_y; sensor_msgs/RegionOfInterest roi",
    "sensor_msgs/PointField": "string name; uint32 offset; uint8 datatype; uint32 count; uint8 FLOAT32=7",
    "sensor_msgs/PointCloud2": _HEADER + "uint32 height; uint32 width; sensor_msgs/PointField[] fields; "
    "bool is_bigendian; uint32 point_step; uint32 row_step; uint8[] data; bool is_dense",
    "diagnostic_msgs/KeyValue": "string key; string value",
    "diagnostic_msgs/DiagnosticStatus": "byte level; string name; string message; string hardware_id; "
    "diagnostic_msgs/KeyValue[] values; byte OK=0; byte WARN=1",
    "visualization_msgs/Marker": _HEADER + "string ns; int32 id; int32 type; int32 action; geometry_msgs/Pose pose; "
    "geometry_msgs/Vector3 scale; std_msgs/ColorRGBA color; builtin_interfaces/Duration lifetime; string text; "
    "int32 CUBE=1; int32 TEXT_VIEW_FACING=9; int32 ADD=0; int32 DELETEALL=3",
    "visualization_msgs/MarkerArray": "visualization_msgs/Marker[] markers",
    "visualization_msgs/ImageMarker": _HEADER + "string ns; int32 id; int32 type; int32 action; float32 scale; "
    "geometry_msgs/Point[] points; std_msgs/ColorRGBA[] outline_colors; int32 LINE_LIST=2; int32 ADD=0",
}
_TYPECODES = {"uint8": "B", "uint32": "I", "float32": "f", "float64": "d"}
_ZEROS = {"string": "", "bool": False, "byte": b"\0", "float32": 0.0, "float64": 0.0}
_OURS = "region_perception_msgs"


@cache
def stand_in(name: str) -> Any:
    """The class of "package/Message"."""
    package, _, message = name.partition("/")
    if package == _OURS:
        items = ros_tables.read_interface(ros_tables.INTERFACES / "msg" / f"{message}.msg").sections[0]
    else:
        items = [ros_tables._field(line.strip(), "") for line in COMMON[name].split(";")]
    fields = {item.name: item for item in items if item.value is None}

    def initialise(self: Any, **values: Any) -> None:
        for field in fields.values():
            setattr(self, field.name, _zero(field.type, field.default, package))
        for field_name, value in values.items():
            setattr(self, field_name, value)

    constants = {item.name: _constant(item) for item in items if item.value is not None}
    return type(message, (), {"__slots__": tuple(fields), "__init__": initialise, **constants})


def _zero(kind: str, default: str | None, package: str) -> Any:
    base, bracket, count = kind.partition("[")
    if bracket:
        length = int(count[:-1] or 0)
        return array(_TYPECODES[base], [0] * length) if base in _TYPECODES else []
    if "/" in base or base[0].isupper():
        return stand_in(base if "/" in base else f"{package}/{base}")()
    zero = _ZEROS.get(base, 0)
    return zero if default is None else type(zero)(float(default))


def _constant(item: Any) -> Any:
    if item.type == "string":
        return item.value
    return bytes([int(item.value)]) if item.type == "byte" else int(item.value)
