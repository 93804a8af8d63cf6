"""The tabletop protocol: what is shown of unseen scenes of the simulated world, and what is right about them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np

from region_perception.data.record import Record
from region_perception.errors import InvalidInput
from region_perception.evaluation.cases import Case
from region_perception.evaluation.judging import RIGHT, SILENT, UNCLEAR, WRONG
from region_perception.evaluation.pointing import (
    BOX,
    CLICK,
    CLOUD_POINTINGS,
    MASK,
    POINTINGS,
    point_in_cloud,
    point_in_image,
)
from region_perception.evaluation.predictions import Prediction
from region_perception.evaluation.protocol import Protocol
from region_perception.evaluation.words import words
from region_perception.modalities import CLOUD_REGION, IMAGE_REGION, MODALITIES, REGION_MODALITIES
from region_perception.regions import Region
from region_perception.simulation import (
    LabelledCloud,
    Picture,
    Scene,
    Thing,
    compose,
    judge,
    parse,
    picture_cloud,
    picture_records,
    scene_cloud,
    take_picture,
)
from region_perception.simulation.records import MEASURED
from region_perception.simulation.splits import seed_of
from region_perception.simulation.words import COLORS, KINDS

NAME = "tabletop"
REGION, WHOLE, THING = "region", "whole", "thing"

KIND_AND_COLOR, PLACE, ALL_SAID, SAME_WORDS = (
    "kind and color",
    "position and relation",
    "all that is said",
    "same words",
)
THINGS = "things named are there"

_PROPERTIES = ("kind", "color", "size", "pattern", "pose", "position", "relation")
_LABELS = {kind: f"a {kind}" for kind in KINDS}
_NAMED = re.compile(rf"\b({'|'.join(COLORS)}) ({'|'.join(KINDS)})\b")


@dataclass(frozen=True)
class TabletopSettings:
    """Which scenes are shown, and how.

    split: one of `simulation.SPLITS`. start: index of the first scene. modalities: which records are shown. pointing:
    the ways in which regions are pointed at; a stroke only in images. size: (width, height) of pictures in pixels.
    cloud: "measured" or "sampled", as for `simulation.records`.
    """

    split: str = "test"
    start: int = 0
    modalities: tuple[str, ...] = MODALITIES
    pointing: tuple[str, ...] = (BOX,)
    size: tuple[int, int] = (256, 256)
    cloud: str = MEASURED

    def __post_init__(self) -> None:
        seed_of(self.split, self.start)
        for what, given, known in (
            ("modality", self.modalities, MODALITIES),
            ("way to point", self.pointing, POINTINGS),
        ):
            if wrong := [name for name in given if name not in known]:
                raise InvalidInput(f"unknown {what} {wrong[0]!r}; expected some of {', '.join(known)}")
            if not given:
                raise InvalidInput(f"no {what} was chosen; expected some of {', '.join(known)}")

    def to_dict(self) -> dict[str, Any]:
        return {"protocol": NAME} | {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> TabletopSettings:
        values: dict[str, Any] = {each.name: written[each.name] for each in fields(cls)}
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return cls(**{**values, **lists})


def scene_cases(settings: TabletopSettings, number: int) -> list[Case]:
    """What is shown of the scene with this number, counted from the first of the settings."""
    picture = take_picture(compose(settings.split, settings.start + number), *settings.size)
    records = picture_records(picture, settings.modalities, settings.cloud)
    return _SceneCases(settings, picture).of(records)


def reopen_case(settings: Mapping[str, Any], prediction: Prediction) -> Case:
    """The case that a prediction of a run with these settings is about."""
    chosen = TabletopSettings.from_dict(settings)
    return _cases_by_id(chosen, prediction.facts["scene"] - chosen.start)[prediction.case]


@lru_cache(maxsize=32)
def _cases_by_id(settings: TabletopSettings, number: int) -> dict[str, Case]:
    return {case.id: case for case in scene_cases(settings, number)}


class _SceneCases:
    """Makes the cases of one picture; candidates are shared by all that choose among them."""

    def __init__(self, settings: TabletopSettings, picture: Picture) -> None:
        self.settings, self.picture = settings, picture
        self.group = f"{NAME}/{settings.split}/{picture.scene.seed - seed_of(settings.split, 0):09d}"
        self.labelled: LabelledCloud | None = None
        if CLOUD_REGION in settings.modalities:
            measured = settings.cloud == MEASURED
            self.labelled = picture_cloud(picture) if measured else scene_cloud(picture.scene)
        self.candidates = {
            (modality, pointing): self._candidates(modality, pointing)
            for modality in REGION_MODALITIES
            if modality in settings.modalities
            for pointing in {*settings.pointing, MASK}  # masks are also what clicks are compared with
        }

    def of(self, records: Sequence[Record]) -> list[Case]:
        cases = []
        for record in records:
            if record.modality not in REGION_MODALITIES:
                cases.append(self._case(record, THING if "number" in record.meta else WHOLE, ""))
                continue
            cases += [
                self._case(record, REGION, pointing)
                for pointing in self.settings.pointing
                if str(record.meta["number"]) in self.candidates[record.modality, pointing]
            ]
        return cases

    def _case(self, record: Record, subject: str, pointing: str) -> Case:
        thing = str(record.meta.get("number", ""))
        candidates = self.candidates[record.modality, pointing] if pointing else {}
        facts: dict[str, Any] = {"split": self.settings.split, "scene": record.place["scene"]}
        return Case(
            id=f"{record.id}@{pointing}" if pointing else record.id,
            group=self.group,
            modality=record.modality,
            subject=subject,
            pointing=pointing,
            observation=record.observation,
            region=candidates[thing] if pointing else None,
            meant=self.candidates[record.modality, MASK][thing] if pointing == CLICK else None,
            references=record.sentences,
            questions=record.questions,
            description=record.references[0] if record.references and pointing else "",
            candidates=candidates,
            name=thing,
            label=record.meta["kind"] if thing else "",
            labels=_LABELS,
            facts=facts | ({"thing": int(thing)} if thing else {}),
        )

    def _candidates(self, modality: str, pointing: str) -> dict[str, Region]:
        """The regions of all things that are shown, by their numbers, pointed at in one way."""
        if modality == IMAGE_REGION:
            instances = self.picture.instances
            return {
                str(thing.number): point_in_image(pointing, instances == thing.number) for thing in self.picture.shown
            }
        if pointing not in CLOUD_POINTINGS or self.labelled is None:
            return {}
        found = ((thing, self._in_cloud(self.labelled, thing, pointing)) for thing in self.picture.shown)
        return {str(thing.number): region for thing, region in found if region is not None}

    def _in_cloud(self, labelled: LabelledCloud, thing: Thing, pointing: str) -> Region | None:
        cloud = labelled.cloud
        mine = np.flatnonzero(labelled.instances == thing.number)
        if not thing.box.contains(cloud.points[mine]).any():
            return None
        return point_in_cloud(pointing, thing.box, cloud.source_index[mine], cloud.points[mine], cloud.source_count)


def judge_caption(prediction: Prediction) -> dict[str, str]:
    """What is right in a caption, property by property: one of `judging.VERDICTS` for each."""
    scene = _scene(prediction.facts["split"], prediction.facts["scene"])
    same = words(prediction.said) == words(prediction.expected[0])
    verdicts = {SAME_WORDS: RIGHT if same else WRONG}
    if prediction.subject == WHOLE:
        return {THINGS: _things_named(prediction.said, scene)} | verdicts
    return _of_thing(prediction.said, scene, scene.thing(prediction.facts["thing"])) | verdicts


def _of_thing(said: str, scene: Scene, thing: Thing) -> dict[str, str]:
    told = parse(said)
    judged = judge(told, scene, thing)
    found: dict[str, str] = {}
    for name in _PROPERTIES:
        right = getattr(judged, name)
        silent = SILENT if getattr(told, name) is None else UNCLEAR
        found[name] = silent if right is None else RIGHT if right else WRONG
    found[KIND_AND_COLOR] = _together([found["kind"], found["color"]])
    found[PLACE] = _together([found["position"], found["relation"]])
    found[ALL_SAID] = _together([found[name] for name in _PROPERTIES])
    return found


def _together(verdicts: Sequence[str]) -> str:
    """Wrong where one is wrong, right where one is right and none is wrong."""
    return next((verdict for verdict in (WRONG, RIGHT, UNCLEAR) if verdict in verdicts), SILENT)


def _things_named(said: str, scene: Scene) -> str:
    there = {(thing.color, str(thing.kind)) for thing in scene.named}
    named = _NAMED.findall(said.lower().replace("grey", "gray"))
    return RIGHT if named and all(pair in there for pair in named) else WRONG


@lru_cache(maxsize=64)
def _scene(split: str, index: int) -> Scene:
    return compose(split, index)


TABLETOP = Protocol(
    name=NAME,
    judge=judge_caption,
    whole=f"{ALL_SAID}|{THINGS}",
    headline=(KIND_AND_COLOR, PLACE, ALL_SAID, THINGS),
    properties=(*_PROPERTIES, THINGS),
    reopen=reopen_case,
)
