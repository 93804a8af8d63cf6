"""Messages to observations and regions; whatever is wrong with one becomes a `Refusal` with a status code.

Nothing here needs ROS: messages are read by the names of their fields. The one thing that the rest of the nodes
imports; what each function takes is said where it is written.
"""

from ros_nodes.messages.cloud_messages import MAX_POINTS, cloud_of_image, decode_cloud
from ros_nodes.messages.frames import (
    OPTICAL_TO_BODY,
    STILL,
    Rigid,
    is_optical,
    moved_cloud,
    rigid_from_pose,
    rigid_from_transform,
    to_body,
)
from ros_nodes.messages.image_messages import MAX_PIXELS, decode_camera_info, decode_depth, decode_image, decode_pixels
from ros_nodes.messages.refusals import Code, Refusal, printable, refusal_of
from ros_nodes.messages.region_messages import (
    decode_click,
    decode_detection_2d,
    decode_polygon,
    decode_region_2d,
    decode_region_3d,
    decode_roi,
    locate,
)
from ros_nodes.messages.stamps import check_age, nanoseconds

__all__ = [
    "MAX_PIXELS",
    "MAX_POINTS",
    "OPTICAL_TO_BODY",
    "STILL",
    "Code",
    "Refusal",
    "Rigid",
    "check_age",
    "cloud_of_image",
    "decode_camera_info",
    "decode_click",
    "decode_cloud",
    "decode_depth",
    "decode_detection_2d",
    "decode_image",
    "decode_pixels",
    "decode_polygon",
    "decode_region_2d",
    "decode_region_3d",
    "decode_roi",
    "is_optical",
    "locate",
    "moved_cloud",
    "nanoseconds",
    "printable",
    "refusal_of",
    "rigid_from_pose",
    "rigid_from_transform",
    "to_body",
]
