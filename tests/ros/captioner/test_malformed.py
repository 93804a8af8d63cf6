"""Whatever arrives: each row of the page's table on the topics and by the services, answered with its code; the node
goes on, counts it, and answers the next good frame."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from malformed import (
    Row,
    all_nan,
    check,
    cut,
    drop_x,
    field,
    larger,
    no_points,
    padded,
    polygon,
    put,
    region,
    shift,
    some_nan,
    swapped,
    swapped_millimetres,
)

pytestmark = pytest.mark.ros


BALL = put(x1=34.0, y1=22.0, x2=62.0, y2=50.0)
SPACE = {"flat": False}
SOLID = {"cloud": put(), **SPACE}
# By the number of its row in the page's table, which begins with images. Rows 12 (files of images), 13 (texts) and 14
# (models) are in test_malformed_files.py, test_services.py, test_scene.py and test_faults.py.
TABLE: dict[int, dict[str, Row]] = {
    1: {
        "image without width": Row("INVALID_IMAGE", put(width=0)),
        "image without height": Row("INVALID_IMAGE", put(height=0)),
        "image that is cut": Row("INVALID_IMAGE", cut),
        "image with short rows": Row("INVALID_IMAGE", put(step=17)),
        "image of a size that overflows": Row("INVALID_IMAGE", put(width=2**31, height=2**31)),
    },
    2: {
        "unknown encoding": Row("UNSUPPORTED_ENCODING", put(encoding="quux\x1b[31m")),
        "bayer": Row("UNSUPPORTED_ENCODING", put(encoding="bayer_rggb8")),
        "yuv": Row("UNSUPPORTED_ENCODING", put(encoding="yuv422_yuy2")),
    },
    3: {
        "depth in metres, big-endian": Row("OK", depth=swapped, info=put(), region=BALL),
        "depth in millimetres, big-endian": Row("OK", depth=swapped_millimetres, info=put(), region=BALL),
        "image with padded rows": Row("OK", padded),
        "cloud, big-endian": Row("OK", cloud=swapped, **SPACE),
    },
    4: {
        "cloud without x": Row("INVALID_CLOUD", cloud=drop_x, **SPACE),
        "cloud of an unknown datatype": Row("INVALID_CLOUD", cloud=field(0, datatype=99), **SPACE),
        "cloud with a field beyond its points": Row("INVALID_CLOUD", cloud=field(2, offset=2**31), **SPACE),
        "cloud with a field of nothing": Row("INVALID_CLOUD", cloud=field(1, count=0), **SPACE),
        "cloud with two fields of one name": Row("INVALID_CLOUD", cloud=field(1, name="x"), **SPACE),
        "cloud with short rows": Row("INVALID_CLOUD", cloud=put(row_step=17), **SPACE),
        "cloud that is cut": Row("INVALID_CLOUD", cloud=cut, **SPACE),
        "cloud with zero points": Row("EMPTY_CLOUD", cloud=no_points, **SPACE),
    },
    5: {
        "cloud of nothing but NaN": Row("TOO_FEW_POINTS", cloud=all_nan, **SPACE),
        "cloud with NaN that says that it has none": Row("OK", cloud=some_nan, **SPACE),
    },
    6: {
        "box without area": Row("EMPTY_REGION", region=put(x2=30.0)),
        "box with NaN": Row("EMPTY_REGION", region=put(x1=math.nan)),
        "box outside": Row("EMPTY_REGION", region=put(x1=500.0, x2=600.0)),
        "box before the first pixel": Row("EMPTY_REGION", region=put(x1=-60.0, x2=-30.0)),
        "box turned around": Row("EMPTY_REGION", region=put(x1=60.0, x2=30.0)),
        "box in space without volume": Row("EMPTY_REGION", region=put(size__z=0.0), **SOLID),
        "box in space outside": Row("EMPTY_REGION", region=put(pose__position__x=50.0), **SOLID),
        "box in space with NaN": Row("INVALID_REGION", region=put(pose__position__x=math.nan), **SOLID),
    },
    7: {
        "outline of two points": Row("INVALID_REGION", region=polygon(1, 1, 20, 20)),
        "outline that crosses itself": Row("INVALID_REGION", region=polygon(10, 10, 50, 50, 50, 10, 10, 50)),
        "outline with too many points": Row("INVALID_REGION", region=polygon(*[1.0] * 2000)),
        "region without a kind": Row("INVALID_REGION", region=put(kind=0)),
        "indices beyond the cloud": Row("INVALID_REGION", region=put(kind=3, indices=[10**6]), **SOLID),
    },
    8: {  # time that jumps back is in test_faults.py
        "stamp of zero": Row("STALE", put(header__stamp__sec=0, header__stamp__nanosec=0)),
        "stamp of the future": Row("STALE", shift(1000)),
        "stamp of long ago": Row("STALE", shift(-1000)),
    },
    9: {
        "frame that nothing is known of": Row("NO_TRANSFORM", region=put(header__frame_id="moon"), **SOLID),
        "frame without a name": Row(
            "NO_TRANSFORM", cloud=put(header__frame_id=""), region=put(header__frame_id="lidar"), **SPACE
        ),
        "region of another camera": Row("NO_TRANSFORM", region=put(header__frame_id="other")),
        "quaternion of another length": Row("INVALID_REGION", region=put(pose__orientation__w=0.2), **SOLID),
    },
    10: {
        "camera without calibration": Row("NO_CALIBRATION", depth=put(), info=put(k=[0.0] * 9), **SPACE),
        "calibration of another size": Row("NO_CALIBRATION", depth=put(), info=put(width=640, height=480), **SPACE),
        "calibration of another camera": Row(
            "NO_CALIBRATION", depth=put(), info=put(header__frame_id="other"), **SPACE
        ),
        "depth of another camera": Row("NO_CALIBRATION", depth=put(header__frame_id="other"), info=put(), **SPACE),
    },
    11: {
        "cloud with more points than allowed": Row("TOO_LARGE", cloud=larger, **SPACE),
        "image with more pixels than allowed": Row(
            "TOO_LARGE", put(height=100, width=200, step=600, data=b"\0" * 60_000)
        ),
    },
}
ROWS = {name: row for rows in TABLE.values() for name, row in rows.items()}


def test_every_row_of_the_table_is_there():
    assert sorted({*TABLE, 12, 13, 14}) == list(range(1, 15))
    assert len(ROWS) == sum(map(len, TABLE.values()))


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
    assert answer.status.code == caption.status.code
    check(caption, row)


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
    assert array.status.code == array.captions[0].status.code
    check(array.captions[0], row)
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
