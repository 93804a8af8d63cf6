"""A region and where it lies, in the forms that the commands need."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from region_perception.drawing import Drawable
    from region_perception.observations import CloudObservation, ImageObservation
    from region_perception.regions import Footprint, Region


@dataclass(frozen=True, eq=False)
class Place:
    """A region of an observation and where it lies there; both None where the whole is meant."""

    region: "Region | None"
    footprint: "Footprint | None"
    origin: tuple[float, ...]
    """What turns the footprint's metres into those of the file (see `CloudObservation.origin`)."""

    @classmethod
    def of(cls, region: "Region | None", observation: "ImageObservation | CloudObservation") -> "Place":
        """Finds the region in the observation."""
        from region_perception.observations import CloudObservation

        origin = tuple(observation.origin.tolist()) if isinstance(observation, CloudObservation) else ()
        return cls(region, None if region is None else region.locate(observation), origin)

    def in_words(self) -> str:
        """What was pointed at, and the box around it: corners in pixels, or centre and size in metres."""
        if self.region is None:
            return "everything"
        box = self._box()
        numbers, digits = (box, 1) if isinstance(box, list) else ([*box["center"], *box["size"]], 3)
        joint = " " if self.region.kind in ("box", "box3d") else " in "
        return self.region.kind + joint + " ".join(f"{round(number, digits):.12g}" for number in numbers)

    def in_json(self) -> dict[str, Any]:
        """The region as it was given, the box around what it covers, and how many pixels or points that is."""
        from region_perception.regions import ImageFootprint

        if self.region is None or self.footprint is None:
            return {"region": None, "box": None}
        if isinstance(self.footprint, ImageFootprint):
            count = {"pixels": self.footprint.pixel_count}
        else:
            count = {"points": self.footprint.point_count}
        return {"region": self.region.to_dict(), "box": self._box(), **count}

    def drawn(self, number: int, text: str) -> "Drawable":
        """The place with its number and a text, for a picture."""
        from region_perception.drawing import Drawable

        return Drawable(self.footprint, number, text, self.region)

    def _box(self) -> Any:
        """[x1, y1, x2, y2] in pixels, or {"center", "size", "yaw"} in metres in the frame of the file."""
        from region_perception.regions import ImageFootprint

        assert self.footprint is not None
        if isinstance(self.footprint, ImageFootprint):
            return list(self.footprint.box)
        box = self.footprint.box
        center = [a + b for a, b in zip(box.center, self.origin, strict=True)]
        return {"center": center, "size": list(box.size), "yaw": box.yaw}
