"""The parameters of `region_captioner`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ros_nodes.messages.marker_messages import TEXT_HEIGHT
from ros_nodes.runtime.sensors import SensorSettings
from ros_nodes.runtime.settings import reliability, setting


def _named(value: str) -> str | None:
    return None if value.strip() else "expected the name of a model, a folder, or a hub id"


def _device(value: str) -> str | None:
    return None if re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", value) else "expected auto, cpu, mps, cuda or cuda:<index>"


@dataclass(frozen=True)
class CaptionerSettings(SensorSettings):
    """All there is to set, with what it means."""

    model: str = setting(
        "tabletop-mini",
        "Which model answers: a bundled one, a folder, or a hub id that was downloaded before (HF_HUB_OFFLINE=0 in the"
        " environment allows downloads). Changed, the model before answers until the new one is there, and stays if"
        " that cannot be read.",
        check=_named,
    )
    device: str = setting("auto", "What it runs on: auto, cpu, mps, cuda, cuda:1. Changed, as `model`.", check=_device)
    threads: int = setting(
        0, "Threads of the processor that the model uses; 0 for as many as there are.", low=0, high=256
    )
    autostart: bool = setting(True, "Configures and activates itself; without, a lifecycle manager does.", fixed=True)
    max_age: float = setting(
        2.0,
        "Older frames are refused with STALE; 0 for no limit. A request may say another.",
        unit="s",
        low=0,
        high=3600,
    )
    min_interval: float = setting(
        0.0, "At least so long from one round of the regions of topics to the next.", unit="s", low=0, high=3600
    )
    follow: bool = setting(
        True,
        "Regions on topics whose stamp is 0 are captioned on every new frame, until others come; without, once. Those"
        " with a stamp are captioned once, on the frame of that stamp.",
    )
    history: int = setting(
        8, "Frames that are kept of each input, to answer about the stamp that a region was found at.", low=1, high=256
    )
    sync: float = setting(
        0.05,
        "How far stamps of what belongs together may lie apart: image, depth, cloud, region. So long an image waits for"
        " its depth.",
        unit="s",
        low=0,
        high=10,
    )
    regions_wait: float = setting(
        0.5, "So long regions on topics, and goals, wait for the frame that they are about.", unit="s", low=0, high=60
    )
    max_regions: int = setting(64, "A message with more regions is refused with TOO_LARGE.", low=1, high=4096)
    max_alternatives: int = setting(1, "Alternatives of each caption on topics.", low=0, high=8)
    both_modalities: bool = setting(
        True,
        "A region of the image is also read from the cloud, and back, where depth or calibration says where that is;"
        " the surer sentence is the caption, the other its alternative.",
    )
    beams: int = setting(1, "Sentences that are pursued at once; 1 is greedy, and fastest.", low=1, high=16)
    max_tokens: int = setting(32, "Longest sentence, in tokens.", low=1, high=256)
    scene_regions: int = setting(
        32, "Most regions that CaptionScene proposes, where the goal does not say.", low=1, high=256
    )
    depth_transport: str = setting(
        "raw",
        "`compressedDepth` listens to `depth`/compressedDepth instead, PNG.",
        choices=("raw", "compressedDepth"),
        fixed=True,
    )
    marker_lifetime: float = setting(
        0.0, "Markers vanish after that; 0: with the next captions.", unit="s", low=0, high=3600
    )
    text_height: float = setting(TEXT_HEIGHT, "Height of the letters of markers.", unit="m", low=0.001, high=10)
    max_requests: int = setting(
        8, "Requests that may wait for the model; others are refused with BUSY.", low=1, high=8, fixed=True
    )
    regions_2d_reliability: str = reliability("regions_2d")
    regions_3d_reliability: str = reliability("regions_3d")
