"""Whatever arrives: each row of the page's table on the topics and by the services, answered with its code; the node
goes on, counts it, and answers the next good frame."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

pytestmark = pytest.mark.ros


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
    import numpy as np

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


SPACE = {"flat": False}
ROWS: dict[str, Row] = {
    "image without width": Row("INVALID_IMAGE", put(width=0)),
    "image that is cut": Row("INVALID_IMAGE", cut),
    "image with short rows": Row("INVALID_IMAGE", put(step=17)),
    "image of a size that overflows": Row("INVALID_IMAGE", put(width=2**31, height=2**31)),
    "unknown encoding": Row("UNSUPPORTED_ENCODING", put(encoding="quux\x1b[31m")),
    "bayer": Row("UNSUPPORTED_ENCODING", put(encoding="bayer_rggb8")),
    "cloud without x": Row("INVALID_CLOUD", cloud=drop_x, **SPACE),
    "cloud that is cut": Row("INVALID_CLOUD", cloud=cut, **SPACE),
    "cloud with zero points": Row("EMPTY_CLOUD", cloud=no_points, **SPACE),
    "cloud of nothing but NaN": Row("TOO_FEW_POINTS", cloud=all_nan, **SPACE),
    "box without area": Row("EMPTY_REGION", region=put(x2=30.0)),
    "box with NaN": Row("EMPTY_REGION", region=put(x1=math.nan)),
    "box outside": Row("EMPTY_REGION", region=put(x1=500.0, x2=600.0)),
    "box turned around": Row("EMPTY_REGION", region=put(x1=60.0, x2=30.0)),
    "outline of two points": Row("INVALID_REGION", region=polygon(1, 1, 20, 20)),
    "outline that crosses itself": Row("INVALID_REGION", region=polygon(10, 10, 50, 50, 50, 10, 10, 50)),
    "outline with too many points": Row("INVALID_REGION", region=polygon(*[1.0] * 2000)),
    "region without a kind": Row("INVALID_REGION", region=put(kind=0)),
    "indices beyond the cloud": Row("INVALID_REGION", cloud=put(), region=put(kind=3, indices=[10**6]), **SPACE),
    "stamp of zero": Row("STALE", put(header__stamp__sec=0, header__stamp__nanosec=0)),
    "stamp of the future": Row("STALE", shift(1000)),
    "stamp of long ago": Row("STALE", shift(-1000)),
    "frame that nothing is known of": Row("NO_TRANSFORM", cloud=put(), region=put(header__frame_id="moon"), **SPACE),
    "quaternion of another length": Row("INVALID_REGION", cloud=put(), region=put(pose__orientation__w=0.2), **SPACE),
    "camera without calibration": Row("NO_CALIBRATION", depth=put(), info=put(k=[0.0] * 9), **SPACE),
    "calibration of another size": Row("NO_CALIBRATION", depth=put(), info=put(width=640, height=480), **SPACE),
    "depth of another camera": Row("NO_CALIBRATION", depth=put(header__frame_id="other"), info=put(), **SPACE),
    "cloud with more points than allowed": Row("TOO_LARGE", cloud=larger, **SPACE),
    "image with more pixels than allowed": Row("TOO_LARGE", put(height=100, width=200, step=600, data=b"\0" * 60_000)),
}


@pytest.fixture(scope="module")
def node(model: Any, logs: Any) -> Iterator[Any]:
    """A captioner and a peer of their own, so that frames of other tests do not answer."""
    from programs import Program
    from talking import CaptionerPeer

    remap = {"__ns": "/malformed"}
    program = Program(
        "region_captioner",
        logs / "malformed.log",
        remap,
        model=str(model),
        max_tokens=2,
        max_age=30.0,
        history=1,
        max_pixels=10_000,
        max_points=5_000,
        regions_wait=0.0,
    )
    peer = CaptionerPeer("/malformed/region_captioner")
    peer.space = "/malformed/"
    peer.active(program)
    yield peer
    peer.close()
    assert program.stop() == 0, program.said()


def send(peer: Any, row: Row) -> Any:
    """The frames of a row; the stamp of what its region points into."""
    from sensor_msgs.msg import CameraInfo, Image, PointCloud2
    from talking import camera_info, cloud, depth, picture

    stamp = peer.stamp()
    if row.cloud is not None:
        message = cloud(stamp)
        row.cloud(message)
        peer.send(PointCloud2, f"{peer.space}points", message)
        return message.header.stamp
    for change, make, kind, topic in (
        (row.info, camera_info, CameraInfo, "camera_info"),
        (row.depth, depth, Image, "depth"),
    ):
        if change is not None:
            extra = make(stamp)
            change(extra)
            peer.send(kind, f"{peer.space}{topic}", extra)
    message = picture(stamp)
    row.image(message)
    peer.send(Image, f"{peer.space}image", message)
    return message.header.stamp


def region(row: Row) -> Any:
    from talking import box, box_3d

    message = box("r") if row.flat else box_3d("r")
    row.region(message)
    return message


def arrived(peer: Any, row: Row, stamp: Any) -> None:
    """Waits until the node has what was sent, by its status."""
    from programs import until

    sent = {"points": row.cloud, "depth": row.depth, "camera_info": row.info}
    names = {name for name, change in sent.items() if change is not None}
    if row.cloud is None:
        names.add("image")
    heard = peer.statuses()

    def there() -> bool:
        stamps = {each.name: each.last_stamp for each in heard[-1].inputs}  # none, until it is active
        return all(stamps.get(name) == stamp for name in names)

    until(there, f"{names} to arrive", 60)


@pytest.mark.parametrize("name", ROWS)
def test_a_service_answers_with_the_code(node: Any, name: str):
    row = ROWS[name]
    if row.info is not None:
        node.renew()  # else the cloud of another row answers
    stamp = send(node, row)
    arrived(node, row, stamp)
    pointing = region(row)
    answer = node.caption(pointing, timeout=0.0) if row.flat else node.caption(regions_3d=[pointing], timeout=0.0)
    (caption,) = answer.captions
    assert caption.status.code == getattr(caption.status, row.code), caption.status
    assert answer.status.code == caption.status.code
    assert caption.region_id == "r"
    assert caption.text == ""
    assert caption.status.message
    assert "\x1b" not in caption.status.message


@pytest.mark.parametrize("name", ROWS)
def test_a_topic_answers_with_the_code(node: Any, name: str):
    from programs import until
    from region_perception_msgs.msg import Region2DArray, Region3DArray, RegionCaptionArray

    if "heard" not in node.__dict__:
        node.heard = node.hear(RegionCaptionArray, f"{node.space}region_captions")
    row = ROWS[name]
    if row.info is not None:
        node.renew()
    stamp = send(node, row)
    arrived(node, row, stamp)
    node.heard.clear()
    kind, topic = (Region2DArray, "regions_2d") if row.flat else (Region3DArray, "regions_3d")
    node.send(kind, f"{node.space}{topic}", kind(regions=[region(row)]))
    array = until(lambda: next((each for each in node.heard if each.captions), None), "captions")
    assert array.status.code == getattr(array.status, row.code), array.status
    assert array.captions[0].status.code == array.status.code
    node.send(kind, f"{node.space}{topic}", kind())


def test_after_all_of_it_the_next_good_frame_is_answered_and_all_was_counted(node: Any):
    from talking import box, box_3d

    send(node, Row(""))
    stamp = send(node, Row("", cloud=put()))
    arrived(node, Row("", cloud=put()), stamp)
    answer = node.caption(box("a"), regions_3d=[box_3d("b")], timeout=20.0)
    assert [caption.status.code for caption in answer.captions] == [0, 0]
    refused = {each.name: each.refused for each in node.statuses()[-1].inputs}
    assert refused["image"] >= 9
    assert refused["points"] >= 4
    assert refused["camera_info"] >= 2
    assert refused["depth"] >= 1
