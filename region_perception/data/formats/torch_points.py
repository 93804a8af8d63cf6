"""Points in files of torch, such as Cap3D's `{uid}.pt`, read without running what is pickled in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from region_perception.errors import InvalidObservation, WeightsError
from region_perception.regions.checks import shown


def read_points(path: Path) -> np.ndarray:
    """float32 [N, 3 or 6], xyz and perhaps rgb, of a tensor [6, N], [3, N], [N, 6] or [N, 3]."""
    from torch import Tensor

    from region_perception.weights.torch_files import read_torch_file

    try:
        value = read_torch_file(path)
    except WeightsError as error:
        raise InvalidObservation(f"cloud {error}") from error
    if not isinstance(value, Tensor) or value.ndim != 2 or not {3, 6} & set(value.shape):
        seen = f"one of shape {list(value.shape)}" if isinstance(value, Tensor) else shown(value)
        raise InvalidObservation(f"cloud {path}: expected a tensor [6, N] or [N, 6] of xyz and rgb, got {seen}")
    points = value.float().numpy()
    return np.array(points if points.shape[1] in (3, 6) else points.T, order="C")
