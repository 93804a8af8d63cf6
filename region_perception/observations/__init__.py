"""What a robot sees: images and clouds from files, arrays and other libraries' objects, checked."""

from region_perception.observations.cloud import CloudObservation
from region_perception.observations.image import ImageObservation
from region_perception.observations.intrinsics import Intrinsics
from region_perception.observations.observe import observe_cloud, observe_image

__all__ = ["CloudObservation", "ImageObservation", "Intrinsics", "observe_cloud", "observe_image"]
