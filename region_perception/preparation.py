"""From observations and footprints to the tensors that the network reads."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from region_perception.network.position import released_corners
from region_perception.network.spec import ImageEncoderSpec, NetworkSpec, PointEncoderSpec, PositionSpec
from region_perception.observations import CloudObservation, ImageObservation, sample_cloud
from region_perception.regions import CloudFootprint, ImageFootprint

# The grey of a cloud without colour.
_NO_COLOR = 0.5

# Quantiles along each axis between which the middle of a cloud lies. A stray point far away moves them as little as it
# moves the median, but the median follows how densely places are sampled and jumps from one group of things to another.
_EDGES = (0.05, 0.95)


@dataclass(frozen=True)
class CloudFrame:
    """How a cloud was brought to the network: which points it reads, and (point - center) / scale for its units."""

    center: np.ndarray  # float32 [3], metres
    scale: float
    kept: np.ndarray  # int64 [n], rows of the observation's points, in the order in which the network reads them

    def apply(self, points: np.ndarray) -> np.ndarray:
        """float32 [..., 3] metres -> network units."""
        return ((points - self.center) / self.scale).astype(np.float32)


def image_pixels(image: ImageObservation, spec: ImageEncoderSpec, side: int | None = None) -> Tensor:
    """Pixels [3, S, S], squashed to a square (bicubic) and normalised by the encoder's mean and deviation.

    side: S, the encoder's own if None; the encoder interpolates its position embeddings to any other.
    """
    from PIL import Image

    size = (side or spec.image_size,) * 2
    resized = np.asarray(Image.fromarray(image.pixels).resize(size, Image.Resampling.BICUBIC))
    return normalized_pixels(np.moveaxis(resized, 2, 0), spec)


def normalized_pixels(pixels: np.ndarray, spec: ImageEncoderSpec) -> Tensor:
    """uint8 [3, H, W], RGB -> float32 [3, H, W], normalised by the encoder's mean and deviation."""
    levels = np.arange(256, dtype=np.float32)[:, None]
    normal = (levels / 255 - np.array(spec.mean, np.float32)) / np.array(spec.std, np.float32)
    # Looked up, which takes a fraction of the time of calculating with each pixel.
    return torch.from_numpy(np.stack([normal[:, channel][plane] for channel, plane in enumerate(pixels)]))


def plain_pixels(pixels: Tensor, spec: ImageEncoderSpec) -> np.ndarray:
    """The uint8 pixels [3, H, W] that `normalized_pixels` made these of."""
    mean, std = (np.array(values, np.float32)[:, None, None] for values in (spec.mean, spec.std))
    return np.rint((pixels.numpy() * std + mean) * 255).astype(np.uint8)


def cloud_points(cloud: CloudObservation, spec: PointEncoderSpec, position: PositionSpec) -> tuple[Tensor, CloudFrame]:
    """Points [n <= budget, 3 or 6] in the network's frame, and that frame."""
    kept = sample_cloud(cloud, spec.points, spec.plane_share)
    points = cloud.points[kept]
    frame = _frame_of(points, kept, position)
    columns = [frame.apply(points)]
    if spec.color:
        grey = np.full_like(points, _NO_COLOR)
        columns.append(grey if cloud.colors is None else cloud.colors[kept])
    return torch.from_numpy(np.concatenate(columns, axis=1)), frame


def _frame_of(points: np.ndarray, kept: np.ndarray, position: PositionSpec) -> CloudFrame:
    if position.cloud_frame == "metres":
        return CloudFrame(np.zeros(3, np.float32), 1.0, kept)
    if position.cloud_frame == "centred":
        return CloudFrame(np.quantile(points, _EDGES, axis=0).mean(axis=0).astype(np.float32), 1.0, kept)
    center = points.mean(axis=0, dtype=np.float64).astype(np.float32)
    radius = float(np.linalg.norm(points - center, axis=1).max())
    # A cloud of one point (or many at one place) has no extent to scale by.
    return CloudFrame(center, radius if radius > 0 else 1.0, kept)


def image_position(footprint: ImageFootprint) -> Tensor:
    """What PaFE reads of an image region: its box [4], divided by the picture's width and height."""
    return torch.from_numpy(footprint.normalized_box())


def cloud_position(footprint: CloudFootprint, frame: CloudFrame, spec: NetworkSpec) -> Tensor:
    """What PaFE reads of a cloud region: the corners of its box [24] in the network's frame."""
    if spec.position.corner_layout == "released":
        box = footprint.box
        center, size = np.array(box.center, np.float32), np.array(box.size, np.float32)
        corners = released_corners(torch.from_numpy(center)[None], torch.from_numpy(size)[None])[0].numpy()
    else:
        corners = footprint.corners()
    return torch.from_numpy(frame.apply(corners)).flatten()
