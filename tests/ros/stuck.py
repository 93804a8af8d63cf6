"""A node in the middle of something that never ends: `python stuck.py NODE --ros-args ...` says so, and stays."""

import importlib
import sys
import threading
from typing import Any

STUCK = "in the middle of it"
# What each node does for long: a picture is drawn, things are looked for, a model is read, and a callback.
LONG = {
    "scene_simulator": ("ros_nodes.scene_simulator", "draw"),
    "region_proposer": ("ros_nodes.region_proposer", "RegionProposer._look"),
    "region_captioner": ("ros_nodes.captioner.model", "_read"),
    "region_selector": ("ros_nodes.region_selector", "RegionSelector._diagnosis"),
}


def never_ends(*given: Any) -> None:
    print(STUCK, flush=True)
    threading.Event().wait()


def main() -> int:
    name = sys.argv.pop(1)
    node = importlib.import_module(f"ros_nodes.{name}")
    place, path = LONG[name]
    *owners, attribute = path.split(".")
    owner: Any = importlib.import_module(place)
    for each in owners:
        owner = getattr(owner, each)
    setattr(owner, attribute, never_ends)
    return int(node.main())


if __name__ == "__main__":
    sys.exit(main())
