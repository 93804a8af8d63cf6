"""The selector as a program, over real rclpy: RViz's side and the captioner's side are played here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from programs import Peer, Program, until

pytestmark = pytest.mark.ros


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    peer = Peer("person")
    yield peer
    peer.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    started: list[Program] = []

    def begin(name: str, **parameters: Any) -> Program:
        # Names of their own for what is heard, since clicked points have no namespace.
        remap = {"__ns": f"/{name}", "/clicked_point": f"/{name}/clicked_point"}
        started.append(Program("region_selector", tmp_path / "log", remap, **parameters))
        return started[-1]

    yield begin
    for program in started:
        assert program.killed or program.stop() == 0, program.said()


@pytest.fixture
def captioner(peer: Peer) -> Callable[[str], Any]:
    from viewing import Captioner

    return lambda name: Captioner(peer, f"/{name}/region_captioner")


def regions(xs: list[float], side: float = 0.2) -> Any:
    """Boxes along x, in the base frame."""
    from region_perception_msgs.msg import Region3D, Region3DArray

    message = Region3DArray()
    message.header.frame_id = "base"
    for number, x in enumerate(xs):
        region = Region3D(id=str(number), kind=Region3D.KIND_BOX)
        region.pose.position.x = x
        region.size.x = region.size.y = region.size.z = side
        message.regions.append(region)
    return message


def test_a_box_is_moved_resized_asked_about_and_deleted(
    peer: Peer, start: Callable[..., Program], captioner: Callable[[str], Any]
):
    from region_perception_msgs.msg import Region3DArray
    from viewing import Viewer, marker_said

    answering = captioner("boxes")
    start("boxes")
    viewer, other = (Viewer(peer, "/boxes/region_selector", name) for name in ("first", "second"))
    found = peer.publisher(Region3DArray, "/boxes/regions_3d")
    found.publish(regions([1.0, 2.0, 3.0]))
    until(viewer.boxes, "the first box")
    (box,) = viewer.boxes()
    name = box.name
    assert len(viewer.markers) == 7  # with a handle for each face
    marker_said(viewer, name, "a thing at 1.00")
    assert box.header.frame_id == "base"
    assert (box.header.stamp.sec, box.header.stamp.nanosec) == (0, 0)

    viewer.drag(name, 0.5, steps=40)
    marker_said(viewer, name, "a thing at 1.50")
    assert viewer.markers[name].pose.position.x == pytest.approx(1.5)
    assert [what for what, _ in answering.asked] == ["caption", "caption"]  # not on every move
    handle = viewer.markers[f"{name}/+x"].pose.position.x
    assert handle == pytest.approx(1.5 + 0.1 + 0.02 + 0.02)

    viewer.drag(f"{name}/+x", 0.22)
    marker_said(viewer, name, "a thing at 1.60")
    cube = viewer.markers[name].controls[0].markers[0]
    assert cube.scale.x == pytest.approx(0.4)
    assert cube.scale.y == pytest.approx(0.2)

    viewer.choose(name, "What colour is it?")
    marker_said(viewer, name, "What colour is it? blue")
    assert answering.asked[-1][0] == "What colour is it?"
    viewer.choose(name, "Caption")
    marker_said(viewer, name, "a thing at 1.60")

    viewer.choose(name, "Find similar")
    until(lambda: len(viewer.boxes()) == 2, "a similar one")
    text, request = next(asked for asked in answering.asked if asked[0].startswith("a thing") or "regions" in asked[0])
    assert text == "a thing at 1.60"
    assert [region.id for region in request.regions_3d] == ["0", "1", "2"]  # the box was moved away from all of them
    second = next(each for each in viewer.boxes() if each.name != name)
    assert second.pose.position.x == pytest.approx(3.0)

    viewer.choose(name, "Delete")
    until(lambda: name not in viewer.markers, "the box to go")
    until(lambda: len(viewer.markers) == 7, "its handles to go")
    until(lambda: other.number == viewer.number, "the other viewer")
    assert other.markers.keys() == viewer.markers.keys()
    assert (viewer.missed, other.missed) == (0, 0)
    numbers = [update.seq_num for update in viewer.updates]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    late = Viewer(peer, "/boxes/region_selector", "late")
    assert late.number == viewer.number
    assert late.markers.keys() == viewer.markers.keys()


def test_two_people_do_not_pull_at_one_box(peer: Peer, start: Callable[..., Program], captioner: Callable[[str], Any]):
    from region_perception_msgs.msg import Region3D
    from viewing import Feedback, Viewer

    captioner("two")
    start("two", first_box=False)
    first, second = (Viewer(peer, "/two/region_selector", name) for name in ("first", "second"))
    peer.publisher(Region3D, "/two/region_selector/region_3d").publish(_framed(regions([1.0])))
    until(first.boxes, "a box")
    until(second.boxes, "a box")
    (box,) = first.boxes()
    first.act(box.name, Feedback.MOUSE_DOWN)
    second.drag(box.name, 5.0)
    first.drag(box.name, 0.25)
    until(lambda: first.markers[box.name].pose.position.x == pytest.approx(1.25), "the first one's move")
    assert not any(
        each.name == box.name and each.pose.position.x > 1.3 for update in first.updates for each in update.poses
    )


def _framed(array: Any) -> Any:
    region = array.regions[0]
    region.header.frame_id = array.header.frame_id
    return region


def test_a_clicked_point_becomes_a_box_about_the_thing(
    peer: Peer, start: Callable[..., Program], captioner: Callable[[str], Any]
):
    from geometry_msgs.msg import PointStamped
    from region_perception_msgs.msg import Region3D, RegionCaptionArray
    from viewing import Viewer, marker_said

    answering = captioner("clicks")
    start("clicks")
    viewer = Viewer(peer, "/clicks/region_selector")
    heard = peer.hear(RegionCaptionArray, "/clicks/selected/region_captions")
    click = PointStamped()
    click.header.frame_id, click.header.stamp = "base", peer.stamp()
    click.point.x = 0.7
    clicks = peer.publisher(PointStamped, "/clicks/clicked_point", 5)
    until(lambda: peer.node.count_publishers("/clicks/selected/region_captions"), "captions")
    clicks.publish(click)
    until(viewer.boxes, "a box")
    (box,) = viewer.boxes()
    marker_said(viewer, box.name, "a thing at 0.70")
    assert box.pose.position.x == pytest.approx(0.7)
    asked = answering.asked[0][1].regions_3d[0]
    assert asked.kind == Region3D.KIND_CLICK
    assert (asked.header.stamp.sec, asked.header.frame_id) == (
        0,
        "base",
    )  # the newest cloud, whatever the viewer's time
    until(lambda: heard, "the caption as a message")
    assert heard[0].captions[0].text == "a thing at 0.70"


def test_images_are_pointed_into_in_every_way(
    peer: Peer, start: Callable[..., Program], captioner: Callable[[str], Any]
):
    from geometry_msgs.msg import Point, Point32, PolygonStamped
    from region_perception_msgs.msg import Region2D
    from sensor_msgs.msg import CameraInfo, RegionOfInterest
    from visualization_msgs.msg import ImageMarker

    answering = captioner("pixels")
    start("pixels", click="box")
    lines = peer.hear(ImageMarker, "/pixels/selected/region_outlines")
    info = peer.publisher(CameraInfo, "/pixels/camera_info", 1)
    mouse = peer.publisher(Point, "/pixels/image_mouse_left", 10)
    polygon = peer.publisher(PolygonStamped, "/pixels/region_selector/polygon", 10)
    roi = peer.publisher(RegionOfInterest, "/pixels/region_selector/roi", 10)
    info.publish(CameraInfo(width=640, height=480))
    mouse.publish(Point(x=200.0, y=50.0))
    mouse.publish(Point(x=100.0, y=90.0))
    until(lambda: len(answering.asked) == 1, "a box of two clicks")
    roi.publish(RegionOfInterest(x_offset=5, y_offset=6, width=0, height=0))  # nothing, and refused
    roi.publish(RegionOfInterest(x_offset=5, y_offset=6, width=7, height=8))
    until(lambda: len(answering.asked) == 2, "a region of interest")
    outline = PolygonStamped()
    outline.polygon.points = [Point32(x=x, y=y) for x, y in ((0.0, 0.0), (50.0, 0.0), (0.0, 50.0))]
    polygon.publish(outline)
    until(lambda: len(answering.asked) == 3, "a polygon")
    box, interest, drawn = (request.regions_2d[0] for _, request in answering.asked)
    assert box.kind == interest.kind == Region2D.KIND_BOX
    assert (box.x1, box.y1, box.x2, box.y2) == (100, 50, 200, 90)
    assert (interest.x1, interest.y1, interest.x2, interest.y2) == (5, 6, 12, 14)
    assert drawn.kind == Region2D.KIND_POLYGON
    until(lambda: lines and len(lines[-1].points) == 3 * 8, "an outline for each")


def test_what_was_pointed_at_waits_for_the_captioner(
    peer: Peer, start: Callable[..., Program], captioner: Callable[[str], Any]
):
    from region_perception_msgs.msg import Region3D, Status
    from viewing import Viewer, marker_said

    start("waits", first_box=False)
    viewer = Viewer(peer, "/waits/region_selector")
    peer.publisher(Region3D, "/waits/region_selector/region_3d").publish(_framed(regions([2.0])))
    until(viewer.boxes, "a box")
    (box,) = viewer.boxes()
    marker_said(viewer, box.name, "no captioner answers yet")
    answering = captioner("waits")
    answering.status = Status(code=Status.NOT_READY, message="reading its model")
    marker_said(viewer, box.name, "reading its model")
    answering.status = Status()
    marker_said(viewer, box.name, "a thing at 2.00")
    answering.status = Status(code=Status.EMPTY_REGION, message="nothing is in it")
    viewer.choose(box.name, "Caption")
    marker_said(viewer, box.name, "nothing is in it")


def test_who_watched_it_when_it_was_killed_begins_anew_with_the_next_one(
    peer: Peer, start: Callable[..., Program], captioner: Callable[[str], Any]
):
    """Without being told: no update of the one before is taken for one of the next, and nothing of it stays."""
    from region_perception_msgs.msg import Region3D, Region3DArray
    from viewing import Viewer, marker_said
    from visualization_msgs.msg import MarkerArray

    from ros_nodes.runtime.qos import LATCHED

    captioner("killed")
    first = start("killed", first_box=False)
    viewer = Viewer(peer, "/killed/region_selector")
    selected = peer.hear(Region3DArray, "/killed/selected/regions_3d", LATCHED)
    shown = peer.hear(MarkerArray, "/killed/selected/region_markers", LATCHED)
    regions_3d = peer.publisher(Region3D, "/killed/region_selector/region_3d")
    regions_3d.publish(_framed(regions([1.0])))
    until(viewer.boxes, "a box")
    marker_said(viewer, viewer.boxes()[0].name, "a thing at 1.00")
    until(lambda: selected and selected[-1].regions, "what is selected")
    number = viewer.number
    first.kill()
    selected.clear()
    shown.clear()
    start("killed", first_box=False)
    until(lambda: viewer.number > number and not viewer.markers, "the viewer to see that nothing is left")
    until(lambda: selected and shown, "what is selected now")
    assert list(selected[-1].regions) == []
    assert [marker.action for marker in shown[-1].markers] == [shown[-1].markers[0].DELETEALL]
    missed = viewer.missed

    def again() -> bool:
        regions_3d.publish(_framed(regions([2.0])))
        return bool(viewer.boxes())

    until(again, "a box of the next one")
    (box, *_) = viewer.boxes()
    marker_said(viewer, box.name, "a thing at 2.00")
    viewer.drag(box.name, 0.5)
    marker_said(viewer, box.name, "a thing at 2.50")
    assert viewer.missed == missed
