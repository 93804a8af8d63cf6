"""How much boxes in space share, however they are turned about the vertical axis."""

from __future__ import annotations

import numpy as np

from region_perception.regions import Box3D


def box_iou(one: Box3D, other: Box3D) -> float:
    """Volume that two boxes share, of the volume that either has: 0 to 1."""
    shared = _height(one, other) * _area(_clipped(_outline(one), _outline(other)))
    volumes = float(np.prod(one.size) + np.prod(other.size))
    return float(min(max(shared / (volumes - shared), 0.0), 1.0)) if shared > 0 else 0.0


def _height(one: Box3D, other: Box3D) -> float:
    """Metres of height that both have."""
    low = max(each.center[2] - each.size[2] / 2 for each in (one, other))
    high = min(each.center[2] + each.size[2] / 2 for each in (one, other))
    return max(high - low, 0.0)


def _outline(box: Box3D) -> np.ndarray:
    """float64 [4, 2]: the corners seen from above, counter-clockwise."""
    half = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * np.array(box.size[:2]) / 2
    cos, sin = np.cos(box.yaw), np.sin(box.yaw)
    return half @ np.array([[cos, sin], [-sin, cos]]) + np.array(box.center[:2])


def _clipped(outline: np.ndarray, by: np.ndarray) -> np.ndarray:
    """What of a convex outline [N, 2] lies within another; both counter-clockwise."""
    kept = outline
    for start, end in zip(by, np.roll(by, -1, axis=0), strict=True):
        if not len(kept):
            break
        along = end - start
        offsets = kept - start
        inside = along[0] * offsets[:, 1] - along[1] * offsets[:, 0]  # above 0: to the left of the edge, within
        kept = _left_of(kept, inside)
    return kept


def _left_of(outline: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The corners whose `inside` is not negative, and where edges cross from those to the others."""
    corners = []
    for i in range(len(outline)):
        j = (i + 1) % len(outline)
        if inside[i] >= 0:
            corners.append(outline[i])
        if inside[i] * inside[j] < 0:
            corners.append(outline[i] + (outline[j] - outline[i]) * inside[i] / (inside[i] - inside[j]))
    return np.array(corners).reshape(-1, 2)


def _area(outline: np.ndarray) -> float:
    """Of an outline [N, 2], by its corners."""
    if len(outline) < 3:
        return 0.0
    moved = outline - outline[0]  # far from the origin, products of coordinates lose what is small
    x, y = moved.T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)
