"""What is to be done over a bag: which regions are captioned in which frame, found out before anything is captioned.

Messages are told apart by topic, time of recording and turn, so that a second reading finds the same ones wherever it
begins. A job is done as soon as all its messages have been read, and jobs are numbered in that order.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ros_nodes.bags.reading import Bag, Record, Stamped, stamped
from ros_nodes.bags.recorded_tf import STATIC, RecordedTransforms
from ros_nodes.bags.settings import BagSettings
from ros_nodes.bags.topics import REGIONS_2D, Topics
from ros_nodes.messages.refusals import Refusal
from ros_nodes.messages.stamps import header_of, nanoseconds


@dataclass(frozen=True)
class Key:
    """One message. time: nanoseconds, when it was recorded. turn: how many of the topic came before at that time."""

    topic: str
    time: int
    turn: int


@dataclass(frozen=True)
class Sensed:
    """The messages of one moment; None where the bag has none that belongs to it."""

    image: Key | None = None
    depth: Key | None = None
    camera_info: Key | None = None
    points: Key | None = None


@dataclass(frozen=True)
class Job:
    """Regions of one message (or, without one, those that are proposed) in one frame.

    time: of the recording, where the captions go. stamp: of the frame, nanoseconds; None where the bag has no frame of
    the stamp that the regions name. regions, which: a message of regions, and the places of those in it that are meant.
    named: the stamp that they name, 0 for the newest frame.
    """

    time: int
    of_cloud: bool
    stamp: int | None
    sensed: Sensed
    regions: Key | None
    which: tuple[int, ...]
    named: int

    @property
    def needs(self) -> tuple[Key, ...]:
        seen = self.sensed
        keys = (seen.image, seen.depth, seen.camera_info, seen.points, self.regions)
        return tuple(key for key in keys if key is not None)


@dataclass(frozen=True)
class Problem:
    """A message, or a region, that could not be used."""

    topic: str
    time: int
    reason: str
    """NAME_OF_THE_CODE: words."""


class Track:
    """The messages of one topic, in the order of reading."""

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.headers: dict[Key, Stamped] = {}
        self._times: list[int] = []
        self._by_stamp: list[tuple[int, int]] = []  # stamp and place in keys, sorted when it is first asked for

    def add(self, key: Key, header: Stamped) -> None:
        self.keys.append(key)
        self.headers[key] = header
        self._times.append(key.time)

    def by_stamp(self, stamp: int, slop: int) -> Key | None:
        """The message whose stamp is nearest, if it is no more than `slop` nanoseconds off."""
        if len(self._by_stamp) < len(self.keys):
            self._by_stamp = sorted((self.headers[key].stamp, place) for place, key in enumerate(self.keys))
        after = bisect_left(self._by_stamp, (stamp, 0))
        near = [self._by_stamp[i] for i in (after - 1, after) if 0 <= i < len(self._by_stamp)]
        best = min(near, key=lambda pair: abs(pair[0] - stamp), default=None)
        return None if best is None or abs(best[0] - stamp) > slop else self.keys[best[1]]

    def newest(self, time: int) -> Key | None:
        """The last that was recorded until `time`."""
        place = bisect_right(self._times, time)
        return self.keys[place - 1] if place else None

    def while_newest(self, time: int, end: int | None) -> list[Key]:
        """The last that was recorded until `time`, and all after it that were before `end`; None is for ever."""
        first, last = bisect_right(self._times, time), len(self.keys)
        return self.keys[max(first - 1, 0) : last if end is None else max(bisect_left(self._times, end), first)]


class Turns:
    """Names messages as they are read."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, int]] = {}

    def key(self, record: Record) -> Key:
        connection, time, _ = record
        before, turn = self._last.get(connection.topic, (time, -1))
        turn = turn + 1 if before == time else 0
        self._last[connection.topic] = (time, turn)
        return Key(connection.topic, time, turn)


class Scan:
    """All that one reading of a bag, without its pixels and points, tells."""

    def __init__(self, bag: Bag, topics: Topics) -> None:
        self.topics = topics
        self.problems: list[Problem] = []
        self.order: dict[Key, int] = {}
        self.tracks = {name: Track() for name in topics.all()}
        self.tf = RecordedTransforms()
        self.regions: list[tuple[Key, bool, dict[int, tuple[int, ...]]]] = []
        """Message, whether of a cloud, and by the stamp that they name the places of its regions."""
        turns = Turns()
        for record in bag.records(topics.all() | set(topics.tf)):
            key = turns.key(record)
            self.order[key] = len(self.order)
            try:
                self._take(bag, key, record)
            except Refusal as refusal:
                self.problems.append(Problem(key.topic, key.time, str(refusal)))

    def _take(self, bag: Bag, key: Key, record: Record) -> None:
        connection, _, raw = record
        if key.topic in self.topics.tf:
            self.tf.add(bag.read(connection, raw), static=key.topic.endswith(STATIC))
            return
        if key.topic in (*self.topics.regions_2d, *self.topics.regions_3d):
            message = bag.read(connection, raw)
            self.regions.append((key, connection.msgtype not in REGIONS_2D, stamps_of(message)))
            return
        self.tracks[key.topic].add(key, stamped(raw))


