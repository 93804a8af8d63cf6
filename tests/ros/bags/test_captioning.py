"""A bag comes back with captions: everything that was in it, and what the library says of its regions."""

import os
import signal
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recording import FRAME, LATE, SIZE, START, STEP, Recorded, contents, picture, read, record

from region_perception import Captioner
from ros_nodes.bags import BagSettings, TopicNames, caption_bag, captioning, parts, writing
from ros_nodes.decoding import OPTICAL_TO_BODY, Rigid, rigid_from_pose
from ros_nodes.messages.plain import full_name

SHORT = BagSettings(max_tokens=6, single=True)
BOTH = BagSettings(max_tokens=6)
OURS = ("/region_captions", "/region_markers")


def run(captioner: Captioner, source: Path, out: Path, settings: BagSettings = SHORT) -> Any:
    return caption_bag(lambda: captioner, source, out, settings)


@pytest.mark.parametrize(("storage", "name"), [("mcap", "out.mcap"), ("sqlite3", "out.db3"), ("sqlite3", "out")])
def test_all_that_was_in_a_bag_is_in_the_next_one(storage: str, name: str, captioner: Captioner, tmp_path: Path):
    source = record(tmp_path / "in", storage)
    done = run(captioner, source.path, tmp_path / name)
    came = contents(tmp_path / name)
    assert sorted(message for message in came if message[0] not in OURS) == sorted(contents(source.path))
    assert [time for _, time, _ in came] == sorted(time for _, time, _ in came)
    assert (done.jobs, done.captions, done.refused, done.problems) == (6, 12, 0, [])
    assert done.copied == done.recorded == len(source.messages)
    assert not list(tmp_path.glob("*.parts"))


def test_a_file_of_a_bag_is_read_as_the_folder_is(captioner: Captioner, recorded: Recorded, tmp_path: Path):
    (file,) = recorded.path.glob("*.mcap")
    run(captioner, file, tmp_path / "of_file.mcap")
    run(captioner, recorded.path, tmp_path / "of_folder.mcap")
    assert contents(tmp_path / "of_file.mcap") == contents(tmp_path / "of_folder.mcap")


