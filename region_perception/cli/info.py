"""`region-perception info`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from region_perception.cli.options import CameraOptions, Switch
from region_perception.cli.report import print_json, print_table
from region_perception.cli.steps import read_observation
from region_perception.errors import InvalidInput

if TYPE_CHECKING:
    from region_perception.observations import CloudObservation, ImageObservation


def info(
    subject: Positional[Annotated[str, arg(metavar="FILE|MODEL")]], camera: CameraOptions, json: Switch = False
) -> None:
    """Tell what an image, a point cloud or a model holds.

    Args:
        subject: An image or a point cloud, the folder or name of a model, or the name of a network.
        json: Print one JSON document instead of a table.
    """
    if _is_model(subject):
        facts = _model_facts(subject)
    else:
        facts = {"file": subject} | _observation_facts(read_observation(Path(subject), camera))
    if json:
        print_json(facts)
        return
    print_table(["", ""], [[name.replace("_", " "), _in_words(value)] for name, value in facts.items()])


def _is_model(subject: str) -> bool:
    """A folder, or what is no file and looks like a name rather than like one."""
    path = Path(subject).expanduser()
    return path.is_dir() or (not path.exists() and path.name == subject and not path.suffix[1:].isalpha())


def _observation_facts(observation: "ImageObservation | CloudObservation") -> dict[str, Any]:
    from region_perception.observations import ImageObservation

    if isinstance(observation, ImageObservation):
        return _image_facts(observation)
    low, high = observation.points.min(axis=0), observation.points.max(axis=0)
    return {
        "kind": "cloud",
        "points": len(observation),
        "dropped_points": observation.source_count - len(observation),
        "colors": observation.colors is not None,
        "lowest_metres": (low + observation.origin).tolist(),
        "highest_metres": (high + observation.origin).tolist(),
        "size_metres": (high - low).tolist(),
    }


def _image_facts(image: "ImageObservation") -> dict[str, Any]:
    import numpy as np

    facts: dict[str, Any] = {"kind": "image", "width": image.width, "height": image.height}
    facts |= {"depth": image.depth is not None, "intrinsics": None}
    if image.depth is not None:
        known = image.depth[np.isfinite(image.depth)]
        facts["depth_known_share"] = len(known) / image.depth.size
        facts["depth_metres"] = [float(known.min()), float(known.max())] if len(known) else None
    if image.intrinsics is not None:
        camera = image.intrinsics
        facts["intrinsics"] = [camera.fx, camera.fy, camera.cx, camera.cy]
    return facts


def _model_facts(name: str) -> dict[str, Any]:
    from region_perception.network.specs import ANY_BASE, SPECS, named_spec
    from region_perception.weights.assemble import parameter_counts
    from region_perception.weights.folder import read_config
    from region_perception.weights.places import find_model, megabytes_of

    if name == ANY_BASE:
        raise InvalidInput(f"{name!r} has the sizes of the BLIP-2 that it is loaded over; expected a name with sizes")
    if name in SPECS:
        spec = named_spec(name)
        facts: dict[str, Any] = {"kind": "network", "name": name}
    else:
        folder = find_model(name)
        config = read_config(folder)
        spec = config.spec
        megabytes = round(megabytes_of(folder), 1)
        facts = {"kind": "model", "name": spec.name, "folder": str(folder), "megabytes": megabytes}
        facts |= {"trained": list(config.trained), "base": config.base, "score_method": config.score_method}
        facts["calibrated"] = [f"{each.task} of {each.modality}" for each in config.calibration]
    parts, owners = parameter_counts(spec)
    counts = {"parameters": sum(parts.values()), "parameters_by_part": parts, "parameters_by_owner": owners}
    return facts | {"modalities": list(spec.modalities)} | counts


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_words(number)}" for name, number in value.items())
    if isinstance(value, list):
        return ", ".join(map(_in_words, value)) or "none"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.5g}"
    return "none" if value is None else str(value)
