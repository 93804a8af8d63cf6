"""A robot that is not there, described by the real nodes: each in a process of its own, over real ROS 2.

    make ros-demo                                        # on a machine without ROS, 20 seconds
    scripts/with_ros.sh python scripts/ros_demo.py --seconds 60 --scene 7

Starts the simulated camera, what proposes regions, the captioner and the selector; clicks at a thing as RViz does;
prints what is said while it is said; saves the annotated picture; stops everything, and ends with 0 if all ended well.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ros_nodes.decoding import printable  # noqa: E402

READY_WITHIN = 180.0  # seconds: a busy machine takes long to import what a model needs
STOP_WITHIN = 30.0
CHANGE_EVERY = 7.0  # seconds until another scene is shown
SELECTED = "selected"  # namespace of what the selector says, apart from what is said of everything


class Stopped(Exception):
    """A node ended before it was told to."""


class Program:
    """A node in a process of its own, and what it writes, in a file."""

    def __init__(self, name: str, log: Path, *words: str) -> None:
        self.name, self.log = name, log
        with log.open("wb") as file:
            # Of a session of its own, so that a Ctrl-C in the terminal comes to this script alone, which tells all.
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"ros_nodes.{name}", "--ros-args", *words],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def check(self) -> None:
        if self.process.poll() is not None:
            raise Stopped(f"{self.name} ended with {self.process.returncode}; {self.last_words()}")

    def last_words(self) -> str:
        said = self.log.read_text(errors="replace").splitlines()[-10:]
        return "\n  ".join([f"{self.name} said last:", *said])

    def stop(self) -> int:
        """Tells it to stop; its exit code. One that does not is killed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Watcher:
    """Hears what the nodes say, and prints what is new."""

    def __init__(self) -> None:
        import rclpy
        from rclpy.qos import DurabilityPolicy, QoSProfile
        from rclpy.signals import SignalHandlerOptions
        from region_perception_msgs.msg import CaptionerStatus, Region3DArray, RegionCaptionArray
        from sensor_msgs.msg import Image

        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)  # an interrupt is this script's, see main
        self.node = rclpy.create_node("demo_watcher")
        self.state, self.began = -1, time.monotonic()
        self.captions, self.trouble = 0, ""
        self.refused: Counter[str] = Counter()
        self.picture: Any = None
        self.things: Any = None
        self._said: dict[tuple[str, str], str] = {}
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        listen = self.node.create_subscription
        listen(CaptionerStatus, "/region_captioner/status", self._status, latched)
        listen(RegionCaptionArray, "/region_captions", lambda message: self._captions("seen", message), 10)
        listen(
            RegionCaptionArray, f"/{SELECTED}/region_captions", lambda message: self._captions("clicked", message), 10
        )
        listen(Image, "/annotated_image", self._picture, 1)
        listen(Region3DArray, "/true_regions_3d", self._things, 1)

    def spin(self, seconds: float = 0.1) -> None:
        import rclpy

        rclpy.spin_once(self.node, timeout_sec=seconds)

    def click(self) -> None:
        """At the smallest thing, whose middle is the nearest to what is seen of it, as RViz's Publish Point does it."""
        from geometry_msgs.msg import PointStamped

        if not hasattr(self, "_clicks"):
            self._clicks = self.node.create_publisher(PointStamped, "/clicked_point", 5)
        if self.things is not None and self.things.regions:
            sides = [max(each.size.x, each.size.y, each.size.z) for each in self.things.regions]
            thing = self.things.regions[int(np.argmin(sides))]
            message = PointStamped(header=self.things.header, point=thing.pose.position)
            self._clicks.publish(message)

    def close(self) -> None:
        import rclpy

        self.node.destroy_node()
        rclpy.try_shutdown()

    def _status(self, message: Any) -> None:
        self.state, self.trouble = message.state, message.last_error.message

    def _captions(self, how: str, message: Any) -> None:
        for caption in message.captions:
            if caption.status.code != 0:
                # On a busy machine some frames are gone before their turn comes: counted, not told one by one.
                self.refused[caption.status.message] += 1
                continue
            self.captions += 1
            name = f"{caption.region_id} {caption.modality.partition('_')[0]}"
            self._print(how, name, f"{caption.text}  ({caption.confidence:.2f})")

    def _print(self, how: str, name: str, said: str) -> None:
        """What is as it was before is not said again."""
        if self._said.get((how, name)) != said:
            self._said[how, name] = said
            print(
                f"{time.monotonic() - self.began:5.1f} s  {how:<8} {printable(name, 12):<12} {printable(said)}",
                flush=True,
            )

    def _picture(self, message: Any) -> None:
        self.picture = message

    def _things(self, message: Any) -> None:
        self.things = message


