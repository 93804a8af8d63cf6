"""`make ros-demo`: all nodes as processes, captions while they run, a picture, and nothing left behind."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.ros


def processes_with(variable: str) -> list[str]:
    """The commands of all processes that have this in their environment, as all that come of the demo do."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if variable.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue  # it is gone, or of somebody else
    return found


def test_the_demo_prints_captions_saves_a_picture_and_leaves_nothing(tmp_path: Path):
    mark = f"DEMO_OF_TEST={os.getpid()}"
    domain = str(1 + (os.getpid() + 50) % 100)  # not that of the other tests
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "ros_demo.py"), "--seconds", "10", "--out", str(tmp_path)],
        env=os.environ | {"ROS_DOMAIN_ID": domain} | dict([mark.split("=")]),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^ *[\d.]+ s  seen +\d+ (image|cloud) ", done.stdout, re.MULTILINE)
    names = ("scene_simulator", "region_proposer", "region_captioner", "region_selector")
    assert all(f"{name} 0" in done.stdout for name in names)
    assert processes_with(mark) == []
    with Image.open(tmp_path / "ros_captions.png") as picture:
        assert picture.width >= 640
