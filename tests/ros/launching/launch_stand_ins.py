"""The few names of launch that our files use, for machines without ROS: they keep what they were made with."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

_NAMES = {
    "launch": ["LaunchContext", "LaunchDescription"],
    "launch.actions": ["DeclareLaunchArgument", "IncludeLaunchDescription", "OpaqueFunction"],
    "launch.launch_description_sources": ["PythonLaunchDescriptionSource"],
    "launch.substitutions": ["LaunchConfiguration", "PathJoinSubstitution"],
    "launch_ros": [],
    "launch_ros.actions": ["Node"],
    "launch_ros.substitutions": ["FindPackageShare"],
}


INSTALLED: dict[str, str] = {}  # packages that are there, and where


class Made:
    """One object of a launch file."""

    def __init__(self, *given: Any, **named: Any) -> None:
        self.given, self.named = given, named

    def items(self) -> list[Any]:
        """What a LaunchDescription holds."""
        (inner,) = self.given
        return list(inner)


def stand_ins() -> dict[str, ModuleType]:
    """To be put into sys.modules."""
    modules = {name: ModuleType(name) for name in _NAMES}
    for name, classes in _NAMES.items():
        for each in classes:
            setattr(modules[name], each, type(each, (Made,), {}))
    packages = ModuleType("ament_index_python.packages")
    packages.PackageNotFoundError = KeyError  # type: ignore[attr-defined]
    packages.get_package_prefix = INSTALLED.__getitem__  # type: ignore[attr-defined]
    return modules | {"ament_index_python": ModuleType("ament_index_python"), packages.__name__: packages}


def context(**given: str) -> Any:
    """What a function of a launch file is called with."""
    return SimpleNamespace(launch_configurations=given)


def named(items: list[Any], kind: str) -> list[Made]:
    return [item for item in items if type(item).__name__ == kind]
