"""`region-perception simulate`."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

Split = Literal["train", "val", "test", "novel-combinations", "novel-views"]


def simulate(
    out: Positional[Annotated[Path, arg(metavar="FOLDER")]],
    split: Split = "train",
    scenes: Annotated[int, arg(metavar="N")] = 100,
    start: Annotated[int, arg(metavar="N")] = 0,
    size: Annotated[tuple[int, int], arg(metavar="WIDTH HEIGHT")] = (224, 224),
    cloud: Literal["measured", "sampled"] = "measured",
) -> None:
    """Write scenes of the simulated tabletop world: PNG, COCO annotations, PLY clouds, JSON. Goes on where it stopped.

    Args:
        out: Folder for the scenes.
        split: Whose scenes; those of one are in no other.
        scenes: How many.
        start: Index of the first.
        size: Of the pictures in pixels.
        cloud: What the depth camera measures, or points from all surfaces.
    """
    from region_perception.simulation.export import export

    path = export(out, split, scenes, start=start, size=size, cloud=cloud)
    print(f"{scenes:,} scenes are in {out}/; COCO tools read {path}")
