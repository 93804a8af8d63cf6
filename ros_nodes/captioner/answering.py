"""Regions asked about, and what the model says of them, as messages. Everything here runs in the worker's thread."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from region_perception.confidence import shares
from region_perception.observations import ImageObservation
from region_perception.text import clean_text
from region_perception.view import Caption
from ros_nodes.captioner.model import Model, use_threads
from ros_nodes.captioner.pointing import Found, Place, Pointed, Pointing, Wanted
from ros_nodes.captioner.settings import CaptionerSettings
from ros_nodes.captioner.sights import Sight, Sights
from ros_nodes.decoding import Code, Refusal, Rigid
from ros_nodes.encoding import encode_caption, encode_refused, encode_status, place
from ros_nodes.messages.classes import Header, RegionCaption, RegionMatch
from ros_nodes.runtime.transforms import Transforms

if TYPE_CHECKING:
    from region_perception.captioner import Captioner


@dataclass
class Tally:
    """What was done since the start."""

    answered: int = 0
    refused: int = 0
    encoded: int = 0
    inference_time: float = math.nan
    age: float = math.nan
    last_refusal: Refusal | None = None
    refused_at: float = -math.inf
    """time.monotonic() of that."""


@dataclass
class Round:
    """One request, from when the model began with it."""

    model: str
    started: int
    """Nanoseconds of the node's clock."""
    alternatives: int = 0
    question: str = ""
    seconds: float = math.nan
    encoding: float = math.nan
    began: float = field(default_factory=time.perf_counter)

    def age(self, sight: Sight) -> float:
        """Seconds from the stamp of a frame until then."""
        return max((self.started - sight.stamp) / 1e9, 0.0)


@dataclass
class Answers:
    """What was said, region by region; where it can be drawn; and which way is up in the frames of the messages."""

    messages: list[RegionCaption] = field(default_factory=list)
    drawn: list[tuple[Sight, Caption]] = field(default_factory=list)
    motions: dict[str, Rigid] = field(default_factory=dict)

    def draw(self, pointed: Pointed, captions: Sequence[Caption]) -> None:
        """Notes where a region lies in an image and in space."""
        for lies, caption in zip(pointed.places, captions, strict=True):
            if isinstance(lies.sight.observation, ImageObservation):
                self.drawn.append((lies.sight, replace(caption, text=self.messages[-1].text)))
            else:
                self.motions[lies.sight.header.frame_id] = lies.sight.motion
        if pointed.pair is not None:
            home = pointed.pair.image
            self.motions.setdefault(home.header.frame_id, pointed.pair.motion_from(home))


