"""`region-perception ask`."""

from typing import Annotated

from tyro.conf import Positional, arg

from region_perception.cli.answers import answer
from region_perception.cli.options import (
    CameraOptions,
    File,
    ModelOptions,
    OutputOptions,
    RegionOptions,
    WritingOptions,
)


def ask(
    file: File,
    question: Positional[Annotated[str, arg(metavar="QUESTION")]],
    regions: RegionOptions,
    camera: CameraOptions,
    model: ModelOptions,
    writing: WritingOptions,
    output: OutputOptions,
) -> None:
    """Ask a question about regions of an image or a point cloud, or about the whole of it.

    Args:
        file: An image or a point cloud.
        question: For example "What colour is it?"
    """
    answer(question, file, regions, camera, model, writing, output)
