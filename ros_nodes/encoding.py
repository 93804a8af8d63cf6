"""Observations, regions and captions to messages: those of ROS 2 where they are, else plain ones (see `classes`)."""

from ros_nodes.messages.array_messages import data_of, encode_camera_info, encode_cloud, encode_image, encode_picture
from ros_nodes.messages.caption_messages import (
    encode_caption,
    encode_captions,
    encode_refused,
    encode_status,
    place,
    write_pose,
)
from ros_nodes.messages.marker_messages import (
    encode_all_markers,
    encode_annotated,
    encode_diagnostic,
    encode_image_marker,
    encode_markers,
)
from ros_nodes.messages.region_encoding import encode_region_2d, encode_region_3d

__all__ = [
    "data_of",
    "encode_all_markers",
    "encode_annotated",
    "encode_camera_info",
    "encode_caption",
    "encode_captions",
    "encode_cloud",
    "encode_diagnostic",
    "encode_image",
    "encode_image_marker",
    "encode_markers",
    "encode_picture",
    "encode_refused",
    "encode_region_2d",
    "encode_region_3d",
    "encode_status",
    "place",
    "write_pose",
]
