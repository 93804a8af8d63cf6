"""How old a caption is when it arrives, what a service waits for meanwhile, and what happens when too much comes.

Camera, node and listener are three processes, over real rclpy and Fast DDS.

    scripts/with_ros.sh python benchmarks/ros_latency.py            # 7 minutes; the node that ships and a naive one
    scripts/with_ros.sh python benchmarks/ros_latency.py --seconds 3 --overload 5 --model mini_folder     # does it run?
"""

import importlib.util
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro
from timing import hardware, print_table, write_results

ROOT = Path(__file__).resolve().parents[1]
NODE = "/region_captioner"
TARGETS = {"median": 0.250, "p95": 0.400, "age in periods": 1.2, "service": 0.020}
PATIENCE = 180.0  # seconds for a model to be read
ASK_EVERY = 0.25  # seconds


@dataclass(frozen=True)
class Options:
    """Latency at 10 Hz with 5 regions, of the captioner and of a naive node; and overload, of the captioner."""

    seconds: Annotated[float, tyro.conf.arg(metavar="S")] = 60.0
    """How long each node is watched at 10 Hz."""
    overload: Annotated[float, tyro.conf.arg(metavar="S")] = 300.0
    """How long the captioner is overloaded; 0 for not at all."""
    model: str = "tabletop-mini"
    """Which model answers."""
    output: Path = Path(__file__).parent / "results" / "ros_latency.json"
    """Where the figures are written as JSON."""


@dataclass
class Seen:
    """What a listener notes."""

    latencies: list[float] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    refused: int = 0
    small: list[float] = field(default_factory=list)
    """Seconds of a service that needs no model."""
    large: list[float] = field(default_factory=list)
    """Seconds of one that captions a region."""


@contextmanager
def program(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process, until the end of the block."""
    environment = os.environ | {"FASTRTPS_DEFAULT_PROFILES_FILE": str(ROOT / "config" / "fastdds_large_messages.xml")}
    process = subprocess.Popen([sys.executable, *command], stdin=subprocess.DEVNULL, env=environment)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


class Listener:
    """Points at regions, hears captions, and asks by services, in this process."""

    def __init__(self, regions: list[Any]) -> None:
        import rclpy
        from rcl_interfaces.srv import GetParameters
        from rclpy.executors import SingleThreadedExecutor
        from region_perception_msgs.msg import Region2DArray, RegionCaptionArray
        from region_perception_msgs.srv import CaptionRegions

        self.seen, self.count = Seen(), len(regions)
        self.node = rclpy.create_node("listener")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self.node.create_subscription(RegionCaptionArray, "region_captions", self._hear, 10)
        self._regions = Region2DArray(regions=regions)
        self._pointer = self.node.create_publisher(Region2DArray, "regions_2d", 1)
        self._small = self.node.create_client(GetParameters, f"{NODE}/get_parameters")
        self._large = self.node.create_client(CaptionRegions, f"{NODE}/caption_regions")
        self._request = GetParameters.Request(names=["model"]), CaptionRegions.Request(regions_2d=regions[:1])
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        while not self._ended.is_set():
            self._executor.spin_once(timeout_sec=0.1)

    def _hear(self, message: Any) -> None:
        now, stamp = self.node.get_clock().now().nanoseconds, message.header.stamp
        if message.status.code or not message.captions:
            self.seen.refused += 1
            return
        self.seen.latencies.append((now - stamp.sec * 10**9 - stamp.nanosec) / 1e9)
        self.seen.ages.append(message.captions[0].age)

    def begin(self) -> None:
        """Points, until captions come."""
        end = time.monotonic() + PATIENCE
        while not self.seen.latencies:
            if time.monotonic() > end:
                raise TimeoutError(f"no captions after {PATIENCE:g} s")
            if self._pointer.get_subscription_count():
                self._pointer.publish(self._regions)
            time.sleep(1.0)
        time.sleep(2.0)  # to settle
        self.seen = Seen()

    def watch(self, seconds: float) -> Seen:
        """Listens, and asks now and then."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for client, request, taken in zip(
                (self._small, self._large), self._request, (self.seen.small, self.seen.large), strict=True
            ):
                began = time.perf_counter()
                future = client.call_async(request)
                while not future.done() and time.perf_counter() - began < 10:
                    time.sleep(0.0005)
                taken.append(time.perf_counter() - began)
            time.sleep(ASK_EVERY)
        return self.seen

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self.node.destroy_node()


