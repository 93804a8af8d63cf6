"""The constants of `Region2D` and `Region3D`, for code that reads messages without ROS."""

from enum import IntEnum


class Kind2D(IntEnum):
    """`Region2D.KIND_...`"""

    UNSET = 0
    WHOLE = 1
    BOX = 2
    POLYGON = 3
    SCRIBBLE = 4
    CLICK = 5
    MASK = 6


class Kind3D(IntEnum):
    """`Region3D.KIND_...`"""

    UNSET = 0
    WHOLE = 1
    BOX = 2
    POINTS = 3
    CLICK = 4
