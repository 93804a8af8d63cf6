#!/usr/bin/env bash
# Runs a command with ROS 2 and this repository's packages in its environment, as `scripts/ros_setup.sh` built them:
#   scripts/with_ros.sh python -m ros_nodes.region_captioner --ros-args -p model:=tabletop-mini
# What colcon's own set-up scripts set is set here by hand: they cannot be in a folder with a space in its name.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
ros_venv="$(realpath -s "${ROS_VENV:-$root/.venv-ros}")"
install="$root/install"
[ -f "$install/local_setup.bash" ] || { echo "ros: nothing is built here: type make ros first" >&2; exit 1; }

# before NAME FOLDER...: puts folders in front of those that a variable holds.
before() {
  local name="$1" folder
  shift
  for folder in "$@"; do export "$name=$folder${!name:+:${!name}}"; done
}

before AMENT_PREFIX_PATH "$ros_venv" "$install/region_perception_msgs" "$install/region_perception"
before LD_LIBRARY_PATH "$install/region_perception_msgs/lib"
before PYTHONPATH "$install"/region_perception_msgs/lib/python3*/site-packages "$root/build/region_perception"
before PATH "$ros_venv/bin"
export VIRTUAL_ENV="$ros_venv"
exec "$@"
