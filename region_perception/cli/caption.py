"""`region-perception caption`."""

from region_perception.cli.answers import answer
from region_perception.cli.options import (
    CameraOptions,
    File,
    ModelOptions,
    OutputOptions,
    RegionOptions,
    WritingOptions,
)


def caption(
    file: File,
    regions: RegionOptions,
    camera: CameraOptions,
    model: ModelOptions,
    writing: WritingOptions,
    output: OutputOptions,
) -> None:
    """Describe regions of an image or a point cloud, or the whole of it.

    Args:
        file: An image or a point cloud.
    """
    answer(None, file, regions, camera, model, writing, output)
