"""From flags to regions."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from region_perception.cli.options import RegionOptions
from region_perception.errors import InvalidRegion
from region_perception.json_files import load_json

if TYPE_CHECKING:
    from region_perception.regions import Mask, PointSet, Region


def regions_from(options: RegionOptions) -> "list[Region]":
    """The regions that the flags describe, in the order in which the help lists the flags."""
    from region_perception.regions import Box, Box3D, Click, Click3D, Polygon, Scribble

    found: list[Region] = [Box(*corners) for corners in options.box]
    found += [_read_mask(path) for path in options.mask]
    found += [Polygon(_points(text, "--polygon")) for text in options.polygon]
    found += [Scribble(_points(text, "--scribble")) for text in options.scribble]
    found += [Click(*point) for point in options.click]
    for numbers in options.box3d:
        if len(numbers) not in (6, 7):
            raise InvalidRegion(f"--box3d: expected CX CY CZ SX SY SZ and perhaps YAW, got {len(numbers)} numbers")
        found.append(Box3D(numbers[:3], numbers[3:6], *numbers[6:]))  # type: ignore[arg-type]
    found += [Click3D(*point) for point in options.click3d]
    found += [_read_points(path) for path in options.points]
    for path in options.regions:
        found.extend(_read_regions(path))
    return found


def _points(text: str, flag: str) -> tuple[tuple[float, float], ...]:
    """Points from "x,y x,y ..."."""
    points = []
    for pair in text.split():
        try:
            x, y = (float(number) for number in pair.split(","))
        except ValueError:
            raise InvalidRegion(f"{flag} {text!r}: expected 'X,Y X,Y ...', but {pair!r} is no point") from None
        points.append((x, y))
    return tuple(points)


def _read_mask(path: Path) -> "Mask":
    from region_perception.observations import observe_image
    from region_perception.observations.kinds import existing_file
    from region_perception.observations.numpy_files import load_npy
    from region_perception.regions import Mask

    file = existing_file(path, f"--mask {path}")
    if file.suffix.lower() == ".npy":
        return Mask(load_npy(file, f"--mask {path}"))
    brightness = observe_image(file).pixels.max(axis=2)
    return Mask(brightness > brightness.max() // 2)


def _read_points(path: Path) -> "PointSet":
    from region_perception.observations.kinds import existing_file
    from region_perception.observations.numpy_files import load_npy
    from region_perception.regions import PointSet

    rows = load_npy(existing_file(path, f"--points {path}"), f"--points {path}")
    return PointSet(mask=rows) if rows.dtype == bool else PointSet(rows)


def _read_regions(path: Path) -> "Iterator[Region]":
    from region_perception.regions import region_from_dict

    for i, entry in enumerate(load_json(path, list, name=f"--regions {path}", refused=InvalidRegion)):
        try:
            yield region_from_dict(entry)
        except InvalidRegion as error:
            raise InvalidRegion(f"--regions {path}, entry {i}: {error}") from error
