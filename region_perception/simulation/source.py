"""The tabletop world as sources: scenes of a split by number, made when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path

import numpy as np

from region_perception.data.record import Record
from region_perception.data.source import THING, Labelled
from region_perception.errors import InvalidInput
from region_perception.modalities import CLOUD, CLOUD_REGION, IMAGE, IMAGE_REGION, MODALITIES
from region_perception.observations import CloudObservation
from region_perception.simulation.kept_pictures import kept_picture
from region_perception.simulation.layout import compose
from region_perception.simulation.picture import Picture, take_picture
from region_perception.simulation.records import RecordMaker
from region_perception.simulation.scene import Scene
from region_perception.simulation.words import COLORS, KINDS, PATTERNS, POSES, SIZES

NOTHING = "nothing"  # the class of table and room
_WORDS = {"kind": KINDS, "color": COLORS, "pattern": PATTERNS, "size": SIZES, "pose": POSES}
_WHOLE_SCENES = 0.25  # of the clouds that are seen as a whole; the others are of single things
_ATTEMPTS = 50
_WIDE = 4 / 3  # width to height of every second picture


class TabletopWorld:
    """`size` scenes of a split of the tabletop world, as one modality; see `Source`.

    `side`: height of the pictures, in pixels; the scenes with even numbers have square ones, the others 4:3, as most
    cameras make them. Clouds are what the depth camera measured of the table, for the modality `cloud` also single
    things from all sides. `start`: the first scene of the split.

    `keep`: a folder in which pictures are kept as they are first drawn, for all modalities, and read after that. Those
    that other code has drawn lie apart and are not read.
    """

    attributes: Mapping[str, Sequence[str]] = {name: (NOTHING, *words) for name, words in _WORDS.items()}

    def __init__(
        self,
        modality: str,
        split: str,
        size: int,
        *,
        side: int = 224,
        start: int = 0,
        keep: Path | str | None = None,
    ) -> None:
        if modality not in MODALITIES:
            raise InvalidInput(f"unknown modality {modality!r}; expected one of {', '.join(MODALITIES)}")
        self.modality, self.split, self.size, self.side, self.start = modality, split, size, side, start
        self.keep = None if keep is None else Path(keep) / f"{split}-{side}-{_code()}"
        self.fingerprint = f"tabletop {_code()} {modality} {split} {start}+{size} at {side}"

    def __len__(self) -> int:
        return self.size

    def look(self, index: int) -> Labelled:
        """One observation, its records and its classes."""
        for picture in self._pictures(index):
            records, instances = self._seen(picture, index)
            if records:
                return Labelled(records, _classes(picture.scene, instances))
        raise InvalidInput(f"{_ATTEMPTS} scenes from number {index} on show nothing to tell")

    def _seen(self, picture: Picture, index: int) -> tuple[list[Record], np.ndarray]:
        """All records of one view of a scene, and int16 [H, W] or [N], the thing that each pixel or point shows."""
        maker = RecordMaker(picture)
        if self.modality == IMAGE:
            return maker.whole(IMAGE), picture.instances
        if self.modality == IMAGE_REGION:
            return maker.image_regions(), picture.instances
        if self.modality == CLOUD_REGION:
            return maker.cloud_regions(), maker.labelled.instances
        # The whole or one thing, whatever there is, at random but always the same.
        random = np.random.default_rng([self.start, index, 6])
        whole, things = maker.whole(CLOUD), maker.pointed
        if not things or (whole and random.random() < _WHOLE_SCENES):
            return whole, maker.labelled.instances
        thing = things[int(random.integers(len(things)))]
        record = maker.alone(thing)
        assert isinstance(record.observation, CloudObservation)
        return [record], np.full(len(record.observation), thing.number, np.int16)

    def _pictures(self, index: int) -> Iterator[Picture]:
        """The picture of a scene, and of others to take where it shows nothing."""
        for attempt in range(_ATTEMPTS):
            yield self._picture(self.start + index + attempt * self.size)

    def _picture(self, number: int) -> Picture:
        scene, wide = compose(self.split, number), number % 2 == 1
        width, height = round(self.side * _WIDE) if wide else self.side, self.side
        if self.keep is None:
            return take_picture(scene, width, height)
        path = self.keep / f"{number // 1000:06d}" / f"{number % 1000:03d}.picture"
        return kept_picture(path, scene, width, height)


@cache
def _code() -> str:
    """A hash of the code of this world: any change of it may change what a scene shows, or what is said of it."""
    digest = blake2b(digest_size=8)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _classes(scene: Scene, instances: np.ndarray) -> dict[str, np.ndarray]:
    """int16, like `instances`: 0 for table and room, -1 for things without a name, else 1 + the word's index.

    Things without a name have their number like all others.
    """
    nameless = np.array([False, *(thing.kind is None for thing in scene.things)])
    classes = {}
    for name, words in _WORDS.items():
        ids = scene.label_ids(words, name) + 1
        ids[nameless] = -1
        classes[name] = ids.astype(np.int16)[instances]
    return classes | {THING: instances}