def boxes(width: int, height: int, count: int) -> list[Any]:
    """Regions side by side, in rows of ten."""
    from region_perception_msgs.msg import Region2D

    step, tall = width / min(count, 10), height / (1 + (count - 1) // 10)
    corners = [(i % 10 * step, i // 10 * tall) for i in range(count)]
    return [
        Region2D(id=str(i), kind=Region2D.KIND_BOX, x1=x + 1, y1=y + 1, x2=x + step - 1, y2=y + tall - 1)
        for i, (x, y) in enumerate(corners)
    ]


def latency(node: list[str], options: Options) -> dict[str, float]:
    """640 x 480 at 10 Hz, 5 regions."""
    with program(str(ROOT / "benchmarks/ros/camera.py"), "--rate", "10"), program(*node):
        listener = Listener(boxes(640, 480, 5))
        try:
            listener.begin()
            seen = listener.watch(options.seconds)
        finally:
            listener.close()
    return {
        "captioned a second": len(seen.latencies) / options.seconds,
        "median": statistics.median(seen.latencies),
        "p95": share(seen.latencies, 0.95),
        "age at start, median": statistics.median(seen.ages),
        "age at start, p95": share(seen.ages, 0.95),
        "small service, median": statistics.median(seen.small),
        "small service, p95": share(seen.small, 0.95),
        "captions by service, p95": share(seen.large, 0.95),
    }


def overload(node: list[str], options: Options) -> dict[str, float]:
    """1280 x 720 at 30 Hz, clouds of 300,000 points, 50 regions a frame: memory, drops, ages."""
    camera = ["--width", "1280", "--height", "720", "--rate", "30", "--points", "300000"]
    with program(str(ROOT / "benchmarks/ros/camera.py"), *camera), program(*node) as process:
        listener = Listener(boxes(1280, 720, 50))
        statuses = hear_statuses(listener.node)
        try:
            listener.begin()
            warm_up = min(30.0, options.overload / 4)
            time.sleep(warm_up)
            before, listener.seen = resident(process.pid), Seen()
            seen = listener.watch(options.overload - warm_up)
            after = resident(process.pid)
            alive = process.poll() is None
        finally:
            listener.close()
    inputs = {each.name: each for each in statuses[-1].inputs}
    return {
        "captioned a second": len(seen.latencies) / (options.overload - warm_up),
        "age at start, p95": share(seen.ages, 0.95),
        "images dropped": inputs["image"].dropped,
        "images received": inputs["image"].received,
        "clouds dropped": inputs["points"].dropped,
        "small service, p95": share(seen.small, 0.95),
        "refused": seen.refused,
        "megabytes after warm-up": before / 1e6,
        "growth": after / before - 1,
        "alive": float(alive),
    }


def hear_statuses(node: Any) -> list[Any]:
    from region_perception_msgs.msg import CaptionerStatus

    heard: list[Any] = []
    node.create_subscription(CaptionerStatus, f"{NODE}/status", heard.append, 10)
    return heard


def resident(process: int) -> int:
    """Bytes of a process in memory."""
    text = Path(f"/proc/{process}/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS"))


def share(values: list[float], part: float) -> float:
    """The value that so large a part of all lies below."""
    return sorted(values)[min(int(part * len(values)), len(values) - 1)]


def main(options: Options) -> None:
    if importlib.util.find_spec("rclpy") is None:
        print(
            "not measured: needs rclpy and the built interfaces: scripts/with_ros.sh python benchmarks/ros_latency.py"
        )
        return
    import rclpy

    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    rclpy.init()
    model = ["--ros-args", "-p", f"model:={options.model}"]
    ours = ["-m", "ros_nodes.region_captioner", *model]
    results: dict[str, Any] = {"hardware": hardware(os.cpu_count() or 1), "model": options.model, "targets": TARGETS}
    results["latency"] = {
        "captioner": latency(ours, options),
        "naive": latency([str(ROOT / "benchmarks/ros/naive.py"), *model], options),
    }
    print(results["hardware"])
    figures = results["latency"]
    rows = [[name, *(shown(name, each[name]) for each in figures.values())] for name in figures["captioner"]]
    print_table("640 x 480 at 10 Hz, 5 regions; milliseconds", ["", *figures], rows)
    if options.overload:
        results["overload"] = overload(ours, options)
        rows = [[name, f"{value:.3g}"] for name, value in results["overload"].items()]
        print_table("1280 x 720 at 30 Hz, 300,000 points, 50 regions", ["", "captioner"], rows)
    write_results(options.output, results)
    rclpy.try_shutdown()


def shown(name: str, value: float) -> str:
    return f"{value:.1f}" if name == "captioned a second" else f"{1000 * value:.0f}"


if __name__ == "__main__":
    main(tyro.cli(Options))
