"""Streams of the tabletop world in the form of every data set: records of all four modalities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from region_perception.data.record import Record
from region_perception.errors import InvalidInput
from region_perception.modalities import CLOUD, CLOUD_REGION, IMAGE, IMAGE_REGION, MODALITIES
from region_perception.simulation import describing, questions
from region_perception.simulation.clouds import LabelledCloud, picture_cloud, scene_cloud, thing_cloud
from region_perception.simulation.layout import scenes
from region_perception.simulation.picture import Picture, take_picture
from region_perception.simulation.scene import Thing
from region_perception.simulation.splits import NOVEL_COMBINATIONS, SEEDS, is_novel

SOURCE = "tabletop"
MEASURED, SAMPLED = "measured", "sampled"  # the cloud of the depth camera, or that of all surfaces
CLOUDS = (MEASURED, SAMPLED)


def records(
    split: str,
    start: int = 0,
    step: int = 1,
    *,
    modalities: Sequence[str] = MODALITIES,
    width: int = 224,
    height: int = 224,
    cloud: str = MEASURED,
    points: int = 8192,
) -> Iterator[Record]:
    """The records of the scenes of a split with the indices `start`, `start + step`, ..., scene by scene, without end.

    cloud: which cloud its records show, "measured" (what the depth camera saw) or "sampled" (all surfaces). points: of
    a sampled cloud.
    """
    _check(modalities, cloud)
    for scene in scenes(split, start, step):
        picture = take_picture(scene, width, height)
        yield from picture_records(picture, modalities, cloud, points)


def picture_records(
    picture: Picture, modalities: Sequence[str] = MODALITIES, cloud: str = MEASURED, points: int = 8192
) -> list[Record]:
    """All records of one picture: the whole, each thing that is shown, and single things as clouds of their own.

    Of `novel-combinations` only things of a held-out colour and kind get records of their own.
    """
    _check(modalities, cloud)
    maker = RecordMaker(picture, cloud, points)
    found: list[Record] = []
    if IMAGE in modalities:
        found += maker.whole(IMAGE)
    if IMAGE_REGION in modalities:
        found += maker.image_regions()
    if CLOUD in modalities:
        found += maker.whole(CLOUD)
        found += [maker.alone(thing) for thing in maker.pointed]
    if CLOUD_REGION in modalities:
        found += maker.cloud_regions()
    return found


def _check(modalities: Sequence[str], cloud: str) -> None:
    if wrong := [name for name in modalities if name not in MODALITIES]:
        raise InvalidInput(f"unknown modality {wrong[0]!r}; expected some of {', '.join(MODALITIES)}")
    if cloud not in CLOUDS:
        raise InvalidInput(f"unknown cloud {cloud!r}; expected one of {', '.join(CLOUDS)}")


class RecordMaker:
    """Makes the records of one picture. Each has random numbers of its own, so that none depends on the others.

    Attributes:
        pointed: the things that get records of their own.
    """

    def __init__(self, picture: Picture, cloud: str = MEASURED, points: int = 8192) -> None:
        """`cloud` and `points` as for `picture_records`."""
        self.picture = picture
        self.scene = picture.scene
        self.cloud = cloud
        self.points = points
        self.index = self.scene.seed - SEEDS[self.scene.split].start
        novel_only = self.scene.split == NOVEL_COMBINATIONS
        self.pointed = [thing for thing in picture.shown if not novel_only or is_novel(thing.color, str(thing.kind))]

    @cached_property
    def labelled(self) -> LabelledCloud:
        """The cloud that the records of clouds as a whole and of regions in them show."""
        if self.cloud == MEASURED:
            return picture_cloud(self.picture)
        return scene_cloud(self.scene, self.points)

    def whole(self, modality: str) -> list[Record]:
        """The record of the whole picture or cloud; none where no thing is shown."""
        random = self._random(0)
        sentences = tuple(describing.describe_scene(self.picture, random))
        if not sentences:
            return []
        asked = tuple(questions.ask_about_scene(self.picture, random))
        observation = self.picture.image if modality == IMAGE else self.labelled.cloud
        return [self._record(modality, observation, None, sentences=sentences, questions=asked)]

    def image_regions(self) -> list[Record]:
        """The records of single things, each by the tight box about what is seen of it."""
        image = self.picture.image
        return [
            self._record(IMAGE_REGION, image, thing, region=self.picture.box(thing.number), **self._said(thing))
            for thing in self.pointed
        ]

    def cloud_regions(self) -> list[Record]:
        """The records of single things, each by its whole box; none of those that no point lies in."""
        cloud, instances = self.labelled.cloud, self.labelled.instances
        return [
            self._record(CLOUD_REGION, cloud, thing, region=thing.box, **self._said(thing))
            for thing in self.pointed
            if thing.box.contains(cloud.points[instances == thing.number]).any()
        ]

    def alone(self, thing: Thing) -> Record:
        """The record of one thing by itself."""
        random = self._random(100 + thing.number)
        sentences = tuple(describing.describe_alone(thing, random))
        asked = tuple(questions.ask_about_alone(thing, random))
        observation = thing_cloud(self.scene, thing).cloud
        return self._record(CLOUD, observation, thing, sentences=sentences, questions=asked)

    def _said(self, thing: Thing) -> dict[str, Any]:
        """Sentences, references and questions of one thing; the same for the picture and the cloud."""
        random = self._random(thing.number)
        regular = describing.describe(self.picture, thing).text()
        meant = [describing.wording(phrase, random) for phrase in describing.references(self.picture, thing, random)]
        sentences = dict.fromkeys((regular, *meant, describing.remark(thing, random)))
        asked = tuple(questions.ask_about(self.picture, thing, random))
        return {"sentences": tuple(sentences), "references": tuple(meant), "questions": asked}

    def _record(self, modality: str, observation: Any, thing: Thing | None, **said: Any) -> Record:
        alone = modality == CLOUD and thing is not None
        view = "thing" if alone else self.cloud if modality in (CLOUD, CLOUD_REGION) else "picture"
        place = {
            "world": SOURCE,
            "split": self.scene.split,
            "scene": self.index,
            "view": view,
            "size": [self.picture.image.width, self.picture.image.height],
        }
        if alone and thing:
            place["thing"] = thing.number
        name = f"{SOURCE}/{self.scene.split}/{self.index:09d}/{modality}" + (f"/{thing.number}" if thing else "")
        meta = self._facts(thing) if thing else {}
        return Record(name, SOURCE, self.scene.split, modality, observation, place=place, meta=meta, **said)

    def _facts(self, thing: Thing) -> dict[str, Any]:
        """The truth about a thing, for those who measure."""
        facts = {name: getattr(thing, name) for name in ("number", "kind", "color", "pattern", "size", "pose")}
        return facts | {"seen": round(float(self.picture.seen[thing.number]), 3), "box3d": thing.box.to_dict()}

    def _random(self, stream: int) -> np.random.Generator:
        return np.random.default_rng((self.scene.seed, 5, stream))
