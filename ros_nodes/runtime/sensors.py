"""The parameters that every node has which reads images and clouds of sensors."""

from __future__ import annotations

from dataclasses import dataclass

from ros_nodes.messages.cloud_messages import MAX_POINTS
from ros_nodes.messages.frames import AXES
from ros_nodes.messages.image_messages import MAX_PIXELS
from ros_nodes.runtime.settings import reliability, setting
from ros_nodes.runtime.transforms import Lookup, Transforms


def _pose(value: tuple[float, ...]) -> str | None:
    return None if len(value) in (0, 6) else "expected x y z roll pitch yaw, or nothing"


@dataclass(frozen=True)
class SensorSettings:
    """What a frame may be, and where its sensor is. The table of a node adds its own, and may say more of these."""

    max_age: float = setting(2.0, "Older frames are refused with STALE; 0 for no limit.", unit="s", low=0, high=3600)
    sync: float = setting(0.05, "How far stamps of image and depth may lie apart.", unit="s", low=0, high=10)
    max_pixels: int = setting(MAX_PIXELS, "Larger images are refused with TOO_LARGE.", unit="px", low=1)
    max_points: int = setting(MAX_POINTS, "Larger clouds are refused with TOO_LARGE.", low=1)
    min_points: int = setting(16, "Clouds with fewer finite points are refused with TOO_FEW_POINTS.", low=1)
    image_transport: str = setting(
        "raw",
        "`compressed` listens to `image`/compressed instead, JPEG or PNG.",
        choices=("raw", "compressed"),
        fixed=True,
    )
    rectified: bool = setting(False, "`image` is rectified, so that P of its `camera_info` holds, and not K.")
    upright_frame: str = setting(
        "", "A frame of TF whose z is up, such as base_link, that clouds are taken into. Empty: see `sensor_pose`."
    )
    sensor_pose: tuple[float, ...] = setting(
        (),
        "Without `upright_frame`: where the body of the sensor (x forward, z up) is in an upright frame, x y z roll"
        " pitch yaw. Empty: it stands upright itself.",
        unit="m, rad",
        check=_pose,
    )
    axes: str = setting(
        "auto",
        "Axes of the frames of clouds: optical (z forward), body (x forward), or by the frame's name.",
        choices=AXES,
    )
    tf_timeout: float = setting(0.2, "Longest wait for a transform.", unit="s", low=0, high=10)
    image_reliability: str = reliability("image")
    depth_reliability: str = reliability("depth")
    camera_info_reliability: str = reliability("camera_info")
    points_reliability: str = reliability("points")


def transforms_by(settings: SensorSettings, lookup: Lookup | None) -> Transforms:
    """The motions between frames, as a table says; lookup as in `Transforms`."""
    return Transforms(
        lookup,
        upright=settings.upright_frame,
        pose=settings.sensor_pose,
        axes=settings.axes,
        timeout=settings.tf_timeout,
    )
