"""`region-perception demo`: a scene that no training has seen, what a model says of it, and what of that is right."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

from region_perception.cli.notes import note
from region_perception.cli.options import ModelOptions, Switch
from region_perception.cli.report import model_in_json, model_scores
from region_perception.cli.steps import first_model, load_captioner, writing
from region_perception.errors import InvalidInput
from region_perception.lines import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from region_perception.captioner import Captioner
    from region_perception.cli.demo_results import Result
    from region_perception.simulation import Picture


def demo(
    out: Annotated[Path, arg(metavar="FOLDER")] = Path("demo"),
    seed: Annotated[int, arg(metavar="N")] = 0,
    scene: Annotated[int | None, arg(metavar="INDEX", help_behavior_hint="")] = None,
    size: Annotated[tuple[int, int], arg(metavar="WIDTH HEIGHT")] = (640, 480),
    model: Annotated[str | None, arg(metavar="NAME|FOLDER|HUB_ID", help_behavior_hint="")] = None,
    untrained: Switch = False,
) -> None:
    """Draw a table of toys that no training has seen, describe every thing on it, and say what is right.

    A simulated depth camera looks at the table. Each thing is pointed at by its box in the image and by its 3D box in
    the point cloud; the model describes it, answers a question about it and finds it by words. The simulation knows
    the truth. Without a trained model a small network with random weights answers, and what it says means nothing.

    Args:
        out: Folder for image.png, cloud.ply, results.json, and pictures of what was said where.
        seed: Which scene is drawn, always one that shows 6 to 8 things.
        scene: Instead, the scene with this index in the test split, whatever is in it.
        size: Of the camera's picture in pixels.
        model: Who answers. Default: the first that `region-perception models` lists.
        untrained: Random weights, even where a model is there.
    """
    from region_perception.cli.demo_results import ask_about_scene, print_results, results_in_json
    from region_perception.cli.demo_scene import SPLIT, choose_picture, index_of, numbered_picture

    untrained = untrained or (model is None and first_model() is None)
    captioner = load_captioner(ModelOptions(model=model, untrained=untrained))
    picture = choose_picture(seed, size) if scene is None else numbered_picture(scene, size)
    index = index_of(picture)
    _write_scene(out, picture)
    about = _about(captioner)
    print(f"Scene {index:,} of the split {SPLIT!r}, {size[0]} x {size[1]} pixels.\n{about}\n", flush=True)
    results = ask_about_scene(captioner, index, size, SPLIT)
    print_results(results)
    document = {
        "scene": {"split": SPLIT, "index": index, "size": list(size)},
        "model": model_in_json(captioner),
        "note": about,
    }
    with writing(out):
        text = json.dumps(document | results_in_json(results), indent=2)
        (out / "results.json").write_text(text + "\n", encoding="utf-8")
        pictures = _pictures(results)
        for name, drawn in pictures.items():
            drawn.save(out / name)
    note(f"wrote {', '.join(['image.png', 'cloud.ply', 'results.json', *pictures])} in {out}")


def _about(captioner: "Captioner") -> str:
    """What answers, how good its card says it is, and what of it means nothing."""
    known = [name.replace("_", " ") for name in captioner.spec.modalities if name in captioner.trained]
    if not known:
        why = "its weights are random numbers" if captioner.source == "untrained" else "no modality of it has learnt"
        return f"Model {captioner.name!r} is untrained, {why}: everything runs, and what it says means nothing."
    others = [name.replace("_", " ") for name in captioner.spec.modalities if name not in captioner.trained]
    untrained = f"; untrained for {', '.join(others)}: what it says there means nothing" if others else ""
    scores = model_scores(captioner)
    told = f"\nIts card's scores: {scores}" if scores else ""
    return one_line(f"Model {captioner.name!r}, trained for {', '.join(known)}{untrained}.") + told


def _write_scene(out: Path, picture: "Picture") -> None:
    """What the camera records, as files that any other tool reads."""
    from PIL import Image

    from region_perception.simulation import picture_cloud
    from region_perception.simulation.export import write_ply

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"--out {out}: this folder cannot be made: {error.strerror}") from error
    labelled = picture_cloud(picture)
    with writing(out):
        Image.fromarray(picture.image.pixels).save(out / "image.png")
        write_ply(out / "cloud.ply", labelled.cloud, labelled.instances)


def _pictures(results: "Sequence[Result]") -> "dict[str, Image]":
    """By file name: image and cloud with what was said of each thing, and both beside each other."""
    from region_perception.cli.demo_results import captions_of_things
    from region_perception.drawing import draw_cloud, draw_image, side_by_side
    from region_perception.observations import ImageObservation

    drawn: dict[str, Image] = {}
    width = 640
    for told in captions_of_things(results):
        items = [each.place().drawn(int(each.number), each.marked()) for each in told]
        seen = told[0].case.observation
        if isinstance(seen, ImageObservation):
            drawn["image_captions.png"] = draw_image(seen, items)
            width = drawn["image_captions.png"].width
        else:
            # As wide as the image, to stand beside it; untinted, as colours are part of what is said.
            size = (width, width * 3 // 4)
            drawn["cloud_captions.png"] = draw_cloud(seen, items, size=size, tinted=False)
    return drawn | {"demo.png": side_by_side(list(drawn.values()))} if drawn else {}
