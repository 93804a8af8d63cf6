"""Pictures of regions with their numbers and captions, for people: drawn over images, or as a view of a cloud."""

from region_perception.drawing.cloud import draw_cloud
from region_perception.drawing.drawable import Drawable
from region_perception.drawing.image import draw_image
from region_perception.drawing.panels import side_by_side

__all__ = ["Drawable", "draw_cloud", "draw_image", "side_by_side"]
