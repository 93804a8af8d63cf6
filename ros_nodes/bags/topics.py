"""Which topics of a bag are what: as they are named, else by their type where only one has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from region_perception.errors import InvalidInput
from ros_nodes.bags.reading import Bag
from ros_nodes.bags.recorded_tf import TYPE
from ros_nodes.bags.settings import NONE, BagSettings

IMAGES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
CAMERA_INFOS = ("sensor_msgs/msg/CameraInfo",)
CLOUDS = ("sensor_msgs/msg/PointCloud2",)
REGIONS_2D = ("region_perception_msgs/msg/Region2DArray", "vision_msgs/msg/Detection2DArray")
REGIONS_3D = ("region_perception_msgs/msg/Region3DArray", "vision_msgs/msg/Detection3DArray")


@dataclass(frozen=True)
class Topics:
    """Names of topics; empty where the bag has none, or none is needed."""

    image: str
    depth: str
    camera_info: str
    points: str
    regions_2d: tuple[str, ...]
    regions_3d: tuple[str, ...]
    tf: tuple[str, ...]

    def all(self) -> set[str]:
        """All but those of TF."""
        single = (self.image, self.depth, self.camera_info, self.points)
        return {name for name in (*single, *self.regions_2d, *self.regions_3d) if name}

    def in_words(self) -> str:
        """What is read, for people."""
        parts = {
            "image": self.image,
            "depth": self.depth,
            "camera_info": self.camera_info,
            "points": self.points,
            "regions": ", ".join((*self.regions_2d, *self.regions_3d)),
            "transforms": ", ".join(self.tf),
        }
        return "; ".join(f"{what} {name}" for what, name in parts.items() if name)


def chosen_topics(bag: Bag, settings: BagSettings) -> Topics:
    """What is read of a bag. Refuses a bag that lacks what is needed, and one where it is not clear which is meant."""
    names = settings.topics
    regions = _regions(bag, settings)
    flat = tuple(name for name in regions if _type(bag, name) in REGIONS_2D)
    solid = tuple(name for name in regions if _type(bag, name) in REGIONS_3D)
    images = [name for name in _of_types(bag, IMAGES) if "depth" not in name]
    depths = [name for name in _of_types(bag, IMAGES) if "depth" in name]
    wants_image = bool(flat) or settings.propose == "image"
    wants_cloud = bool(solid) or settings.propose == "cloud"
    either = not settings.single  # a region is read from the other observation, too, where the bag has one
    points = ""
    if wants_cloud or either:
        points = _chosen(bag, "points", names.points, _of_types(bag, CLOUDS), CLOUDS, needed=wants_cloud)
    from_depth = wants_cloud and not points
    image = ""
    if wants_image or from_depth or either:
        image = _chosen(bag, "image", names.image, images, IMAGES, needed=wants_image or from_depth)
    if wants_image and not image:
        raise InvalidInput(f"{bag.path}: there is no topic of images; it has {_listed(bag)}")
    depth = _chosen(bag, "depth", names.depth, depths, IMAGES, needed=from_depth) if image else ""
    info = _camera_info(bag, names.camera_info, image, needed=from_depth) if image else ""
    if from_depth and not (image and depth and info):
        missing = "there is no topic of clouds, nor image, depth and camera_info to make them of"
        raise InvalidInput(f"{bag.path}: {missing}; it has {_listed(bag)}")
    return Topics(image, depth, info, points, flat, solid, tuple(_of_types(bag, (TYPE,))))


def _regions(bag: Bag, settings: BagSettings) -> tuple[str, ...]:
    if settings.propose is not None:
        return ()
    known = (*REGIONS_2D, *REGIONS_3D)
    for name in settings.topics.regions:
        _check(bag, "regions", name, known)
    found = settings.topics.regions or tuple(_of_types(bag, known))
    if not found:
        hint = "--propose image or --propose cloud looks for things itself"
        raise InvalidInput(f"{bag.path}: there is no topic of regions; it has {_listed(bag)}; {hint}")
    return found


def _chosen(bag: Bag, what: str, named: str, found: Sequence[str], types: Sequence[str], *, needed: bool = True) -> str:
    """The topic that is named, else the only one that was found; of several that are not needed, none."""
    if named == NONE:
        return ""
    if named:
        _check(bag, what, named, types)
        return named
    if len(found) > 1 and needed:
        flag = what.replace("_", "-")
        raise InvalidInput(f"{bag.path}: {', '.join(found)} may be the {what}; say which with --{flag} TOPIC")
    return found[0] if len(found) == 1 else ""


def _camera_info(bag: Bag, named: str, image: str, *, needed: bool) -> str:
    """Of several, the one beside the image, as drivers name it."""
    found = _of_types(bag, CAMERA_INFOS)
    beside = [name for name in found if image.startswith(name.removesuffix("camera_info"))]
    return _chosen(bag, "camera_info", named, beside or found, CAMERA_INFOS, needed=needed)


def _check(bag: Bag, what: str, name: str, types: Sequence[str]) -> None:
    kind = _type(bag, name)
    if kind not in types:
        seen = f"is of the type {kind}" if kind else "is not in the bag"
        raise InvalidInput(f"{bag.path}: {what} {name} {seen}; expected {' or '.join(types)} of {_listed(bag)}")


def _type(bag: Bag, name: str) -> str:
    return next((connection.msgtype for connection in bag.named(name)), "")


def _of_types(bag: Bag, types: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(each.topic for each in bag.connections if each.msgtype in types and each.msgcount > 0))


def _listed(bag: Bag) -> str:
    def lines() -> Iterator[Any]:
        for connection in sorted(bag.connections, key=lambda each: each.topic):
            yield f"{connection.topic} ({connection.msgtype.rpartition('/')[2]})"

    return ", ".join(lines()) or "no topics"
