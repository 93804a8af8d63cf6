"""Flags that several commands share. Their docstrings are what the help says."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, UseAppendAction, arg

from region_perception.errors import InvalidInput

File = Positional[Annotated[Path, arg(metavar="FILE")]]
Switch = Annotated[bool, arg(help_behavior_hint="")]

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")

Two = tuple[float, float]
Three = tuple[float, float, float]
Four = tuple[float, float, float, float]


@dataclass(frozen=True)
class RegionOptions:
    """Where to look: pixels in images, metres in clouds. All may be repeated and combined; none means the whole.
    Regions are numbered in the order of the flags listed here, and then as they were given."""

    box: Annotated[UseAppendAction[tuple[Four, ...]], arg(metavar="X1 Y1 X2 Y2")] = ()
    """Two opposite corners."""
    mask: Annotated[UseAppendAction[tuple[Path, ...]], arg(metavar="PNG|NPY")] = ()
    """A picture of the image's size, brighter than half where the region is; or an array."""
    polygon: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="'X,Y X,Y X,Y ...'")] = ()
    """An outline."""
    scribble: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="'X,Y X,Y ...'")] = ()
    """A stroke; with --depth the things that it runs along, too."""
    click: Annotated[UseAppendAction[tuple[Two, ...]], arg(metavar="X Y")] = ()
    """The thing at a pixel."""
    box3d: Annotated[UseAppendAction[tuple[tuple[float, ...], ...]], arg(metavar="CX CY CZ SX SY SZ [YAW]")] = ()
    """Centre, size, and yaw in radians."""
    click3d: Annotated[UseAppendAction[tuple[Three, ...]], arg(metavar="X Y Z")] = ()
    """The thing at a point."""
    points: Annotated[UseAppendAction[tuple[Path, ...]], arg(metavar="NPY")] = ()
    """Row numbers of the cloud, or a boolean for each row."""
    regions: Annotated[UseAppendAction[tuple[Path, ...]], arg(metavar="JSON")] = ()
    """A list of regions as their to_dict() writes them."""


@dataclass(frozen=True)
class CameraOptions:
    """How to read the file."""

    depth: Annotated[Path | None, arg(metavar="PNG|NPY", help_behavior_hint="")] = None
    """Depth of each pixel: 16-bit millimetres, or floats in metres."""
    intrinsics: Annotated[Four | None, arg(metavar="FX FY CX CY", help_behavior_hint="")] = None
    """Of the camera, in pixels."""
    as_cloud: Switch = False
    """Read the file as a cloud; an image becomes one by its depth and intrinsics."""


@dataclass(frozen=True)
class ModelOptions:
    """Which network answers."""

    model: Annotated[str | None, arg(metavar="NAME|FOLDER|HUB_ID", help_behavior_hint="")] = None
    """Default: the first that `region-perception models` lists."""
    base: Annotated[str | None, arg(metavar="FOLDER|HUB_ID", help_behavior_hint="")] = None
    """A BLIP-2 of transformers to build a known network on."""
    device: Annotated[str, arg(metavar="NAME")] = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Of the encoders and the language model."""
    untrained: Switch = False
    """Random weights, to try things out: what is said then means nothing."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Of random weights."""
    image_size: Annotated[int | None, arg(metavar="PIXELS", help_behavior_hint="")] = None
    """Side of the square that pictures are read at. Default: the one that the model was trained with."""


@dataclass(frozen=True)
class WritingOptions:
    """How sentences are searched for."""

    beams: Annotated[int, arg(metavar="N")] = 1
    """1 takes the likeliest word each time; RegionBLIP's figures use 5."""
    max_tokens: Annotated[int, arg(metavar="N")] = 30
    """The longest sentence; a word has one or a few tokens."""


@dataclass(frozen=True)
class OutputOptions:
    """What comes out."""

    json: Switch = False
    """Print one JSON document instead of a table."""
    draw: Annotated[Path | None, arg(metavar="PNG", help_behavior_hint="")] = None
    """Write a picture with the regions, their numbers and the texts."""

    def check(self, file: Path) -> None:
        """Refuses a picture that could not be written, or would replace `file`, before any work is done."""
        if self.draw is None:
            return
        if self.draw.exists() and file.exists() and self.draw.samefile(file):
            raise InvalidInput(f"--draw {self.draw}: this is the file to look at; expected another name")
        if self.draw.suffix.lower() not in PICTURES:
            raise InvalidInput(f"--draw {self.draw}: expected a name that ends in {', '.join(PICTURES)}")
        if not self.draw.absolute().parent.is_dir():
            raise InvalidInput(f"--draw {self.draw}: there is no folder {self.draw.absolute().parent}")
