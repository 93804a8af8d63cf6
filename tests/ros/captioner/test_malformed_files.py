"""Files of images inside of messages: row 12 of the table of malformed input, on topics and by services."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

pytestmark = pytest.mark.ros
SPACE = "/files/"
DEPTH = "16UC1; compressedDepth png"
DEPTH_HEADER = bytes(12)


def huge_jpeg() -> bytes:
    """A picture whose header says that it has 60,000 x 60,000 pixels."""
    from talking import jpeg

    data = bytearray(jpeg())
    place = data.index(b"\xff\xc0") + 5  # of the height, in the header of the frame
    data[place : place + 4] = struct.pack(">HH", 60_000, 60_000)
    return bytes(data)


def a(name: str) -> Callable[[], bytes]:
    """A file that the tests make elsewhere."""

    def make() -> bytes:
        import talking

        made: bytes = getattr(talking, name)()
        return made

    return make


JPEG, PNG_BOMB = a("jpeg"), a("huge_png")


@dataclass
class File:
    """What is sent as the image, as its depth, and as the mask of a region; and the code that it is answered with."""

    code: str
    image: Callable[[], bytes] = JPEG
    depth: Callable[[], bytes] | None = None
    mask: Callable[[], bytes] | None = None
    depth_format: str = DEPTH


FILES = {
    "PNG that unpacks to more than any computer has": File("TOO_LARGE", PNG_BOMB),
    "JPEG that unpacks to more than is allowed": File("TOO_LARGE", huge_jpeg),
    "JPEG that is cut": File("INVALID_IMAGE", lambda: JPEG()[:300]),
    "no bytes": File("INVALID_IMAGE", lambda: b""),
    "file of another kind": File("UNSUPPORTED_ENCODING", lambda: b"GIF89a" + bytes(100)),
    "depth that unpacks to more than any computer has": File("TOO_LARGE", depth=lambda: DEPTH_HEADER + PNG_BOMB()),
    "depth of a kind that is not read": File(
        "UNSUPPORTED_ENCODING", depth=lambda: bytes(100), depth_format="16UC1; compressedDepth rvl"
    ),
    "mask that unpacks to more than any computer has": File("TOO_LARGE", mask=PNG_BOMB),
}


@pytest.fixture(scope="module")
def node(model: Any, logs: Any) -> Iterator[Any]:
    """A captioner that reads files, and a peer of its own."""
    from programs import Program
    from region_perception_msgs.msg import RegionCaptionArray
    from talking import CaptionerPeer

    program = Program(
        "region_captioner",
        logs / "files.log",
        {"__ns": SPACE[:-1]},
        model=str(model),
        max_tokens=2,
        max_age=30.0,
        history=1,
        regions_wait=0.0,
        image_transport="compressed",
        depth_transport="compressedDepth",
    )
    peer = CaptionerPeer(f"{SPACE}region_captioner")
    peer.captions = peer.hear(RegionCaptionArray, f"{SPACE}region_captions")
    peer.active(program)
    yield peer
    peer.close()
    assert program.stop() == 0, program.said()


def send(peer: Any, file: File) -> None:
    """The messages of a row, once the node has them."""
    from programs import until
    from sensor_msgs.msg import CameraInfo, CompressedImage
    from talking import FRAME, camera_info, header

    stamp, sent = peer.stamp(), {"image"}
    if file.depth is not None:
        peer.renew()  # else the depth of another row is that of this image, too
        peer.send(CameraInfo, f"{SPACE}camera_info", camera_info(stamp))
        message = CompressedImage(header=header(stamp, FRAME), format=file.depth_format, data=file.depth())
        peer.send(CompressedImage, f"{SPACE}depth/compressedDepth", message)
        sent |= {"camera_info", "depth"}
    message = CompressedImage(header=header(stamp, FRAME), format="jpeg", data=file.image())
    peer.send(CompressedImage, f"{SPACE}image/compressed", message)

    def there() -> bool:
        stamps = {each.name: each.last_stamp for each in peer.statuses()[-1].inputs}
        return all(stamps.get(name) == stamp for name in sent)

    until(there, f"{sent} to arrive", 60)


def regions(file: File) -> tuple[list[Any], list[Any]]:
    """In the image, or in space where the depth is wrong."""
    from sensor_msgs.msg import CompressedImage
    from talking import box, box_3d

    if file.depth is not None:
        return [], [box_3d("r")]
    region = box("r")
    if file.mask is not None:
        region.kind, region.mask = region.KIND_MASK, CompressedImage(format="png", data=file.mask())
    return [region], []


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_refused_with_its_code(node: Any, name: str):
    """By a service, and on a topic."""
    from programs import until
    from region_perception_msgs.msg import Region2DArray, Region3DArray

    file = FILES[name]
    send(node, file)
    flat, solid = regions(file)
    answers = [node.caption(*flat, regions_3d=solid, timeout=0.0).captions]
    node.captions.clear()
    kind, topic = (Region2DArray, "regions_2d") if flat else (Region3DArray, "regions_3d")
    node.send(kind, f"{SPACE}{topic}", kind(regions=flat or solid))
    answers.append(until(lambda: next((each.captions for each in node.captions if each.captions), None), "captions"))
    node.send(kind, f"{SPACE}{topic}", kind())
    for (caption,) in answers:
        assert caption.status.code == getattr(caption.status, file.code), caption.status
        assert caption.status.message


def test_the_next_good_file_is_answered(node: Any):
    from talking import box

    send(node, File(""))
    assert node.caption(box("r"), timeout=0.0).captions[0].status.code == 0
