"""Messages to observations: what it costs a node to read an image, depth or a cloud that has arrived.

Messages are plain objects that hold their bytes as rclpy's do (array.array), so that this runs without ROS; what DDS
and rclpy cost before is not in it. Fastest runs tell more than medians on a machine that does other work.
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import numpy as np
import tyro
from timing import hardware, measure, print_table, write_results

from ros_nodes.decoding import OPTICAL_TO_BODY, decode_cloud, decode_depth, decode_image, rigid_from_pose

WIDTH, HEIGHT = 640, 480


@dataclass(frozen=True)
class Options:
    """Time the conversions of messages to observations."""

    repetitions: Annotated[int, tyro.conf.arg(metavar="N")] = 25
    """How often each runs at least; the median counts."""
    output: Path = Path(__file__).parent / "results" / "ros_conversions.json"
    """Where the figures are written as JSON."""


def message(**values: Any) -> SimpleNamespace:
    """A message of WIDTH x HEIGHT, little-endian, without padding."""
    header = SimpleNamespace(frame_id="camera_optical_frame", stamp=SimpleNamespace(sec=1, nanosec=0))
    return SimpleNamespace(header=header, width=WIDTH, height=HEIGHT, is_bigendian=False, **values)


def image(encoding: str, pixel: int) -> SimpleNamespace:
    """Noise of `pixel` bytes a pixel."""
    data = np.random.default_rng(0).integers(0, 100, WIDTH * HEIGHT * pixel).astype(np.uint8)
    return message(encoding=encoding, step=WIDTH * pixel, data=array("B", data.tobytes()))


def cloud(point_step: int, unknown: float) -> SimpleNamespace:
    """Coloured points, organised, of which a share is NaN."""
    rng = np.random.default_rng(0)
    names, offsets = ("x", "y", "z", "rgb"), (0, 4, 8, point_step // 2 if point_step > 16 else 12)
    layout: Any = {"names": names, "formats": ["<f4"] * 3 + ["<u4"], "offsets": offsets, "itemsize": point_step}
    points = np.zeros(WIDTH * HEIGHT, np.dtype(layout))
    for name in "xyz":
        points[name] = rng.normal(size=len(points))
    points["x"][rng.random(len(points)) < unknown] = np.nan
    points["rgb"] = rng.integers(0, 2**24, len(points))
    fields = [
        SimpleNamespace(name=name, offset=offset, datatype=7, count=1)
        for name, offset in zip(names, offsets, strict=True)
    ]
    data = array("B", points.tobytes())
    return message(fields=fields, point_step=point_step, row_step=WIDTH * point_step, data=data)


def contenders() -> dict[str, Callable[[], Any]]:
    """Every conversion by name."""
    rgb, bgr, depth = image("rgb8", 3), image("bgr8", 3), image("16UC1", 2)
    small, large, partly = cloud(16, 0), cloud(32, 0), cloud(32, 0.2)
    tilted = rigid_from_pose(0, 0, 1, 0.1, 0.2, 0.3)
    return {
        "image, rgb8": lambda: decode_image(rgb),
        "image, bgr8": lambda: decode_image(bgr),
        "depth, 16UC1": lambda: decode_depth(depth),
        "cloud, 16 bytes a point, axes turned": lambda: decode_cloud(small, OPTICAL_TO_BODY),
        "cloud, 32 bytes a point, axes turned": lambda: decode_cloud(large, OPTICAL_TO_BODY),
        "cloud, 32 bytes a point, transformed": lambda: decode_cloud(large, tilted),
        "the same, a fifth of it NaN": lambda: decode_cloud(partly, tilted),
    }


def main(options: Options) -> None:
    timings = measure(contenders(), options.repetitions)
    print(hardware(1, ("numpy",)))
    rows = [[name, f"{1000 * timing.median:.2f}", f"{1000 * timing.fastest:.2f}"] for name, timing in timings.items()]
    print_table(f"{WIDTH} x {HEIGHT} pixels or points, milliseconds", ["", "median", "fastest"], rows)
    write_results(options.output, {"hardware": hardware(1, ("numpy",)), "timings": timings})


if __name__ == "__main__":
    main(tyro.cli(Options))
