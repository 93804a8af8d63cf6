"""What is to be captioned in a bag, and how."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from region_perception.errors import InvalidInput

NONE = "none"  # as the name of a topic: use none, even where one is found


@dataclass(frozen=True)
class TopicNames:
    """Topics by name; empty ones are found by their type. `none` uses none."""

    image: str = ""
    depth: str = ""
    camera_info: str = ""
    points: str = ""
    regions: tuple[str, ...] = ()
    captions: str = "/region_captions"
    markers: str = "/region_markers"


@dataclass(frozen=True)
class BagSettings:
    """How a bag is captioned. What depends on these is kept with the parts, so that only the same run goes on.

    propose: where things are looked for, if not the bag's own topics of regions say where they are. every: seconds from
    one frame in which things are looked for to the next. most: how many of a frame. slop: seconds that stamps may
    differ and still mean the same frame. single: regions are read from what they point into alone, and not from the
    cloud or image of the same moment, too. once: regions whose stamp is 0 are captioned on the newest frame alone, and
    not on every frame until others come, as the node does it. upright_frame: of the bag's TF, that clouds are taken
    into. Without, axes: "auto", "body" or "optical", see `ros_nodes.messages.frames`; and pose: x y z roll pitch yaw of
    the sensor's body in a frame that stands upright, metres and radians.
    """

    topics: TopicNames = field(default_factory=TopicNames)
    propose: Literal["image", "cloud"] | None = None
    every: float = 1.0
    most: int = 16
    slop: float = 0.05
    single: bool = False
    once: bool = False
    upright_frame: str = ""
    axes: str = "auto"
    pose: tuple[float, float, float, float, float, float] | None = None
    beams: int = 1
    max_tokens: int = 30

    def __post_init__(self) -> None:
        checks = {
            "every": (self.every, math.isfinite(self.every) and self.every >= 0, "seconds, 0 or more"),
            "slop": (self.slop, math.isfinite(self.slop) and self.slop >= 0, "seconds, 0 or more"),
            "most": (self.most, self.most >= 1, "1 or more"),
            "pose": (self.pose, self.pose is None or all(map(math.isfinite, self.pose)), "finite numbers"),
        }
        for name, (value, good, expected) in checks.items():
            if not good:
                raise InvalidInput(f"{name} is {value}; expected {expected}")
