"""`region-perception find`."""

from typing import Annotated

from tyro.conf import Positional, arg

from region_perception.cli.options import CameraOptions, File, ModelOptions, OutputOptions, RegionOptions
from region_perception.cli.report import model_in_json, model_in_words, print_json, print_table
from region_perception.cli.steps import draw, load_captioner, read_subject
from region_perception.errors import InvalidInput


def find(
    file: File,
    text: Positional[Annotated[str, arg(metavar="TEXT")]],
    regions: RegionOptions,
    camera: CameraOptions,
    model: ModelOptions,
    output: OutputOptions,
) -> None:
    """Find which region of an image or a point cloud a text describes.

    Args:
        file: An image or a point cloud.
        text: For example "the red mug behind the box". It is compared with every region that is given.
    """
    output.check(file)
    subject = read_subject(file, regions, camera)
    candidates = [place.region for place in subject.places if place.region is not None]
    if not candidates:
        raise InvalidInput("find: expected at least one region to choose from, such as --box 40 60 120 140")
    captioner = load_captioner(model)
    matches = captioner.look(subject.observation).find(text, candidates)
    if output.draw is not None:
        texts = {match.index: f"{match.score:.2f}" for match in matches}
        texts[matches[0].index] += f" {text}"
        items = [place.drawn(i + 1, texts[i]) for i, place in enumerate(subject.places)]
        draw(subject.observation, items, output.draw)
    if output.json:
        found = [
            {"number": match.index + 1, "score": match.score, "confidence": match.confidence}
            | subject.places[match.index].in_json()
            for match in matches
        ]
        print_json({"file": str(file), "model": model_in_json(captioner), "text": text, "matches": found})
        return
    rows = [
        [str(match.index + 1), subject.places[match.index].in_words(), f"{match.score:.3f}", f"{match.confidence:.2f}"]
        for match in matches
    ]
    print_table(
        ["#", "region", "score", "confidence"], rows, title=f"{text!r} in {file.name}, by {model_in_words(captioner)}"
    )
