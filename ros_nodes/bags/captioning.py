"""A recorded bag, captioned: one reading finds out what there is to do, a second does it, a third writes it down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from ros_nodes.bags.answering import Answerer
from ros_nodes.bags.jobs import Job, Key, Problem, Scan, Turns, jobs_of
from ros_nodes.bags.parts import Entry, Part, Parts
from ros_nodes.bags.reading import Bag, opened
from ros_nodes.bags.settings import BagSettings
from ros_nodes.bags.topics import Topics, chosen_topics
from ros_nodes.bags.writing import CAPTIONS, MARKERS, check_out, write_bag
from ros_nodes.messages.plain import full_name, serialise, typestore
from ros_nodes.messages.refusals import Code, Refusal

if TYPE_CHECKING:
    from region_perception import Captioner

SAVED_EVERY = 5.0  # seconds of work that are lost at most when the process is killed
JOBS_OF_A_PART = 200


@dataclass(frozen=True)
class Outcome:
    """What was done. captions: of regions, those that were refused counted as `refused`, too. resumed: jobs that an
    earlier run had done. copied: messages of the bag, of `recorded`."""

    topics: str
    jobs: int
    resumed: int
    captions: int
    refused: int
    copied: int
    recorded: int
    problems: list[Problem]


def caption_bag(
    captioner: Callable[[], Captioner],
    source: Path,
    out: Path,
    settings: BagSettings,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Outcome:
    """Captions the regions of the bag `source` and writes everything of it, and the captions, to `out`.

    captioner: loads the model; it is called when the bag is found to be usable. progress: told how many jobs are done,
    of how many. What has been done when the process ends is kept in OUT.parts, and taken up again by the same call.
    """
    names = (settings.topics.captions, settings.topics.markers)
    with opened(source) as bag:
        check_out(out, bag, names)
        topics = chosen_topics(bag, settings)
        bag.check_types(topics.all())
        scan = Scan(bag, topics)
        jobs = jobs_of(scan, settings)
        model = captioner()
        parts = Parts(out.with_name(f"{out.name}.parts"), _plan(bag, settings, topics, jobs, model))
        resumed = parts.done()
        progress(resumed, len(jobs))
        for part in _done(bag, topics, jobs, Answerer(model, settings, scan), names, resumed):
            parts.add(part)
            progress(part.last + 1, len(jobs))
        copied = write_bag(bag, parts, out, names)
        captions, refused, problems = _counted(parts, names[0])
        problems = [*scan.problems, *problems]
        recorded = bag.message_count
    parts.remove()
    return Outcome(topics.in_words(), len(jobs), resumed, captions, refused, copied, recorded, problems)


def _plan(bag: Bag, settings: BagSettings, topics: Topics, jobs: list[Job], model: Captioner) -> dict[str, Any]:
    """What must be the same for a run to go on where another has stopped, as JSON keeps it."""
    return {
        "bag": [str(bag.path.resolve()), bag.message_count, *bag.span],
        "model": [model.name, model.source, sorted(model.trained), model.image_size],
        "settings": _plain(asdict(settings)),
        "topics": _plain(asdict(topics)),
        "jobs": len(jobs),
    }


def _plain(value: Any) -> Any:
    """Tuples as the lists that JSON makes of them."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple | list) else value


def _done(
    bag: Bag, topics: Topics, jobs: list[Job], answerer: Answerer, names: tuple[str, str], first: int
) -> Iterator[Part]:
    """The jobs from `first` on, some at a time."""
    begun, entries, problems = monotonic(), list[Entry](), list[Problem]()
    for number, (job, messages) in enumerate(_with_messages(bag, topics, jobs[first:]), start=first):
        said = answerer.answer(job, messages)
        entries.append(Entry(names[0], job.time, serialise(said.captions, CAPTIONS)))
        if said.markers is not None:
            entries.append(Entry(names[1], job.time, serialise(said.markers, MARKERS)))
        problems += said.problems
        last = number + 1 == len(jobs)
        if last or monotonic() - begun > SAVED_EVERY or number + 1 - first >= JOBS_OF_A_PART:
            yield Part(first, number, entries, problems)
            first, begun, entries, problems = number + 1, monotonic(), [], []


def _with_messages(bag: Bag, topics: Topics, jobs: list[Job]) -> Iterator[tuple[Job, dict[Key, Any]]]:
    """Each job with its messages; of the bag only those are held that a job still waits for."""
    if not jobs:
        return
    waiting: dict[Key, int] = {}  # how many of the jobs to come need it
    for job in jobs:
        for key in job.needs:
            waiting[key] = waiting.get(key, 0) + 1
    held: dict[Key, Any] = {}
    turns, place = Turns(), 0
    for record in bag.records(topics.all(), start=min(key.time for key in waiting)):
        key = turns.key(record)
        if key in waiting:
            held[key] = _read(bag, record)
        while place < len(jobs) and all(each in held for each in jobs[place].needs):
            yield jobs[place], held
            for each in jobs[place].needs:
                waiting[each] -= 1
                if waiting[each] == 0:
                    del held[each], waiting[each]
            place += 1


def _read(bag: Bag, record: tuple[Any, int, bytes]) -> Any:
    connection, _, raw = record
    try:
        return bag.read(connection, raw)
    except Refusal as refusal:
        return refusal


def _counted(parts: Parts, topic: str) -> tuple[int, int, list[Problem]]:
    """Captions, those of them that were refused, and all problems, of this run and of those that it went on from."""
    captions, refused, problems = 0, 0, list[Problem]()
    for part in parts:
        problems += part.problems
        for entry in part.entries:
            if entry.topic == topic:
                message: Any = typestore().deserialize_cdr(entry.data, full_name(CAPTIONS))
                captions += len(message.captions)
                refused += sum(each.status.code != Code.OK for each in message.captions)
    # A frame that several messages of regions are about is as wrong to each of them.
    return captions, refused, list(dict.fromkeys(problems))
