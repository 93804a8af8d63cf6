"""`region-perception ros`."""

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from region_perception.errors import MissingDependency

Node = Literal["region_captioner", "region_selector", "region_proposer", "scene_simulator"]

_ROBOT = "with ROS 2: . /opt/ros/jazzy/setup.bash"
_WHEELS = "without: make ros, and then scripts/with_ros.sh python -m region_perception.cli ros ..."
_BUILT = "colcon builds it from interfaces/, as docs/ros.md says, and so does make ros"


def ros(
    node: Positional[Node],
    arguments: Positional[Annotated[tuple[str, ...], arg(metavar="--ros-args ...", help_behavior_hint="")]] = (),
) -> None:
    """Run a node of ROS 2 until it is interrupted (docs/ros.md). It needs rclpy, from ROS or from wheels.

    Args:
        node: Which one.
        arguments: What follows is the node's, such as --ros-args -p model:=tabletop-mini -r image:=/camera/image_raw.
    """
    if find_spec("rclpy") is None:
        raise MissingDependency(f"nodes need rclpy; {_ROBOT}; {_WHEELS}")
    if find_spec("region_perception_msgs") is None:
        raise MissingDependency(f"nodes need the package region_perception_msgs; {_BUILT}")
    code = import_module(f"ros_nodes.{node}").main([node, *arguments])
    if code:
        sys.exit(code)
