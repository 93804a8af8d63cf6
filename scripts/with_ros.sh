#!/usr/bin/env bash
# Runs a command with ROS 2 and this repository's packages in its environment, as `scripts/ros_setup.sh` built them:
#   scripts/with_ros.sh python -m ros_nodes.region_captioner --ros-args -p model:=tabletop-mini
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
ros_venv="$(realpath -s "${ROS_VENV:-$root/.venv-ros}")"
[ -f "$root/install/local_setup.bash" ] || { echo "ros: nothing is built here: type make ros first" >&2; exit 1; }

export VIRTUAL_ENV="$ros_venv" PATH="$ros_venv/bin:$PATH" AMENT_PREFIX_PATH="$ros_venv${AMENT_PREFIX_PATH:+:$AMENT_PREFIX_PATH}"
set +u # the generated scripts read variables that may not be there
. "$root/install/local_setup.bash"
set -u
exec "$@"
