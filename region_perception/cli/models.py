"""`region-perception models`."""

import dataclasses

from region_perception.cli.options import Switch
from region_perception.cli.report import print_json, print_table


def models(json: Switch = False) -> None:
    """List the models that are found, the networks that are known, and the folders that were looked in.

    Args:
        json: Print one JSON document instead of tables.
    """
    from region_perception.network.specs import ANY_BASE, SPECS, named_spec
    from region_perception.text import CODECS
    from region_perception.weights.places import PLACES_VARIABLE, list_models, model_places

    places, listings = model_places(), list_models()
    specs = {name: named_spec(name) for name in SPECS}
    if json:
        print_json(
            {
                "models": [dataclasses.asdict(listing) | {"folder": str(listing.folder)} for listing in listings],
                "networks": {name: dataclasses.asdict(spec) for name, spec in specs.items()},
                "places": [{"folder": str(place), "exists": place.is_dir()} for place in places],
            }
        )
        return
    if listings:
        rows = [
            [
                listing.name,
                f"{listing.megabytes:,.0f} MB",
                listing.problem or ", ".join(listing.trained) or "untrained",
                listing.base or "complete",
                str(listing.folder),
            ]
            for listing in listings
        ]
        print_table(["model", "size", "trained for", "base", "folder"], rows, title="Models")
    else:
        print("No models found.")
    print()
    rows = []
    for name, spec in specs.items():
        encoder, language = spec.image_encoder, spec.language
        weights = "--untrained: random" if name in CODECS else "--base: a BLIP-2 of transformers"
        sizes = [f"{part.kind} {part.depth} x {part.width}" for part in (encoder, language)]
        rows.append([name, *sizes, weights])
    rows.append([ANY_BASE, "the base's", "the base's", "--base: a BLIP-2 of any size"])
    print_table(["network", "image encoder", "language model", "weights from"], rows, title="Networks known by name")
    print()
    rows = [[str(place), "there" if place.is_dir() else "not there"] for place in places]
    print_table(["", ""], rows, title=f"Looked in (${PLACES_VARIABLE} adds to these)")