def start(programs: list[Program], folder: Path, model: str, scene: int) -> None:
    """Adds all nodes. What is proposed goes to the captioner, and what is clicked at to the selector."""
    words = {
        "scene_simulator": {"scene": str(scene), "rate": "3.0", "change_every": str(CHANGE_EVERY)},
        "region_proposer": {"source": "both", "max_age": "10.0"},
        # Patient, for machines that are busy: frames are kept until their regions come.
        "region_captioner": {"model": model, "history": "64", "max_age": "20.0"},
        "region_selector": {},
    }
    for name, given in words.items():
        flags = [flag for key, value in given.items() for flag in ("-p", f"{key}:={value}")]
        programs.append(Program(name, folder / f"{name}.log", *flags))


def watch(programs: list[Program], watcher: Watcher, seconds: float) -> None:
    """Until the captioner is ready, and then for so long."""
    from region_perception_msgs.msg import CaptionerStatus

    until = time.monotonic() + READY_WITHIN
    while watcher.state != CaptionerStatus.STATE_ACTIVE or watcher.captions == 0:
        for program in programs:
            program.check()
        if time.monotonic() > until:
            words = [f"nothing was captioned within {READY_WITHIN:g} s", *(each.last_words() for each in programs)]
            raise Stopped("\n".join(words))
        if watcher.state == CaptionerStatus.STATE_FAILED:
            raise Stopped(f"the captioner cannot get ready: {watcher.trouble}")
        watcher.spin()
    until, clicked = time.monotonic() + seconds, False
    while time.monotonic() < until:
        watcher.spin()
        for program in programs:
            program.check()
        if not clicked and time.monotonic() > until - 0.7 * seconds:
            watcher.click()
            clicked = True


def save_picture(message: Any, path: Path) -> None:
    from PIL import Image

    pixels = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
    Image.fromarray(pixels).save(path)


def model_for(folder: Path) -> str:
    """The first model that is installed; else one of random weights, made for this run."""
    from region_perception.cli.steps import first_model
    from region_perception.weights.load import load_model
    from region_perception.weights.store import save_model

    installed = first_model()
    if installed is not None:
        return installed
    print("no model is installed: random weights answer, and what they say means nothing", flush=True)
    made = load_model("mini", untrained=True, device="cpu")
    return str(save_model(folder / "random", made.network, made.codec, card="", trained=[]))


def main() -> int:
    """The exit code: 0 when all nodes answered, and ended with 0 when they were told to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long captions are printed")
    parser.add_argument("--scene", type=int, default=0, help="number of the scene in the test split")
    parser.add_argument("--model", default="", help="name or folder; default: the first that is installed")
    parser.add_argument("--out", type=Path, default=ROOT / "demo", help="folder for ros_captions.png")
    options = parser.parse_args()
    # Heard by nobody else, and hearing nobody else.
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    os.environ.setdefault("FASTRTPS_DEFAULT_PROFILES_FILE", str(ROOT / "config" / "fastdds_large_messages.xml"))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ros-demo-")))
        model = options.model or model_for(folder)
        watcher = Watcher()
        stack.callback(watcher.close)
        programs: list[Program] = []
        failed = ""
        try:
            start(programs, folder, model, options.scene)
            watch(programs, watcher, options.seconds)
        except Stopped as error:
            failed = str(error)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        finally:
            codes = {program.name: program.stop() for program in reversed(programs)}
        if not failed:
            print(f"{watcher.captions:,} captions, {watcher.refused.total():,} refused")
            for words, count in watcher.refused.most_common(2):
                print(f"  {count} x {printable(words)}")
        print("ended with " + ", ".join(f"{name} {code}" for name, code in codes.items()), flush=True)
        if failed:
            print(failed, file=sys.stderr)
            return 1
        if watcher.picture is None:
            print("no annotated picture came", file=sys.stderr)
            return 1
        options.out.mkdir(parents=True, exist_ok=True)
        save_picture(watcher.picture, options.out / "ros_captions.png")
        print(f"wrote {options.out / 'ros_captions.png'}")
        return int(any(codes.values()))


if __name__ == "__main__":
    sys.exit(main())
