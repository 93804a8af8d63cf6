"""Finishes an environment of ROS 2 wheels: `python scripts/ros_wheels.py VENV`, run by the environment's own Python.

Lets it see what is installed in VENV (the library, torch, ...), which so need not be there twice, and corrects the
CMake files of the wheels, which name the Python that they were built with.
"""

import re
import sys
import sysconfig
from pathlib import Path

import numpy

PYTHON_OF_THE_BUILDER = re.compile(r"/opt/python/cp\d+-cp\d+/include/python[\d.]+")
NUMPY_OF_THE_BUILDER = re.compile(r"/opt/python/cp\d+-cp\d+/lib/python[\d.]+/site-packages/numpy/_?core/include")


def see_packages_of(venv: Path) -> None:
    """A .pth file that adds the packages of another environment behind one's own, editable ones too."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = venv / "lib" / version / "site-packages"
    if not packages.is_dir():
        sys.exit(f"ros: there is no {packages}: both environments must be of the same Python")
    link = Path(sysconfig.get_paths()["purelib"]) / "zz_region_perception.pth"  # read last, so that wheels come first
    link.write_text(f"import site; site.addsitedir({str(packages)!r})\n", encoding="utf-8")


def correct_cmake_files(share: Path) -> int:
    """How many files were changed."""
    changed = 0
    for file in sorted(share.rglob("*.cmake")):
        text = file.read_text(encoding="utf-8")
        corrected = PYTHON_OF_THE_BUILDER.sub(lambda _: sysconfig.get_paths()["include"], text)
        corrected = NUMPY_OF_THE_BUILDER.sub(lambda _: numpy.get_include(), corrected)
        if corrected != text:
            file.write_text(corrected, encoding="utf-8")
            changed += 1
    return changed


if __name__ == "__main__":
    see_packages_of(Path(sys.argv[1]))
    if not correct_cmake_files(Path(sys.prefix) / "share"):
        sys.exit(
            "ros: no CMake file of the wheels names its builder's Python: what scripts/ros_wheels.py corrects is gone"
        )
