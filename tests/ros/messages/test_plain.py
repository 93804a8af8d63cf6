"""Plain messages: the same fields, constants and bytes as the real ones."""

import importlib
from array import array
from typing import Any

import numpy as np
import pytest

from ros_nodes.messages import classes
from ros_nodes.messages.definitions import definitions
from ros_nodes.messages.plain import full_name, plain_class, serialise, typestore

WRITTEN = sorted(name for name in vars(classes) if name[0].isupper() and name != "PACKAGE" and name != "Any")


def packages() -> dict[str, str]:
    """ "package/Message" of everything that `classes` holds and everything that we define."""
    ours = {name: f"region_perception_msgs/{name}" for name in definitions()}
    known = {full.rpartition("/")[2]: full.replace("/msg/", "/") for full in typestore().fielddefs}
    return {name: known[name] for name in WRITTEN} | ours


def test_fields_begin_as_definitions_say():
    caption = plain_class("region_perception_msgs/RegionCaption")()
    assert (caption.text, caption.pixel_count, caption.status.code) == ("", 0, 0)
    assert caption.pose.orientation.w == 1.0
    assert caption.alternatives == []
    assert caption.MODALITY_CLOUD_REGION == "cloud_region"
    info = plain_class("sensor_msgs/CameraInfo")()
    assert info.k == array("d", [0.0] * 9)


def test_a_field_that_is_not_there_cannot_be_set():
    with pytest.raises(AttributeError):
        plain_class("std_msgs/Header")(frame="map")
    header = plain_class("std_msgs/Header")()
    with pytest.raises(AttributeError):
        header.frame = "map"


def test_no_definition_of_ours_begins_with_anything_but_zero():
    """rosbags does not keep such values, so that a plain message would differ from a real one."""
    for name, text in definitions().items():
        for line in text.splitlines():
            parts = line.split()
            if len(parts) == 3 and not line.startswith("#") and "=" not in line:
                assert parts[2] == "0", f"{name}: {line}"


def test_bytes_can_be_read_back():
    header = plain_class("std_msgs/Header")(frame_id="camera")
    region = plain_class("region_perception_msgs/Region2D")(
        header=header, id="7", kind=5, points=array("f", [1.5, 2.5]), labels=[1]
    )
    regions = plain_class("region_perception_msgs/Region2DArray")(header=header, regions=[region, region])
    kind = full_name("region_perception_msgs/Region2DArray")
    read: Any = typestore().deserialize_cdr(serialise(regions, kind), kind)
    assert [each.id for each in read.regions] == ["7", "7"]
    assert read.regions[1].header.frame_id == "camera"
    np.testing.assert_array_equal(read.regions[0].points, np.float32([1.5, 2.5]))
    np.testing.assert_array_equal(read.regions[0].labels, np.uint8([1]))


@pytest.mark.ros
@pytest.mark.parametrize("name", sorted(packages().values()))
def test_bytes_and_constants_are_those_of_the_real_class(name: str):
    from rclpy.serialization import deserialize_message, serialize_message

    package, _, message = name.partition("/")
    real = getattr(importlib.import_module(f"{package}.msg"), message)
    plain = plain_class(name)
    assert list(real.get_fields_and_field_types()) == list(plain.__slots__)
    for constant, base, _ in typestore().fielddefs[full_name(name)][0]:
        assert getattr(plain, constant) == getattr(real, constant), (constant, base)
    if name == "diagnostic_msgs/DiagnosticStatus":
        return  # its level is a byte, which bags are not written with
    written = serialise(plain(), name)
    assert deserialize_message(written, real) == real()
    assert serialise(real(), name) == written
    # Not compared as they are: between its fields ROS leaves what was in memory.
    kind = full_name(name)
    assert serialise(typestore().deserialize_cdr(serialize_message(real()), kind), name) == written


@pytest.mark.ros
def test_hashes_are_those_of_the_real_types():
    from pathlib import Path

    from ament_index_python.packages import get_package_share_directory

    folder = Path(get_package_share_directory("region_perception_msgs")) / "msg"
    for name in definitions():
        assert typestore().hash_rihs01(f"region_perception_msgs/msg/{name}") in (folder / f"{name}.json").read_text()


@pytest.mark.ros
def test_real_messages_with_numbers_in_a_row_are_written():
    from sensor_msgs.msg import CompressedImage

    image = CompressedImage(format="png", data=array("B", b"\x89PNG"))
    read: Any = typestore().deserialize_cdr(
        serialise(image, "sensor_msgs/CompressedImage"), "sensor_msgs/msg/CompressedImage"
    )
    assert bytes(read.data) == b"\x89PNG"
