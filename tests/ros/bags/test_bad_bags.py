"""Bags that are broken, foreign or unclear are refused with words; single broken messages are named and passed over."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recording import FRAME, START, STEP, Message, array, contents, damaged, frame_messages, header, read, record

from region_perception import Captioner
from region_perception.errors import InvalidInput
from ros_nodes.bags import BagSettings, TopicNames, caption_bag, in_words
from ros_nodes.encoding import encode_region_2d, encode_region_3d
from ros_nodes.messages.classes import Region2D, message_class
from ros_nodes.messages.plain import serialise

SHORT = BagSettings(max_tokens=6, single=True)


def never() -> Any:
    raise AssertionError("the model was loaded for a bag that cannot be used")


def only_file(folder: Path) -> Path:
    (file,) = (path for path in folder.iterdir() if path.suffix in (".mcap", ".db3"))
    return file


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_a_bag_that_was_cut_off_is_refused(storage: str, share: float, tmp_path: Path):
    file = only_file(record(tmp_path / "in", storage, frames=1).path)
    data = file.read_bytes()
    cut = tmp_path / f"cut{file.suffix}"
    cut.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InvalidInput, match=r"cut\.\w+: it cannot be read: .*expected a bag of ROS 2"):
        caption_bag(never, cut, tmp_path / "out.mcap", SHORT)
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("name", ["noise.mcap", "noise.db3", "notes.txt", "old.bag", "empty", "missing.mcap"])
def test_what_is_no_bag_is_refused(name: str, tmp_path: Path):
    path = tmp_path / name
    if name == "empty":
        path.mkdir()
    elif name != "missing.mcap":
        path.write_bytes(damaged(bytes(5000)))
    with pytest.raises(InvalidInput, match=f"^{path}: "):
        caption_bag(never, path, tmp_path / "out.mcap", SHORT)


@pytest.mark.parametrize(
    "text", ["", "a: [", "rosbag2_bagfile_information: 3", "rosbag2_bagfile_information: {version: 5}"]
)
def test_a_folder_with_broken_metadata_is_refused(text: str, tmp_path: Path):
    source = record(tmp_path / "in", frames=1)
    (source.path / "metadata.yaml").write_text(text)
    with pytest.raises(InvalidInput, match="it cannot be read"):
        caption_bag(never, source.path, tmp_path / "out.mcap", SHORT)


def without(*topics: str) -> Callable[[list[Message]], list[Message]]:
    return lambda messages: [message for message in messages if message[0] not in topics]


def twice(topic: str, other: str) -> Callable[[list[Message]], list[Message]]:
    return lambda messages: [*messages, *[(other, *message[1:]) for message in messages if message[0] == topic]]


@pytest.mark.parametrize(
    ("change", "names", "words"),
    [
        (without("/regions_2d", "/regions_3d"), TopicNames(), "no topic of regions; .*--propose image"),
        (without("/camera/image_raw"), TopicNames(), "no topic of images; it has /camera/camera_info"),
        (twice("/camera/image_raw", "/other"), TopicNames(), "/camera/image_raw, /other may be the image; .*--image"),
        (twice("/camera/points", "/lidar"), TopicNames(), "/camera/points, /lidar may be the points; .*--points"),
        (
            without(),
            TopicNames(image="/nowhere"),
            "image /nowhere is not in the bag; expected sensor_msgs/msg/Image or",
        ),
        (without(), TopicNames(image="/said"), "image /said is of the type std_msgs/msg/String"),
        (without(), TopicNames(regions=("/said",)), "regions /said is of the type"),
        (without("/camera/points"), TopicNames(depth="none"), "no topic of clouds, nor image, depth and camera_info"),
        (without(), TopicNames(captions="captions"), "begins with /"),
    ],
)
def test_unclear_topics_are_refused(change: Any, names: TopicNames, words: str, tmp_path: Path):
    source = record(tmp_path / "in", frames=1, change=change)
    with pytest.raises(InvalidInput, match=words):
        caption_bag(never, source.path, tmp_path / "out.mcap", BagSettings(names))


@pytest.mark.parametrize("out", ["there", "out.txt", "no/folder/out.mcap"])
def test_places_that_cannot_be_written_are_refused(out: str, tmp_path: Path):
    (tmp_path / "there").mkdir()
    source = record(tmp_path / "in", frames=1)
    with pytest.raises(InvalidInput, match=out):
        caption_bag(never, source.path, tmp_path / out, SHORT)


@pytest.mark.parametrize(
    "values", [{"every": -1.0}, {"slop": float("nan")}, {"most": 0}, {"pose": (float("inf"),) * 6}]
)
def test_settings_that_mean_nothing_are_refused(values: dict[str, Any]):
    with pytest.raises(InvalidInput, match=f"^{next(iter(values))} is"):
        BagSettings(**values)


def test_another_version_of_our_messages_is_refused(tmp_path: Path):
    from rosbags.rosbag2 import StoragePlugin, Writer

    with Writer(tmp_path / "in", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        old = "std_msgs/Header header\nint8[] regions\n" + "=" * 80 + "\nMSG: std_msgs/Header\n"
        old += "builtin_interfaces/Time stamp\nstring frame_id\n"
        old += "=" * 80 + "\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n"
        kind = "region_perception_msgs/msg/Region2DArray"
        regions = writer.add_connection("/regions_2d", kind, msgdef=old, rihs01="RIHS01_0")
        writer.write(regions, START, bytes(40))
        for topic, time, name, raw in frame_messages(0, START):
            if topic == "/camera/image_raw":
                from ros_nodes.messages.plain import full_name, typestore

                image = writer.add_connection(topic, full_name(name), typestore=typestore())
                writer.write(image, time, raw)
    with pytest.raises(InvalidInput, match="another version of region_perception_msgs/msg/Region2DArray"):
        caption_bag(never, tmp_path / "in", tmp_path / "out.mcap", SHORT)


def broken(messages: list[Message]) -> list[Message]:
    """The second frame's image is cut off, its cloud is noise, the third frame's regions are."""
    changed = []
    for topic, time, kind, raw in messages:
        second, third = START + STEP <= time < START + 2 * STEP, time >= START + 2 * STEP
        if second and topic == "/camera/image_raw":
            raw = raw[: len(raw) // 2]
        elif second and topic == "/camera/points":
            raw = raw[:40] + damaged(raw[40:])
        elif third and topic == "/regions_3d":
            raw = damaged(raw)
        changed.append((topic, time, kind, raw))
    return changed


def test_broken_messages_are_named_copied_and_passed_over(captioner: Captioner, tmp_path: Path):
    source = record(tmp_path / "in", change=broken)
    done = caption_bag(lambda: captioner, source.path, tmp_path / "out.mcap", SHORT)
    came = contents(tmp_path / "out.mcap")
    assert sorted(each for each in came if not each[0].startswith("/region_")) == sorted(contents(source.path))
    arrays = [message for _, message in read(tmp_path / "out.mcap", "/region_captions")]
    codes = [[caption.status.code for caption in message.captions] for message in arrays]
    assert codes == [[0, 0], [0, 0], [1, 1], [3, 3], [0, 0]]
    assert [message.status.code for message in arrays] == [0, 0, 1, 3, 0]
    assert (done.captions, done.refused) == (10, 4)
    lines = in_words(done.problems)
    assert [line.partition(";")[0] for line in lines] == [
        "/camera/image_raw: 1 x INVALID_IMAGE",
        "/camera/points: 1 x INVALID_CLOUD",
        "/regions_3d: 1 x INVALID_REGION",
    ]
    assert "the first at 1700000000.100 s: INVALID_IMAGE: its bytes are no sensor_msgs/msg/Image" in lines[0]


def regions_of(*regions: Region2D, frame: str = "") -> Callable[[list[Message]], list[Message]]:
    kind = "region_perception_msgs/Region2DArray"
    raw = serialise(array("Region2DArray", header(START, frame), list(regions)), kind)

    def change(messages: list[Message]) -> list[Message]:
        others = [message for message in messages if not message[0].startswith("/regions")]
        return [*others, ("/regions_2d", START + 1, kind, raw)]

    return change


def test_regions_that_cover_nothing_are_refused_one_by_one(captioner: Captioner, tmp_path: Path):
    good = encode_region_2d(None, header(0, ""), id="good")
    turned = Region2D(id="turned", kind=Region2D.KIND_BOX, x1=9.0, x2=3.0, y2=4.0)
    outside = Region2D(id="outside", kind=Region2D.KIND_BOX, x1=900.0, x2=903.0, y2=4.0)
    nothing = Region2D(id="nothing")
    elsewhere = Region2D(id="elsewhere", kind=Region2D.KIND_WHOLE, header=header(START, "map"))
    source = record(tmp_path / "in", frames=1, change=regions_of(turned, good, outside, nothing, elsewhere))
    done = caption_bag(lambda: captioner, source.path, tmp_path / "out.mcap", SHORT)
    ((_, message),) = read(tmp_path / "out.mcap", "/region_captions")
    assert [(each.region_id, each.status.code) for each in message.captions] == [
        ("turned", 6),
        ("good", 0),
        ("outside", 6),
        ("nothing", 7),
        ("elsewhere", 9),
    ]
    assert message.status.code == 0
    assert done.refused == 4


def test_frames_without_a_stamp_are_refused_as_the_node_refuses_them(captioner: Captioner, tmp_path: Path):
    kind = "region_perception_msgs/Region2DArray"
    whole = serialise(array("Region2DArray", header(0, ""), [encode_region_2d(None, header(0, ""))]), kind)

    def change(messages: list[Message]) -> list[Message]:
        images = [message for message in messages if message[0] == "/camera/image_raw"]
        unstamped = [(topic, time, name, raw[:4] + bytes(8) + raw[12:]) for topic, time, name, raw in images]
        return [*unstamped, ("/regions_2d", START + 1, kind, whole)]

    source = record(tmp_path / "in", frames=1, change=change)
    done = caption_bag(lambda: captioner, source.path, tmp_path / "out.mcap", SHORT)
    assert [problem.reason for problem in done.problems] == [
        "STALE: image: its header has no stamp (0), so its age is not known"
    ]
    assert done.refused == 1


def test_that_there_are_no_regions_any_more_is_said(captioner: Captioner, tmp_path: Path):
    source = record(tmp_path / "in", frames=1, change=regions_of())
    assert caption_bag(lambda: captioner, source.path, tmp_path / "out.mcap", SHORT).captions == 0
    ((time, message),) = read(tmp_path / "out.mcap", "/region_captions")
    assert (time, len(message.captions), message.header.frame_id) == (START, 0, FRAME)


def test_depth_of_another_camera_is_left_out_unless_it_is_named(captioner: Captioner, tmp_path: Path):
    def change(messages: list[Message]) -> list[Message]:
        changed = regions_of(encode_region_2d(None, header(0, ""), id="whole"))(messages)
        return [
            (topic, time, kind, raw.replace(FRAME.encode(), b"x" * len(FRAME)) if "depth" in topic else raw)
            for topic, time, kind, raw in changed
        ]

    source = record(tmp_path / "in", frames=1, change=change)
    assert caption_bag(lambda: captioner, source.path, tmp_path / "found.mcap", SHORT).refused == 0
    named = BagSettings(TopicNames(depth="/camera/depth/image_raw"), max_tokens=6)
    done = caption_bag(lambda: captioner, source.path, tmp_path / "named.mcap", named)
    assert done.refused == 0
    assert done.problems[0].topic == "/camera/depth/image_raw"
    assert done.problems[0].reason.startswith("NO_CALIBRATION: depth: its frame is 'xxx")


def test_detections_are_captioned_as_regions_are(captioner: Captioner, tmp_path: Path):
    """vision_msgs is not among the messages that rosbags knows; the bag itself says what they are."""
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import get_types_from_msg

    from ros_nodes.messages.plain import full_name, new_typestore, typestore

    store = new_typestore()
    types: dict[str, Any] = {}
    for name, text in {
        "Point2D": "float64 x\nfloat64 y",
        "Pose2D": "vision_msgs/Point2D position\nfloat64 theta",
        "BoundingBox2D": "vision_msgs/Pose2D center\nfloat64 size_x\nfloat64 size_y",
        "ObjectHypothesis": "string class_id\nfloat64 score",
        "ObjectHypothesisWithPose": "vision_msgs/ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose",
        "Detection2D": "std_msgs/Header header\nvision_msgs/ObjectHypothesisWithPose[] results\n"
        "vision_msgs/BoundingBox2D bbox\nstring id",
        "Detection2DArray": "std_msgs/Header header\nvision_msgs/Detection2D[] detections",
    }.items():
        types |= get_types_from_msg(text, f"vision_msgs/msg/{name}")
    store.register(types)
    of = {name.rpartition("/")[2]: kind for name, kind in store.types.items()}
    head = of["Header"](of["Time"](*divmod(START, 1_000_000_000)), FRAME)
    box = of["BoundingBox2D"](of["Pose2D"](of["Point2D"](40.0, 30.0), 0.0), 30.0, 20.0)
    detection = of["Detection2D"](head, [], box, "7")
    with Writer(tmp_path / "in", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        kind = "vision_msgs/msg/Detection2DArray"
        raw = store.serialize_cdr(of["Detection2DArray"](head, [detection]), kind)
        writer.write(writer.add_connection("/detections", kind, typestore=store), START + 1, raw)
        for topic, time, name, image in frame_messages(0, START):
            if topic == "/camera/image_raw":
                writer.write(writer.add_connection(topic, full_name(name), typestore=typestore()), time, image)
    assert caption_bag(lambda: captioner, tmp_path / "in", tmp_path / "out.mcap", SHORT).refused == 0
    ((_, message),) = read(tmp_path / "out.mcap", "/region_captions")
    (caption,) = message.captions
    assert (caption.region_id, caption.x1, caption.y1, caption.x2, caption.y2) == ("7", 25, 20, 55, 40)


def test_indices_of_another_cloud_are_refused(captioner: Captioner, tmp_path: Path):
    from region_perception.regions import PointSet

    region = encode_region_3d(PointSet([0, 1, 2], source_count=10), header(0, ""), id="p")
    kind = "region_perception_msgs/Region3DArray"
    raw = serialise(message_class(kind)(header=header(START), regions=[region]), kind)

    def change(messages: list[Message]) -> list[Message]:
        others = [message for message in messages if not message[0].startswith("/regions")]
        return [*others, ("/regions_3d", START + 1, kind, raw)]

    source = record(tmp_path / "in", frames=1, change=change)
    done = caption_bag(lambda: captioner, source.path, tmp_path / "out.mcap", SHORT)
    assert done.problems[0].reason.startswith("INVALID_REGION: Region3D: it has indices up to 2 of 10 points")
