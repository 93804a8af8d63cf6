"""Writes scenes to disk in forms that other tools read: PNG, COCO annotations, PLY clouds, and JSON.

out/
  settings.json            what was asked for; an export is only ever continued with the same
  images/000000000.png     RGB                     depth/000000000.png   uint16 millimetres, 0 where unknown
  clouds/000000000.ply     base frame, metres, with the instance of each point; 000000000_3.ply: thing 3 alone
  scenes/000000000.json    camera, things with their 3D boxes, and all records
  annotations.json         COCO: instances with masks, boxes, kinds, sentences and questions
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from region_perception.errors import InvalidInput
from region_perception.json_files import load_json
from region_perception.modalities import IMAGE, IMAGE_REGION
from region_perception.observations import CloudObservation
from region_perception.regions import run_length
from region_perception.simulation.clouds import picture_cloud, scene_cloud, thing_cloud
from region_perception.simulation.layout import compose
from region_perception.simulation.picture import Picture, take_picture
from region_perception.simulation.records import MEASURED, picture_records
from region_perception.simulation.splits import seed_of
from region_perception.simulation.words import KINDS

FORMAT = 1


def export(
    folder: Path, split: str, count: int, *, start: int = 0, size: tuple[int, int] = (224, 224), cloud: str = MEASURED
) -> Path:
    """Write the scenes `start` to `start + count` of a split; returns the path of the COCO annotations.

    Scenes that are there are kept, so an export that was broken off goes on where it stopped. size: (width, height).
    cloud: "measured" or "sampled", as for `records`.
    """
    from rich.console import Console
    from rich.progress import track

    if count < 1:
        raise InvalidInput(f"an export needs at least one scene, got {count}")
    seed_of(split, start), seed_of(split, start + count - 1)
    folder = Path(folder)
    _settle(folder, {"format": FORMAT, "split": split, "size": list(size), "cloud": cloud})
    indices = range(start, start + count)
    for index in track(indices, description=f"{split} scenes", console=Console(stderr=True)):
        if not (folder / _scene_path(index)).exists():
            _write_scene(folder, take_picture(compose(split, index), *size), index, cloud)
    return _write_coco(folder, indices)


def _settle(folder: Path, settings: dict[str, Any]) -> None:
    """Make the folders, and see that what is in them was made with the same settings."""
    try:
        for name in ("images", "depth", "clouds", "scenes"):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"{folder}: this folder cannot be made: {error.strerror}") from error
    path = folder / "settings.json"
    if not path.exists():
        _write_json(path, settings)
    elif (found := load_json(path)) != settings:
        raise InvalidInput(f"{folder} holds an export with other settings: {found}; expected {settings}")


def _scene_path(index: int) -> str:
    return f"scenes/{index:09d}.json"


def _write_scene(folder: Path, picture: Picture, index: int, cloud: str) -> None:
    """All files of one scene; its JSON last, as the sign that the others are complete."""
    from PIL import Image

    name = f"{index:09d}"
    Image.fromarray(picture.image.pixels).save(folder / f"images/{name}.png")
    millimetres = np.nan_to_num(np.round((picture.image.depth if picture.image.depth is not None else 0) * 1000))
    Image.fromarray(np.clip(millimetres, 0, 65535).astype(np.uint16)).save(folder / f"depth/{name}.png")
    labelled = picture_cloud(picture) if cloud == MEASURED else scene_cloud(picture.scene)
    write_ply(folder / f"clouds/{name}.ply", labelled.cloud, labelled.instances)
    written = []
    for record in picture_records(picture, cloud=cloud):
        alone = record.place.get("thing")
        place = _image_place(picture, name) if record.modality in (IMAGE, IMAGE_REGION) else _cloud_place(name, alone)
        if alone:
            single = thing_cloud(picture.scene, picture.scene.thing(alone))
            write_ply(folder / place["cloud"], single.cloud, single.instances)
        written.append(record.to_dict() | {"place": place})
    _write_json(folder / _scene_path(index), _scene_facts(picture, name) | {"records": written})


def _image_place(picture: Picture, name: str) -> dict[str, Any]:
    camera = picture.image.intrinsics
    numbers = [] if camera is None else [camera.fx, camera.fy, camera.cx, camera.cy]
    return {"image": f"images/{name}.png", "depth": f"depth/{name}.png", "intrinsics": numbers}


def _cloud_place(name: str, alone: int | None) -> dict[str, Any]:
    return {"cloud": f"clouds/{name}.ply" if alone is None else f"clouds/{name}_{alone}.ply"}


def _scene_facts(picture: Picture, name: str) -> dict[str, Any]:
    """The scene as plain JSON values. `camera_to_base` takes points from camera body axes to the base frame."""
    scene = picture.scene
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = scene.camera.rotation, scene.camera.position
    things = []
    for thing in scene.things:
        facts = {key: getattr(thing, key) for key in ("number", "kind", "color", "pattern", "size", "pose", "support")}
        mask = run_length.encode(picture.instances == thing.number)
        facts |= {"seen": round(float(picture.seen[thing.number]), 3), "area": int(picture.areas[thing.number])}
        facts |= {"shown": thing in picture.shown, "box3d": thing.box.to_dict(), "mask": mask}
        things.append(facts)
    place = _image_place(picture, name) | {"width": picture.image.width, "height": picture.image.height}
    return {"seed": scene.seed, "split": scene.split, **place, "camera_to_base": pose.tolist(), "things": things}


def _write_coco(folder: Path, indices: range) -> Path:
    """COCO annotations of the shown things of all scenes, with what is said of them."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index in indices:
        facts = json.loads((folder / _scene_path(index)).read_text())
        size = {"width": facts["width"], "height": facts["height"]}
        images.append({"id": index, "file_name": Path(facts["image"]).name, "depth": facts["depth"], **size})
        said = {each["meta"]["number"]: each for each in facts["records"] if each["modality"] == IMAGE_REGION}
        for thing in facts["things"]:
            if thing["number"] in said:
                annotations.append(_annotation(len(annotations) + 1, index, thing, said[thing["number"]]))
    categories = [{"id": number, "name": kind} for number, kind in enumerate(KINDS, start=1)]
    path = folder / "annotations.json"
    _write_json(path, {"images": images, "annotations": annotations, "categories": categories})
    return path


