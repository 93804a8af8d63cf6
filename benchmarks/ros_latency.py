"""How old a caption is when it arrives, what a service waits for meanwhile, and what happens when too much comes.

Camera, node and listener are three processes, over real rclpy and Fast DDS.

    scripts/with_ros.sh python benchmarks/ros_latency.py            # 8 minutes; the node that ships and a naive one
    scripts/with_ros.sh python benchmarks/ros_latency.py --short    # does it run?
"""

import importlib.util
import math
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import tyro
from timing import hardware, print_table, write_results

ROOT = Path(__file__).resolve().parents[1]
NODE = "/region_captioner"
RATE = 10.0  # Hz, of the images whose captions are timed
TARGETS = {
    "latency, median": 0.250,
    "latency, p95": 0.400,
    "age at start, p95, in periods": 1.2,
    "small service, p95": 0.020,
    "wait of a caption by service, p95, in inferences": 1.0,
    "growth": 0.05,
}
"""At most so much of each figure: seconds, or as its name says."""
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
    short: bool = False
    """Seconds instead of minutes: tries everything, and tells nothing."""
    output: Path = Path(__file__).parent / "results" / "ros_latency.json"
    """Where the figures are written as JSON."""


@dataclass
class Seen:
    """What a listener notes."""

    latencies: list[float] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    inferences: list[float] = field(default_factory=list)
    """Seconds that the model took for all regions of a frame."""
    refused: int = 0
    small: list[float] = field(default_factory=list)
    """Seconds of a service that needs no model."""
    large: list[float] = field(default_factory=list)
    """Seconds of one that captions a region."""
    waits: list[float] = field(default_factory=list)
    """The same, without those in which the model was at it."""


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
        self.seen.inferences.append(message.captions[0].inference_time)

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
        end, (small, large) = time.monotonic() + seconds, self._request
        while time.monotonic() < end:
            self.seen.small.append(self._asked(self._small, small)[0])
            taken, answer = self._asked(self._large, large)
            self.seen.large.append(taken)
            if answer is not None and answer.captions and not answer.captions[0].status.code:
                self.seen.waits.append(taken - answer.captions[0].inference_time)
            time.sleep(ASK_EVERY)
        return self.seen

    @staticmethod
    def _asked(client: Any, request: Any) -> tuple[float, Any]:
        """Seconds until the answer, and the answer; None where none came."""
        began = time.perf_counter()
        future = client.call_async(request)
        while not future.done() and time.perf_counter() - began < 10:
            time.sleep(0.0005)
        return time.perf_counter() - began, future.result() if future.done() else None

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
    with program(str(ROOT / "benchmarks/ros/camera.py"), "--rate", str(RATE)), program(*node):
        listener = Listener(boxes(640, 480, 5))
        try:
            listener.begin()
            seen = listener.watch(options.seconds)
        finally:
            listener.close()
    inference = share(seen.inferences, 0.95)
    return {
        "captioned a second": len(seen.latencies) / options.seconds,
        "latency, median": share(seen.latencies, 0.5),
        "latency, p95": share(seen.latencies, 0.95),
        "age at start, median": share(seen.ages, 0.5),
        "age at start, p95": share(seen.ages, 0.95),
        "age at start, p95, in periods": share(seen.ages, 0.95) * RATE,
        "inference, p95": inference,
        "small service, median": share(seen.small, 0.5),
        "small service, p95": share(seen.small, 0.95),
        "captions by service, p95": share(seen.large, 0.95),
        "wait of a caption by service, p95, in inferences": share(seen.waits, 0.95) / inference,
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
            listener.seen, at_first = Seen(), received(statuses, "image")
            sizes: list[int] = []
            end, began = time.monotonic() + options.overload - warm_up, time.monotonic()
            while (left := end - time.monotonic()) > 0 and process.poll() is None:
                sizes.append(resident(process.pid))
                listener.watch(min(left, 1.0))
            seconds, alive = time.monotonic() - began, process.poll() is None
            seen, at_last = listener.seen, received(statuses, "image")
        finally:
            listener.close()
    inputs = {each.name: each for each in statuses[-1].inputs}
    fifth = max(len(sizes) // 5, 1)
    before, after = statistics.median(sizes[:fifth]), statistics.median(sizes[-fifth:])
    return {
        "images a second": (at_last - at_first) / seconds,
        "captioned a second": len(seen.latencies) / seconds,
        "age at start, median": share(seen.ages, 0.5),
        "age at start, p95": share(seen.ages, 0.95),
        "inference, p95": share(seen.inferences, 0.95),
        "images dropped": inputs["image"].dropped,
        "images received": inputs["image"].received,
        "clouds dropped": inputs["points"].dropped,
        "small service, p95": share(seen.small, 0.95),
        "refused": seen.refused,
        "megabytes after warm-up": before / 1e6,
        "growth": after / before - 1,
        "alive": float(alive),
    }


def simulator(options: Options) -> dict[str, float]:
    """The simulated camera of the nodes at 1280 x 720 and 30 Hz: frames a second, and the longest time without one."""
    from sensor_msgs.msg import CameraInfo

    flags = [
        "-m",
        "ros_nodes.scene_simulator",
        "--ros-args",
        "-p",
        "width:=1280",
        "-p",
        "height:=720",
        "-p",
        "rate:=30.0",
    ]
    listener, times = Listener([]), list[float]()
    try:
        # Calibration goes out with each frame, and costs its listener nothing.
        listener.node.create_subscription(CameraInfo, "camera_info", lambda _: times.append(time.monotonic()), 10)
        with program(*flags):
            end = time.monotonic() + PATIENCE
            while not times and time.monotonic() < end:
                time.sleep(0.1)
            time.sleep(1.0)
            times.clear()
            time.sleep(options.seconds / 2)
            seen = list(times)
    finally:
        listener.close()
    gaps = [after - before for before, after in pairwise(seen)]
    return {"frames a second": len(gaps) / sum(gaps) if gaps else 0.0, "longest gap": max(gaps, default=math.nan)}


def received(statuses: list[Any], name: str) -> int:
    """Messages of an input so far, as the node says."""
    return next((each.received for each in statuses[-1].inputs if each.name == name), 0) if statuses else 0


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
    """The value that so large a part of all lies below; NaN of none."""
    if not values:
        return math.nan
    return sorted(values)[min(int(part * len(values)), len(values) - 1)]


def main(options: Options) -> None:
    if importlib.util.find_spec("rclpy") is None:
        print(
            "not measured: needs rclpy and the built interfaces: scripts/with_ros.sh python benchmarks/ros_latency.py"
        )
        return
    import rclpy

    if options.short:
        options = replace(options, seconds=3.0, overload=6.0)
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
    rows = [
        [name, *(shown(name, each[name]) for each in figures.values()), shown(name, TARGETS.get(name, math.nan))]
        for name in figures["captioner"]
    ]
    print_table("640 x 480 at 10 Hz, 5 regions; milliseconds", ["", *figures, "at most"], rows)
    results["simulator"] = simulator(options)
    rows = [[name, f"{value:.3g}"] for name, value in results["simulator"].items()]
    print_table("scene_simulator, 1280 x 720 at 30 Hz; seconds", ["", "simulator"], rows)
    if options.overload:
        results["overload"] = overload(ours, options)
        rows = [
            [name, f"{value:.3g}", f"{TARGETS[name]:.3g}" if name in TARGETS else ""]
            for name, value in results["overload"].items()
        ]
        print_table("1280 x 720 at 30 Hz, 300,000 points, 50 regions; seconds", ["", "captioner", "at most"], rows)
    write_results(options.output, results)
    rclpy.try_shutdown()


def shown(name: str, value: float) -> str:
    if math.isnan(value):
        return ""
    plain = name == "captioned a second" or " in " in name
    return f"{value:.1f}" if plain else f"{1000 * value:.0f}"


if __name__ == "__main__":
    main(tyro.cli(Options))
