"""What pyproject.toml cannot say: which folders are installed where. Everything else about the package stands there."""

import os
from glob import glob
from pathlib import Path

from setuptools import find_packages, setup

NAME = "region_perception"
# Found through links: `colcon build --symlink-install` runs a link to this file, in a folder without the models.
HERE = Path(__file__).resolve().parent
MODELS = os.path.relpath(HERE / "models")
DEFINITIONS = os.path.relpath(HERE / "interfaces" / f"{NAME}_msgs" / "msg")

setup(
    # Here and not in pyproject.toml: no way to write it there suits both ROS 2 Jazzy's setuptools (68) and new ones.
    license="Apache-2.0",
    # Nor this: read from there it becomes an object, which colcon cannot take over.
    python_requires=">=3.10,<3.14",
    # Named one by one: `models`, `tests`, `launch` and `docs` must not become packages of their own.
    packages=[
        *find_packages(include=[NAME, f"{NAME}.*", "ros_nodes", "ros_nodes.*"]),
        f"{NAME}.models",
        "ros_nodes.messages.definitions",
    ],
    # The models, and the definitions of messages, which bags are written with where there is no ROS, lie at the top of
    # the repository, and inside the packages once they are installed.
    package_dir={f"{NAME}.models": MODELS, "ros_nodes.messages.definitions": DEFINITIONS},
    package_data={
        NAME: ["py.typed", "training/launch/*.yaml"],
        f"{NAME}.models": ["**/*"],
        "ros_nodes.messages.definitions": ["*.msg"],
    },
    # How a ROS 2 workspace finds an installed package, and what it starts it with. colcon links pyproject.toml and the
    # README only because they are named here.
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml", "pyproject.toml", "README.md"]),
        (f"share/{NAME}/launch", sorted(glob("launch/*.launch.*"))),
        (f"share/{NAME}/config", sorted(glob("config/*"))),
        (f"share/{NAME}/rviz", sorted(glob("rviz/*.rviz"))),
    ],
)
