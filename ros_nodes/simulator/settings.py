"""The parameters of `scene_simulator`."""

from __future__ import annotations

from dataclasses import dataclass

from region_perception.simulation.splits import SPLITS
from ros_nodes.runtime.settings import setting

MOTIONS = ("none", "camera", "objects")
POINTS_FRAMES = ("base", "camera")


@dataclass(frozen=True)
class SimulatorSettings:
    """All there is to set, with what it means."""

    width: int = setting(640, "Of the images.", unit="px", low=8, high=4096, fixed=True)
    height: int = setting(480, "Of the images.", unit="px", low=8, high=4096, fixed=True)
    rate: float = setting(
        10.0,
        "Frames a second, however long a picture takes to draw: until then the last is shown.",
        unit="Hz",
        low=0.01,
        high=240,
    )
    split: str = setting("test", "Which scenes: those of training, or others.", choices=SPLITS, fixed=True)
    scene: int = setting(0, "Number of the scene in its split, the first if they change.", low=0, high=99_999_999)
    change_every: float = setting(0.0, "Another scene after that; 0 for never.", unit="s", low=0, high=86_400)
    motion: str = setting(
        "none",
        "What swings to and fro: the camera (height and pitch), or all objects about the middle of the table.",
        choices=MOTIONS,
    )
    period: float = setting(8.0, "Of that, there and back.", unit="s", low=0.5, high=3600)
    steps: int = setting(
        9, "Places of that which are drawn, each once for each scene; they stay in memory.", low=2, high=200
    )
    publish_depth: bool = setting(True, "Depth, as 32FC1 or 16UC1.")
    millimetres: bool = setting(False, "Depth is 16UC1 in millimetres, else 32FC1 in metres.", fixed=True)
    publish_points: bool = setting(True, "A coloured cloud.")
    points_frame: str = setting(
        "base",
        "In which frame the cloud is: `base` stands upright, so that no TF is needed; `camera` is the optical one.",
        choices=POINTS_FRAMES,
        fixed=True,
    )
    workspace: bool = setting(
        True,
        "The cloud is cut to the table, as robots cut it to their workspace; without, it has a point for every pixel.",
        fixed=True,
    )
    base_frame: str = setting("base", "Name of the upright frame on the table.", fixed=True)
    body_frame: str = setting("camera_link", "Name of the camera's frame, x forward.", fixed=True)
    optical_frame: str = setting("camera_optical_frame", "Name of the camera's frame, z forward.", fixed=True)
    clock: bool = setting(False, "Publishes simulated time on /clock, and stamps by it.", fixed=True)
    clock_start: float = setting(1000.0, "First simulated time.", unit="s", low=0, high=2e9, fixed=True)
    clock_speed: float = setting(1.0, "Simulated seconds in a second.", low=0.01, high=100)
    clock_jump_every: float = setting(
        0.0, "Simulated time jumps after that; 0 for never.", unit="s", low=0, high=86_400
    )
    clock_jump: float = setting(-10.0, "By so much.", unit="s", low=-86_400, high=86_400)
    drop: float = setting(0.0, "Share of messages that are not sent.", low=0, high=1)
    delay: float = setting(
        0.0, "Messages are sent up to so much too late, each by another time.", unit="s", low=0, high=60
    )
    nan: float = setting(0.0, "Share of depth pixels and points that are made NaN.", low=0, high=1)
    corrupt: float = setting(
        0.0, "Share of messages that are broken on purpose, each in one of many ways.", low=0, high=1
    )
    seed: int = setting(0, "Of all chance; the same seed makes the same faults.", low=0, fixed=True)
