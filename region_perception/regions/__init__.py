"""What can be pointed at in an observation, and where it lies there.

A region is a value that is checked when it is made. `region.locate(observation)` gives its footprint: the box or the
corners that a network reads as position, and the share of each image patch or point group that the region covers.
"""

from region_perception.regions.base import CloudRegion, ImageRegion, Region, region_from_dict
from region_perception.regions.cloud_regions import Box3D, Click3D, PointSet
from region_perception.regions.footprints import CloudFootprint, Footprint, ImageFootprint
from region_perception.regions.image_regions import Box, Click, Mask, Polygon, Scribble

__all__ = [
    "Box",
    "Box3D",
    "Click",
    "Click3D",
    "CloudFootprint",
    "CloudRegion",
    "Footprint",
    "ImageFootprint",
    "ImageRegion",
    "Mask",
    "PointSet",
    "Polygon",
    "Region",
    "Scribble",
    "region_from_dict",
]