class Answering:
    """Asks the model. now: nanoseconds of the node's clock. failed: is told of mistakes of the program."""

    def __init__(
        self,
        model: Model,
        sights: Sights,
        settings: Callable[[], CaptionerSettings],
        transforms: Callable[[], Transforms],
        now: Callable[[], int],
        failed: Callable[[BaseException], object] = lambda error: None,
    ) -> None:
        self._model, self._sights, self._settings = model, sights, settings
        self._transforms, self._now, self._failed = transforms, now, failed
        self.tally = Tally()

    def say(self, wanted: Wanted) -> Answers:
        """A caption of every region, or an answer where there is a question, all in one batch; refused ones say why."""
        captioner = self._captioner()
        asked = Round(captioner.name, self._now(), wanted.alternatives)
        if wanted.question is not None:
            asked.question = clean_text(wanted.question, "question")
        found = self._find(captioner, wanted)
        said = iter(self._write(captioner, found.places, asked.question))
        self._count(asked, found)
        answers = Answers()
        for pointed in found.regions:
            captions = [next(said) for _ in pointed.places]
            answers.messages.append(_message(pointed, captions, asked))
            answers.draw(pointed, captions)
        return answers

    def match(self, text: str, wanted: Wanted) -> tuple[Header, list[RegionMatch]]:
        """The regions in the order in which a description means them, the refused ones last."""
        text = clean_text(text, "description")
        captioner = self._captioner()
        asked = Round(captioner.name, self._now())
        found = self._find(captioner, wanted, both=False)
        scores, sure = _compared(captioner, found.places, text)
        self._count(asked, found)
        judged = iter(zip(scores, sure, strict=True))
        ranking = []
        for index, pointed in enumerate(found.regions):
            match = RegionMatch(index=index, region_id=pointed.message.id, status=encode_status(pointed.refusal))
            match.score, match.confidence = next(judged) if pointed.places else (math.nan, math.nan)
            match.modality = pointed.places[0].modality if pointed.places else ""
            ranking.append(match)
        ranking.sort(key=lambda match: math.inf if math.isnan(match.score) else -match.score)
        return (found.places[0].sight.header if found.places else Header()), ranking

    def look(self, sight: Sight) -> None:
        """Encodes a frame, so that what is asked about it later is answered sooner."""
        self.tally.encoded += sight.view(self._captioner())[1] > 0

    def _captioner(self) -> Captioner:
        """The model. Each thread of torch has its own count of helpers, so it is set here, where the model runs."""
        use_threads(self._settings().threads)
        return self._model.need()

    def _find(self, captioner: Captioner, wanted: Wanted, *, both: bool = True) -> Found:
        settings = self._settings()
        count = len(wanted.regions_2d) + len(wanted.regions_3d)
        if count > settings.max_regions:
            raise Refusal(Code.TOO_LARGE, f"{count:,} regions, at most {settings.max_regions:,} are read at once")
        both = both and settings.both_modalities
        pointing = Pointing(self._sights, captioner, self._transforms(), both=both, failed=self._failed)
        return pointing.find(wanted)

    def _write(self, captioner: Captioner, places: Sequence[Place], question: str) -> list[Caption]:
        if not places:
            return []
        settings = self._settings()
        decoding = {"beams": settings.beams, "max_tokens": settings.max_tokens}
        if question:
            return captioner.ask([(each.view, each.region, question) for each in places], **decoding)
        return captioner.caption([(each.view, each.region) for each in places], **decoding)

    def _count(self, asked: Round, found: Found) -> None:
        asked.seconds, asked.encoding = time.perf_counter() - asked.began, found.encoding_time
        answered = sum(pointed.refusal is None for pointed in found.regions)
        self.tally.answered += answered
        self.tally.refused += len(found.regions) - answered
        self.tally.encoded += found.encoded
        for pointed in found.regions:
            if pointed.refusal is not None:
                self.tally.last_refusal, self.tally.refused_at = pointed.refusal.bare(), time.monotonic()
        if found.places:
            self.tally.inference_time = asked.seconds
            self.tally.age = min(asked.age(place.sight) for place in found.places)


def _message(pointed: Pointed, captions: Sequence[Caption], asked: Round) -> RegionCaption:
    """What is said of one region, the surest first."""
    if pointed.refusal is not None:
        header = pointed.sight.header if pointed.sight else Header()
        return encode_refused(pointed.refusal, header, pointed.message, question=asked.question)
    order = sorted(range(len(captions)), key=lambda index: -captions[index].confidence)
    best, home = captions[order[0]], pointed.places[order[0]]
    message = encode_caption(
        best,
        home.sight.header,
        pointed.message,
        alternatives=[captions[index] for index in order[1:]][: asked.alternatives],
        model=asked.model,
        age=asked.age(home.sight),
        inference_time=asked.seconds,
        encoding_time=asked.encoding,
        motion=home.sight.motion,
        origin=home.sight.origin,
    )
    for index in order[1:]:
        other = pointed.places[index]
        if other.footprint is not None and pointed.pair is not None:
            place(message, other.footprint, pointed.pair.motion_from(home.sight), other.sight.origin)
    return message


def _compared(captioner: Captioner, places: Sequence[Place], text: str) -> tuple[list[float], list[float]]:
    """How well a description fits each place, and how sure that is, in the order of the places."""
    if not places:
        return [], []
    regions = [each.region for each in places if each.region is not None]
    if len({id(each.view) for each in places}) == 1 and len(regions) == len(places):
        matches = sorted(captioner.find(places[0].view, [text], regions)[0], key=lambda match: match.index)
        return [match.score for match in matches], [match.confidence for match in matches]
    scores = captioner.score([(each.view, each.region) for each in places], [text])
    return scores[:, 0].astype(float).tolist(), shares(scores)[:, 0].astype(float).tolist()
