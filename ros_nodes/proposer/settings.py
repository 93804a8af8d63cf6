"""The parameters of `region_proposer`."""

from __future__ import annotations

from dataclasses import dataclass

from ros_nodes.runtime.sensors import SensorSettings
from ros_nodes.runtime.settings import setting

SOURCES = ("auto", "image", "cloud", "both")


@dataclass(frozen=True)
class ProposerSettings(SensorSettings):
    """All there is to set, with what it means."""

    source: str = setting(
        "auto",
        "Where things are looked for: `auto` is the cloud, where one comes, else the image; its depth counts.",
        choices=SOURCES,
    )
    max_rate: float = setting(2.0, "At most so often; the newest frame counts.", unit="Hz", low=0.01, high=60)
    most: int = setting(16, "At most so many regions of a frame, the largest first.", low=1, high=256)
    exact: bool = setting(False, "Masks and point indices instead of boxes.")
    gap: float = setting(
        0.0, "So much between them parts two things; 0: by how dense points are.", unit="m", low=0, high=10
    )
    only_if_heard: bool = setting(True, "Looks for things only while somebody listens.")
    min_points: int = setting(100, "Clouds with fewer finite points are refused with TOO_FEW_POINTS.", low=1)
