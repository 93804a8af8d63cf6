"""Regions without a person: how many of the things of the tabletop world `propose` finds, and how many it makes up.

A thing counts when it covers 0.3 % of the picture and half of it can be seen; it is found where a region overlaps it by
half (intersection over union). Exact regions are compared with the pixels or points of the thing, boxes with the tight
box about what is seen of it, and of clouds with its whole box, of which the camera saw one side. A region that overlaps
nothing of the scene by half, however little of that is seen, is made up.
"""

import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from timing import hardware, print_table, write_results

from region_perception.regions import Box, Box3D, Mask, PointSet
from region_perception.regions.proposals import propose
from region_perception.simulation import Picture, compose, picture_cloud, take_picture

SPLIT = "test"
HALF = 0.5
LEAST_AREA, LEAST_SEEN = 0.003, 0.5


@dataclass(frozen=True)
class Options:
    """Measure what `propose` finds in scenes of the tabletop world."""

    scenes: Annotated[int, tyro.conf.arg(metavar="N")] = 100
    """Scenes that are looked at."""
    width: int = 640
    """Of the pictures, in pixels."""
    height: int = 480
    """Of the pictures, in pixels."""
    output: Path = Path(__file__).parent / "results" / "proposals.json"
    """Where the figures are written as JSON."""


@dataclass
class Score:
    """things: that count; found: of those; made_up: regions without a thing; proposed: all regions."""

    things: int = 0
    found: int = 0
    made_up: int = 0
    proposed: int = 0
    seconds: list[float] = dataclasses.field(default_factory=list)

    def add(self, overlaps: np.ndarray, counts: np.ndarray) -> None:
        """overlaps [regions, things that are seen at all]; counts: bool [things]."""
        self.things += int(counts.sum())
        self.found += int((overlaps[:, counts] >= HALF).any(axis=0).sum())
        self.made_up += int((overlaps < HALF).all(axis=1).sum())
        self.proposed += len(overlaps)


def score(scenes: Sequence[int], size: tuple[int, int], of: str, exact: bool) -> Score:
    """of: what is looked at: `cloud`, `depth` (an image with depth) or `image` (without)."""
    total = Score()
    for index in scenes:
        picture = take_picture(compose(SPLIT, index), *size)
        seen = [thing for thing in picture.scene.things if picture.areas[thing.number]]
        observation: Any = picture_cloud(picture).cloud if of == "cloud" else picture.image
        if of == "image":
            observation = dataclasses.replace(observation, depth=None)
        start = time.perf_counter()
        regions = propose(observation, exact=exact)
        total.seconds.append(time.perf_counter() - start)
        truth = [_truth(picture, of, exact, thing) for thing in seen]
        overlaps = np.array([[overlap(region, other) for other in truth] for region in regions])
        counts = [
            picture.areas[thing.number] >= LEAST_AREA * picture.instances.size
            and (thing.kind is None or picture.seen[thing.number] >= LEAST_SEEN)
            for thing in seen
        ]
        total.add(overlaps.reshape(len(regions), len(seen)), np.array(counts, bool))
    return total


def _truth(picture: Picture, of: str, exact: bool, thing: Any) -> Any:
    if of != "cloud":
        return picture.mask(thing.number) if exact else picture.box(thing.number)
    if not exact:
        return thing.box
    return PointSet(mask=picture.instances.ravel() == thing.number)


def overlap(one: Any, other: Any) -> float:
    """Intersection over union of two regions of the same kind."""
    if isinstance(one, Mask):
        return _share(np.count_nonzero(one.mask & other.mask), one.mask.sum(), other.mask.sum())
    if isinstance(one, PointSet):
        both = len(np.intersect1d(one.indices, other.indices, assume_unique=True))
        return _share(both, len(one.indices), len(other.indices))
    if isinstance(one, Box):
        sides = [min(one.x2, other.x2) - max(one.x1, other.x1), min(one.y2, other.y2) - max(one.y1, other.y1)]
        areas = [(box.x2 - box.x1) * (box.y2 - box.y1) for box in (one, other)]
        return _share(max(sides[0], 0) * max(sides[1], 0), *areas)
    ground = _area(_clipped(_ground(one), _ground(other)))
    tops, bottoms = ([box.center[2] + side * box.size[2] / 2 for box in (one, other)] for side in (1, -1))
    return _share(ground * max(min(tops) - max(bottoms), 0), np.prod(one.size), np.prod(other.size))


def _share(both: float, one: float, other: float) -> float:
    return float(both / (one + other - both))


def _ground(box: Box3D) -> np.ndarray:
    """[4, 2]: its corners seen from above, counter-clockwise."""
    return box.corners()[[0, 3, 2, 1], :2].astype(np.float64)


def _clipped(outline: np.ndarray, by: np.ndarray) -> np.ndarray:
    """The part of a convex outline [N, 2] inside of another, both counter-clockwise."""
    for corner, edge in zip(by, np.roll(by, -1, axis=0) - by, strict=True):
        away = outline - corner
        inside = edge[0] * away[:, 1] - edge[1] * away[:, 0]
        kept: list[np.ndarray] = []
        for i in range(len(outline)):
            j = (i + 1) % len(outline)
            if inside[i] >= 0:
                kept.append(outline[i])
            if inside[i] * inside[j] < 0:
                kept.append(outline[i] + (outline[j] - outline[i]) * inside[i] / (inside[i] - inside[j]))
        outline = np.array(kept).reshape(-1, 2)
    return outline


def _area(outline: np.ndarray) -> float:
    if len(outline) < 3:
        return 0.0
    (x, y), (next_x, next_y) = outline.T, np.roll(outline, -1, axis=0).T
    return float((x * next_y - y * next_x).sum()) / 2


def contenders(scenes: int, size: tuple[int, int]) -> dict[str, Callable[[], Score]]:
    """Every kind of observation and of region."""
    told = {
        "cloud, Box3D": ("cloud", False),
        "cloud, PointSet": ("cloud", True),
        "image with depth, Box": ("depth", False),
        "image with depth, Mask": ("depth", True),
        "image alone, Box": ("image", False),
        "image alone, Mask": ("image", True),
    }
    return {name: partial(score, range(scenes), size, *how) for name, how in told.items()}


def main(options: Options) -> None:
    machine = hardware(1, ("numpy", "scipy"))
    print(machine)
    scores = {name: run() for name, run in contenders(options.scenes, (options.width, options.height)).items()}
    rows = []
    for name, each in scores.items():
        found = f"{100 * each.found / max(each.things, 1):.0f} %"
        made_up, proposed = (f"{count / options.scenes:.1f}" for count in (each.made_up, each.proposed))
        rows.append([name, found, proposed, made_up, f"{1000 * statistics.median(each.seconds):.0f}"])
    things = f"{next(iter(scores.values())).things} things in {options.scenes} scenes"
    print_table(
        f"{things}, {options.width} x {options.height}",
        ["", "found", "regions a scene", "made up a scene", "ms"],
        rows,
    )
    write_results(
        options.output,
        {"hardware": machine, "scenes": options.scenes, "size": [options.width, options.height], "scores": scores},
    )


if __name__ == "__main__":
    main(tyro.cli(Options))