@pytest.fixture(scope="module")
def captioned(captioner: Captioner, recorded: Recorded, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("captioned") / "out.mcap"
    run(captioner, recorded.path, out)
    return out


def test_captions_carry_the_stamp_of_their_frame(captioned: Path):
    arrays = read(captioned, "/region_captions")
    assert [time for time, _ in arrays] == [START + i * STEP for i in (0, 0, 1, 1, 2, 2)]
    for time, message in arrays:
        for each in [message, *message.captions]:
            assert each.header.stamp.sec * 10**9 + each.header.stamp.nanosec == time
            assert each.header.frame_id == FRAME
        for caption in message.captions:
            assert caption.region_stamp.sec * 10**9 + caption.region_stamp.nanosec == time
            assert caption.model == "lively"
            assert caption.status.code == 0
            assert np.isnan(caption.age)


def test_captions_say_what_the_library_says(captioner: Captioner, captioned: Path):
    for index in range(3):
        seen = picture(index)
        things = seen.shown[:2]
        view = captioner.look(seen.image)
        expected = view.caption([seen.box(thing.number) for thing in things], max_tokens=6)
        flat, solid = (message for time, message in read(captioned, "/region_captions") if time == START + index * STEP)
        assert [caption.text for caption in flat.captions] == [caption.text for caption in expected]
        assert [caption.region_id for caption in flat.captions] == [str(thing.number) for thing in things]
        assert {caption.modality for caption in flat.captions} == {"image_region"}
        assert {caption.modality for caption in solid.captions} == {"cloud_region"}
        assert {caption.label for caption in solid.captions} == {"thing"}
        assert min(caption.point_count for caption in solid.captions) > 0


def test_boxes_in_space_are_marked_where_the_things_are(captioned: Path):
    for (time, markers), index in zip(read(captioned, "/region_markers"), range(3), strict=True):
        assert time == START + index * STEP
        boxes = [marker for marker in markers.markers if marker.ns == "boxes"]
        assert len(boxes) == 2
        # In the optical frame things lie in front of the camera, along z.
        assert all(0.2 < box.pose.position.z < 5 and abs(box.pose.position.x) < 2 for box in boxes)


def test_clouds_are_made_of_depth_where_the_bag_has_none(captioner: Captioner, tmp_path: Path):
    source = record(tmp_path / "in", frames=1, points=False)
    done = run(captioner, source.path, tmp_path / "out.mcap")
    assert (done.captions, done.refused) == (4, 0)
    _, solid = (message for _, message in read(tmp_path / "out.mcap", "/region_captions"))
    assert [caption.modality for caption in solid.captions] == ["cloud_region"] * 2
    assert min(caption.point_count for caption in solid.captions) > 10


def test_regions_are_read_from_image_and_cloud(
    captioner: Captioner, captioned: Path, recorded: Recorded, tmp_path: Path
):
    done = run(captioner, recorded.path, tmp_path / "out.mcap", BOTH)
    assert (done.captions, done.refused, done.problems) == (12, 0, [])
    alone = [each for _, message in read(captioned, "/region_captions") for each in message.captions]
    both = [each for _, message in read(tmp_path / "out.mcap", "/region_captions") for each in message.captions]
    for single, caption in zip(alone, both, strict=True):
        (other,) = caption.alternatives
        assert {caption.modality, other.modality} == {"image_region", "cloud_region"}
        assert caption.confidence >= other.confidence
        # What the region points into is read as it is alone, whichever of the two is surer.
        assert single.text in (caption.text, other.text)
        assert caption.x2 > caption.x1
        assert caption.size.x > 0


def test_things_are_looked_for_where_nobody_points(captioner: Captioner, tmp_path: Path):
    source = record(tmp_path / "in", frames=3, change=lambda messages: [m for m in messages if "region" not in m[0]])
    settings = BagSettings(propose="cloud", every=0.15, most=3, max_tokens=6)
    done = run(captioner, source.path, tmp_path / "out.mcap", settings)
    arrays = read(tmp_path / "out.mcap", "/region_captions")
    assert [time for time, _ in arrays] == [START, START + 2 * STEP]
    assert done.jobs == 2
    for _, message in arrays:
        assert 1 <= len(message.captions) <= 3
        assert [each.region_id for each in message.captions] == [str(n + 1) for n in range(len(message.captions))]
        assert all(each.size.x > 0 and each.text for each in message.captions)


def test_bags_of_older_distributions_say_less_of_their_types(captioner: Captioner, recorded: Recorded, tmp_path: Path):
    """Until Iron a database held neither definitions of messages nor hashes."""
    file = tmp_path / "old.db3"
    with closing(sqlite3.connect(file)) as database, database:
        kinds = ", ".join(f"{name} TEXT" for name in ("name", "type", "serialization_format", "offered_qos_profiles"))
        database.execute(f"CREATE TABLE topics (id INTEGER PRIMARY KEY, {kinds})")
        database.execute(
            "CREATE TABLE messages (id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, data BLOB)"
        )
        topics = {topic: (place + 1, full_name(kind)) for place, (topic, _, kind, _) in enumerate(recorded.messages)}
        for topic, (number, kind) in topics.items():
            database.execute("INSERT INTO topics VALUES (?, ?, ?, 'cdr', '')", (number, topic, kind))
        for topic, time, _, raw in recorded.messages:
            values = (topics[topic][0], time, raw)
            database.execute("INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)", values)
    done = run(captioner, file, tmp_path / "out.mcap")
    assert (done.captions, done.refused) == (12, 0)
    came = contents(tmp_path / "out.mcap")
    assert sorted(each for each in came if each[0] not in OURS) == sorted(contents(recorded.path))


def kill_at(owner: Any, name: str, call: int) -> None:
    inner, calls = getattr(owner, name), iter(range(1, 10**6))

    def call_or_die(*arguments: Any, **options: Any) -> Any:
        if next(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return inner(*arguments, **options)

    setattr(owner, name, call_or_die)


# Before the first part, between its draft and its name, between parts, while the bag is written, before it is named.
@pytest.mark.parametrize(
    ("owner", "name", "call", "kept"),
    [
        (captioning.Answerer, "answer", 1, 0),
        (parts.os, "replace", 2, 0),
        (captioning.Answerer, "answer", 4, 3),
        (writing, "hash_of", 3, 6),
        (writing.os, "replace", 8, 6),
    ],
)
def test_a_run_that_was_killed_goes_on(
    owner: Any,
    name: str,
    call: int,
    kept: int,
    captioner: Captioner,
    recorded: Recorded,
    captioned: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(captioning, "JOBS_OF_A_PART", 1)
    out = tmp_path / "out.mcap"
    child = os.fork()
    if child == 0:
        kill_at(owner, name, call)
        run(captioner, recorded.path, out)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert not out.exists()
    done = run(captioner, recorded.path, out)
    assert done.resumed == kept
    assert (done.jobs, done.captions) == (6, 12)
    assert contents(out) == contents(captioned)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mcap"]


def test_progress_is_told_from_where_it_begins(captioner: Captioner, recorded: Recorded, tmp_path: Path):
    told: list[tuple[int, int]] = []
    caption_bag(
        lambda: captioner, recorded.path, tmp_path / "o.mcap", SHORT, progress=lambda *numbers: told.append(numbers)
    )
    assert told[0] == (0, 6)
    assert told[-1] == (6, 6)


def stamped_regions(stamp: int, time: int, *, own: str = "", end: int | None = None) -> Any:
    """A change of messages: one message of regions alone, with this stamp, recorded at this time.

    own: the frame that the region itself names. end: when it is said that there are none any more.
    """
    from recording import array, header

    from ros_nodes.encoding import encode_region_2d
    from ros_nodes.messages.plain import serialise

    regions = array("Region2DArray", header(stamp, ""), [encode_region_2d(None, header(0, own), id="whole")])
    kind = "region_perception_msgs/Region2DArray"

    def change(messages: list[Any]) -> list[Any]:
        others = [message for message in messages if not message[0].startswith("/regions")]
        said = [("/regions_2d", time, kind, serialise(regions, kind))]
        if end is not None:
            said.append(("/regions_2d", end, kind, serialise(array("Region2DArray", header(0, ""), []), kind)))
        return [*others, *said]

    return change


@pytest.mark.parametrize(
    ("stamp", "time", "frame"),
    [
        (0, START + STEP + LATE, 1),  # the newest until then
        (0, START + STEP - 1, 0),
        (START + 2 * STEP, START + STEP, 2),  # pointed at before the frame was recorded
        (START + STEP + 20_000_000, START + 2 * STEP, 1),  # near enough
    ],
)
def test_regions_find_their_frame(stamp: int, time: int, frame: int, captioner: Captioner, tmp_path: Path):
    source = record(tmp_path / "in", change=stamped_regions(stamp, time))
    assert run(captioner, source.path, tmp_path / "out.mcap", replace(SHORT, once=True)).refused == 0
    ((at, message),) = read(tmp_path / "out.mcap", "/region_captions")
    assert at == START + frame * STEP
    assert message.captions[0].modality == "image"


@pytest.mark.parametrize(
    ("regions", "counts"),
    [
        (stamped_regions(0, START + LATE), {0: 1, 1: 1, 2: 1}),
        (stamped_regions(0, START - 1), {0: 1, 1: 1, 2: 1}),  # before there was anything to be seen
        (stamped_regions(0, START + STEP + LATE, end=START + STEP + 2 * LATE), {1: 1}),
        (stamped_regions(0, START + LATE, end=START + STEP + LATE), {0: 1, 1: 1}),
        # Its own header is not empty, so that it does not have the stamp of the array.
        (stamped_regions(START, START + STEP + LATE, own=FRAME), {1: 1, 2: 1}),
        (stamped_regions(START, START + STEP + LATE), {0: 1}),
    ],
)
def test_regions_without_a_stamp_are_captioned_until_others_come(
    regions: Any, counts: dict[int, int], captioner: Captioner, tmp_path: Path
):
    """As the node does it: see `tests/ros/captioner/test_turns.py`."""
    source = record(tmp_path / "in", change=regions)
    assert run(captioner, source.path, tmp_path / "out.mcap").refused == 0
    arrays = [each for each in read(tmp_path / "out.mcap", "/region_captions") if each[1].captions]
    assert [(at, len(message.captions)) for at, message in arrays] == [
        (START + frame * STEP, count) for frame, count in counts.items()
    ]


@pytest.mark.parametrize(("stamp", "time"), [(START + STEP // 2 + LATE, START + STEP), (0, START - 1)])
def test_regions_without_a_frame_are_refused(stamp: int, time: int, captioner: Captioner, tmp_path: Path):
    source = record(tmp_path / "in", change=stamped_regions(stamp, time))
    settings = BagSettings(max_tokens=6, slop=0.01, once=True)
    done = run(captioner, source.path, tmp_path / "out.mcap", settings)
    ((at, message),) = read(tmp_path / "out.mcap", "/region_captions")
    assert (at, message.captions[0].status.code, message.captions[0].region_id) == (time, 13, "whole")
    assert done.refused == 1
    assert done.problems[0].reason.startswith("NO_OBSERVATION: the bag has no frame of ")


def test_what_is_there_already_is_not_replaced(
    captioner: Captioner, captioned: Path, recorded: Recorded, tmp_path: Path
):
    from region_perception.errors import InvalidInput

    with pytest.raises(InvalidInput, match="exists already"):
        run(captioner, recorded.path, captioned)
    with pytest.raises(InvalidInput, match="has a topic /region_captions already"):
        run(captioner, captioned, tmp_path / "again.mcap")
    settings = BagSettings(TopicNames(captions="/second", markers="/second/markers"), max_tokens=6)
    assert run(captioner, captioned, tmp_path / "again.mcap", settings).captions == 12


def test_parts_of_another_run_are_refused(captioner: Captioner, recorded: Recorded, tmp_path: Path):
    from region_perception.errors import InvalidInput

    class Enough(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done == total:
            raise Enough

    out = tmp_path / "out.mcap"
    with pytest.raises(Enough):
        caption_bag(lambda: captioner, recorded.path, out, SHORT, progress=stop)
    with pytest.raises(InvalidInput, match=r"part of another run \(other: settings\)"):
        run(captioner, recorded.path, out, BagSettings(max_tokens=7, single=True))
    assert run(captioner, recorded.path, out).resumed == 6


def test_images_are_looked_at_once_for_several_messages(
    captioner: Captioner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    looked: list[Any] = []
    look = captioner.look
    monkeypatch.setattr(captioner, "look", lambda seen: looked.append(seen) or look(seen))

    def twice(messages: list[Any]) -> list[Any]:
        regions = [message for message in messages if message[0] == "/regions_2d"]
        others = [message for message in messages if not message[0].startswith("/regions")]
        return [*others, *regions, *[("/more", *message[1:]) for message in regions]]

    source = record(tmp_path / "in", frames=2, change=twice)
    assert run(captioner, source.path, tmp_path / "out.mcap").jobs == 4
    assert [(seen.width, seen.height) for seen in looked] == [SIZE] * 2


def with_tf(pose: Rigid, *, moving: bool) -> Any:
    """A change of messages: where the camera's body is in `base_link`, and its optical frame in that."""
    from recording import transforms

    def change(messages: list[Any]) -> list[Any]:
        body = transforms({("base_link", "camera_link"): pose}, START)
        fixed = transforms({("camera_link", FRAME): OPTICAL_TO_BODY}, START)
        kind = "tf2_msgs/TFMessage"
        return [*messages, ("/tf" if moving else "/tf_static", START, kind, body), ("/tf_static", START, kind, fixed)]

    return change


@pytest.mark.parametrize("moving", [False, True])
def test_clouds_are_taken_upright_by_the_transforms_of_the_bag(moving: bool, captioner: Captioner, tmp_path: Path):
    numbers = (0.1, -0.2, 1.0, 0.0, 0.5, 0.3)
    source = record(tmp_path / "in", frames=1, change=with_tf(rigid_from_pose(*numbers), moving=moving))
    by_tf = BagSettings(max_tokens=6, single=True, upright_frame="base_link")
    by_pose = BagSettings(max_tokens=6, single=True, pose=numbers)
    said = {}
    for name, settings in {"tf": by_tf, "pose": by_pose}.items():
        assert run(captioner, source.path, tmp_path / f"{name}.mcap", settings).refused == 0
        _, solid = (message for _, message in read(tmp_path / f"{name}.mcap", "/region_captions"))
        said[name] = [(each.text, round(each.confidence, 4), each.point_count) for each in solid.captions]
    assert said["tf"] == said["pose"]


def test_frames_that_the_bag_does_not_know_are_refused(captioner: Captioner, tmp_path: Path):
    source = record(tmp_path / "in", frames=1, change=with_tf(rigid_from_pose(0, 0, 1, 0, 0, 0), moving=False))
    done = run(captioner, source.path, tmp_path / "out.mcap", BagSettings(max_tokens=6, upright_frame="map"))
    (problem,) = done.problems
    assert (problem.topic, done.refused) == ("/camera/points", 2)
    why = "from 'camera_optical_frame' to 'map', at 1700000000.000 s: the bag holds no transforms between them"
    assert problem.reason == f"NO_TRANSFORM: {why}"
