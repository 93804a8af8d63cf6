"""Captions and answers: what `caption` and `ask` have in common."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from region_perception.cli.options import CameraOptions, ModelOptions, OutputOptions, RegionOptions, WritingOptions
from region_perception.cli.place import Place
from region_perception.cli.report import model_in_json, model_in_words, print_json, print_table
from region_perception.cli.steps import draw, load_captioner, read_subject

if TYPE_CHECKING:
    from region_perception.view import Caption


def answer(
    question: str | None,
    file: Path,
    regions: RegionOptions,
    camera: CameraOptions,
    model: ModelOptions,
    writing: WritingOptions,
    output: OutputOptions,
) -> None:
    """Captions the regions, or answers the question about each; prints the sentences and draws them."""
    output.check(file)
    subject = read_subject(file, regions, camera)
    captioner = load_captioner(model)
    view = captioner.look(subject.observation)
    asked = [place.region for place in subject.places]
    decoding = {"beams": writing.beams, "max_tokens": writing.max_tokens}
    found = view.caption(asked, **decoding) if question is None else view.ask(asked, question, **decoding)
    if output.draw is not None:
        items = [place.drawn(i, caption.text) for i, place, caption in numbered(subject.places, found)]
        draw(subject.observation, items, output.draw)
    if output.json:
        document = {"file": str(file), "model": model_in_json(captioner), "question": question}
        seconds = {"look": view.seconds, "write": found[0].seconds}
        print_json(document | {"captions": captions_in_json(subject.places, found), "seconds": seconds})
        return
    word = "caption" if question is None else "answer"
    print_captions(subject.places, found, f"{file.name}, by {model_in_words(captioner)}", word)


def captions_in_json(places: Sequence[Place], captions: "Sequence[Caption]") -> list[dict[str, Any]]:
    return [
        {"number": i, "text": caption.text, "confidence": caption.confidence, "modality": caption.modality}
        | place.in_json()
        for i, place, caption in numbered(places, captions)
    ]


def print_captions(places: Sequence[Place], captions: "Sequence[Caption]", title: str, word: str = "caption") -> None:
    rows = [
        [str(i), place.in_words(), caption.text, f"{caption.confidence:.2f}"]
        for i, place, caption in numbered(places, captions)
    ]
    print_table(["#", "region", word, "confidence"], rows, title)


def numbered(places: Sequence[Place], captions: "Sequence[Caption]") -> "list[tuple[int, Place, Caption]]":
    """(number from 1, place, caption) of each."""
    return [(i, place, caption) for i, (place, caption) in enumerate(zip(places, captions, strict=True), start=1)]