def _annotation(number: int, image: int, thing: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    box = record["region"]
    corner = [box["x1"], box["y1"], box["x2"] - box["x1"], box["y2"] - box["y1"]]
    said = {key: record[key] for key in ("sentences", "references", "questions")}
    where = {"bbox": corner, "area": thing["area"], "segmentation": thing["mask"], "iscrowd": 0}
    return {"id": number, "image_id": image, "category_id": KINDS.index(thing["kind"]) + 1, **where, **said}


def _write_json(path: Path, values: Any) -> None:
    """Written beside and then moved into place, so that a file that is there is complete."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(values))
    os.replace(partial, path)


def write_ply(path: Path, cloud: CloudObservation, instances: np.ndarray) -> None:
    """A binary PLY file of a cloud with the instance of each point, integers [N]."""
    names = ["x", "y", "z", "red", "green", "blue", "instance"]
    rows = np.empty(len(cloud), list(zip(names, ["<f4"] * 3 + ["u1"] * 3 + ["<i4"], strict=True)))
    colors = np.full((len(cloud), 3), 0.5) if cloud.colors is None else cloud.colors
    for axis, (place, shade) in enumerate(zip(names[:3], names[3:6], strict=True)):
        rows[place] = cloud.points[:, axis] + cloud.origin[axis]
        rows[shade] = np.round(colors[:, axis] * 255)
    rows["instance"] = instances
    types = ["float"] * 3 + ["uchar"] * 3 + ["int"]
    properties = "\n".join(f"property {kind} {name}" for kind, name in zip(types, names, strict=True))
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(cloud)}\n{properties}\nend_header\n"
    path.write_bytes(header.encode("ascii") + rows.tobytes())
