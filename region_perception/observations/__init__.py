"""What a robot sees: images and clouds from files, arrays and other libraries' objects, checked."""

from region_perception.observations.cloud import CloudObservation
from region_perception.observations.image import ImageObservation
from region_perception.observations.intrinsics import Intrinsics
from region_perception.observations.observe import observe, observe_cloud, observe_image
from region_perception.observations.sampling import sample_cloud

__all__ = [
    "CloudObservation",
    "ImageObservation",
    "Intrinsics",
    "observe",
    "observe_cloud",
    "observe_image",
    "sample_cloud",
]