def stamps_of(message: Any) -> dict[int, tuple[int, ...]]:
    """By the stamp that they name, 0 for the newest frame, the places of regions in a message."""
    found: dict[int, list[int]] = {}
    for place, region in enumerate(message.regions if hasattr(message, "regions") else message.detections):
        found.setdefault(nanoseconds(header_of(region, message).stamp), []).append(place)
    found = found or {nanoseconds(message.header.stamp): []}  # that there is nothing any more is said, too
    return {stamp: tuple(places) for stamp, places in found.items()}


def jobs_of(scan: Scan, settings: BagSettings) -> list[Job]:
    """All jobs, in the order in which they can be done."""
    jobs = list(_proposing(scan, settings) if settings.propose is not None else _asked(scan, settings))
    return sorted(jobs, key=lambda job: max(scan.order[key] for key in job.needs))  # those of one message stay in order


def _asked(scan: Scan, settings: BagSettings) -> Iterator[Job]:
    for (key, of_cloud, by_stamp), end in zip(scan.regions, _ends(scan), strict=True):
        track = scan.tracks[_frames(scan.topics, of_cloud)]
        if any(by_stamp.values()) and set(by_stamp) == {0} and not settings.once:
            for frame in track.while_newest(key.time, end) or (None,):
                yield _job(scan, settings, of_cloud, frame, key, by_stamp[0])
            continue
        for stamp, which in by_stamp.items():
            found = track.by_stamp(stamp, _slop(settings)) if stamp else track.newest(key.time)
            yield _job(scan, settings, of_cloud, found, key, which, stamp)


def _ends(scan: Scan) -> list[int | None]:
    """When the next regions of the same kind came, for each message of regions; None where none did."""
    ends, after = list[int | None](), dict[bool, int]()
    for key, of_cloud, _ in reversed(scan.regions):
        ends.append(after.get(of_cloud))
        after[of_cloud] = key.time
    return ends[::-1]


def _proposing(scan: Scan, settings: BagSettings) -> Iterator[Job]:
    of_cloud, due = settings.propose == "cloud", 0
    for frame in scan.tracks[_frames(scan.topics, of_cloud)].keys:
        if frame.time >= due:
            due = frame.time + round(settings.every * 1e9)
            yield _job(scan, settings, of_cloud, frame)


def _frames(topics: Topics, of_cloud: bool) -> str:
    return topics.points if of_cloud and topics.points else topics.image


def _slop(settings: BagSettings) -> int:
    return round(settings.slop * 1e9)


def _job(
    scan: Scan,
    settings: BagSettings,
    of_cloud: bool,
    frame: Key | None,
    regions: Key | None = None,
    which: tuple[int, ...] = (),
    named: int = 0,
) -> Job:
    where = frame or regions
    assert where is not None  # a job has a frame, or regions that name one
    if frame is None:
        return Job(where.time, of_cloud, None, Sensed(), regions, which, named)
    stamp = scan.tracks[frame.topic].headers[frame].stamp
    return Job(where.time, of_cloud, stamp, _sensed(scan, settings, frame, stamp), regions, which, named)


def _sensed(scan: Scan, settings: BagSettings, frame: Key, stamp: int) -> Sensed:
    """A frame, and what belongs to it. Depth and calibration that were not named but found must be of the same camera:
    a bag may hold the depth of a camera that is not registered to the image."""
    topics, tracks = scan.topics, scan.tracks

    def at_once(topic: str) -> Key | None:
        if not topic:
            return None
        return frame if topic == frame.topic else tracks[topic].by_stamp(stamp, _slop(settings))

    image, points = at_once(topics.image), at_once(topics.points)
    if image is None:
        return Sensed(points=points)
    camera = tracks[image.topic].headers[image].frame_id
    depth, info = at_once(topics.depth), None
    if depth is not None and not settings.topics.depth and not _is_of(tracks[depth.topic], depth, camera):
        depth = None
    if topics.camera_info:
        infos = tracks[topics.camera_info]
        info = infos.newest(image.time) or next(iter(infos.keys), None)  # some cameras say it once
        if info is not None and not settings.topics.camera_info and not _is_of(infos, info, camera):
            info = None
    return Sensed(image, depth, info, points)


def _is_of(track: Track, key: Key, camera: str) -> bool:
    return track.headers[key].frame_id in ("", camera)


def in_words(problems: list[Problem]) -> list[str]:
    """A line for each topic and reason: how often, and the first of them."""
    counts = Counter((each.topic, each.reason.partition(":")[0]) for each in problems)
    first: dict[tuple[str, str], Problem] = {}
    for each in problems:
        first.setdefault((each.topic, each.reason.partition(":")[0]), each)
    return [
        f"{topic}: {count} x {code}; the first at {first[topic, code].time / 1e9:.3f} s: {first[topic, code].reason}"
        for (topic, code), count in sorted(counts.items())
    ]
