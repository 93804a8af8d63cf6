"""Changes of what is seen under which its sentences stay true.

They work on prepared examples: pixels and points in the network's frame, positions as PaFE reads them.
"""

import math
import re
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from region_perception.data.source import THING
from region_perception.modalities import CLOUD_MODALITIES
from region_perception.training.examples import Example, Row
from region_perception.training.recipe import Augmentation

_SIDES = {"left": "right", "right": "left", "leftmost": "rightmost", "rightmost": "leftmost"}
_SIDE = re.compile(rf"\b({'|'.join(_SIDES)})\b", re.IGNORECASE)

# Words whose truth depends on where one stands, or on which way something faces.
_VIEW = re.compile(
    r"\b(left|right|leftmost|rightmost|front|behind|back|rear|near|nearer|nearest|far|farther|farthest|further|close|"
    r"closer|closest|away|middle|center|centre|toward|towards|facing|clockwise|counterclockwise|north|south|east|west)\b",
    re.IGNORECASE,
)
# A mirrored picture shows these as something else, whatever words are swapped.
_HANDED = re.compile(r"\b(clockwise|counterclockwise|anticlockwise|handed|reads|says|written|letters?|words?)\b", re.I)

_COLOR = "color"  # the attribute whose classes go by colour alone
_SIZE = "size"  # the attribute whose classes go by size alone


def augment(example: Example, how: Augmentation, random: np.random.Generator) -> Example:
    """`example`, changed at random as far as its sentences allow."""
    if how.part:
        rows = (_part(row, random) if random.random() < how.part else row for row in example.rows)
        example = replace(example, rows=tuple(rows))
    if how.jitter:
        example = replace(example, rows=tuple(_jittered(row, how.jitter, random) for row in example.rows))
    if not how.changes(example.modality):
        return example
    if how.recolor:
        example = recolor(example, how.recolor, random)
    if example.modality in CLOUD_MODALITIES:
        return _changed_cloud(example, how, random)
    if how.light:
        example = relight(example, how.light, random)
    # Half of the images stay as they are, so that sizes can be learnt.
    if how.zoom > 1 and random.random() < 0.5:
        example = zoom(example, how.zoom, random)
    mirrored = random.random() < how.flip and not any(map(_HANDED.search, _texts(example)))
    return mirror(example) if mirrored else example


# How much a part has at least of the one side of its region, and of the other: a stroke along a bottle is narrow.
_PART = (0.6, 0.1)
# And of all sides in space.
_PART_IN_SPACE = 0.4


def _part(row: Row, random: np.random.Generator) -> Row:
    """`row` with the box of a part of its region: in images anywhere in it, in clouds at one of its corners."""
    if row.position is None:
        return row
    if len(row.position) == 4:
        low, sides = row.position[:2], row.position[2:] - row.position[:2]
        shares = torch.from_numpy(random.uniform(random.permutation(_PART), 1).astype(np.float32))
        places = torch.from_numpy(random.random(2, np.float32))
        start = low + sides * (1 - shares) * places
        return replace(row, position=torch.cat([start, start + sides * shares]))
    corners = row.position.view(8, 3)
    kept = corners[random.integers(8)]
    return replace(row, position=(kept + (corners - kept) * float(random.uniform(_PART_IN_SPACE, 1))).flatten())


def _jittered(row: Row, most: float, random: np.random.Generator) -> Row:
    """`row` with its region a little beside where it was, as people and detectors draw it."""
    if row.position is None:
        return row
    if len(row.position) == 4:
        sides = (row.position[2:] - row.position[:2]).repeat(2)
        moved = row.position + sides * torch.from_numpy(random.uniform(-most, most, 4).astype(np.float32))
        return replace(row, position=moved.clamp(0, 1))
    corners = row.position.view(8, 3)
    middle = corners.mean(0)
    lengths = (corners.amax(0) - corners.amin(0)) / 2
    shift, scale = random.uniform(-most, most, 3).astype(np.float32), float(1 + random.uniform(-most, most))
    moved = (corners - middle) * scale + middle + lengths * torch.from_numpy(shift)
    return replace(row, position=moved.flatten())


def recolor(example: Example, share: float, random: np.random.Generator) -> Example:
    """A labelled example with such a share of its things, and what is around them for one more, in other colours.

    Each gets its own, often one that has no name: what its colour is, is not known any more. What is learnt of kinds
    then holds for colours that they were never seen in, on tables that were never seen.
    """
    assert isinstance(example.seen, Tensor)
    pixels = example.modality not in CLOUD_MODALITIES
    colors = example.seen.movedim(0, -1) if pixels else example.seen[:, 3:]  # [..., 3]
    if not colors.shape[-1]:
        return example
    things = example.classes[THING].clamp(min=0) if THING in example.classes else torch.zeros(colors.shape[:-1]).long()
    changed = torch.from_numpy(random.random(int(things.max()) + 1) < share)
    mixes, tones = _paints(changed, random)
    painted = (mixes[things] @ colors[..., None]).squeeze(-1) + tones[things] * colors.std()
    seen = painted.movedim(-1, 0).contiguous() if pixels else torch.cat([example.seen[:, :3], painted], dim=1)
    classes = dict(example.classes)
    if _COLOR in classes:
        classes[_COLOR] = classes[_COLOR].masked_fill(changed[things], -1)
    return replace(example, seen=seen, classes=classes)


