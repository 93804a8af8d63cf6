#!/usr/bin/env bash
# Makes .venv with the package and its tools in it, once: a later call returns at once until the pins change.
#
# PYTHON names the interpreter to build on: python3 unless said. pip's own variables work as everywhere:
# PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu gets the build of torch without CUDA, gigabytes smaller.
set -euo pipefail
cd "$(dirname "$0")/.."

name=setup
base="${PYTHON:-python3}"
. scripts/functions.sh

# What open3d loads from the system, and the Debian and Ubuntu package of each.
SYSTEM_LIBRARIES=(
  "libusb-1.0.so.0 libusb-1.0-0"
  "libGL.so.1 libgl1"
  "libEGL.so.1 libegl1"
  "libX11.so.6 libx11-6"
  "libudev.so.1 libudev1"
  "libidn2.so.0 libidn2-0"
)

# What the installation depends on. The folder is part of it: .venv names it, so a moved checkout installs anew.
fingerprint() { { pwd; cat pyproject.toml setup.py constraints.txt scripts/setup.sh scripts/functions.sh; } | cksum; }

# .venv works, and is of the Python that was asked for, if one was.
right_python() { version .venv/bin/python >/dev/null && { [ -z "${PYTHON:-}" ] || [ "$(version .venv/bin/python)" = "$(version "$base")" ]; }; }

up_to_date() { [ "$(cat .venv/.ready 2>/dev/null)" = "$(fingerprint)" ] && right_python; }

check_python() {
  command -v "$base" >/dev/null || stop "no '$base' here; Python 3.10 to 3.13 is needed: make PYTHON=/path/to/python3"
  case "$(version "$base")" in
    3.10 | 3.11 | 3.12 | 3.13) ;;
    *) stop "'$base' is $("$base" --version 2>&1); Python 3.10 to 3.13 is needed: make PYTHON=/path/to/python3" ;;
  esac
  "$base" -c 'import ensurepip, venv' 2>/dev/null || apt_install "python$(version "$base")-venv" ||
    stop "'$base' cannot make virtual environments without that package"
}

check_system_libraries() {
  [ "$(uname -s)" = Linux ] || return 0
  local missing=() pair
  for pair in "${SYSTEM_LIBRARIES[@]}"; do
    "$base" -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' "${pair% *}" 2>/dev/null || missing+=("${pair#* }")
  done
  [ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}" ||
    say "going on without: clicks in clouds (Click3D) will not work until then"
}

install_packages() {
  say "installing into .venv, which takes a few minutes the first time"
  right_python || "$base" -m venv --clear .venv
  .venv/bin/python -m pip install -c constraints.txt -e ".[cloud,bag,train,eval,dev]" >.venv/setup.log 2>&1 ||
    { tail -n 15 .venv/setup.log >&2; stop "pip failed; all that it said is in .venv/setup.log"; }
}

up_to_date && exit
check_python
# One at a time: `make test` and `make demo` may be started side by side.
if command -v flock >/dev/null; then
  exec 9<scripts/setup.sh
  flock 9
  up_to_date && exit
fi
check_system_libraries
install_packages
fingerprint >.venv/.ready
say "done in $SECONDS s"
