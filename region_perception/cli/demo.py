"""`region-perception demo`: the whole way from files to sentences and pictures, with nothing to download."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import arg

from region_perception.cli.answers import captions_in_json, numbered, print_captions
from region_perception.cli.place import Place
from region_perception.cli.report import model_in_json
from region_perception.cli.steps import draw, writing
from region_perception.errors import InvalidInput

if TYPE_CHECKING:
    from region_perception.captioner import Captioner
    from region_perception.regions import Region

_MEANING = "The weights of 'mini' are untrained, random numbers: everything runs, and the sentences mean nothing."


def demo(
    out: Annotated[Path, arg(metavar="FOLDER")] = Path("demo"), seed: Annotated[int, arg(metavar="N")] = 0
) -> None:
    """Draw a small scene as an image and a point cloud and caption regions of both, with random weights.

    Args:
        out: Folder for the scene, the pictures with captions, and captions.json.
        seed: Of the scene and of the weights.
    """
    import numpy as np
    from PIL import Image

    from region_perception.captioner import load
    from region_perception.cli.demo_scene import cloud_regions, image_regions, make_things, paint, scan

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"--out {out}: this folder cannot be made: {error.strerror}") from error
    captioner = load("mini", untrained=True, seed=seed)
    rng = np.random.default_rng(seed)
    things = make_things(rng)
    with writing(out):
        Image.fromarray(paint(things)).save(out / "image.png")
        np.save(out / "cloud.npy", scan(things, rng))
    print(_MEANING)
    document = {
        "note": _MEANING,
        "model": model_in_json(captioner),
        "image": _caption(captioner, out / "image.png", image_regions(things)),
        "cloud": _caption(captioner, out / "cloud.npy", cloud_regions(things)),
    }
    with writing(out):
        (out / "captions.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"\nScene, pictures and captions.json are in {out}/. {_MEANING}")


def _caption(captioner: "Captioner", file: Path, regions: "list[Region]") -> list[dict[str, Any]]:
    """Captions regions of a file, prints the sentences, and writes the picture that shows them."""
    view = captioner.look(file)
    places = [Place.of(region, view.observation) for region in regions]
    captions = view.caption([place.region for place in places], max_tokens=8)
    print()
    print_captions(places, captions, file.name)
    items = [place.drawn(i, caption.text) for i, place, caption in numbered(places, captions)]
    draw(view.observation, items, file.with_name(f"{file.stem}_regions.png"))
    return captions_in_json(places, captions)