def _paints(changed: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """For each thing how its channels mix, float32 [K, 3, 3], and by how much they move, [K, 3]; none if unchanged."""
    count = len(changed)
    orders = np.stack([random.permutation(np.eye(3)) for _ in range(count)])
    blended = 0.6 * orders + 0.4 * random.dirichlet([0.5] * 3, (count, 3))
    greys = np.repeat(random.dirichlet([1.0] * 3, (count, 1)), 3, axis=1)
    way = random.random((count, 1, 1))
    mixes = np.where(way < 0.4, orders, np.where(way < 0.7, blended, greys)) * random.uniform(0.6, 1.2, (count, 1, 1))
    tones = random.uniform(-0.6, 0.6, (count, 1)) + random.uniform(-0.2, 0.2, (count, 3))
    return (
        torch.where(changed[:, None, None], torch.from_numpy(mixes.astype(np.float32)), torch.eye(3)),
        torch.where(changed[:, None], torch.from_numpy(tones.astype(np.float32)), torch.zeros(3)),
    )


def relight(example: Example, most: float, random: np.random.Generator) -> Example:
    """An image example under other light: contrast about its own mean, brightness, and a tint half as strong."""
    assert isinstance(example.seen, Tensor)
    contrast = 1 + float(random.uniform(-most, most))
    offset = random.uniform(-most, most) + random.uniform(-most, most, 3) / 2
    mean = example.seen.mean()
    return replace(
        example,
        seen=(example.seen - mean) * contrast + mean + torch.from_numpy(offset.astype(np.float32))[:, None, None],
    )


def zoom(example: Example, most: float, random: np.random.Generator) -> Example:
    """A labelled image example from nearer or farther, or squeezed; what is beyond the old edges has no class.

    How large things are cannot be told any more.
    """
    assert isinstance(example.seen, Tensor)
    assert not example.rows  # sentences about places would turn wrong
    factors = np.exp(random.uniform(-1, 1, 2) * math.log(most))
    # The window that is looked at, of half sides 1 / factor about a middle that keeps it inside where it fits.
    middles = random.uniform(-1, 1, 2) * np.abs(1 - 1 / factors)
    theta = torch.zeros(1, 2, 3)
    theta[0, 0, 0], theta[0, 1, 1] = float(1 / factors[0]), float(1 / factors[1])
    theta[0, :, 2] = torch.from_numpy(middles)
    grid = F.affine_grid(theta, [1, 1, *example.seen.shape[1:]], align_corners=False)
    seen = F.grid_sample(example.seen[None], grid, padding_mode="border", align_corners=False)[0]
    classes = {}
    if example.classes:
        # Labels beyond the edge read 0 after moving all up by one.
        labels = torch.stack(list(example.classes.values())).float() + 1
        moved = F.grid_sample(labels[None], grid, mode="nearest", align_corners=False)[0].round().long() - 1
        classes = dict(zip(example.classes, moved, strict=True))
        classes |= {name: torch.full_like(moved[0], -1) for name in classes if name == _SIZE}
    return replace(example, seen=seen, classes=classes)


def swap_sides(text: str) -> str:
    """`text` as it is true of the mirrored picture: left and right change places."""

    def other(match: re.Match[str]) -> str:
        word = match.group()
        swapped = _SIDES[word.lower()]
        return swapped.capitalize() if word[0].isupper() else swapped

    return _SIDE.sub(other, text)


def mirror(example: Example) -> Example:
    """An image example seen in a mirror: pixels, boxes, classes and sentences."""
    assert isinstance(example.seen, Tensor)
    rows = tuple(_mirrored(row) for row in example.rows)
    classes = {name: labels.flip(-1) for name, labels in example.classes.items()}
    return replace(example, seen=example.seen.flip(-1), rows=rows, classes=classes)


def _mirrored(row: Row) -> Row:
    position = row.position
    if position is not None:
        x1, y1, x2, y2 = position
        position = torch.stack([1 - x2, y1, 1 - x1, y2])
    return replace(
        row,
        position=position,
        sentences=tuple(map(swap_sides, row.sentences)),
        references=tuple(map(swap_sides, row.references)),
        questions=tuple((swap_sides(question), swap_sides(answer)) for question, answer in row.questions),
    )


def _changed_cloud(example: Example, how: Augmentation, random: np.random.Generator) -> Example:
    assert isinstance(example.seen, Tensor)
    points, rows, classes = example.seen, example.rows, example.classes
    angle = math.radians(random.uniform(-how.turn, how.turn))
    if any(map(_VIEW.search, _texts(example))):
        angle = 0.0
    scale = float(np.exp(random.uniform(-1, 1) * math.log(how.scale)))
    shift = torch.from_numpy(random.uniform(-how.shift, how.shift, 3).astype(np.float32))
    matrix = _turn(angle) * scale

    def moved(places: Tensor) -> Tensor:
        return places @ matrix.T + shift

    keep = random.permutation(len(points))[: max(1, round(len(points) * (1 - random.uniform(0, how.drop))))]
    kept = torch.from_numpy(np.sort(keep))
    points = torch.cat([moved(points[kept, :3]), points[kept, 3:]], dim=1)
    rows = tuple(
        row if row.position is None else replace(row, position=moved(row.position.view(8, 3)).flatten()) for row in rows
    )
    return replace(example, seen=points, rows=rows, classes={name: labels[kept] for name, labels in classes.items()})


def _turn(angle: float) -> Tensor:
    """Rotation about z, [3, 3]."""
    cos, sin = math.cos(angle), math.sin(angle)
    return torch.tensor([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def _texts(example: Example) -> list[str]:
    return [
        text
        for row in example.rows
        for text in (*row.sentences, *row.references, *(text for pair in row.questions for text in pair))
    ]
