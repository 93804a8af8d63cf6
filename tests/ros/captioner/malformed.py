"""Messages that are wrong in one way, and what is to be answered about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

OF_THE_BOX = 300  # points of the cloud that stand on the table


@dataclass
class Row:
    """What is sent, and the code that it is answered with."""

    code: str
    image: Callable[[Any], None] = lambda message: None
    cloud: Callable[[Any], None] | None = None
    region: Callable[[Any], None] = lambda message: None
    depth: Callable[[Any], None] | None = None
    info: Callable[[Any], None] | None = None
    flat: bool = True
    """The region is one of the image, else one in space."""


def put(**values: Any) -> Callable[[Any], None]:
    """Sets fields; a path has its dots written as two underscores."""

    def change(message: Any) -> None:
        for path, value in values.items():
            *parents, name = path.split("__")
            target = message
            for parent in parents:
                target = getattr(target, parent)
            setattr(target, name, value)

    return change


def cut(message: Any) -> None:
    message.data = message.data[:-7]


def all_nan(message: Any) -> None:
    values = np.frombuffer(message.data, np.float32).copy()
    values[:] = np.nan
    message.data = values.tobytes()


def shift(seconds: float) -> Callable[[Any], None]:
    def change(message: Any) -> None:
        from talking import later

        message.header.stamp = later(message.header.stamp, seconds)

    return change


def drop_x(message: Any) -> None:
    message.fields = message.fields[1:]


def no_points(message: Any) -> None:
    message.width, message.row_step, message.data = 0, 0, b""


def larger(message: Any) -> None:
    """Ten times as many points."""
    message.width, message.row_step, message.data = 10 * message.width, 10 * message.row_step, 10 * message.data


def polygon(*points: float) -> Callable[[Any], None]:
    return put(kind=3, points=[float(value) for value in points])


def field(place: int, **values: Any) -> Callable[[Any], None]:
    """Changes one of the fields of a cloud."""

    def change(message: Any) -> None:
        for name, value in values.items():
            setattr(message.fields[place], name, value)

    return change


def swapped(message: Any) -> None:
    """The other order of bytes, said as it is; of a cloud, all of whose fields have four."""
    size = 2 if getattr(message, "encoding", "") == "16UC1" else 4
    message.data = np.frombuffer(message.data, f"u{size}").byteswap().tobytes()
    message.is_bigendian = True


def millimetres(message: Any) -> None:
    metres = np.frombuffer(message.data, np.float32)
    message.data, message.encoding, message.step = (metres * 1000).astype("<u2").tobytes(), "16UC1", message.width * 2


def swapped_millimetres(message: Any) -> None:
    millimetres(message)
    swapped(message)


def some_nan(message: Any) -> None:
    """In every point of the table, whatever it says of itself."""
    values = np.frombuffer(message.data, np.float32).reshape(message.width, -1).copy()
    values[: len(values) // 2, 1] = np.nan
    message.data, message.is_dense = values.tobytes(), True


def padded(message: Any) -> None:
    """Rows that are longer than their pixels."""
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, -1)
    message.step += 5
    message.data = np.pad(rows, ((0, 0), (0, 5)), constant_values=255).tobytes()


def region(row: Row) -> Any:
    from talking import box, box_3d

    message = box("r") if row.flat else box_3d("r")
    row.region(message)
    return message


def check(caption: Any, row: Row) -> None:
    """What is refused says why, and what is read was read right."""
    assert caption.status.code == getattr(caption.status, row.code), caption.status
    assert caption.region_id == "r"
    if row.code != "OK":
        assert caption.text == ""
        assert caption.status.message
        assert "\x1b" not in caption.status.message
    elif row.cloud is not None:
        assert caption.point_count == OF_THE_BOX if row.cloud is some_nan else caption.point_count > OF_THE_BOX
    elif row.depth is not None:
        assert caption.pose.position.z == pytest.approx(1.5, abs=0.02)
        assert caption.point_count == 20 * 20
